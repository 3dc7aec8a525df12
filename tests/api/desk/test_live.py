"""Questions, the way of a change, releases and health, as the API tells them from the builder's rows."""
from __future__ import annotations

from typing import Any

from flask import Flask

from tests.api.desk.conftest import V1, Editor
from tests.api.students import sql


def steps(way: Any) -> dict[str, tuple[str, int | None]]:
    return {step["name"]: (step["state"], step["ms"]) for step in way["steps"]}


def test_the_way_of_a_change_is_told_from_its_rows_and_confirmed_while_nothing_moves(eve: Editor) -> None:
    change = eve.publishes(eve.edits("video", 1, title="On its way"))["change"]
    path = f"{V1}/ways/{change}"
    first = eve.get(path)
    assert first.json is not None
    assert (first.json["release"], steps(first.json)["committed"], steps(first.json)["seen"][0]) == (None, ("done", 0), "waiting")
    assert eve.get(path, If_None_Match=first.headers["ETag"]).status_code == 304
    sql(eve.dsn, "UPDATE catalog.change SET release = 5")
    sql(eve.dsn, """INSERT INTO live.release (number, state, started_at, rendered_at, store) SELECT 5, 'writing',
        at + interval '10 ms', at + interval '30 ms', 's' FROM catalog.change WHERE id = %s""", change)
    writing = eve.get(path, If_None_Match=first.headers["ETag"]).json
    assert [steps(writing)[n] for n in ("planned", "rendered", "uploaded")] == [("done", 10), ("done", 30), ("doing", None)]
    sql(eve.dsn, """UPDATE live.release SET state = 'live', live_at = started_at + interval '40 ms', uploaded = 3, purged = 2""")
    sql(eve.dsn, "INSERT INTO live.debt (kind, release, cdn, what) VALUES ('purge', 5, 'varnish', '{x}'), ('receipt', 5, '', '{/}')")
    sql(eve.dsn, "INSERT INTO live.set_aside (unit, path, kind, why, release) VALUES (257, '/videos/x/', 'video', 'KeyError: x', 5)")
    live = eve.says(path)
    assert (steps(live)["uploaded"], steps(live)["purged"][0], live["over"]) == (("done", 50), "doing", False)
    assert (live["failed"][0]["path"], "Undo" in live["failed"][0]["mend"]) == ("/videos/x/", True)
    sql(eve.dsn, "DELETE FROM live.debt; UPDATE live.release SET purged_at = started_at + interval '60 ms'")
    sql(eve.dsn, "INSERT INTO live.receipt (release, kind, url, encoding, lag_ms, served_by) VALUES (5, 'video', 'u', 'gzip', 120, 'edge')")
    over = eve.says(path)
    assert (steps(over)["purged"], steps(over)["seen"], over["over"]) == (("done", 70), ("done", 120), True)
    assert eve.says(f"{V1}/releases/5")["release"] == 5
    assert eve.get(f"{V1}/ways/999").status_code == eve.get(f"{V1}/releases/999").status_code == 404


def test_only_an_admin_who_saw_the_list_rolls_back(root: Editor) -> None:
    sql(root.dsn, "INSERT INTO live.release (number, state, live_at, store) VALUES (1, 'live', now(), 's')")
    listed = root.get(f"{V1}/releases")
    assert listed.json is not None
    assert listed.json["releases"][0]["can_go_back"]
    seen = listed.headers["ETag"].strip('"')
    sql(root.dsn, "INSERT INTO live.release (number, state, live_at, store) VALUES (2, 'live', now(), 's')")
    root.does("POST", "/rollback", {"to": 1}, seen=seen, status=412)
    seen = root.get(f"{V1}/releases").headers["ETag"].strip('"')
    asked = root.does("POST", "/rollback", {"to": 1}, seen=seen, status=202)
    assert sql(root.dsn, "SELECT kind, asked, state FROM desk.question WHERE id = %s", asked["id"]) == [("rollback", {"to": 1}, "waiting")]


