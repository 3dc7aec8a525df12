"""Catalog files over the desk: nothing of a file is lost, a dry run says what the import then does, an export changes nothing."""
from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from builder.desk import differences, files
from tests.builder.desking import EDITOR, desk_of
from tests.site import Built, fill, number_on

ROWS = 500
BAD = (7, 250, 499)


@pytest.fixture
def full(site: Built) -> Built:
    fill(site)
    site.build()
    number_on(site)
    return site


def table(rows: int = ROWS, bad: tuple[int, ...] = BAD) -> bytes:
    out = io.StringIO()
    made = csv.writer(out)
    made.writerow(["title", "slug", "batch", "duration_s", "status"])
    for n in range(rows):
        made.writerow([f"Bulk {n}", f"bulk-{n}", "batch", "long" if n in bad else 60 + n, "published"])
    return out.getvalue().encode()


def catalog(site: Built) -> list[tuple[Any, ...]]:
    return site.sql("SELECT kind, row_id FROM catalog.import_record UNION ALL SELECT slug, version FROM catalog.video ORDER BY 1, 2")


def test_of_500_rows_with_three_bad_ones_nothing_is_lost(full: Built) -> None:
    with desk_of(full) as desk:
        dry = desk.ask("check", {"name": "bulk.csv"}, table())
        assert full.sql("SELECT count(*) FROM catalog.video") == [(3,)]
        assert (dry.answer["videos"]["added"], dry.answer["videos"]["refused"]) == (497, 3)
        assert {(one["field"], one["line"]) for one in dry.answer["problems"] if one["done"] == "refused"} == {
            ("duration_s", n + 2) for n in BAD}
        done = desk.ask("import", {"name": "bulk.csv"}, table())
        assert done.answer["videos"] == dry.answer["videos"]
        assert full.sql("SELECT count(*) FROM catalog.video") == [(500,)]
        refused = [*csv.DictReader(io.StringIO(full.text(done.answer["refused"]).lstrip("\ufeff")))]
        assert [row["slug"] for row in refused] == [f"bulk-{n}" for n in BAD]
        assert all("duration_s" in row["why"] for row in refused)
        mended = full.text(done.answer["refused"]).replace("long", "99").encode()
        assert desk.ask("import", {"name": "refused.csv"}, mended).answer["videos"]["added"] == 3
        before = catalog(full)
        again = desk.ask("import", {"name": "bulk.csv"}, table(bad=()).replace(b"Bulk", b"Bulk"))
        assert again.answer["videos"]["added"] == 0
        assert catalog(full)[-1] == before[-1]
    assert full.sql("SELECT DISTINCT actor FROM catalog.change WHERE actor LIKE 'editor:%%'".replace("%%", "%")) == [("editor:7",)]


def test_a_dry_run_tells_each_field_before_and_after(full: Built) -> None:
    line = json.dumps({"kind": "video", "id": 1, "title": "Renamed", "batch": "batch", "slug": "lecture-1"}).encode()
    new = json.dumps({"title": "New one", "batch": "batch", "duration_s": 9}).encode()
    with desk_of(full) as desk:
        told = desk.ask("check", {"name": "two.jsonl"}, line + b"\n" + new)
    assert told.state == "answered"
    changed, added = sorted(told.answer["things"], key=lambda one: str(one["what"]), reverse=True)
    assert (changed["what"], changed["id"], added["what"], added["id"]) == ("changed", 1, "added", None)
    assert {"field": "title", "before": "Lecture 1", "after": "Renamed"} in changed["fields"]
    assert {"field": "duration_s", "before": None, "after": 9} in added["fields"]
    assert full.sql("SELECT title FROM catalog.video WHERE id = 1") == [("Lecture 1",)]


EDITS = """SELECT kind, thing_id, deed, base, changes FROM desk.edit e WHERE state = 'published' AND author_id = %s AND publisher_id = %s
    AND import_id = %s ORDER BY id"""


def lines(*records: dict[str, Any]) -> bytes:
    return b"\n".join(json.dumps(record).encode() for record in records)


