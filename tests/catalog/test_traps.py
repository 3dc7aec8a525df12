"""The dirt of a real catalog, shape by shape: what comes of each in the catalog, on the pages and in the report."""
from __future__ import annotations

import json
import re
import unicodedata
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from builder.catalog.importers.languages import tag
from tests.catalog.talks import bring, rows, talk, told, write
from tests.site import Built

HOUR_S, DAY_S = 3600, 86_400


def _seconds(iso: str) -> int:
    found = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?", iso)
    assert found, iso
    return sum(int(part or 0) * unit for part, unit in zip(found.groups(), (3600, 60, 1), strict=True))


def _videos(site: Built) -> dict[str, str]:
    return {unquote(path): text for path, text in site.texts("/") if re.fullmatch(r"/videos/[^/]+/", path) and "http-equiv" not in text}


def _everything(site: Built) -> str:
    return "\n".join(text for _, text in site.texts())


# Values under the wrong name or in the wrong form.


def test_milliseconds_are_found_out_and_a_whole_day_is_believed(site: Built, tmp_path: Path) -> None:
    talks = {f"ms-{n}": talk(f"Talk {n}", duration=ms) for n, ms in enumerate((761_680, 1_800_000, 3_060_760))}
    report = bring(site, write(tmp_path / "in", talks | {"day": talk("A day", duration=42_900)}))
    assert site.sql("SELECT duration_s FROM catalog.video ORDER BY 1") == [(761,), (1800,), (3060,), (42_900,)]
    assert [(file, value) for file, _, value in told(report, "mended", "duration")] == [
        (f"ms-{n}", f"milliseconds in a field of seconds: {s}") for n, s in enumerate((761, 1800, 3060))]
    assert {p.value for p in report.problems if p.field == "duration"} == {"761680", "1800000", "3060760"}
    site.build()
    shown = [_seconds(iso) for iso in re.findall(r'"duration":\s*"(PT[^"]+)"', _everything(site))]
    assert max(shown) == 42_900
    mapped = [int(s) for s in re.findall(r"<video:duration>(\d+)<", _everything(site))]
    assert sorted(mapped) == [761, 1800, 3060], "the protocol takes no more than eight hours"


def test_misspelt_and_unknown_keys_are_named_by_file_and_fractions_are_no_change(site: Built, tmp_path: Path) -> None:
    root = write(tmp_path / "in", {
        "comma": {k: v for k, v in talk("One").items() if k != "duration"} | {",duration": 1042},
        "related": talk("Two") | {"related_url": [{"url": "https://e.example/", "label": "Slides"}]},
        "title2": talk("Three") | {"title2": "Drei"},
        "abstract": talk("Four", description="") | {"abstract": "Its only words."},
        "fraction": talk("Five", duration=2223.0),
        "half": talk("Six", duration=2223.4),
    })
    checked = bring(site, root, check=True)
    report = bring(site, root)
    assert [p.as_json() for p in checked.problems] == [p.as_json() for p in report.problems]
    assert {(file, field) for file, field, _ in told(report, "mended")} >= {
        ("comma", ",duration"), ("related", "related_url"), ("title2", "title2"), ("abstract", "abstract"), ("half", "duration")}
    assert dict(site.sql("SELECT title, duration_s FROM catalog.video")) == {
        "One": 1042, "Two": 1800, "Three": 1800, "Four": 1800, "Five": 2223, "Six": 2223}
    assert site.sql("SELECT label, url FROM catalog.resource") == [("Slides", "https://e.example/")]
    assert site.sql("SELECT description FROM catalog.video WHERE title = 'Four'") == [("Its only words.",)]
    before = rows(site)
    assert bring(site, root).counts["unchanged"] == 6
    assert rows(site) == before


def test_a_talk_without_date_and_words_stands_last_and_gets_no_date_made_up(site: Built, tmp_path: Path) -> None:
    talks = {"a-undated": talk("Undated", recorded=None, description=None), "m": talk("May", recorded="2019-05-04"),
             "z": talk("April", recorded="2019-04-01")}
    bring(site, write(tmp_path / "in", talks))
    site.build()
    ((slug,),) = site.sql("SELECT slug FROM catalog.batch")
    order = re.findall(r'href="/videos/([^/"]+)/"', site.text(f"/batches/{slug}/"))
    assert list(dict.fromkeys(order)) == ["april", "may", "undated"]
    page = site.text("/videos/undated/")
    assert "uploadDate" not in page
    assert "dateCreated" not in page
    first = site.digests()
    bring(site, write(tmp_path / "again", dict(reversed(talks.items()))))
    site.build()
    assert site.digests() == first


