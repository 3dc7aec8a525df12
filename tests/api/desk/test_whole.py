"""The desk from end to end: its API, the worker with its threads, and the page that a reader gets."""
from __future__ import annotations

import threading
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import pytest

from builder import render
from builder.catalog.providers import providers
from builder.catalog.providers.web import Web
from builder.desk.answerer import answerers
from builder.desk.means import Means
from builder.worker import Worker
from edge.store.sqlite import SQLiteStore
from tests.api.conftest import Make
from tests.api.desk.conftest import V1, Editor
from tests.api.students import sql
from tests.builder.watching import SITE, until
from tests.catalog.stand_ins import KEY, TOKEN, running, youtube_item
from tests.site import Built, Inline, fill, number_on


@pytest.fixture
def desk(site: Built, make: Make, tmp_path: Path) -> Any:
    """An editor of a site that a worker with a desk publishes."""
    fill(site)
    number_on(site)
    site.build(site=SITE)
    editor = Editor(site.dsn, make(LECTERN_DESK="yes"), role="editor")
    with running(tmp_path / "s.db") as talkers, closing(SQLiteStore(site._file)) as store, \
            closing(Web("Lectern tests", private_hosts=[talkers.host])) as web:
        talkers.youtube["abcdefghijk"] = youtube_item("abcdefghijk", duration="PT5M", picture="https://i.ytimg.com/x.jpg")
        means = Means(site.dsn, store, SITE, "100k", (), lambda: nullcontext(Inline()), web,
                      lambda: providers(talkers.endpoints, youtube_key=KEY, youtube_units=2, vimeo_token=TOKEN))
        worker = Worker(site.dsn, store, SITE, "100k", lambda: nullcontext(Inline()), tell=lambda line: None,
                        others=answerers(means, lambda line: None))
        ready = threading.Event()

        def run() -> None:
            worker.run(ready.set)
            render.close()

        thread = threading.Thread(target=run)
        thread.start()
        try:
            assert ready.wait(20)
            yield editor, site
        finally:
            worker.stop()
            thread.join(20)
            assert not thread.is_alive()


def answer(editor: Editor, path: str, body: object) -> Any:
    """What comes of a question to the builder."""
    asked = editor.does("POST", path, body, status=202)
    found: list[Any] = []

    def done() -> bool:
        found[:] = [editor.says(f"{V1}/questions/{asked['id']}")]
        return found[0]["state"] in ("answered", "failed")

    until(done, why=found)
    return found[0]


def test_a_lecture_by_its_address_previewed_published_seen_and_taken_back(desk: tuple[Editor, Built]) -> None:
    editor, site = desk
    filled = answer(editor, "/fills", {"url": "https://youtu.be/abcdefghijk"})["answer"]
    values = {"title": filled["title"], "batch": 1, "sources": [filled["source"]], "duration_s": filled["duration_s"],
              "picture_url": filled["picture_url"], "subjects": [1], "description": "*New*"}
    edit = editor.does("POST", "/edits", {"kind": "video", "deed": "create", "changes": values}, status=201)
    seen = answer(editor, "/previews", {"edits": [edit["id"]]})["answer"]
    assert "<em>New</em>" in site.text(seen["first"])
    reach = answer(editor, "/impacts", {"edits": [edit["id"]]})["answer"]
    assert reach["objects"] >= len([page for page in seen["pages"] if page["kind"] in ("video", "batch", "subject", "home")]) - 1
    done = editor.publishes(edit)
    path = seen["first"].partition(seen["first"].split("/")[2])[2]
    until(lambda: path in site.objects())
    assert "<em>New</em>" in site.text(path)
    way = f"{V1}/ways/{done['change']}"
    until(lambda: {step["name"]: step["state"] for step in editor.says(way)["steps"]}["uploaded"] == "done")
    one = done["edits"][0]
    editor.does("POST", f"/edits/{one['edit']}/undo", seen=one["etag"])
    until(lambda: site.objects()[path].status == 410)


