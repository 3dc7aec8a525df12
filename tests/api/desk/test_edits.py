"""Edits: begun, saved, published, scheduled, withdrawn, undone; and what happens when somebody was faster."""
from __future__ import annotations

from typing import Any

import pytest

from tests.api.desk.conftest import V1, Editor
from tests.api.students import sql


def title(eve: Editor, id: int = 1) -> Any:
    return sql(eve.dsn, "SELECT title FROM catalog.video WHERE id = %s", id)[0][0]


def test_a_draft_changes_nothing_until_it_is_published_in_one_transaction_that_names_its_editor(eve: Editor) -> None:
    sql(eve.dsn, "DELETE FROM catalog.change")
    edit = eve.edits("video", 1, title="Draft", sources=[{"kind": "hls", "url": "https://media.example/a.m3u8"}])
    assert title(eve) == "The title of 1"
    saved = eve.does("PUT", f"/edits/{edit['id']}", {"changes": {"title": "Published"}}, seen=edit["etag"])
    done = eve.publishes(saved)
    assert title(eve) == "Published"
    assert [(one["outcome"], one["thing"]) for one in done["edits"]] == [("published", 1)]
    assert sql(eve.dsn, "SELECT max(id), min(actor) FROM catalog.change") == [(done["change"], f"editor:{eve.id}")]
    assert sql(eve.dsn, "SELECT count(*) FROM catalog.source") == [(0,)]  # a save says all that an edit sets


def test_a_new_lecture_gets_a_slug_of_its_own_and_all_that_hangs_on_it(eve: Editor) -> None:
    values = {"title": "The title of 1", "batch": 1, "language": "en", "duration_s": 60, "slug": "",
              "sources": [{"kind": "youtube", "url": "https://www.youtube.com/watch?v=aaaaaaaaaaa", "start_s": 5}],
              "resources": [{"label": "Slides", "url": "https://slides.example/1"}],
              "captions": [{"language": "en", "body": "WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n"}]}
    sql(eve.dsn, "INSERT INTO catalog.video (id, slug, title, batch_id) VALUES (99, 'the-title-of-1', 'x', 1)")
    sql(eve.dsn, "SELECT setval(pg_get_serial_sequence('catalog.video', 'id'), 99)")
    edit = eve.does("POST", "/edits", {"kind": "video", "deed": "create", "changes": values}, status=201)
    done = eve.publishes(edit)
    made = eve.says(f"{V1}/things/video/{done['edits'][0]['thing']}")
    assert made["values"]["slug"] == "the-title-of-1-2"
    assert made["values"]["status"] == "published"
    assert made["path"] == "/videos/the-title-of-1-2/"
    assert {name: made["values"][name] for name in ("sources", "resources")} == {name: values[name] for name in ("sources", "resources")}
    assert made["values"]["captions"][0]["kind"] == "captions"
    assert made["names"] == {"batch:1": "Open"}


BY_OTHERS = (
    "UPDATE catalog.video SET title = 'By psql' WHERE id = 1",
    "INSERT INTO catalog.source (video_id, position, kind, url) VALUES (1, 1, 'hls', 'https://media.example/b.m3u8')",
    "INSERT INTO catalog.resource (video_id, position, label, url) VALUES (1, 1, 'x', 'https://x.example/')",
    "INSERT INTO catalog.caption (video_id, language, body) VALUES (1, 'en', 'WEBVTT')",
    "INSERT INTO catalog.subject (id, slug, title) VALUES (9, 's', 'S'); INSERT INTO catalog.video_subject VALUES (1, 9)")


def test_an_edit_by_any_client_of_a_thing_or_what_hangs_on_it_conflicts(eve: Editor) -> None:
    for n, statement in enumerate(BY_OTHERS):
        base = title(eve)
        edit = eve.edits("video", 1, title=f"Mine {n}")
        sql(eve.dsn, statement)
        before = title(eve)
        answer = eve.tries("POST", f"/edits/{edit['id']}/publish", {}, seen=edit["etag"])
        assert (answer.status_code, answer.content_type) == (412, "application/problem+json"), statement
        assert answer.json is not None
        assert answer.json["yours"] == {"title": f"Mine {n}"}
        assert answer.json["theirs"]["title"] == before
        assert answer.json["base"]["title"] == base
        assert title(eve) == before
        assert eve.says(f"{V1}/edits/{edit['id']}")["stale"]
        mended = eve.does("PUT", f"/edits/{edit['id']}", {"changes": edit["changes"], "base": answer.json["now"]}, seen=edit["etag"])
        eve.publishes(mended)
        assert title(eve) == f"Mine {n}"


