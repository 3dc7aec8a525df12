"""What the builder answers to the desk: previews by the real pipeline, impact with doubts, pasted addresses, Markdown, deeds."""
from __future__ import annotations

import re
from contextlib import closing, nullcontext
from typing import Any

import psycopg2
import pytest

from builder.catalog.providers.web import Web
from builder.desk import preview
from builder.desk.answerer import _LOCK, QUICK, Answerer
from builder.desk.means import Means
from builder.verify.run import verify
from edge.store.sqlite import SQLiteStore
from tests.builder.desking import desk_of
from tests.builder.watching import until, watching
from tests.catalog.stand_ins import Providers, Said, running, youtube_item
from tests.site import SITE, Built, Inline, fill

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>&amp;\' javascript:alert(1)'


@pytest.fixture
def full(site: Built) -> Built:
    fill(site)
    site.build()
    return site


def seen(site: Built, at: str) -> str:
    return site.text(at)


def test_a_preview_shows_the_draft_by_the_real_pages_and_leaves_no_trace_in_the_catalog(full: Built) -> None:
    before = full.sql("SELECT to_jsonb(v) FROM catalog.video v ORDER BY id"), full.digests()
    full.sql("DELETE FROM catalog.change")
    with desk_of(full) as desk:
        told = desk.preview(desk.edit("video", 1, title="Not yet said"))
    page = seen(full, told.answer["first"])
    assert "Not yet said" in page
    assert 'name="robots" content="noindex' in page
    assert 'rel="canonical"' not in page
    assert full.objects()[told.answer["first"]].cache_control == "no-store"
    assert re.fullmatch(r"/preview/[^/]{32}/videos/lecture-1/", told.answer["first"])
    assert full.sql("SELECT keys, actor, release FROM catalog.change") == []
    after = full.sql("SELECT to_jsonb(v) FROM catalog.video v ORDER BY id"), full.digests()
    assert before[0] == after[0]
    assert before[1] == {path: digest for path, digest in after[1].items() if not path.startswith("/preview/")}


def test_every_page_that_would_change_can_be_walked_to_within_the_preview(full: Built) -> None:
    with desk_of(full) as desk:
        told = desk.preview(desk.edit("video", 2, title="Walked", description="New words"))
    shown = {page["at"] for page in told.answer["pages"] if page["kind"] in ("video", "batch", "home", "course", "subject", "instructor")}
    todo, walked = [told.answer["first"]], set[str]()
    while todo:
        at = todo.pop()
        walked.add(at)
        for found in re.findall(r'href="([^"]+)"', seen(full, at)):
            assert not (found.startswith("/") and f"/preview/{told.token}{found}" in shown), (at, found)  # no way out to the old one
            if found in shown - walked:
                todo.append(found)
    assert len(walked) >= 4
    assert "New words" not in full.text("/videos/lecture-2/")


def test_what_is_previewed_is_what_publishing_then_makes(full: Built) -> None:
    with desk_of(full) as desk:
        told = desk.preview(desk.edit("video", 1, title="Same", slug="another", subjects=[]), desk.edit("batch", 1, title="Its batch"))
    full.sql("UPDATE catalog.video SET title = 'Same', slug = 'another' WHERE id = 1")
    full.sql("DELETE FROM catalog.video_subject WHERE video_id = 1")
    full.sql("UPDATE catalog.batch SET title = 'Its batch' WHERE id = 1")
    before = full.digests()
    full.build()
    now = full.objects()
    made = {path for path, thing in now.items() if before.get(path) != thing.digest and thing.status == 200}
    assert {page["path"] for page in told.answer["pages"]} == made
    assert told.answer["leaves"] == ["/videos/lecture-1/"]


def test_a_new_lecture_and_a_merge_are_previewed_too(full: Built) -> None:
    full.sql("INSERT INTO catalog.subject (id, slug, title) VALUES (2, 'other', 'Other')")
    with desk_of(full) as desk:
        new = desk.preview(desk.edit("video", None, "create", title="Lecture 1", batch=1))
        merged = desk.preview(desk.edit("subject", 1, "merge", into=2))
        unfit = desk.ask("preview", {"edits": [desk.edit("video", None, "create", title="No batch")]})
        taken = desk.ask("preview", {"edits": [desk.edit("video", 2, slug="lecture-1")]})
        gone = desk.ask("preview", {"edits": [999]})
    assert new.answer["first"].endswith("/videos/lecture-1-2/")
    assert f"/preview/{merged.token}/subjects/other/" in {page["at"] for page in merged.answer["pages"]}
    assert "/subjects/subject/" in merged.answer["leaves"]
    assert [one.state for one in (unfit, taken, gone)] == ["failed"] * 3
    assert "needs a batch" in unfit.answer["why"]
    assert "slug" in taken.answer["why"]