def test_what_its_owner_asked_not_to_publish_stands_nowhere(site: Built, tmp_path: Path) -> None:
    root = write(tmp_path / "in", {"quiet": talk("Zzyzx Secret", id=7, description="Xyzzy words"), "other": talk("Other", id=8)})
    bring(site, root)
    site.build()
    assert "Zzyzx" in _everything(site)
    (root / "NO_PUBLISH.json").write_text(json.dumps([7]))
    report = bring(site, root)
    site.build()
    assert (report.counts["withheld"], report.counts["refused"], report.ok) == (1, 0, True)
    assert told(report, "withheld")[0][:2] == ("quiet", "id")
    assert "Zzyzx" not in _everything(site)
    assert "Xyzzy" not in _everything(site)


def test_a_list_of_things_not_to_publish_that_cannot_be_read_stops_everything(site: Built, tmp_path: Path) -> None:
    root = write(tmp_path / "in", {"a": talk(id=7)})
    (root / "NO_PUBLISH.json").write_text("[7")
    with pytest.raises(Exception, match=r"NO_PUBLISH\.json"):
        bring(site, root)
    assert site.sql("SELECT count(*) FROM catalog.video") == [(0,)]


@pytest.mark.parametrize(("code", "expected"), [
    ("eng", "en"), ("spa", "es"), ("fra", "fr"), ("deu", "de"), ("ger", "de"), ("ita", "it"), ("por", "pt"), ("rus", "ru"), ("pol", "pl"),
    ("ces", "cs"), ("slk", "sk"), ("zho", "zh"), ("jpn", "ja"), ("kor", "ko"), ("ukr", "uk"), ("tha", "th"), ("heb", "he"), ("fil", "fil"),
    ("pt_BR", "pt-BR"), ("EN", "en"), ("und", None), ("", None), ("English", None),
])
def test_language_codes_become_tags(code: str, expected: str | None) -> None:
    assert tag(code) == expected


def test_a_spoken_language_is_no_language_of_the_text(site: Built, tmp_path: Path) -> None:
    bring(site, write(tmp_path / "in", {"a": talk("Perché Python", language="ita", description="An English description of the talk.")}))
    site.build()
    assert site.sql("SELECT language FROM catalog.video") == [("it",)]
    assert not re.search(r'lang="(?:ita|eng)"', _everything(site))
    assert '<html lang="en"' in _videos(site)["/videos/perché-python/"]


# Sources.


def test_talks_that_share_a_recording_all_have_pages_and_are_not_each_others_relatives(site: Built, tmp_path: Path) -> None:
    root = write(tmp_path / "in", {f"part-{n}": talk(f"Part {n}", duration=7) for n in range(6)})
    write(root, {f"own-{n}": talk(f"Own {n}", videos=[{"url": f"https://vimeo.com/{n}1"}]) for n in range(2)}, "Other 2019")
    report = bring(site, root)
    ((file, _, why),) = told(report, "kept", "sources")
    assert (file, "a source of 6 videos" in why) == ("part-0", True)
    site.build()
    assert len(_videos(site)) == 8
    related = {path: page.partition("<h2>Related lectures</h2>")[2].partition("</section>")[0] for path, page in _videos(site).items()}
    assert 'href="/videos/own-' in related["/videos/part-0/"]
    assert not [path for path, section in related.items() if "/part-" in path and 'href="/videos/part-' in section]


