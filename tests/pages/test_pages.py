"""What pages say, and what they must never say."""
from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from typing import Any

import html5lib
import pytest

from tests.site import SITE, Built, fill, text_of

H = "{http://www.w3.org/1999/xhtml}"
ATOM = "{http://www.w3.org/2005/Atom}"
MAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
CLIP = "{http://www.google.com/schemas/sitemap-video/1.1}"
HTML_BYTES = 14_336


def _ld(text: str) -> list[dict[str, Any]]:
    document = html5lib.parse(text)
    (block,) = [s for s in document.iter(f"{H}script") if s.get("type") == "application/ld+json"]
    graph: list[dict[str, Any]] = json.loads(block.text)["@graph"]
    return graph


def test_every_page_has_a_title_of_its_own_and_names_itself(site: Built) -> None:
    fill(site, videos=60)
    site.sql("UPDATE catalog.video SET title = 'Lightning Talks' WHERE id <= 20")
    site.sql("INSERT INTO catalog.batch (id, course_id, slug, title) VALUES (2, 1, 'batch-2', 'Batch')")
    site.sql("UPDATE catalog.video SET batch_id = 2 WHERE id IN (5, 6, 50)")
    site.sql("INSERT INTO catalog.instructor (id, slug, name) VALUES (2, 'teacher-2', 'A Teacher')")
    site.sql("INSERT INTO catalog.video_instructor (video_id, instructor_id) VALUES (9, 2)")
    site.build()
    titles: dict[str, str] = {}
    named = {e.text for _, text in site.texts(".xml") for e in ET.fromstring(text).iter(f"{MAP}loc")}
    for path, text in site.texts("/"):
        document = html5lib.HTMLParser(strict=True).parse(text)
        title = document.findtext(f".//{H}title")
        assert title not in titles, (path, titles.get(title))
        titles[title] = path
        assert document.get("lang") == "en"
        assert len(list(document.iter(f"{H}h1"))) == 1
        ids = [e.get("id") for e in document.iter() if e.get("id")]
        assert len(ids) == len(set(ids)), path
        if 'name="robots" content="noindex"' in text:
            continue
        (canonical,) = [e.get("href") for e in document.iter(f"{H}link") if e.get("rel") == "canonical"]
        assert canonical == SITE.base_url + path
        assert canonical in named, path
        metas = {e.get("name") or e.get("property"): e.get("content") for e in document.iter(f"{H}meta")}
        assert all(metas.get(name) for name in ("description", "og:title", "og:type", "og:url", "viewport")), path
    assert len(titles) > 70


def test_every_internal_link_leads_to_an_object_that_is_no_redirect(site: Built) -> None:
    fill(site, videos=130)
    site.build()
    objects = site.objects()
    followed = set()
    for path, thing in objects.items():
        if thing.content_type.startswith("text/html"):
            for link in re.findall(r'(?:href|src)="(/(?!api/)[^"#?]*)', text_of(thing)):  # what the API answers is no object
                assert link in objects, (path, link)
                assert objects[link].status == 200
                followed.add(link)
    assert len(followed) > 130, "each lecture at least"


@pytest.mark.parametrize("status", ["draft", "scheduled", "withdrawn"])
def test_what_is_not_published_is_in_no_byte_of_the_store(site: Built, status: str) -> None:
    fill(site)
    site.sql("""UPDATE catalog.video SET title = 'Zebrafish', slug = 'zebrafish', status = %s, publish_at = '2030-01-01Z'
        WHERE id = 2""", status)
    site.build()
    for path, text in site.texts():
        assert "ebrafish" not in text + path, path
        assert "/data/video/2.json" not in text + path, path


def test_a_gated_batch_shows_no_source_and_no_caption(site: Built) -> None:
    fill(site)
    site.sql("UPDATE catalog.batch SET gated = true")
    site.sql("INSERT INTO catalog.caption (video_id, language, body) VALUES (1, 'en', 'WEBVTT')")
    site.build()
    for path, text in site.texts():
        assert "youtube" not in text.replace("youtube-nocookie.com", "") or path == "/about/", path
    assert "Log in to watch" in site.text("/videos/lecture-1/")
    assert not [path for path in site.objects() if path.startswith("/captions/")]