def test_the_second_of_two_editors_sees_both_versions_by_every_way_to_write(eve: Editor, finn: Editor) -> None:
    old = finn.seen("video", 1)
    mine = finn.edits("video", 1, title="Finn's")
    assert finn.says(f"{V1}/things/video/1")["others"] == []
    hers = eve.edits("video", 1, title="Eve's")
    assert [one["author"]["id"] for one in eve.says(f"{V1}/things/video/1")["others"]] == [finn.id]
    eve.publishes(hers)
    for path, body, seen in (
            (f"/edits/{mine['id']}/publish", {}, mine["etag"]),
            (f"/edits/{mine['id']}/publish", {"at": "2999-01-01T00:00:00Z"}, mine["etag"]),
            ("/publish", {"edits": [{"id": mine["id"], "etag": mine["etag"]}]}, None),
            ("/edits", {"kind": "video", "thing": 1, "changes": {"title": "x"}}, old),
            ("/things/video/1/withdraw", {}, old), ("/things/video/1/withdraw", {"takedown": True}, old),
            ("/withdraw", {"things": [{"kind": "video", "id": 1, "etag": old}]}, None)):
        answer = finn.tries("POST", path, body, seen=seen)
        assert answer.status_code == 412, (path, answer.text)
        assert answer.json is not None
        assert answer.json["theirs"]["title"] == "Eve's"
    assert title(eve) == "Eve's"


def test_autosaves_of_one_tab_never_conflict_with_each_other_in_any_order_and_nothing_is_lost(eve: Editor) -> None:
    edit = eve.edits("video", 1)
    path, first = f"/edits/{edit['id']}", edit["etag"]
    eve.does("PUT", path, {"changes": {"title": "abc"}, "tab": "t", "count": 1}, seen=first)
    eve.does("PUT", path, {"changes": {"title": "abcde"}, "tab": "t", "count": 3}, seen=first)  # its answer had not come yet
    late = eve.does("PUT", path, {"changes": {"title": "abcd"}, "tab": "t", "count": 2}, seen=first)  # overtaken
    assert late["changes"] == {"title": "abcde"}
    answer = eve.tries("PUT", path, {"changes": {"title": "other"}, "tab": "u", "count": 9}, seen=first)
    assert answer.status_code == 412
    assert answer.json is not None
    assert (answer.json["theirs"], answer.json["yours"]) == ({"title": "abcde"}, {"title": "other"})


def test_many_are_published_all_or_none(eve: Editor) -> None:
    good, bad = eve.edits("video", 1, title="Good"), eve.edits("video", 2, title="x" * 600)
    named = [{"id": one["id"], "etag": one["etag"]} for one in (good, bad)]
    sql(eve.dsn, "UPDATE catalog.video SET title = 'Faster' WHERE id = 2")
    eve.does("POST", "/publish", {"edits": named}, status=412)
    assert title(eve) == "The title of 1"
    mended = {"changes": {"title": "Fit"}, "base": eve.seen("video", 2)}
    named[1]["etag"] = eve.does("PUT", f"/edits/{bad['id']}", mended, seen=bad["etag"])["etag"]
    done = eve.does("POST", "/publish", {"edits": named})
    assert [one["outcome"] for one in done["edits"]] == ["published", "published"]
    assert (title(eve), title(eve, 2)) == ("Good", "Fit")