def test_two_sources_are_both_reached_in_order_and_a_start_survives(site: Built, tmp_path: Path) -> None:
    bring(site, write(tmp_path / "in", {"a": talk(videos=[
        {"type": "youtube", "url": "https://www.youtube.com/watch?v=aaaaaaaaaaa"},
        {"type": "youtube", "url": "https://youtu.be/bbbbbbbbbbb?t=3h33m23s"},
        {"type": "conf", "url": "https://conf.example/programme"},
    ])}))
    assert site.sql("SELECT kind, url, start_s FROM catalog.source ORDER BY position") == [
        ("youtube", "https://www.youtube.com/watch?v=aaaaaaaaaaa", 0), ("youtube", "https://www.youtube.com/watch?v=bbbbbbbbbbb", 12803),
        ("link", "https://conf.example/programme", 0)]
    site.build()
    page = _videos(site)["/videos/a-talk/"]
    first, second, third = (page.find(part) for part in ("aaaaaaaaaaa", "bbbbbbbbbbb", "conf.example/programme"))
    assert 0 < first < second
    assert third > 0
    assert "12803" in page, "the start of a further source stands in its address"
    assert "embed/https" not in page


def test_a_talk_that_nothing_modern_plays_or_without_any_source_has_its_page(site: Built, tmp_path: Path) -> None:
    bring(site, write(tmp_path / "in", {
        "flash": talk("Flash", videos=[{"type": "flv", "url": "http://e.example/a.flv"}], thumbnail_url=""),
        "none": talk("None at all", videos=[], thumbnail_url=None), "null": talk("Null", videos=None),
        "bare": talk("Bare", videos=["https://vimeo.com/123"]),
        "odd": talk("Odd", videos=[{"type": "youtube"}, 7, {"url": "ftp://x"}])}))
    site.build()
    pages = _videos(site)
    assert len(pages) == 5
    assert "http://e.example/a.flv" in pages["/videos/flash/"]
    assert "<iframe" not in "".join(pages.values())
    assert site.sql("SELECT kind, url FROM catalog.source s JOIN catalog.video v ON v.id = s.video_id WHERE v.title = 'Bare'") == [
        ("vimeo", "https://vimeo.com/123")]


def test_a_picture_of_another_video_is_reported(site: Built, tmp_path: Path) -> None:
    report = bring(site, write(tmp_path / "in", {"a": talk(thumbnail_url="https://i.ytimg.com/vi/zzzzzzzzzzz/hqdefault.jpg")}))
    assert [file for file, *_ in told(report, "kept", "thumbnail_url")] == ["a"]


# People and subjects.


def test_nobody_is_no_instructor_and_joined_names_are_reported_not_cut(site: Built, tmp_path: Path) -> None:
    report = bring(site, write(tmp_path / "in", {
        "a": talk("A", speakers=["Various speakers", "", "  ", "Unknown"]),
        "b": talk("B", speakers=["Ann Lee, Bob Ray, Cy Coe, Di Dee"]), "c": talk("C", speakers=["Lee, Ann"]),
        "d": talk("D", speakers=["王小明", "Élodie", "3point"]), "e": talk("E", speakers="Just One")}))
    names = {name for (name,) in site.sql("SELECT name FROM catalog.instructor")}
    assert names == {"Ann Lee, Bob Ray, Cy Coe, Di Dee", "Lee, Ann", "王小明", "Élodie", "3point", "Just One"}
    assert [file for file, *_ in told(report, "kept", "speakers")] == ["b"]
    site.build()
    listed = "".join(text for path, text in site.texts("/") if path.startswith("/instructors/"))
    for name in names:
        assert name in listed


def test_a_name_that_two_people_bear_never_merges_by_itself(site: Built, tmp_path: Path) -> None:
    site.sql("INSERT INTO catalog.instructor (slug, name) VALUES ('wei-li-1', 'Wei Li'), ('wei-li-2', 'Wei Li')")
    root = write(tmp_path / "in", {"a": talk(speakers=["Wei Li"])})
    report = bring(site, root)
    assert site.sql("SELECT count(*) FROM catalog.instructor") == [(3,)]
    assert site.sql("SELECT slug FROM catalog.instructor i JOIN catalog.video_instructor x ON x.instructor_id = i.id") == [("wei-li",)]
    assert told(report, "kept", "instructor")
    before = rows(site)
    bring(site, root)
    assert rows(site) == before