def test_related_lectures_share_a_list_and_stand_nowhere_else_on_the_page(site: Built) -> None:
    fill(site, videos=40)
    site.sql("INSERT INTO catalog.batch (id, course_id, slug, title) VALUES (2, 1, 'other', 'Other')")
    site.sql("UPDATE catalog.video SET batch_id = 2 WHERE id % 2 = 0")
    site.sql("DELETE FROM catalog.video_subject WHERE video_id = 14")
    site.sql("DELETE FROM catalog.video_instructor WHERE video_id = 14")
    site.sql("UPDATE catalog.source SET url = 'https://www.youtube.com/watch?v=00000000015' WHERE video_id = 16")
    site.build()
    beside, _, related = site.text("/videos/lecture-15/").partition("Related lectures")
    shown = [int(n) for n in re.findall(r'data-video="(\d+)"', related)]
    assert shown
    assert not set(shown) & {int(n) for n in re.findall(r'data-video="(\d+)"', beside)}
    assert 14 not in shown  # shares nothing
    assert 16 not in shown  # the same recording listed twice


def test_a_video_object_is_whole_or_absent(site: Built) -> None:
    fill(site)
    site.sql("UPDATE catalog.video SET duration_s = NULL WHERE id = 1")
    site.sql("UPDATE catalog.video SET recorded_on = NULL WHERE id = 2")
    site.build()
    for n in (1, 2):
        assert "VideoObject" not in [item["@type"] for item in _ld(site.text(f"/videos/lecture-{n}/"))]
    (clip,) = [item for item in _ld(site.text("/videos/lecture-3/")) if item["@type"] == "VideoObject"]
    assert clip["duration"] == "PT10M3S"
    assert clip["uploadDate"] == "2020-01-04T12:00:00Z"  # noon: the same day almost everywhere
    assert clip["thumbnailUrl"] == "https://pictures.example/3.jpg"


def test_the_video_s_json_is_an_oembed_answer(site: Built) -> None:
    fill(site)
    site.build()
    data = json.loads(site.text("/data/video/1.json"))
    assert (data["version"], data["type"]) == ("1.0", "video")
    assert all(data[name] for name in ("html", "width", "height", "title", "provider_name", "provider_url"))
    assert 'type="application/json+oembed"' in site.text("/videos/lecture-1/")
    site.sql("DELETE FROM catalog.source")
    site.build()
    assert json.loads(site.text("/data/video/1.json"))["type"] == "link"


def test_feed_ids_survive_a_new_slug_and_a_new_host(site: Built) -> None:
    fill(site)
    site.build()
    before = _entries(site)
    site.sql("UPDATE catalog.video SET slug = 'renamed' WHERE id = 1")
    site.sql("UPDATE catalog.subject SET slug = 'other'")
    site.build(site=SITE._replace(base_url="https://elsewhere.example"))
    after = _entries(site)
    assert {id for id, _ in after} == {id for id, _ in before}
    assert dict(after) == dict(before)  # and nothing looks newer


def test_an_entry_is_updated_when_its_words_change_and_only_then(site: Built) -> None:
    fill(site)
    site.build()
    before = dict(_entries(site))
    site.sql("UPDATE catalog.video SET duration_s = 5 WHERE id = 1")
    site.build()
    assert dict(_entries(site)) == before
    site.sql("UPDATE catalog.video SET description = 'New words' WHERE id = 1")
    site.build()
    after = dict(_entries(site))
    assert len([id for id in after if after[id] != before[id]]) == 1


def _entries(site: Built) -> list[tuple[str, str]]:
    root = ET.fromstring(site.text("/feed.xml"))
    return [(e.findtext(f"{ATOM}id") or "", e.findtext(f"{ATOM}updated") or "") for e in root.iter(f"{ATOM}entry")]