def test_what_a_file_changes_is_kept_as_edits_of_who_asked_and_a_dry_run_keeps_nothing(full: Built) -> None:
    full.sql("UPDATE catalog.subject SET title = 'Old' WHERE id = 1")
    file = lines({"kind": "video", "id": 1, "slug": "lecture-1", "batch": "batch", "title": "Renamed", "subjects": ["New subject"]},
                 {"title": "New one", "batch": "batch", "subjects": ["New subject"], "status": "published"},
                 {"kind": "video", "id": 2, "slug": "lecture-2", "batch": "batch", "title": "Lecture 2"})
    with desk_of(full) as desk:
        desk.ask("check", {"name": "two.jsonl"}, file)
        assert full.sql("SELECT count(*) FROM desk.edit") == [(0,)]
        id = desk.put("import", {"name": "two.jsonl"}, file)
        desk.answer()
        told = desk.told(id)
    assert told.state == "answered", told
    subject, made, changed = full.sql(EDITS, EDITOR, EDITOR, id)
    assert told.answer["edits"] == 3
    assert (subject[0], subject[2:4], subject[4]["title"]) == ("subject", ("create", {}), "New subject")
    changed, made = sorted((changed, made), key=lambda one: str(one[2]))
    assert changed == ("video", 1, "change", {"title": "Lecture 1", "subjects": [1]}, {"title": "Renamed", "subjects": [subject[1]]})
    assert (made[2:4], made[4]["title"], made[4]["batch"], "licence" in made[4]) == (("create", {}), "New one", 1, False)
    assert full.sql("SELECT DISTINCT change_id FROM desk.edit") == [(told.answer["change"],)]
    assert full.sql("SELECT actor FROM catalog.change WHERE id = %s", told.answer["change"]) == [(f"editor:{EDITOR}",)]


def test_what_another_editor_commits_during_an_import_is_no_edit_of_it(full: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    look = differences.last_change

    def others_first(connection: Any) -> int | None:
        full.sql("UPDATE catalog.subject SET title = 'By another' WHERE id = 1")
        full.sql("INSERT INTO catalog.import_record (origin, kind, ref, row_id, wrote) VALUES ('lectern', 'subject', 'x', 1, '{}')")
        return look(connection)

    monkeypatch.setattr(files, "last_change", others_first)
    with desk_of(full) as desk:
        told = desk.ask("import", {"name": "one.jsonl"}, lines({"slug": "lecture-1", "batch": "batch", "title": "Renamed"}))
    assert full.sql("SELECT kind, thing_id FROM desk.edit") == [("video", 1)]
    assert full.sql("SELECT actor FROM catalog.change WHERE id = %s", told.answer["change"]) == [(f"editor:{EDITOR}",)]


def test_drafts_that_a_file_brings_are_edits_though_no_page_shows_them(full: Built) -> None:
    with desk_of(full) as desk:
        told = desk.ask("import", {"name": "one.csv"}, b"title,slug,batch\nA draft,a-draft,batch\n")
    assert (told.answer["edits"], told.answer["change"]) == (1, None)
    assert full.sql("SELECT deed, changes ->> 'status' FROM desk.edit") == [("create", "draft")]


def test_lectures_that_a_file_puts_into_another_order_are_an_edit_of_their_batch(full: Built) -> None:
    with desk_of(full) as desk:
        desk.ask("import", {"name": "order.csv"},
                 b"title,slug,batch,position\nLecture 3,lecture-3,batch,1\nLecture 1,lecture-1,batch,3\nNew,new,batch,2\n")
    new = full.sql("SELECT id FROM catalog.video WHERE slug = 'new'")[0][0]
    assert full.sql("SELECT base, changes FROM desk.edit WHERE kind = 'batch'") == [
        ({"videos": [1, 2, 3]}, {"videos": [3, 2, new, 1]})]


@pytest.mark.parametrize("format_", ["csv", "jsonl"])
def test_what_is_exported_imports_again_without_a_change_and_runs_no_formula(full: Built, format_: str) -> None:
    full.sql("UPDATE catalog.video SET title = '=HYPERLINK(\"http://x.example\")', description = '-1+2' WHERE id = 1")
    with desk_of(full) as desk:
        told = desk.ask("export", {"format": format_})
        text = full.text(told.answer["file"])
        if format_ == "csv":
            cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
            assert not [cell for cell in cells if cell[:1] in tuple("=+-@\t\r")]
        before = full.sql("SELECT to_jsonb(v) FROM catalog.video v ORDER BY id")
        back = desk.ask("import", {"name": f"back.{format_}"}, text.encode())
    assert (told.answer["videos"], back.answer["videos"]["unchanged"]) == (3, 3)
    assert back.answer["things"] == []
    assert full.sql("SELECT to_jsonb(v) FROM catalog.video v ORDER BY id") == before
    assert full.objects()[told.answer["file"]].cache_control == "no-store"


def test_a_file_that_is_none_is_said(full: Built) -> None:
    with desk_of(full) as desk:
        told = desk.ask("check", {"name": "x.csv"}, b"nothing,here\n1,2\n")
    assert told.state == "failed"
    assert "title" in told.answer["why"]



def test_a_record_that_is_too_long_for_the_history_is_said_and_nothing_comes_in(full: Built) -> None:
    words = "WEBVTT\n\n00:00.000 --> 00:01.000\n" + "x" * 4_194_000
    captions = [[language, "captions", words] for language in ("de", "en", "fr", "hi", "ta")]
    with desk_of(full) as desk:
        told = desk.ask("import", {"name": "long.jsonl"}, lines({"title": "Long", "batch": "batch", "captions": captions}))
    assert told.state == "failed"
    assert "more than the history keeps" in told.answer["why"]
    assert full.sql("SELECT count(*) FROM catalog.video") == [(3,)]