def test_instructors_merged_and_titles_mended_here_stay_so(site: Built, tmp_path: Path) -> None:
    root = write(tmp_path / "in", {"a": talk("A", speakers=["Ana Pérez"]), "b": talk("B", speakers=["Ana Perez", "Bo"])})
    bring(site, root)
    ids = dict(site.sql("SELECT name, id FROM catalog.instructor"))
    kept, gone = ids["Ana Pérez"], ids["Ana Perez"]
    ((slug,),) = site.sql("SELECT slug FROM catalog.instructor WHERE id = %s", gone)
    site.sql("UPDATE catalog.video_instructor SET instructor_id = %s WHERE instructor_id = %s", kept, gone)
    site.sql("DELETE FROM catalog.instructor WHERE id = %s", gone)
    site.sql("INSERT INTO catalog.old_slug (kind, slug, owner_id) VALUES ('instructor', %s, %s)", slug, kept)
    site.sql("UPDATE catalog.video SET title = 'B, mended' WHERE title = 'B'")
    before = rows(site)
    assert bring(site, root).counts["unchanged"] == 2
    assert rows(site) == before
    write(root, {"c": talk("C", speakers=["Ana Perez"]), "b": talk("B again", speakers=["Ana Perez", "Bo"])})
    report = bring(site, root)
    assert site.sql("SELECT count(*) FROM catalog.instructor") == [(2,)], "the merged name stands for whom it was merged into"
    assert site.sql("""SELECT instructor_id FROM catalog.video_instructor x JOIN catalog.video v ON v.id = x.video_id
        WHERE v.title = 'C'""") == [(kept,)]
    assert site.sql("SELECT title FROM catalog.video ORDER BY 1") == [("A",), ("B, mended",), ("C",)]
    assert [file for file, *_ in told(report, "kept", "title")] == ["b"]


def test_a_video_deleted_here_stays_deleted(site: Built, tmp_path: Path) -> None:
    root = write(tmp_path / "in", {"a": talk("A"), "b": talk("B")})
    bring(site, root)
    site.sql("DELETE FROM catalog.video WHERE title = 'A'")
    report = bring(site, root)
    assert site.sql("SELECT title FROM catalog.video") == [("B",)]
    assert [file for file, *_ in told(report, "kept", "")] == ["a", "a"]  # it, and the recording that both share
    assert report.counts["unchanged"] == 2


def test_subjects_that_differ_in_signs_are_one_or_three(site: Built, tmp_path: Path) -> None:
    tags = ["c", "c++", "c#", "Lightning Talks", "lightning talks", "lightning-talks", "LIGHTNING TALKS", "Lightning  Talks",
            "pythran\n", "pythran", "pythran,", '"pythran"']
    report = bring(site, write(tmp_path / "in", {f"t{n}": talk(f"T{n}", tags=[name]) for n, name in enumerate(tags)}))
    count = dict(site.sql("""SELECT s.slug, count(*) FROM catalog.subject s JOIN catalog.video_subject x ON x.subject_id = s.id
        GROUP BY 1"""))
    assert sorted(count.values()) == [1, 1, 1, 4, 5]
    assert count["lightning-talks"] == 5
    assert len(count) == len({slug.casefold() for slug in count}) == 5
    assert told(report, "mended", "subjects")


# Letters.


def test_titles_of_any_script_have_an_address_of_their_own(site: Built, tmp_path: Path) -> None:
    titles = ["Про Python", "О Python", "파이썬 " * 80, "python", "हिन्दी में पाइथन", "日本語", "日本語", "!!!", "???", "🐍", "ﷺ",
              "e\u0301a", "éa"]
    root = write(tmp_path / "in", {f"t{n:02}": talk(title) for n, title in enumerate(titles)})
    bring(site, root)
    slugs = [slug for (slug,) in site.sql("SELECT slug FROM catalog.video")]
    assert len(set(slugs)) == len(titles)
    for slug in slugs:
        assert 0 < len(slug.encode()) <= 180
        assert slug == unicodedata.normalize("NFC", slug)
    assert {"हिन्दी-में-पाइथन", "日本語", "日本語-2"} <= set(slugs)
    site.build()
    assert len(_videos(site)) == len(titles)
    assert not [path for path in site.objects() if "//" in path]