def test_a_sitemap_entry_has_picture_and_player_or_is_plain(site: Built) -> None:
    fill(site)
    site.sql("UPDATE catalog.video SET picture_url = NULL WHERE id = 1")
    site.sql("DELETE FROM catalog.source WHERE video_id = 2")
    site.sql("UPDATE catalog.video SET duration_s = 42900 WHERE id = 3")
    site.build()
    urls = {e.findtext(f"{MAP}loc"): e.find(f"{CLIP}video") for e in ET.fromstring(site.text("/sitemaps/videos-0.xml"))}
    assert urls[f"{SITE.base_url}/videos/lecture-1/"] is None
    assert urls[f"{SITE.base_url}/videos/lecture-2/"] is None
    clip = urls[f"{SITE.base_url}/videos/lecture-3/"]
    assert clip is not None
    assert clip.find(f"{CLIP}duration") is None  # over the protocol's limit
    assert (clip.findtext(f"{CLIP}player_loc") or "").startswith("https://www.youtube-nocookie.com/embed/")


def test_a_long_description_goes_on_on_pages_of_its_own_and_no_page_is_heavy(site: Built) -> None:
    fill(site, videos=1000)
    words = "\n\n".join(f"Paragraph {n}. " + " ".join(f"w{n * 97 + k}x{k * 31 % 89}" for k in range(120)) for n in range(40))
    site.sql("UPDATE catalog.video SET description = %s WHERE id = 1", words)
    site.build()
    parts = [site.text("/videos/lecture-1/"), site.text("/videos/lecture-1/text/page/2/")]
    assert "Paragraph 0." in parts[0]
    assert "/videos/lecture-1/text/page/2/" in parts[0]
    assert "Paragraph 39." not in parts[0]
    whole = " ".join(text for path, text in site.texts("/") if path.startswith("/videos/lecture-1/"))
    assert all(f"Paragraph {n}." in whole for n in range(40))
    heavy = {path: len(thing.body) for path, thing in site.objects().items()
             if thing.content_type.startswith("text/html") and len(thing.body) > HTML_BYTES}
    assert heavy == {}
    assert 'start="951"' in site.text("/batches/batch/page/20/")


def test_text_is_said_to_be_in_a_language_only_where_its_script_proves_it(site: Built) -> None:
    fill(site)
    site.sql("UPDATE catalog.video SET title = 'Привет', language = 'ru' WHERE id = 1")
    site.sql("UPDATE catalog.video SET title = 'Hello', language = 'ru' WHERE id = 2")
    site.build()
    assert '<h1 dir="auto" lang="ru">' in site.text("/videos/lecture-1/")
    assert '<h1 dir="auto">' in site.text("/videos/lecture-2/")
    assert "in Russian" in site.text("/videos/lecture-2/")


def test_namesakes_of_every_kind_have_titles_of_their_own(site: Built) -> None:
    fill(site, videos=12)
    site.sql("UPDATE catalog.video SET title = 'Lightning Talks' WHERE id <= 5")
    site.sql("UPDATE catalog.video SET title = 'Lightning Talks (2)' WHERE id IN (6, 7)")
    site.sql("UPDATE catalog.video SET title = 'Lightning Talks (4)' WHERE id = 8")
    for n in (2, 3):
        site.sql("INSERT INTO catalog.course (id, slug, title) VALUES (%s, 'course-' || %s, 'Course')", n, n)
        site.sql("INSERT INTO catalog.batch (id, course_id, slug, title) VALUES (%s, %s, 'batch-' || %s, 'Batch')", n, n, n)
        site.sql("INSERT INTO catalog.subject (id, slug, title) VALUES (%s, 'subject-' || %s, 'Subject')", n, n)
        site.sql("INSERT INTO catalog.instructor (id, slug, name) VALUES (%s, 'teacher-' || %s, 'A Teacher')", n, n)
        site.sql("""INSERT INTO catalog.video (id, slug, title, status, batch_id)
            VALUES (%s, 'more-' || %s, 'Lightning Talks', 'published', %s)""", 20 + n, n, n)
        site.sql("INSERT INTO catalog.video_subject VALUES (%s, %s)", 20 + n, n)
        site.sql("INSERT INTO catalog.video_instructor (video_id, instructor_id) VALUES (%s, %s)", 20 + n, n)
    site.build()
    pages = [text.partition("<title>")[2].partition("</title>")[0] for _, text in site.texts("/")]
    assert len(pages) > 30
    assert len(set(pages)) == len(pages)
    assert "Lightning Talks (3) · Batch" in site.text("/videos/lecture-2/")


