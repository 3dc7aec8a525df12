"""Builds: what they upload, set aside, retire; and that nothing but rows decides a byte."""
from __future__ import annotations

import ast
import json
import os
import random
import re
import shutil
import subprocess
import sys
import threading
from contextlib import closing, nullcontext
from pathlib import Path

import jinja2
import psycopg2
import pytest
from click.testing import CliRunner

from build import main
from builder import lease, publishing, render
from builder.catalog.queries import queries
from builder.fingerprint import fingerprints
from builder.pages import PARTS
from builder.processes import processes
from builder.render import Renderer
from builder.summary import Summary
from builder.task import Failure, Task
from tests.site import SITE, Built, Inline, fill

TOP = Path(__file__).resolve().parents[2]


def test_a_second_build_uploads_nothing(site: Built) -> None:
    fill(site)
    assert site.build().release == 1
    before = site.objects()
    again = site.build()
    assert (again.release, again.uploaded, again.set_aside) == (None, 0, [])
    assert site.objects() == before


def test_an_edit_uploads_only_what_it_changed(site: Built) -> None:
    fill(site, videos=120)
    site.build()
    before = site.digests()
    site.sql("UPDATE catalog.video SET duration_s = 77 WHERE id = 60")
    summary = site.build()
    changed = {path for path, digest in site.digests().items() if before[path] != digest}
    assert summary.uploaded == len(changed)
    assert "/videos/lecture-60/" in changed
    assert "/videos/lecture-100/" not in changed
    assert len(changed) < 30


def test_processes_and_one_process_give_the_same_bytes(site: Built, tmp_path: Path) -> None:
    fill(site, videos=900)
    site.build()
    one = site.digests()
    site.begin_anew()
    with processes(8) as executor:
        site.build(executor=executor)
    assert site.digests() == one


@pytest.mark.parametrize(("seed", "zone"), [("0", "UTC"), ("1", "America/Los_Angeles"), ("2", "Pacific/Auckland")])
def test_hash_seed_clock_zone_and_row_order_decide_nothing(site: Built, tmp_path: Path, seed: str, zone: str) -> None:
    fill(site, videos=40)
    site.build()
    expected = site.digests()
    ids = list(range(1, 41))
    random.Random(seed).shuffle(ids)
    for id in ids:  # each row is written anew, so the table's own order is another one
        site.sql("UPDATE catalog.video SET licence = 'x' WHERE id = %s", id)
        site.sql("UPDATE catalog.video SET licence = '' WHERE id = %s", id)
    site.begin_anew()
    (tmp_path / "sitecustomize.py").write_text(  # every process that this one starts lives a year later
        "import datetime, time\nnow = time.time\ntime.time = lambda: now() + 365 * 86400\n"
        "class Later(datetime.datetime):\n    @classmethod\n    def now(cls, tz=None):\n        return cls.fromtimestamp(time.time(), tz)\n"
        "datetime.datetime = Later\n")
    env = {k: v for k, v in os.environ.items() if not k.startswith("LECTERN_")} | {
        "PYTHONHASHSEED": seed, "TZ": zone, "PYTHONPATH": str(tmp_path), "DATABASE_URL": site.dsn, "LECTERN_DATA": str(tmp_path / "data"),
        "LECTERN_STORE": f"sqlite:///{tmp_path}/site.db", "LECTERN_BASE_URL": SITE.base_url,
    }
    subprocess.run([sys.executable, TOP / "build.py", "build"], env=env, check=True, capture_output=True, timeout=120)
    assert site.digests() == expected