def test_a_gated_lecture_s_preview_holds_no_source(full: Built) -> None:
    full.sql("UPDATE catalog.batch SET gated = true")
    with desk_of(full) as desk:
        told = desk.preview(desk.edit("video", 1, title="Gated", sources=[{"kind": "hls", "url": "https://media.example/secret.m3u8"}]))
    assert {"video", "batch"} <= {page["kind"] for page in told.answer["pages"]}
    for page in told.answer["pages"]:
        assert "secret.m3u8" not in seen(full, page["at"])


def test_a_preview_is_swept_when_it_expires_and_till_then_is_nothing_foreign(full: Built) -> None:
    with desk_of(full) as desk:
        told = desk.preview(desk.edit("video", 1, title="For an hour"))
        with closing(SQLiteStore(full._file)) as store:
            assert [path for path in verify(full.dsn, store, SITE, "100k", ask=lambda *a, **k: None).foreign if "/preview/" in path] == []
        full.sql("UPDATE desk.question SET expires_at = now() - interval '1 second'")
        desk.answer()
    assert not [path for path in full.objects() if path.startswith("/preview/")]
    assert full.sql("SELECT count(*) FROM desk.question") == [(0,)]
    assert told.token


def test_a_preview_is_bounded_and_says_how_many_more_there_would_be(full: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "MOST_PAGES", 2)
    with desk_of(full) as desk:
        told = desk.preview(desk.edit("video", 1, title="Far"))
    assert len(told.answer["pages"]) == 2
    assert told.answer["more"] >= 2


def test_impact_is_the_plan_s_and_names_what_is_doubtful(full: Built) -> None:
    full.sql("UPDATE catalog.video SET picture_url = NULL")
    full.sql("""INSERT INTO live.refresh_source (url, missing_runs)
        VALUES ('https://www.youtube.com/watch?v=00000000001', 1)""")
    with desk_of(full) as desk:
        told = desk.ask("impact", {"edits": [desk.edit("video", 1, title="Lecture 2", slug="moved")]})
    assert told.state == "answered"
    assert told.answer["pages"]["video"] >= 1
    assert told.answer["objects"] == sum(told.answer["pages"].values())
    assert {one["kind"] for one in told.answer["warnings"]} == {"slug", "title", "picture", "dead_link"}
    assert full.sql("SELECT slug FROM catalog.video WHERE id = 1") == [("lecture-1",)]


def test_new_links_are_asked_and_a_private_address_never(full: Built, tmp_path: Any) -> None:
    with running(tmp_path / "s.db") as talkers, running(tmp_path / "p.db") as private, desk_of(full, talkers) as desk:
        talkers.at["/good"] = Said(200, b"x")
        edit = desk.edit("video", 1, resources=[
            {"label": "a", "url": f"{talkers.base}/good"}, {"label": "b", "url": f"{talkers.base}/dead"},
            {"label": "c", "url": f"{private.base}/inside"}])
        told = desk.ask("impact", {"edits": [edit]})
        filled = desk.ask("fill", {"url": f"{private.base}/film.mp4"})
        asked = private.paths()
    assert [one["text"] for one in told.answer["warnings"] if one["kind"] == "dead_link"] == [f"This link is dead: {talkers.base}/dead"]
    assert asked == []
    assert filled.answer["outcome"] == "failed"
    assert "private network" in filled.answer["why"]


def test_a_pasted_address_fills_the_form(full: Built, tmp_path: Any) -> None:
    with running(tmp_path / "s.db") as talkers, desk_of(full, talkers) as desk:
        item = talkers.youtube["abcdefghijk"] = youtube_item("abcdefghijk", duration="PT1H2M3S", picture="https://i.ytimg.com/x.jpg")
        item["snippet"]["title"] = "On\nLimits <b>"
        answer = desk.ask("fill", {"url": "https://youtu.be/abcdefghijk?t=90"}).answer
        nothing = desk.ask("fill", {"url": "javascript:alert(1)"})
        hls(talkers)
        stream = desk.ask("fill", {"url": f"{talkers.base}/a.m3u8"}).answer
    assert answer["source"] == {"kind": "youtube", "url": "https://www.youtube.com/watch?v=abcdefghijk", "start_s": 90}
    assert (answer["outcome"], answer["duration_s"], answer["title"]) == ("found", 3723, "On Limits <b>")
    assert answer["picture_url"].startswith("https://")
    assert nothing.state == "failed"
    assert (stream["source"]["kind"], stream["outcome"], stream["duration_s"]) == ("hls", "found", 20)


def hls(talkers: Providers) -> None:
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\na.ts\n#EXTINF:10,\nb.ts\n#EXT-X-ENDLIST\n"
    talkers.at["/a.m3u8"] = Said(200, playlist, {"Content-Type": "application/vnd.apple.mpegurl"})


def test_markdown_is_shown_as_the_page_will_show_it(full: Built) -> None:
    text = "# Head\n\nA *word*, <script>alert(1)</script> [x](javascript:alert(1)) [y](https://y.example/)"
    with desk_of(full) as desk:
        told = desk.ask("markdown", {"text": text, "markup": "markdown"}).answer["html"]
        page = seen(full, desk.preview(desk.edit("video", 1, description=text)).answer["first"])
    assert told in page
    assert "<script" not in told
    assert 'href="javascript' not in told