def test_every_page_to_be_found_is_named_by_one_sitemap_and_nothing_else_is(site: Built) -> None:
    fill(site, videos=160)
    long = "\n\n".join("A paragraph of words that go on. " * 12 for _ in range(40))
    site.sql("UPDATE catalog.video SET description = %s WHERE id = 3", long)
    site.sql("UPDATE catalog.video SET slug = 'naïve-&-co' WHERE id = 2".replace("-&-", "-और-"))
    site.build()
    site.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id = 4")
    site.sql("UPDATE catalog.video SET slug = 'renamed' WHERE id = 5")
    site.build()
    index = ET.fromstring(site.text("/sitemap.xml"))
    maps = [(e.text or "").removeprefix(SITE.base_url) for e in index.iter(f"{MAP}loc")]
    named = [e.text for path in maps for e in ET.fromstring(site.text(path)).iter(f"{MAP}loc")]
    assert len(set(named)) == len(named) < 50_000
    pages = {SITE.base_url + path for path, thing in site.objects().items()
             if thing.status == 200 and path.endswith("/") and "noindex" not in text_of(thing)}
    assert set(named) == pages
    assert f"{SITE.base_url}/videos/na%C3%AFve-%E0%A4%94%E0%A4%B0-co/" in pages
    assert f"{SITE.base_url}/videos/lecture-3/text/page/2/" in pages


def test_a_map_s_clip_says_what_the_protocol_allows_and_no_more(site: Built) -> None:
    fill(site, videos=4)
    site.sql("UPDATE catalog.video SET duration_s = 28800 WHERE id = 1")
    site.sql("UPDATE catalog.video SET duration_s = 28801 WHERE id = 2")
    site.sql("UPDATE catalog.video SET recorded_on = NULL, description = '' WHERE id = 3")
    site.sql("UPDATE catalog.source SET kind = 'link', url = 'https://x.example/watch' WHERE video_id = 4")
    site.build()
    clips = {e.findtext(f"{MAP}loc"): e.find(f"{CLIP}video") for e in ET.fromstring(site.text("/sitemaps/videos-0.xml"))}
    one, two, three, four = (clips[f"{SITE.base_url}/videos/lecture-{n}/"] for n in (1, 2, 3, 4))
    assert one is not None
    assert two is not None
    assert three is not None
    assert four is None  # a page to watch on is no player
    assert one.findtext(f"{CLIP}duration") == "28800"
    assert two.find(f"{CLIP}duration") is None
    assert three.find(f"{CLIP}publication_date") is None
    for clip in (one, two, three):
        assert [e.tag.removeprefix(CLIP) for e in clip][:3] == ["thumbnail_loc", "title", "description"]
        assert all(e.text for e in clip)


def test_dates_are_noon_of_the_day_and_the_undated_stand_last(site: Built) -> None:
    fill(site)
    site.sql("UPDATE catalog.video SET recorded_on = NULL WHERE id = 2")
    site.build()
    for path in ("/feed.xml", "/courses/course/feed.xml", "/subjects/subject/feed.xml"):
        entries = list(ET.fromstring(site.text(path)).iter(f"{ATOM}entry"))
        assert [e.findtext(f"{ATOM}published") for e in entries] == [
            "2020-01-04T12:00:00Z", "2020-01-02T12:00:00Z", "2000-01-01T12:00:00Z"]
    page = site.text("/videos/lecture-2/")
    assert "<time" not in page.partition("Related lectures")[0].partition("<article>")[2].partition("</article>")[0]
    assert "uploadDate" not in page