def test_a_page_that_fails_is_set_aside_and_the_rest_goes_live(site: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(site)
    site.build()
    before = site.text("/videos/lecture-2/")
    site.sql("UPDATE catalog.video SET title = title || '!'")
    _break(monkeypatch, "/videos/lecture-2/")
    summary = site.build()
    assert [(failure.path, failure.kind) for failure in summary.set_aside] == [("/videos/lecture-2/", "video")]
    assert site.text("/videos/lecture-2/") == before
    assert "Lecture 1!" in site.text("/videos/lecture-1/")
    monkeypatch.undo()
    assert site.build().set_aside == []
    assert "Lecture 2!" in site.text("/videos/lecture-2/")


def test_a_page_that_fails_at_first_gets_a_stand_in_so_that_no_link_is_dead(site: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(site, title="<b>Lecture")
    _break(monkeypatch, "/videos/lecture-2/")
    assert len(site.build().set_aside) == 1
    text = site.text("/videos/lecture-2/")
    assert "&lt;b&gt;Lecture 2" in text
    assert "noindex" in text
    assert 'href="/"' in text


def test_a_unit_that_cannot_be_made_keeps_what_it_has_live(site: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(site)
    site.build()
    before = site.digests()
    _lose(monkeypatch, "video", 2)
    site.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id = 3")
    summary = site.build()
    assert [failure.kind for failure in summary.set_aside] == ["video:2"]
    after = site.digests()
    for path in ("/videos/lecture-2/", "/data/video/2.json"):
        assert after[path] == before[path]
    gone = {path for path, thing in site.objects().items() if thing.status == 410}
    assert gone == {"/videos/lecture-3/", "/data/video/3.json", "/search/0/3.json"}
    site.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id = 2")  # no unit of any build now
    site.build()
    assert site.objects()["/videos/lecture-2/"].status == 410


PLACES = {"video": "/videos/lecture-2/", "batch": "/batches/second/", "course": "/courses/second/", "subject": "/subjects/second/",
          "instructor": "/instructors/second/"}


@pytest.mark.parametrize("name", PLACES)
def test_a_unit_that_cannot_be_made_at_first_has_a_stand_in(site: Built, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(site)
    site.sql("INSERT INTO catalog.course (id, slug, title) VALUES (2, 'second', 'The <second>')")
    site.sql("INSERT INTO catalog.batch (id, course_id, slug, title) VALUES (2, 2, 'second', 'The <second>')")
    site.sql("INSERT INTO catalog.subject (id, slug, title) VALUES (2, 'second', 'The <second>')")
    site.sql("INSERT INTO catalog.instructor (id, slug, name) VALUES (2, 'second', 'The <second>')")
    site.sql("UPDATE catalog.video SET batch_id = 2, title = 'The <second>' WHERE id = 2")
    site.sql("UPDATE catalog.video_subject SET subject_id = 2 WHERE video_id = 2")
    site.sql("UPDATE catalog.video_instructor SET instructor_id = 2 WHERE video_id = 2")
    _lose(monkeypatch, name, 2)
    assert [failure.kind for failure in site.build().set_aside] == [f"{name}:2"]
    text = site.text(PLACES[name])
    assert "The &lt;second&gt;" in text
    assert "noindex" in text
    assert site.build().release is None  # and stands, until the page can be made
    monkeypatch.undo()
    site.build()
    assert "noindex" not in site.text(PLACES[name])


@pytest.mark.parametrize("name", sorted(PARTS))
def test_no_part_that_fails_whole_takes_a_page_away(site: Built, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(site, videos=110)
    site.sql("UPDATE catalog.video SET slug = 'renamed' WHERE id = 1")
    site.sql("INSERT INTO catalog.caption (video_id, language, body) VALUES (2, 'en', 'WEBVTT')")
    site.build()
    before = site.digests()
    _lose(monkeypatch, name, None)
    summary = site.build(full=True)
    assert summary.set_aside
    assert summary.retired == 0
    assert site.digests() == before


def test_what_failed_and_was_gone_before_has_a_stand_in_since_pages_link_to_it(site: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(site)
    site.build()
    site.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id = 2")
    site.build()
    site.sql("UPDATE catalog.video SET status = 'published' WHERE id = 2")
    _break(monkeypatch, "/videos/lecture-2/")
    site.build()
    thing = site.objects()["/videos/lecture-2/"]
    assert thing.status == 200
    assert "Lecture 2" in site.text("/videos/lecture-2/")


def test_a_build_that_set_pages_aside_says_which_and_ends_with_1(site: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failure = Failure("/videos/lecture-2/", "video", "UndefinedError: 'nothing' is undefined")
    monkeypatch.setattr(publishing, "build", lambda *_, **__: Summary(1, rendered=9, set_aside=[failure], seconds={"render": 1.0}))
    environ = {"DATABASE_URL": site.dsn, "LECTERN_DATA": str(tmp_path / "data")}
    done = CliRunner().invoke(main, ["build", "--json"], env=environ)
    assert done.exit_code == 1
    assert json.loads(done.stdout)["set_aside"] == [failure._asdict()]
    assert "/videos/lecture-2/" in done.stderr


@pytest.mark.parametrize("command", [["resume"], ["release", "--unhold"]])
def test_so_do_the_other_commands_that_release(command: list[str], site: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(site)
    _break(monkeypatch, "/videos/lecture-2/")
    env = {"DATABASE_URL": site.dsn, "LECTERN_STORE": f"sqlite://{tmp_path}/cli.db"}
    monkeypatch.setattr("builder.processes.processes", lambda: nullcontext(Inline()))
    done = CliRunner().invoke(main, command, env=env)
    assert done.exit_code == 1, done.output
    assert "set aside: /videos/lecture-2/: UndefinedError" in done.stderr


def _lose(monkeypatch: pytest.MonkeyPatch, name: str, unit: int | None) -> None:
    """Making the pages of one unit of a part fails, or of all of them."""
    part = PARTS[name]

    def pages(catalog: object, of: object, units: list[int]) -> object:
        if unit is None or unit in [part.thing(one) for one in units]:
            raise ValueError("a row that nobody foresaw")
        return part.pages(catalog, of, units)  # type: ignore[arg-type]

    monkeypatch.setitem(PARTS, name, part._replace(pages=pages))  # type: ignore[arg-type]


def _break(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    whole = Renderer.text

    def text(self: Renderer, page: object) -> str:
        if page.path == path:  # type: ignore[attr-defined]
            raise jinja2.UndefinedError("'nothing' is undefined")
        return whole(self, page)  # type: ignore[arg-type]

    monkeypatch.setattr(Renderer, "text", text)


def test_what_leaves_is_gone_with_all_its_side_files_and_may_come_back(site: Built) -> None:
    fill(site)
    site.sql("INSERT INTO catalog.caption (video_id, language, body) VALUES (2, 'en', 'WEBVTT')")
    site.build()
    before = site.digests()
    site.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id = 2")
    assert site.build().retired == 5  # the page, its JSON, its captions, their lines and the search file of its number
    objects = site.objects()
    assert {p for p, thing in objects.items() if thing.status == 410} == {
        "/videos/lecture-2/", "/data/video/2.json", "/captions/2/en.vtt", "/captions/2/en.json", "/search/0/2.json"}
    assert "Lecture 2" not in "".join(text for _, text in site.texts())
    assert site.build().release is None
    site.sql("UPDATE catalog.video SET status = 'published' WHERE id = 2")
    site.build()
    assert site.digests() == before


def test_a_renamed_page_leads_on_in_one_step_and_a_slug_that_comes_back_frees_its_path(site: Built) -> None:
    fill(site)
    site.build()
    before = site.digests()
    for slug in ("second", "third"):
        site.sql("UPDATE catalog.video SET slug = %s WHERE id = 1", slug)
        site.build()
    objects = site.objects()
    assert {p: o.location for p, o in objects.items() if o.status == 301} == {
        "/videos/lecture-1/": "/videos/third/", "/videos/second/": "/videos/third/"}
    site.sql("UPDATE catalog.video SET slug = 'lecture-1' WHERE id = 1")
    site.build()
    after = site.digests()
    assert {path: after[path] for path in before} == before
    assert site.objects()["/videos/third/"].location == "/videos/lecture-1/"


def test_an_old_address_leads_to_its_video_but_never_hides_a_page_of_ours(site: Built) -> None:
    fill(site)
    site.sql("INSERT INTO catalog.alias (path, video_id) VALUES ('/video/481/some-talk', 1), ('/videos/lecture-2', 1)")
    site.build()
    objects = site.objects()
    assert objects["/video/481/some-talk/"].location == "/videos/lecture-1/"
    assert objects["/videos/lecture-2/"].status == 200


def test_a_release_that_died_is_superseded_by_one_that_writes_its_paths_again(site: Built) -> None:
    fill(site)
    site.build()
    site.sql("UPDATE live.release SET state = 'writing', live_at = NULL")  # killed before its uploads were done
    count = len(site.objects())
    assert site.build().uploaded == count
    assert site.sql("SELECT number, state FROM live.release ORDER BY 1") == [(1, "superseded"), (2, "live")]


def test_one_builder_at_a_time(site: Built) -> None:
    fill(site)
    connection = psycopg2.connect(site.dsn)
    with lease.held(connection, 0), pytest.raises(lease.LeaseHeld) as held:
        site.build()
    assert held.value.exit_code == 3
    connection.close()
    assert site.build().release is not None


def test_who_waits_for_the_lease_has_it_when_it_is_let_go_though_its_holder_wants_it_back_at_once(site: Built) -> None:
    turns, waits, ended = 0, threading.Event(), threading.Event()

    def hold_on() -> None:
        nonlocal turns
        with closing(psycopg2.connect(site.dsn)) as connection:
            while not ended.is_set():
                with lease.held(connection, 60):
                    waits.set()
                    turns += 1
                    ended.wait(0.25)  # as long as a slice takes

    holder = threading.Thread(target=hold_on)
    holder.start()
    try:
        with closing(psycopg2.connect(site.dsn)) as other:
            for _ in range(5):
                waits.wait()
                before = turns
                with lease.held(other, 60):
                    assert turns <= before + 2
                waits.clear()
    finally:
        ended.set()
        holder.join()


def test_a_build_shows_one_moment_of_the_catalog(site: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(site)
    whole = render.over

    def late_edit(*args: object) -> object:
        site.sql("UPDATE catalog.video SET title = 'Too late' WHERE id = 1")
        return whole(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(render, "over", late_edit)
    site.build()
    assert not [path for path, text in site.texts() if "Too late" in text]
    monkeypatch.undo()
    site.build()
    assert "Too late" in site.text("/videos/lecture-1/")


CHANCE = {"now", "today", "utcnow", "time", "time_ns", "random", "randint", "choice", "shuffle", "uuid1", "uuid4", "urandom",
          "environ", "getenv"}


def test_no_page_can_know_the_time_or_be_up_to_chance() -> None:
    rooms = [*(TOP / "builder" / "pages").glob("*.py"), TOP / "builder" / "render.py", TOP / "builder" / "templating.py",
             TOP / "builder" / "assets.py", TOP / "builder" / "catalog" / "reads.py", TOP / "builder" / "catalog" / "text.py"]
    for file in rooms:
        nodes = list(ast.walk(ast.parse(file.read_text())))
        names = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        names |= {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
        assert names & CHANCE == set(), file
    for name in ("reads", "numbers", "reach"):
        for query, text in queries(name).items():
            words = re.sub("--.*", "", text)
            assert not re.search(r"\b(now|random|clock_timestamp|current_\w+|localtime\w*|gen_random_uuid)\b", words, re.IGNORECASE), query


@pytest.mark.parametrize("name", ["templates/card.html", "templates/assets/site.css", "builder/pages/video.py", "builder/templating.py",
                                  "builder/catalog/sql/reads.sql", "edge/tiers.py", "edge/address.py"])
def test_whatever_pages_are_made_with_moves_their_fingerprint(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("builder", "edge", "templates"):
        shutil.copytree(TOP / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "demo_catalog"))
    monkeypatch.setattr("builder.fingerprint._TOP", tmp_path)
    before = fingerprints(SITE, "100k")
    assert fingerprints(SITE, "100k") == before
    assert not before.items() & fingerprints(SITE, "1m").items()
    assert not before.items() & fingerprints(SITE._replace(hue=9), "100k").items()
    (tmp_path / name).write_text((tmp_path / name).read_text() + "\n")
    after = fingerprints(SITE, "100k")
    assert before["video"] != after["video"]
    # A template is of some kinds only; what all are made with is of all.
    assert (before["video_data"] != after["video_data"]) == (not name.endswith("html"))


def test_render_processes_hold_no_store_of_their_parent_s() -> None:
    with processes(1) as executor:
        loaded = executor.submit(eval, "list(__import__('sys').modules)").result()
    assert "builder.render" in loaded
    assert not {"obstore", "boto3", "edge.store.s3", "edge.store.sqlite"} & set(loaded)  # an obstore used before a fork hangs after it


def test_an_unchanged_catalog_is_not_rendered_unless_all_of_it_is_asked_for(site: Built) -> None:
    fill(site)
    first = site.build()
    assert site.build().rendered == 0
    again = site.build(full=True)
    assert (again.rendered, again.uploaded, again.release) == (first.rendered, 0, None)
    assert site.build(site=SITE._replace(name="Another name")).uploaded > 0


def test_a_slice_that_is_to_be_rendered_whole_is_not_lost_to_a_large_import(site: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(site)
    site.build()
    monkeypatch.setattr(publishing, "SMALL_KEYS", 0)
    site.sql("ALTER TABLE catalog.video DISABLE TRIGGER USER")
    site.sql("UPDATE catalog.video SET title = 'Past the triggers' WHERE id = 1")
    site.sql("ALTER TABLE catalog.video ENABLE TRIGGER USER")
    site.sql("UPDATE catalog.video SET title = 'Imported' WHERE id = 2")
    with site.publisher() as (publisher, _, _):
        publisher.release(slice=[Task("video", [1], None)])
    assert "Past the triggers" in site.text("/videos/lecture-1/")
    assert "Imported" in site.text("/videos/lecture-2/")