def test_a_question_is_its_asker_s_alone_and_too_many_are_turned_away(eve: Editor, finn: Editor, root: Editor) -> None:
    asked = eve.does("POST", "/markdown", {"text": "*x*"}, status=202)
    path = f"{V1}/questions/{asked['id']}"
    assert (finn.get(path).status_code, root.get(path).status_code) == (404, 200)
    assert eve.get(path, If_None_Match=f'"{asked["etag"]}"').status_code == 304
    sql(eve.dsn, """UPDATE desk.question SET state = 'answered', answer = '{"html": "<p>"}', done_at = now()""")
    assert eve.get(path, If_None_Match=f'"{asked["etag"]}"').json["answer"] == {"html": "<p>"}  # type: ignore[index]
    for _ in range(20):
        eve.does("POST", "/fills", {"url": "https://x.example/"}, status=202)
    assert eve.tries("POST", "/fills", {"url": "https://x.example/"}).status_code == 429
    finn.does("POST", "/fills", {"url": "https://x.example/"}, status=202)


def test_an_upload_is_bounded_and_what_is_imported_is_what_was_tried(eve: Editor) -> None:
    raw = b"title,batch\nA,open\n"
    answer = eve.tries("POST", "/imports?name=a.csv", data=raw, content_type="text/csv")
    assert answer.status_code == 202, answer.text
    assert answer.json is not None
    check = answer.json
    eve.does("POST", f"/imports/{check['id']}/run", seen=check["etag"], status=409)
    sql(eve.dsn, "UPDATE desk.question SET state = 'answered'")
    eve.does("POST", f"/imports/{check['id']}/run", seen=check["etag"], status=412)
    done = eve.does("POST", f"/imports/{check['id']}/run", seen=f"q{check['id']}.answered", status=202)
    assert [(k, bytes(f)) for k, f in sql(eve.dsn, "SELECT kind, file FROM desk.question ORDER BY id")] == [("check", raw), ("import", raw)]
    assert done["kind"] == "import"
    for name in ("a.exe", "../a.csv", "a.csv%00", ""):
        assert eve.tries("POST", f"/imports?name={name}", data=raw, content_type="text/csv").status_code == 422
    assert eve.tries("POST", "/imports?name=a.csv", data=b"x" * (16 * 1024 * 1024 + 1), content_type="text/csv").status_code == 413


def test_a_takedown_is_asked_of_the_builder_by_who_saw_the_thing(eve: Editor) -> None:
    done = eve.does("POST", "/things/subject/1/withdraw", {"takedown": True}, seen="1.x", status=404)
    done = eve.does("POST", "/things/video/1/withdraw", {"takedown": True}, seen=eve.seen("video", 1))
    assert sql(eve.dsn, "SELECT kind, asked FROM desk.question WHERE id = %s", done["questions"][0]) == [
        ("takedown", {"id": 1, "kind": "video"})]


def test_health_says_what_is_dead_owed_set_aside_and_watched(eve: Editor, pupil: Editor, app: Flask) -> None:
    sql(eve.dsn, "UPDATE catalog.video SET unavailable_since = now() WHERE id = 2")
    sql(eve.dsn, "INSERT INTO live.set_aside (unit, path, kind, why, release) VALUES (257, '', 'video:1', 'x', 5)")
    sql(eve.dsn, "INSERT INTO live.debt (kind, release, what) VALUES ('purge', 5, '{x}')")
    sql(eve.dsn, "INSERT INTO live.refresh_source (url, asked_at) VALUES ('https://a.example/', now())")
    sql(eve.dsn, "INSERT INTO student.progress (account_id, video_id, position_s, at, completed) VALUES (%s, 3, 1, now(), true)", pupil.id)
    told = eve.says(f"{V1}/health")
    assert [one["id"] for one in told["dead"]] == [2]
    assert told["aside"][0]["path"] == "video:1"
    assert (told["debts"], told["refresh_behind"], told["worker"]) == ({"purge": 1}, 1, False)
    assert told["watched"] == [{"id": 3, "title": "The title of 3", "students": 1, "completed": 1}]
    assert not told["watched_estimated"]


def test_every_word_that_an_editor_typed_comes_back_as_json_and_never_as_a_page(eve: Editor) -> None:
    hostile = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    eve.publishes(eve.edits("video", 1, title=hostile, description=hostile, licence=hostile,
                            resources=[{"label": hostile, "url": "https://x.example/"}]))
    for path in ("/things/video", "/things/video/1", "/things/video/1/history", "/history", "/edits", "/health", "/releases"):
        answer = eve.get(V1 + path)
        assert answer.content_type == "application/json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] in ("no-store", "private, no-cache")
    wrong = eve.tries("POST", "/edits", {"kind": hostile, "thing": 1}, seen="1.x")
    assert wrong.content_type == "application/problem+json"