def test_a_schedule_is_for_a_moment_to_come_and_a_past_one_blocks_no_later_save(eve: Editor) -> None:
    sql(eve.dsn, "UPDATE catalog.video SET status = 'draft' WHERE id = 1")
    edit = eve.edits("video", 1)
    eve.does("POST", f"/edits/{edit['id']}/publish", {"at": "2001-01-01T00:00:00Z"}, seen=edit["etag"], status=422)
    eve.does("POST", f"/edits/{edit['id']}/publish", {"at": "2999-01-01T00:00:00"}, seen=edit["etag"], status=422)
    assert eve.publishes(edit, at="2999-01-01T00:00:00+01:00")["edits"][0]["outcome"] == "scheduled"
    assert sql(eve.dsn, "SELECT status, publish_at FROM catalog.video WHERE id = 1")[0][0] == "scheduled"
    sql(eve.dsn, "UPDATE catalog.video SET status = 'published', publish_at = now() - interval '1 day' WHERE id = 1")
    assert eve.publishes(eve.edits("video", 1, title="After"))["edits"][0]["outcome"] == "published"
    live = eve.edits("video", 1, title="Later")
    eve.does("POST", f"/edits/{live['id']}/publish", {"at": "2999-01-01T00:00:00Z"}, seen=live["etag"], status=422)


def test_withdrawn_and_back_by_one_click_and_again(eve: Editor) -> None:
    done = eve.does("POST", "/things/video/1/withdraw", {}, seen=eve.seen("video", 1))["edits"][0]
    assert sql(eve.dsn, "SELECT status FROM catalog.video WHERE id = 1") == [("withdrawn",)]
    undone = eve.does("POST", f"/edits/{done['edit']}/undo", seen=done["etag"])["edits"][0]
    assert sql(eve.dsn, "SELECT status FROM catalog.video WHERE id = 1") == [("published",)]
    eve.does("POST", f"/edits/{undone['edit']}/undo", seen=undone["etag"])
    assert sql(eve.dsn, "SELECT status FROM catalog.video WHERE id = 1") == [("withdrawn",)]
    entries = eve.says(f"{V1}/things/video/1/history")["entries"]
    assert [(one["what"][0]["before"], one["what"][0]["after"], one["by"]["id"]) for one in entries] == [
        ("published", "withdrawn", eve.id), ("withdrawn", "published", eve.id), ("published", "withdrawn", eve.id)]
    assert [one["can_undo"] for one in entries] == [True, False, True]


def test_undo_takes_back_only_what_still_stands(eve: Editor, finn: Editor) -> None:
    done = eve.publishes(eve.edits("video", 1, title="Once", licence="CC"))["edits"][0]
    finn.publishes(finn.edits("video", 1, title="Since"))
    answer = eve.tries("POST", f"/edits/{done['edit']}/undo", seen=done["etag"])
    assert answer.status_code == 412
    assert title(eve) == "Since"


@pytest.mark.parametrize("kind", ["subject", "instructor"])
def test_two_become_one_and_are_parted_again(eve: Editor, kind: str) -> None:
    name = "title" if kind == "subject" else "name"
    sql(eve.dsn, f"INSERT INTO catalog.{kind} (id, slug, {name}) VALUES (1, 'one', 'One'), (2, 'two', 'Two')")
    sql(eve.dsn, f"INSERT INTO catalog.video_{kind} (video_id, {kind}_id) VALUES (1, 1), (2, 1), (2, 2)")
    sql(eve.dsn, "INSERT INTO catalog.import_record (origin, ref, kind, row_id, wrote) VALUES ('o', 'one', %s, 1, '{}')", kind)
    links = f"SELECT video_id, {kind}_id FROM catalog.video_{kind} ORDER BY 1, 2"
    before = sql(eve.dsn, links)
    merge = {"kind": kind, "thing": 1, "deed": "merge", "changes": {"into": 2}}
    edit = eve.does("POST", "/edits", merge, seen=eve.seen(kind, 1), status=201)
    done = eve.publishes(edit)["edits"][0]
    assert done["outcome"] == "merged"
    assert sql(eve.dsn, links) == [(1, 2), (2, 2)]
    assert sql(eve.dsn, "SELECT slug, owner_id FROM catalog.old_slug") == [("one", 2)]
    assert sql(eve.dsn, "SELECT row_id FROM catalog.import_record") == [(2,)]
    undone = eve.does("POST", f"/edits/{done['edit']}/undo", seen=done["etag"])["edits"][0]
    assert sql(eve.dsn, links) == before
    assert sql(eve.dsn, "SELECT row_id FROM catalog.import_record") == [(1,)]
    assert sql(eve.dsn, "SELECT count(*) FROM catalog.old_slug") == [(0,)]
    eve.does("POST", f"/edits/{undone['edit']}/undo", seen=undone["etag"])
    assert sql(eve.dsn, links) == [(1, 2), (2, 2)]