def test_slugs_do_not_depend_on_the_order_of_files(
    site: Built, empty_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from builder.migrate import migrate

    for year in range(2000, 2006):
        write(tmp_path / "in", {
            f"t{n}": talk("Lightning Talks", speakers=[name], tags=["Web", "web"]) for n, name in enumerate(("Ana", "ANA", "ana"))},
            f"PyCon {year}")
    bring(site, tmp_path / "in")
    migrate(empty_dsn)
    other = Built(empty_dsn, tmp_path)
    ordered = sorted
    import builder.catalog.importers.pyvideo as layout
    monkeypatch.setattr(layout, "sorted", lambda *a, **k: list(reversed(ordered(*a, **k))), raising=False)
    bring(other, tmp_path / "in")
    query = """SELECT r.kind, r.ref, coalesce(v.slug, b.slug, i.slug, i.name, s.slug, s.title) FROM catalog.import_record r
        LEFT JOIN catalog.video v ON r.kind = 'video' AND v.id = r.row_id LEFT JOIN catalog.batch b ON r.kind = 'batch' AND b.id = r.row_id
        LEFT JOIN catalog.instructor i ON r.kind = 'instructor' AND i.id = r.row_id
        LEFT JOIN catalog.subject s ON r.kind = 'subject' AND s.id = r.row_id ORDER BY 1, 2"""
    assert site.sql(query) == other.sql(query)


def test_character_codes_in_a_title_are_decoded_once(site: Built, tmp_path: Path) -> None:
    root = write(tmp_path / "in", {"a": talk("It&apos;s path(&#39;/user/&lt;int:id&gt;/&#39;)"), "b": talk("About &amp;amp; in HTML")})
    bring(site, root)
    titles = ["About &amp; in HTML", "It's path('/user/<int:id>/')"]
    assert [title for (title,) in site.sql("SELECT title FROM catalog.video ORDER BY 1")] == titles
    before = rows(site)
    bring(site, root)
    assert rows(site) == before
    site.build()
    hypertext = "".join(text for path, text in site.texts() if not path.endswith(".ics"))  # a calendar is plain text
    assert "<int:id>" not in hypertext.replace("\\u003c", "&lt;").replace(json.dumps(titles[1]), "")
    for path, text in site.texts(".json"):
        if path.startswith("/data/video/"):
            assert json.loads(text)["title"] in titles
    for _, text in site.texts("/feed.xml"):
        shown = {element.text for element in ET.fromstring(text).iter() if element.tag.endswith("}title")}
        assert set(titles) <= shown or not shown & set(titles)


@pytest.mark.parametrize("title", [
    "'n\u0303' != '\u00f1' and why", "Schöne neue Welt", "ΓÇ£ joke ΓÇ¥", "naïve — “quotes”", "\u1100\u1161 \uac00"])
def test_a_title_is_kept_code_point_by_code_point(site: Built, tmp_path: Path, title: str) -> None:
    words = f"In words too: {title} \u212b \ufb01"
    bring(site, write(tmp_path / "in", {"a": talk(title, description=words)}))
    assert site.sql("SELECT title, description FROM catalog.video") == [(title, words)]


def test_suspected_wrong_encoding_is_reported_and_left(site: Built, tmp_path: Path) -> None:
    wrong = "Programaci\u00c3\u00b3n en Espa\u00c3\u00b1a"
    report = bring(site, write(tmp_path / "in", {"a": talk(wrong), "b": talk("São Paulo Ã la carte")}))
    assert (wrong,) in site.sql("SELECT title FROM catalog.video")
    assert [file for file, *_ in told(report, "kept", "title")] == ["a"]


def test_unseen_letters_leave_slug_and_sameness_alone_and_joiners_stay(site: Built, tmp_path: Path) -> None:
    family, persian = "👨\u200d👩\u200d👧 coding", "می\u200cخواهم"
    bring(site, write(tmp_path / "in", {
        "a": talk("Soft\u00adhyphen Zero\u200bwidth", speakers=["Ada\u200b Love\u00adlace", "Ada Lovelace"]),
        "b": talk(family), "c": talk(persian)}))
    assert {"softhyphen-zerowidth", persian} <= {slug for (slug,) in site.sql("SELECT slug FROM catalog.video")}
    assert {family, persian} <= {title for (title,) in site.sql("SELECT title FROM catalog.video")}
    assert len(site.sql("SELECT name FROM catalog.instructor")) == 1


def test_overrides_of_direction_are_taken_out_and_honest_marks_stay(site: Built, tmp_path: Path) -> None:
    honest = "\u200fשלום\u200e Python"
    report = bring(site, write(tmp_path / "in", {
        "over": talk("Turned \u202eround", description="Words \u202eturned"), "isolate": talk("Unclosed \u2067isolate"),
        "closed": talk("Closed \u2067isolate\u2069"), "honest": talk(honest), "embed": talk("An \u202aembedding\u202c")}))
    assert {title for (title,) in site.sql("SELECT title FROM catalog.video")} == {
        "Turned round", "Unclosed isolate", "Closed \u2067isolate\u2069", honest, "An embedding"}
    assert {file for file, *_ in told(report, "mended", "title")} == {"over", "isolate", "embed"}
    site.build()
    for path, text in site.texts():
        for title in re.findall(r"<title>(.*?)</title>|\"title\":\s*\"(.*?)\"", text):
            assert not re.search("[\u202a-\u202e]", "".join(title)), path
    assert re.search(r'<h1[^>]* dir="auto"', _videos(site)["/videos/turned-round/"])


def test_every_control_character_costs_at_most_itself(site: Built, tmp_path: Path) -> None:
    odd = [*range(0xA0), 0xFFFE, 0xFFFF, 0x2028, 0xFEFF]
    talks: dict[str, Any] = {
        f"c{code:04x}": talk(f"Title{chr(code)} {code:04x}", description=f"Words{chr(code)} of it", speakers=[f"Ann{chr(code)}e"],
                             tags=[f"a{chr(code)}b"]) for code in odd}
    talks["lone"] = '{"title": "Half \\ud800 a pair", "description": "\\udc00", "videos": []}'
    talks["nul"] = '{"title": "Nul \\u0000 sign", "description": "a\\u0000b", "videos": []}'
    talks["mark"] = b"\xef\xbb\xbf" + json.dumps(talk("Marked")).encode()
    talks["lines"] = json.dumps(talk("Ends"), indent=1).replace("\n", "\r\n")
    talks["latin"] = b'{"title": "Caf\xe9", "videos": []}'
    report = bring(site, write(tmp_path / "in", talks))
    assert (report.counts["added"], report.counts["refused"]) == (len(talks) - 1, 1)
    assert [file for file, *_ in told(report, "refused")] == ["latin"]
    assert {"c0000", "c001f", "c009d", "lone", "nul"} <= {file for file, *_ in told(report, "mended")}
    site.build()
    for path, text in site.texts(".xml"):
        ET.fromstring(text)
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]", text), path
    for path, text in site.texts("/"):
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]", text), path


