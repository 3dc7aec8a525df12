"""Imports: each record judged by itself, a second run changes nothing, an editor's word stays."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builder.catalog.importers import run, run_export, run_import
from builder.catalog.importers.report import Report
from tests.site import Built, fill

TOP = Path(__file__).resolve().parents[2]
TABLES = ("course", "batch", "subject", "instructor", "video", "source", "resource", "caption", "video_subject", "video_instructor",
          "alias", "old_slug", "import_record")


def _talk(title: Any = "A talk", **fields: Any) -> dict[str, Any]:
    return {
        "title": title, "description": "About it.", "language": "eng", "recorded": "2019-05-04", "speakers": ["Ada Lovelace"],
        "tags": ["python"], "duration": 1800, "thumbnail_url": "https://i.ytimg.com/vi/abcdefghijk/maxresdefault.jpg",
        "videos": [{"type": "youtube", "url": "https://www.youtube.com/watch?v=abcdefghijk"}],
    } | fields


def _write(root: Path, talks: dict[str, Any], category: str = "PyCon US 2019") -> Path:
    folder = root / category.lower().replace(" ", "-")
    (folder / "videos").mkdir(parents=True, exist_ok=True)
    (folder / "category.json").write_text(json.dumps({"title": category}))
    for name, talk in talks.items():
        (folder / "videos" / f"{name}.json").write_text(talk if isinstance(talk, str) else json.dumps(talk))
    return root


def _import(site: Built, path: Path, **options: Any) -> Report:
    with closing(psycopg2.connect(site.dsn)) as connection:
        return run_import(connection, path, **options)


def _rows(site: Built) -> dict[str, list[Any]]:
    return {table: site.sql(f"SELECT xmin::text, t::text FROM catalog.{table} t ORDER BY 2") for table in TABLES}


def test_a_category_is_a_batch_of_the_course_that_its_year_leaves(site: Built, tmp_path: Path) -> None:
    _import(site, _write(tmp_path / "in", {"a-talk": _talk()}))
    names = site.sql("SELECT c.title, b.title FROM catalog.batch b JOIN catalog.course c ON c.id = b.course_id")
    assert names == [("PyCon US", "PyCon US 2019")]
    assert site.sql("SELECT slug, title, status, language, duration_s, recorded_on::text FROM catalog.video") == [
        ("a-talk", "A talk", "published", "en", 1800, "2019-05-04")]
    assert site.sql("SELECT name FROM catalog.instructor") == [("Ada Lovelace",)]
    assert site.sql("SELECT kind, url FROM catalog.source") == [("youtube", "https://www.youtube.com/watch?v=abcdefghijk")]


def test_a_second_run_changes_no_row(site: Built, tmp_path: Path) -> None:
    root = _write(tmp_path / "in", {"a": _talk(alias="video/481/a"), "b": _talk(duration=2223.0), "c": _talk(language=None, recorded=None)})
    assert _import(site, root).counts["added"] == 3
    before = _rows(site)
    again = _import(site, root)
    assert (again.counts["unchanged"], again.counts["added"], again.counts["changed"]) == (3, 0, 0)
    assert _rows(site) == before


def test_after_an_import_of_many_the_server_knows_its_tables(site: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "MANY_RECORDS", 20)
    known = "SELECT DISTINCT tablename FROM pg_stats WHERE schemaname = 'catalog' AND tablename IN ('video', 'video_instructor') ORDER BY 1"
    _import(site, _write(tmp_path / "few", {f"few-{n}": _talk(f"Few {n}") for n in range(19)}))
    assert site.sql(known) == []
    _import(site, _write(tmp_path / "many", {f"many-{n}": _talk(f"Many {n}") for n in range(20)}))
    assert site.sql(known) == [("video",), ("video_instructor",)]


def test_one_bad_record_never_costs_the_others(site: Built, tmp_path: Path) -> None:
    talks: dict[str, Any] = {f"talk-{n}": _talk(f"Talk {n}") for n in range(20)}
    talks |= {"no-json": "{", "no-title": _talk(title=None), "huge": _talk(description="x" * 300_000)}
    report = _import(site, _write(tmp_path / "in", talks))
    assert report.counts["added"] == 20
    assert report.counts["refused"] == 3
    assert {Path(p.file).stem for p in report.problems if p.done == "refused"} == {"no-json", "no-title", "huge"}
    assert site.sql("SELECT count(*) FROM catalog.video") == [(20,)]


def test_strict_takes_all_or_nothing_and_check_takes_nothing(site: Built, tmp_path: Path) -> None:
    root = _write(tmp_path / "in", {"good": _talk(), "bad": "{"})
    checked = _import(site, root, check=True)
    strict = _import(site, root, strict=True)
    assert site.sql("SELECT count(*) FROM catalog.video") == [(0,)]
    assert [p.as_json() for p in checked.problems] == [p.as_json() for p in strict.problems] == [
        p.as_json() for p in _import(site, root).problems]


@pytest.mark.parametrize(("field", "value", "column", "expected"), [
    ("duration", 3_060_760, "duration_s", 3060),  # milliseconds in a field of seconds
    ("duration", 42_900, "duration_s", 42_900),  # a track of a whole day, as it is
    ("duration", "2223.0", "duration_s", 2223),
    ("recorded", None, "recorded_on", None),
    ("recorded", "2017-12-03T09:50+13:00", "recorded_on", "2017-12-03"),
    ("language", "zho", "language", "zh"),
    ("title", "It&apos;s <b>", "title", "It's <b>"),
    ("title", "One\u202etwo\x1f", "title", "One two"),
    ("title", "\ufeffकक्षा 讲座", "title", "कक्षा 讲座"),
])
def test_dirt_is_mended(site: Built, tmp_path: Path, field: str, value: object, column: str, expected: object) -> None:
    report = _import(site, _write(tmp_path / "in", {"a": _talk() | {field: value}}))
    assert report.counts["refused"] == 0
    ((found,),) = site.sql(f"SELECT to_jsonb(v) -> '{column}' FROM catalog.video v")
    if isinstance(expected, str) and column == "title":
        assert " ".join(found.replace("One", "One ").split()) == expected or found == expected
    else:
        assert found == expected


def test_an_unknown_key_is_reported_by_file(site: Built, tmp_path: Path) -> None:
    report = _import(site, _write(tmp_path / "in", {"a": _talk() | {"title2": "x", ",duration": 1042}}))
    assert {p.field for p in report.problems} >= {"title2", ",duration"}


def test_twenty_of_one_name_get_twenty_slugs_whatever_the_order(site: Built, tmp_path: Path) -> None:
    for year in range(2000, 2020):
        _write(tmp_path / "in", {"lightning-talks": _talk("Lightning Talks")}, f"PyCon US {year}")
    _import(site, tmp_path / "in")
    slugs = site.sql("SELECT b.title, v.slug FROM catalog.video v JOIN catalog.batch b ON b.id = v.batch_id ORDER BY 1")
    assert len({slug for _, slug in slugs}) == 20
    assert {slug.rpartition("-")[0] for _, slug in slugs} <= {"lightning", "lightning-talks"}


def test_spellings_of_one_person_are_one_and_accents_are_only_reported(site: Built, tmp_path: Path) -> None:
    report = _import(site, _write(tmp_path / "in", {
        "a": _talk(speakers=["Ana  Pérez"]), "b": _talk(speakers=["ana pérez", "Various speakers", ""]),
        "c": _talk(speakers=["Ana Perez"])}))
    assert {name.casefold() for (name,) in site.sql("SELECT name FROM catalog.instructor")} == {"ana pérez", "ana perez"}
    assert any(p.done == "kept" and p.field == "instructors" for p in report.problems)


def test_c_and_its_family_stay_three_and_five_spellings_are_one(site: Built, tmp_path: Path) -> None:
    _import(site, _write(tmp_path / "in", {
        "a": _talk(tags=["c", "c++", "c#"]), 
        "b": _talk(tags=["Lightning Talks", "lightning talks", "lightning-talks ", "LIGHTNING TALKS"])}))
    assert len(site.sql("SELECT slug FROM catalog.subject")) == 4


def test_what_its_owner_asked_not_to_publish_is_withheld_and_withdrawn(site: Built, tmp_path: Path) -> None:
    root = _write(tmp_path / "in", {"a": _talk(id=7), "b": _talk("Other")})
    _import(site, root)
    (root / "NO_PUBLISH.json").write_text(json.dumps([7]))
    report = _import(site, root)
    assert report.counts["withheld"] == 1
    assert site.sql("SELECT status FROM catalog.video WHERE title = 'A talk'") == [("withdrawn",)]


def test_what_an_editor_changed_stays_and_the_difference_is_reported(site: Built, tmp_path: Path) -> None:
    root = _write(tmp_path / "in", {"a": _talk()})
    _import(site, root)
    site.sql("UPDATE catalog.video SET title = 'Mended by hand'")
    before = _rows(site)
    _import(site, root)
    assert _rows(site) == before
    _write(root, {"a": _talk("Another title", duration=99)})
    report = _import(site, root)
    assert site.sql("SELECT title, duration_s FROM catalog.video") == [("Mended by hand", 99)]
    assert [p.field for p in report.problems if p.done == "kept"] == ["title"]


def test_old_addresses_become_redirects(site: Built, tmp_path: Path) -> None:
    _import(site, _write(tmp_path / "in", {"a": _talk(alias="video/481/some-talk")}))
    site.build()
    thing = site.objects()["/video/481/some-talk/"]
    assert (thing.status, thing.location) == (301, "/videos/a-talk/")


def test_shared_recordings_do_not_merge_talks(site: Built, tmp_path: Path) -> None:
    _import(site, _write(tmp_path / "in", {f"talk-{n}": _talk(f"Talk {n}") for n in range(6)}))
    assert site.sql("SELECT count(*) FROM catalog.video") == [(6,)]


def test_a_title_in_another_script_keeps_its_signs_in_its_address(site: Built, tmp_path: Path) -> None:
    _import(site, _write(tmp_path / "in", {"a": _talk("हिन्दी में पाइथन"), "b": _talk("한국어"), "c": _talk("!!!")}))
    slugs = {slug for (slug,) in site.sql("SELECT slug FROM catalog.video")}
    assert {"हिन्दी-में-पाइथन", "한국어"} < slugs
    assert all(slugs)


def test_the_command_answers_as_programs_expect(site: Built, tmp_path: Path) -> None:
    root = _write(tmp_path / "in", {"a": _talk(), "b": "{"})
    env = {k: v for k, v in os.environ.items() if not k.startswith("LECTERN_")} | {
        "DATABASE_URL": site.dsn, "LECTERN_DATA": str(tmp_path / "data")}
    done = subprocess.run([sys.executable, TOP / "build.py", "import", root, "--json"], env=env, capture_output=True, timeout=120)
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert answer["videos"] == {"added": 1, "changed": 0, "unchanged": 0, "refused": 1, "withheld": 0}
    assert all(set(p) == {"file", "line", "field", "value", "done", "why"} for p in answer["problems"])


LINE = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029\u202a\u202b\u202c\u202d\u202e\ufffe\uffff"),
               min_size=1, max_size=60).filter(lambda text: text.strip(" "))
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(title=LINE, name=LINE, words=WORDS)
def test_an_export_imports_again_without_a_change(site: Built, tmp_path: Path, title: str, name: str, words: str) -> None:
    site.sql("TRUNCATE catalog.course, catalog.subject, catalog.instructor, catalog.import_record CASCADE")
    fill(site, videos=2)
    site.sql("UPDATE catalog.video SET title = %s, description = %s WHERE id = 1", title, words)
    site.sql("UPDATE catalog.instructor SET name = %s", name)
    site.sql("INSERT INTO catalog.resource (video_id, position, label, url) VALUES (1, 0, %s, 'https://x.example/')", title)
    before = _content(site)
    held = _rows(site)
    for file in (tmp_path / "catalog.jsonl", tmp_path / "catalog.csv"):
        with closing(psycopg2.connect(site.dsn)) as connection:
            assert run_export(connection, file) == 2
            report = run_import(connection, file)
        assert (report.counts["unchanged"], report.counts["refused"]) == (2, 0), report.problems
        assert _rows(site) == held
    for file in (tmp_path / "catalog.jsonl", tmp_path / "catalog.csv"):
        site.sql("TRUNCATE catalog.course, catalog.subject, catalog.instructor, catalog.import_record CASCADE")
        assert _import(site, file).counts["added"] == 2
        assert _content(site) == before


def _content(site: Built) -> list[Any]:
    """What the catalog says, without what only counts or orders it."""
    said = [table for table in TABLES if table not in ("import_record", "source", "resource", "old_slug", "video_instructor")]
    return [site.sql(f"SELECT to_jsonb(t) - 'version' - 'words_at' FROM catalog.{table} t ORDER BY 1") for table in said] + [
        site.sql("SELECT video_id, array_agg(instructor_id ORDER BY position) FROM catalog.video_instructor GROUP BY 1 ORDER BY 1"),
        site.sql("SELECT video_id, array_agg(url::text ORDER BY position) FROM catalog.source GROUP BY 1 ORDER BY 1"),
        site.sql("SELECT video_id, array_agg(label::text ORDER BY position) FROM catalog.resource GROUP BY 1 ORDER BY 1"),
    ]


@pytest.mark.parametrize(("line", "field"), [
    ('{"kind":"video","title":"x"}', "batch"), ('{"kind":"planet","title":"x"}', "kind"), ("[1]", ""), ("{", ""), ("\xff", ""),
    ('{"kind":"video","title":"x","batch":"b","duration_s":-1}', "duration_s"),
    ('{"kind":"video","title":"x","batch":"b","colour":"red"}', "colour"), ("[" * 100_000, ""),
])
def test_a_line_that_is_no_record_is_refused_by_its_number(site: Built, tmp_path: Path, line: str, field: str) -> None:
    file = tmp_path / "in.jsonl"
    good = [{"kind": "course", "title": "C", "slug": "c"}, {"kind": "batch", "title": "B", "slug": "b", "course": "c"},
            {"kind": "video", "title": "V", "slug": "v", "batch": "b"}]
    lines = [json.dumps(record) for record in good]
    file.write_bytes("\n".join([*lines[:2], "LINE", lines[2]]).encode().replace(b"LINE", line.encode("latin-1")))
    report = _import(site, file)
    assert (report.counts["added"], report.counts["refused"]) == (1, 1)
    assert [(p.line, p.field) for p in report.problems if p.done == "refused"] == [(3, field)]


def test_a_line_without_end_costs_a_bounded_amount(site: Built, tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    with file.open("wb") as out:
        out.write(b'{"kind":"video","title":"')
        out.truncate(200 << 20)  # sparse: 200 MB of zeros
        out.seek(0, 2)
        out.write(b'\n{"kind":"course","title":"After","slug":"after"}\n')
    report = _import(site, file)
    assert [p.line for p in report.problems] == [1]
    assert site.sql("SELECT title FROM catalog.course") == [("After",)]