def test_a_batch_s_videos_are_put_in_order_and_a_lecture_that_came_in_meanwhile_conflicts(eve: Editor) -> None:
    edit = eve.edits("batch", 1, videos=[5, 1, 3])
    words = eve.does("POST", "/edits", {"kind": "course", "thing": 1, "changes": {"title": "C"}}, seen=eve.seen("course", 1), status=201)
    sql(eve.dsn, "INSERT INTO catalog.video (id, slug, title, batch_id, status) VALUES (50, 'new', 'New', 1, 'published')")
    answer = eve.tries("POST", f"/edits/{edit['id']}/publish", {}, seen=edit["etag"])
    assert answer.status_code == 412
    assert answer.json is not None
    again = eve.does("PUT", f"/edits/{edit['id']}", {"changes": {"videos": [5, 1]}, "base": answer.json["now"]}, seen=edit["etag"])
    again = eve.tries("POST", f"/edits/{edit['id']}/publish", {}, seen=again["etag"])
    eve.publishes(words)
    assert again.status_code in (412, 422)


def test_an_order_is_kept(eve: Editor) -> None:
    eve.publishes(eve.edits("batch", 1, videos=[5, 1, 3]))
    assert eve.says(f"{V1}/things/batch/1")["values"]["videos"] == [5, 1, 3]
    twice = eve.edits("batch", 1, videos=[5, 5, 3])
    eve.does("POST", f"/edits/{twice['id']}/publish", {}, seen=twice["etag"], status=422)


def test_gating_is_a_switch(eve: Editor) -> None:
    eve.publishes(eve.edits("batch", 1, gated=True))
    assert sql(eve.dsn, "SELECT gated FROM catalog.batch WHERE id = 1") == [(True,)]


UNFIT: list[tuple[str, dict[str, Any], str]] = [
    ("video", {"title": " "}, "title"), ("video", {"title": "a\u202eb"}, "title"), ("video", {"slug": "No Slug"}, "slug"),
    ("video", {"sources": [{"kind": "link", "url": "javascript:alert(1)"}]}, "sources[0].url"),
    ("video", {"resources": [{"label": "x", "url": "data:text/html,x"}]}, "resources[0].url"),
    ("video", {"language": "english!"}, "language"), ("video", {"recorded_on": "2026-02-31"}, "recorded_on"),
    ("video", {"batch": 999}, "batch"), ("video", {"subjects": [999]}, "subjects"),
    ("video", {"captions": [{"language": "en", "body": "no"}]}, "captions[0].body"),
    ("batch", {"starts_on": "2026-02-02", "ends_on": "2026-02-01"}, "ends_on"), ("batch", {"course": 999}, "course"),
    ("batch", {"url": "ftp://x.example"}, "url"), ("course", {"description": "x" * 9000}, "description")]


def test_what_is_not_fit_may_be_drafted_but_is_not_published_and_the_field_is_named(eve: Editor) -> None:
    for kind, changes, field in UNFIT:
        edit = eve.edits(kind, 1, **changes)
        answer = eve.tries("POST", f"/edits/{edit['id']}/publish", {}, seen=edit["etag"])
        assert (answer.status_code, answer.json and answer.json["errors"][0]["field"]) == (422, field), answer.text
        eve.does("DELETE", f"/edits/{edit['id']}", seen=edit["etag"], status=204)


def test_a_slug_that_is_taken_is_said(eve: Editor) -> None:
    edit = eve.edits("video", 1, slug="lecture-2")
    answer = eve.tries("POST", f"/edits/{edit['id']}/publish", {}, seen=edit["etag"])
    assert (answer.status_code, answer.json and answer.json["errors"][0]["field"]) == (409, "slug")