def test_what_a_file_changed_is_history_and_taken_back_by_one_deed(desk: tuple[Editor, Built]) -> None:
    editor, site = desk
    values = """SELECT v.slug, v.title, v.position, v.batch_id,
        (SELECT array_agg(subject_id) FROM catalog.video_subject WHERE video_id = v.id) FROM catalog.video v ORDER BY id"""
    before = site.sql(values)
    rows = ["title,slug,batch,subjects,position,status",
            "Renamed,lecture-1,batch,subject,3,published", "Lecture 3,lecture-3,batch,subject,1,published",
            "In a new batch,new-there,Brand new,Fresh,,published", "New,new-here,batch,Fresh,2,published"]
    tried = editor.tries("POST", "/imports?name=many.csv", data="\n".join(rows).encode(), content_type="application/octet-stream")
    assert tried.json is not None
    trial = f"{V1}/questions/{tried.json['id']}"
    until(lambda: editor.says(trial)["state"] == "answered")
    dry = editor.says(trial)
    done = editor.does("POST", f"/imports/{dry['id']}/run", seen=dry["etag"], status=202)
    until(lambda: editor.says(f"{V1}/questions/{done['id']}")["state"] == "answered")
    did = editor.says(f"{V1}/questions/{done['id']}")["answer"]
    assert did["videos"]["added"] == did["videos"]["changed"] == 2
    entries = editor.says(f"{V1}/history?imported={done['id']}")["entries"]
    assert len(entries) == did["edits"] == 7  # a course, a subject, a batch, three lectures, and an order
    assert {(one["by"]["id"], one["imported"], one["change"], one["can_undo"]) for one in entries} == {
        (editor.id, done["id"], did["change"], True)}
    assert {two["field"]: (two["before"], two["after"]) for two in entries[-1]["what"]}["title"][0] is None
    named = [{"id": one["id"], "etag": one["etag"]} for one in entries]
    editor.does("POST", "/undo", {"edits": [{"id": named[0]["id"]}]}, status=428)
    editor.does("POST", "/undo", {"edits": [named[0], named[0]]}, status=422)
    sql(site.dsn, "UPDATE catalog.video SET title = 'Since' WHERE slug = 'new-here'")
    editor.does("POST", "/undo", {"edits": named}, status=412)
    assert site.sql("SELECT count(*) FROM catalog.video") == [(5,)]  # all or none
    sql(site.dsn, "UPDATE catalog.video SET title = 'New' WHERE slug = 'new-here'")
    undone = editor.does("POST", "/undo", {"edits": named})
    assert site.sql(values) == before
    assert [site.sql(f"SELECT count(*) FROM catalog.{kind}") for kind in ("course", "batch", "subject")] == [[(1,)]] * 3
    assert not any(one["can_undo"] for one in editor.says(f"{V1}/history?imported={done['id']}")["entries"])
    editor.does("POST", "/undo", {"edits": [{"id": one["edit"], "etag": one["etag"]} for one in undone["edits"]]})
    assert site.sql("SELECT title, position FROM catalog.video ORDER BY slug") == [
        ("Renamed", 4), ("Lecture 2", 2), ("Lecture 3", 1), ("New", 3), ("In a new batch", 1)]


def test_two_who_publish_at_one_moment_are_one_publish_and_one_conflict(desk: tuple[Editor, Built]) -> None:
    editor, site = desk
    other = Editor(site.dsn, *editor.apps, role="editor")
    edits = [(who, who.edits("video", 1, title=f"By {n}")) for n, who in enumerate((editor, other))]
    start, statuses = threading.Barrier(2), []

    def publish(who: Editor, edit: Any) -> None:
        start.wait()
        statuses.append(who.tries("POST", f"/edits/{edit['id']}/publish", {}, seen=edit["etag"]).status_code)

    threads = [threading.Thread(target=publish, args=pair) for pair in edits]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(statuses) == [200, 412]