def test_hostile_text_in_every_field_ends_harmless_in_preview_and_on_the_page(full: Built) -> None:
    fields: dict[str, dict[str, Any]] = {
        "video": {"title": HOSTILE, "description": HOSTILE, "licence": HOSTILE, "resources": [{"label": HOSTILE, "url": "https://x.example/?a='"}],
                  "captions": [{"language": "en", "kind": "captions", "body": f"WEBVTT\n\n00:00.000 --> 00:01.000\n{HOSTILE}\n"},
                               {"language": "en", "kind": "transcript", "body": HOSTILE}]},
        "batch": {"title": HOSTILE, "description": HOSTILE}, "course": {"title": HOSTILE, "description": HOSTILE},
        "subject": {"title": HOSTILE}, "instructor": {"title": HOSTILE}}
    for markup in ("plain", "markdown", "rst", "html"):
        fields["video"]["description_markup"] = markup
        with desk_of(full) as desk:
            told = desk.preview(*(desk.edit(kind, 1, **changes) for kind, changes in fields.items()))
        full.sql("UPDATE desk.edit SET state = 'discarded'")
        assert told.answer["aside"] == []
        assert {"video", "batch", "course", "subject", "instructor", "home"} <= {page["kind"] for page in told.answer["pages"]}
        for page in told.answer["pages"]:
            text = seen(full, page["at"])
            if full.objects()[page["at"]].content_type.startswith("text/html"):
                assert "<script>alert" not in text
                assert "<img src=x" not in text
                assert not re.search(r'(href|src)="javascript:', text)


def test_back_to_a_release_and_on_again_and_a_takedown(full: Built) -> None:
    full.sql("UPDATE catalog.video SET title = 'Second' WHERE id = 1")
    full.build()
    ((first,),) = full.sql("SELECT min(number) FROM live.release")
    with desk_of(full) as desk:
        assert desk.ask("rollback", {"to": first}).state == "answered"
        assert "Second" not in full.text("/videos/lecture-1/")
        assert desk.ask("unhold", {}).state == "answered"
        assert "Second" in full.text("/videos/lecture-1/")
        down = desk.ask("takedown", {"kind": "video", "id": 1})
        assert (down.state, down.answer["holds"]) == ("answered", True)
        assert desk.ask("rollback", {"to": first}).state == "failed"
    assert full.objects()["/videos/lecture-1/"].status == 410


def test_a_question_whose_worker_ended_is_said_to_be_asked_again_and_one_at_work_is_left_alone(full: Built) -> None:
    with desk_of(full) as desk, closing(psycopg2.connect(full.dsn)) as other, other.cursor() as cursor:
        dead, alive = (desk.put("markdown", {"text": "x", "markup": "plain"}) for _ in range(2))
        full.sql("UPDATE desk.question SET state = 'taken', taken_at = now()")
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", (_LOCK, alive))
        desk.answer()
        assert desk.told(dead).state == "failed"
        assert "ask again" in desk.told(dead).answer["why"]
        assert desk.told(alive).state == "taken"


def test_what_breaks_an_answer_breaks_nothing_else(full: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    with desk_of(full) as desk:
        broken = desk.put("markdown", {"no": "text"})
        told = desk.ask("markdown", {"text": "x", "markup": "plain"})
        assert (desk.told(broken).state, told.state) == ("failed", "answered")


def test_the_worker_s_thread_answers_at_once_while_a_release_is_under_way(full: Built) -> None:
    with closing(SQLiteStore(full._file)) as store, closing(Web("t")) as web:
        means = Means(full.dsn, store, SITE, "100k", (), lambda: nullcontext(Inline()), web, dict)
        thread = Answerer("desk", QUICK, means, lambda line: None, sweeps=True)
        with closing(psycopg2.connect(full.dsn)) as builder, builder.cursor() as cursor, desk_of(full) as desk:
            cursor.execute("SELECT pg_advisory_lock(%s)", (0x4C65_6374_7572_6E01,))  # a builder's lease
            thread.start()
            try:
                id = desk.put("preview", {"edits": [desk.edit("video", 1, title="Beside")]})
                until(lambda: desk.told(id).state == "answered", why=lambda: desk.told(id))
            finally:
                thread.end()
        assert not thread.is_alive()


def test_a_publish_by_the_desk_s_function_goes_live_by_the_worker(full: Built) -> None:
    with watching(full), desk_of(full) as desk:
        edit = desk.edit("video", 1, title="Out")
        full.sql("SELECT desk.apply(kind, thing_id, deed, changes, undoes) FROM desk.edit WHERE id = %s", edit)
        # The worker may begin with what another site's address has changed in every page.
        until(lambda: "Out" in full.text("/videos/lecture-1/") and full.sql("SELECT DISTINCT state FROM live.release") == [("live",)])
        ((rendered_at, live_at),) = full.sql("SELECT rendered_at, live_at FROM live.release ORDER BY number DESC LIMIT 1")
        assert rendered_at <= live_at