def test_every_feed_is_whole_and_names_itself(site: Built) -> None:
    fill(site, videos=70)
    site.build()
    feeds = {path: ET.fromstring(text) for path, text in site.texts("feed.xml")}
    assert set(feeds) == {"/feed.xml", "/courses/course/feed.xml", "/subjects/subject/feed.xml"}
    ids = [feed.findtext(f"{ATOM}id") for feed in feeds.values()]
    assert len(set(ids)) == 3
    for path, feed in feeds.items():
        links = {e.get("rel"): e.get("href") for e in feed.findall(f"{ATOM}link")}
        assert links == {"self": SITE.base_url + path, "alternate": SITE.base_url + path.removesuffix("feed.xml")}
        entries = feed.findall(f"{ATOM}entry")
        assert len(entries) == 30
        assert [e.findtext(f"{ATOM}title") for e in entries[:2]] == ["Lecture 70", "Lecture 69"]
        assert feed.findtext(f"{ATOM}updated") == max(e.findtext(f"{ATOM}updated") or "" for e in entries)
        for entry in entries:
            assert all(entry.findtext(ATOM + name) for name in ("id", "title", "updated", "published", "summary"))
            assert (entry.findtext(f"{ATOM}id") or "").startswith("urn:uuid:")


def test_a_player_that_the_policy_would_leave_blank_is_a_link(site: Built) -> None:
    fill(site, videos=1)
    tube = "https://tube.example/videos/watch/9c9de5e8-0a1e-484a-b099-e80766180a6d"
    site.sql("UPDATE catalog.source SET kind = 'peertube', url = %s", tube)
    site.build()
    assert "data-frame" not in site.text("/videos/lecture-1/")
    assert f'href="{tube}"' in site.text("/videos/lecture-1/")
    site.build(site=SITE._replace(frame_hosts=("tube.example",)))
    assert 'data-frame="https://tube.example/videos/embed/' in site.text("/videos/lecture-1/")


def test_a_gated_batch_s_sources_are_in_no_byte_even_of_names_and_pictures(site: Built) -> None:
    fill(site)
    site.sql("UPDATE catalog.batch SET gated = true")
    site.sql("UPDATE catalog.source SET url = 'https://www.youtube.com/watch?v=SecretId' || lpad(video_id::text, 3, '0')")
    site.sql("UPDATE catalog.video SET picture_url = 'https://i.ytimg.com/vi/SecretId001/hqdefault.jpg'")
    site.sql("INSERT INTO catalog.caption (video_id, language, body) VALUES (1, 'en', 'WEBVTT secret words')")
    site.build()
    assert [path for path, text in site.texts() if "SecretId" in text + path or "secret words" in text] == []
    assert json.loads(site.text("/data/video/1.json"))["sources"] == []


def test_what_a_batch_and_a_teacher_have_unpublished_shows_nowhere(site: Built) -> None:
    fill(site)
    site.sql("INSERT INTO catalog.course (id, slug, title) VALUES (2, 'hush-course', 'Hush course')")
    site.sql("INSERT INTO catalog.batch (id, course_id, slug, title) VALUES (2, 2, 'hush-batch', 'Hush batch')")
    site.sql("INSERT INTO catalog.subject (id, slug, title) VALUES (2, 'hush-subject', 'Hush subject')")
    site.sql("INSERT INTO catalog.instructor (id, slug, name) VALUES (2, 'hush-teacher', 'Hush Teacher')")
    site.sql("INSERT INTO catalog.video (id, slug, title, batch_id) VALUES (9, 'hush', 'Hush', 2), (10, 'hush-2', 'Hush', 1)")
    site.sql("INSERT INTO catalog.video_subject VALUES (9, 2)")
    site.sql("INSERT INTO catalog.video_instructor (video_id, instructor_id) VALUES (9, 2)")
    site.sql("INSERT INTO catalog.alias (path, video_id) VALUES ('/hush/old', 9)")
    site.sql("UPDATE catalog.video SET slug = 'hush-now' WHERE id = 9")
    site.build()
    assert [path for path, text in site.texts() if "hush" in (text + path).lower()] == []
    assert "3 lectures" in site.text("/batches/batch/")