def test_fields_of_another_kind_are_refused(eve: Editor) -> None:
    eve.does("POST", "/edits", {"kind": "subject", "thing": 1, "changes": {"gated": True}}, seen="1.x", status=422)


def test_what_comes_out_the_same_is_no_history(eve: Editor) -> None:
    done = eve.publishes(eve.edits("video", 1, title="The title of 1"))
    assert (done["edits"][0]["outcome"], done["change"]) == ("unchanged", None)
    assert eve.says(f"{V1}/things/video/1/history")["entries"] == []


def test_a_thing_that_others_hang_on_is_not_deleted(eve: Editor) -> None:
    edit = eve.does("POST", "/edits", {"kind": "batch", "thing": 1, "deed": "delete"}, seen=eve.seen("batch", 1), status=201)
    eve.does("POST", f"/edits/{edit['id']}/publish", {}, seen=edit["etag"], status=409)
    lone = eve.does("POST", "/edits", {"kind": "course", "deed": "create", "changes": {"title": "Lone"}}, status=201)
    done = eve.publishes(lone)["edits"][0]
    eve.does("POST", f"/edits/{done['edit']}/undo", seen=done["etag"])
    assert sql(eve.dsn, "SELECT count(*) FROM catalog.course") == [(1,)]


def test_lists_are_sought_filtered_and_paged(eve: Editor) -> None:
    sql(eve.dsn, "UPDATE catalog.video SET title = '100% \\_x' WHERE id = 3")
    eve.edits("video", 2, title="Waits")
    first = eve.says(f"{V1}/things/video?limit=4")
    assert [one["id"] for one in first["things"]] == [6, 5, 4, 3]
    assert [one["id"] for one in eve.says(f"{V1}/things/video?limit=4&after={first['next']}")["things"]] == [2, 1]
    assert [one["id"] for one in eve.says(f"{V1}/things/video?q=0%25 \\_")["things"]] == [3]
    assert [one["id"] for one in eve.says(f"{V1}/things/video?status=waiting")["things"]] == [2]
    assert [one["id"] for one in eve.says(f"{V1}/things/video?batch=2")["things"]] == [6, 4, 2]
    assert [one["id"] for one in eve.says(f"{V1}/things/video?ids=1,5")["things"]] == [5, 1]
    assert eve.get(f"{V1}/things/planet").status_code == 404
    assert [one["thing"] for one in eve.says(f"{V1}/edits")["edits"]] == [2]
    for kind in ("course", "batch", "subject", "instructor"):
        eve.says(f"{V1}/things/{kind}?status=aside")


def test_a_deleted_lecture_comes_back_with_its_old_addresses_its_place_and_all_that_hung_on_it(eve: Editor) -> None:
    sql(eve.dsn, "UPDATE catalog.video SET position = 7, slug = 'renamed' WHERE id = 1")
    sql(eve.dsn, "INSERT INTO catalog.alias (path, video_id) VALUES ('/old/1', 1)")
    sql(eve.dsn, "INSERT INTO catalog.source (video_id, position, kind, url) VALUES (1, 1, 'hls', 'https://media.example/b.m3u8')")
    before = eve.says(f"{V1}/things/video/1")["values"]
    edit = eve.does("POST", "/edits", {"kind": "video", "thing": 1, "deed": "delete"}, seen=eve.seen("video", 1), status=201)
    done = eve.publishes(edit)["edits"][0]
    assert (done["outcome"], eve.get(f"{V1}/things/video/1").status_code) == ("deleted", 404)
    eve.does("POST", f"/edits/{done['edit']}/undo", seen=done["etag"])
    assert eve.says(f"{V1}/things/video/1")["values"] == before
    assert sql(eve.dsn, "SELECT path FROM catalog.alias WHERE video_id = 1") == [("/old/1",)]
    assert sql(eve.dsn, "SELECT slug FROM catalog.old_slug WHERE owner_id = 1") == [("lecture-1",)]
    assert sql(eve.dsn, "SELECT position FROM catalog.video WHERE id = 1") == [(7,)]