# Texts.


@pytest.mark.parametrize("description", [
    ":math:`\\\\mathcal{O}(n \\\\log n)` and :math:`\\\\frac{a}{b}`\n\n.. |now| date::\n", "> " * 200 + "deep\n\n> again",
    "see word_ and ``more``",
    ".. include:: /etc/hostname\n\nand ``more``", "Title\n===\n\n``x``\n\n.. nonsense:: y", "``x``\n\n+---+\n| a |\n+--",
])
def test_a_text_that_breaks_its_converter_has_its_page_and_a_line_in_the_report(site: Built, tmp_path: Path, description: str) -> None:
    report = bring(site, write(tmp_path / "in", {"a": talk(description=description), "b": talk("Another")}))
    assert report.counts["added"] == 2
    assert ("a", "description") in {(file, field) for file, field, why in told(report, "mended") if "plain text" in why}
    site.build()
    page = _videos(site)["/videos/a-talk/"]
    assert "system-message" not in page
    assert "problematic" not in page
    words = [word for word in re.findall(r"[a-z]{4,}", description) if word != "nonsense"]
    assert all(word in page for word in words)


def test_words_for_nothing_are_left_out_and_a_summary_is_not_repeated(site: Built, tmp_path: Path) -> None:
    bring(site, write(tmp_path / "in", {
        "a": talk("A", description="None", summary="\r\n"), "b": talk("B", description="Short. And long.", summary="Short."),
        "c": talk("C", description="Long.", summary="First.", quality_notes="TBD"),
        "d": talk("D", description="TBD", quality_notes="Sound is low.")}))
    assert dict(site.sql("SELECT title, description FROM catalog.video")) == {
        "A": "", "B": "Short. And long.", "C": "First.\n\nLong.", "D": "Sound is low."}


def test_links_into_another_site_lead_there_or_nowhere(site: Built, tmp_path: Path) -> None:
    words = "See `the schedule </p3/schedule/pycon9/>`__ and `mine <https://e.example/>`__."
    related = [{"url": "/media/conference/slides/a.pdf", "label": "Slides"},
               {"url": "https://e.example/x\r", "label": "https://e.example/x\r"}]
    root = write(tmp_path / "in", {"a": talk("With", description=words, related_urls=related)}, "Con 2018", url="https://con.example/2018/")
    write(root, {"b": talk("Without", description=words, related_urls=related)}, "Other 2018")
    report = bring(site, root)
    assert dict(site.sql("""SELECT v.title, array_agg(r.url::text ORDER BY r.position)
        FROM catalog.resource r JOIN catalog.video v ON v.id = r.video_id GROUP BY 1""")) == {
        "With": ["https://con.example/media/conference/slides/a.pdf", "https://e.example/x"], "Without": ["https://e.example/x"]}
    assert {file for file, *_ in told(report, "mended", "description")} == {"a", "b"}
    site.build()
    pages = _videos(site)
    assert 'href="https://con.example/p3/schedule/pycon9/"' in pages["/videos/with/"]
    assert "the schedule" in pages["/videos/without/"]
    for page in pages.values():
        assert "/p3/" not in re.sub(r'href="https://con\.example/p3/[^"]*"', "", page)
        assert "%0D" not in page


def test_a_text_for_a_clock_gives_the_same_bytes_at_any_time(monkeypatch: pytest.MonkeyPatch) -> None:
    import time as clock

    from builder.catalog.text import clean

    source = ".. |now| date:: %Y %S\n\nIt is |now| ``x``"
    first = clean(source, "rst")
    monkeypatch.setattr(clock, "strftime", lambda *_: "LATER")
    monkeypatch.setattr(clock, "time", lambda: 4e9)
    assert clean(source, "rst") == first


def test_no_page_bears_an_id_twice_and_every_place_in_a_text_is_led_to(site: Built, tmp_path: Path) -> None:
    words = ("Description\n===========\n\nClaim [1]_.\n\nContent\n=======\n\n``x``\n\n.. [1] Note\n\n.. _watch:\n\n"
             "See `Description`_ and watch_.")
    bring(site, write(tmp_path / "in", {"a": talk(description=words)}))
    site.build()
    page = _videos(site)["/videos/a-talk/"]
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert "Note" in page
    assert set(re.findall(r'href="#(text-[^"]+)"', page)) <= set(ids)


def test_the_markup_of_a_text_is_stored_so_that_no_later_parser_changes_it(site: Built, tmp_path: Path) -> None:
    kinds = {"rst": "`x <https://e.example/>`__ and y", "markdown": "[x](https://e.example/) and y", "html": "<p>x</p>", "plain": "x and y"}
    bring(site, write(tmp_path / "in", {kind: talk(kind, description=words) for kind, words in kinds.items()}))
    assert dict(site.sql("SELECT title, description_markup FROM catalog.video")) == {kind: kind for kind in kinds}


# Ten more shapes.


@pytest.mark.parametrize(("batch", "course"), [
    ("En attendant PyConFR (2020-2021)", "En attendant PyConFR"), ("Google Python Class, circa 2010", "Google Python Class"),
    ("Puppy @ Meetup 2016 Jan 13", "Puppy @ Meetup"), ("PyCon US 2019", "PyCon US"), ("2019", "2019"), ("ChiPy", "ChiPy"),
    ("Python 3000", "Python 3000"),
    ("EuroPython 2011 Firenze", "EuroPython Firenze"),
])
def test_a_course_is_named_without_year_and_what_it_leaves(site: Built, tmp_path: Path, batch: str, course: str) -> None:
    bring(site, write(tmp_path / "in", {"a": talk()}, batch))
    assert site.sql("SELECT c.title, b.title FROM catalog.batch b JOIN catalog.course c ON c.id = b.course_id") == [(course, batch)]


def test_digits_and_bad_files_and_other_names(site: Built, tmp_path: Path) -> None:
    root = write(tmp_path / "in", {"00074": talk("00074", slug="other-slug", category="Another title")})
    (root / "pycon-us-2019" / "videos" / "notes.txt").write_text("no record")
    (root / "empty-2020").mkdir()
    report = bring(site, root)
    assert site.sql("SELECT title, slug FROM catalog.video") == [("00074", "00074")]
    assert [file for file, *_ in told(report, "mended", "category")] == ["00074"]
