"""What strangers type stays text: in every page, feed, sitemap and JSON, in every field."""
from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET

import html5lib
import pytest

from tests.site import SITE, Built, fill

HOSTILE = (
    "</script><img src=x onerror=alert(1)>",
    "<!-- <script>",
    "\"'><svg onload=alert(1)>&amp;&lt;",
    "]]></title></entry>{{ 7*7 }}{% raw %}",
    "कक्षा المحاضرة 讲座 강의",
    "\u2067של\u2069 \u200fא\u200e \u061c",  # isolates and marks; overrides are refused by the database
    "{{ site }} {% include '/etc/passwd' %} ${x} \\ %s %(x)s \\u003c",
    "<h1>" * 499,  # as long as a title may be
    "\ue000-private \U0001f600\U000e0041",
)
H = "{http://www.w3.org/1999/xhtml}"


def _structure(document: ET.Element) -> dict[str, int]:
    """How many there are of what a title could bring along."""
    names = [f"{H}{name}" for name in ("script", "h1", "img", "a", "iframe", "style")] + ["{http://www.w3.org/2000/svg}svg"]
    return {name: len(list(document.iter(name))) for name in names}


def _everything(site: Built, words: str) -> None:
    fill(site, videos=4)
    site.sql("INSERT INTO catalog.resource (video_id, position, label, url) VALUES (1, 0, 'Slides', 'https://slides.example/1')")
    site.sql("INSERT INTO catalog.caption (video_id, language, kind, body) VALUES (1, 'en', 'transcript', 'Words')")
    _say(site, words)


def _say(site: Built, words: str) -> None:
    site.sql("UPDATE catalog.video SET title = %s || ' ' || id", words)
    site.sql("UPDATE catalog.resource SET label = %s", words)
    site.sql("UPDATE catalog.caption SET body = %s", words)
    site.sql("UPDATE catalog.course SET title = %s, description = %s", words, words)
    site.sql("UPDATE catalog.batch SET title = %s, description = %s, description_markup = 'plain'", words, words)
    site.sql("UPDATE catalog.subject SET title = %s", words)
    site.sql("UPDATE catalog.instructor SET name = %s", words)
    site.sql("UPDATE catalog.video SET description = %s, description_markup = 'plain', licence = %s", words, words)


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_change_no_page_s_structure(site: Built, words: str) -> None:
    _everything(site, "Tame words")
    site.build()
    tame = {path: _structure(html5lib.parse(text)) for path, text in site.texts("/")}
    _say(site, words)
    assert site.build().set_aside == []
    checked = 0
    for path, text in site.texts("/"):
        document = html5lib.HTMLParser(strict=True).parse(text)
        assert _structure(document) == tame[path], path
        for script in document.iter(f"{H}script"):
            assert script.get("src") or script.get("type") == "application/ld+json", path
            if not script.get("src"):
                assert not set("<>&") & set(script.text or ""), path
                json.loads(script.text or "")
        for element in document.iter():
            assert not any(name.startswith("on") for name in element.attrib), path
        checked += 1
    assert checked >= 15
    unturned = re.sub("[\u202a-\u202e\u2066-\u2069]", "", words)  # what turns text would turn that of whoever shows the JSON
    assert unturned in json.loads(site.text("/data/video/1.json"))["title"]


CONTROLS = "Bell \x07, \x0b, escape \x1b[31m, \x7f, \x85, \ufffe and \uffff"


@pytest.mark.parametrize("markup", ["plain", "markdown", "rst", "html"])
def test_a_description_s_control_characters_reach_no_page(site: Built, markup: str) -> None:
    fill(site)
    site.sql("UPDATE catalog.video SET description = %s, description_markup = %s, licence = E'Two\\nlines'", CONTROLS, markup)
    site.sql("UPDATE catalog.course SET description = %s, description_markup = %s", CONTROLS, markup)
    site.sql("UPDATE catalog.batch SET description = %s, description_markup = %s", CONTROLS, markup)
    assert site.build().set_aside == []
    for path, text in site.texts():
        text = text.replace("\r\n", "\n") if path.endswith(".ics") else text  # whose lines end so (RFC 5545)
        assert not [c for c in text if c != "\n" and (c < " " or "\x7f" <= c <= "\x9f" or c in "\ufffe\uffff")], path
        if path.endswith("/"):
            html5lib.HTMLParser(strict=True).parse(text)
        elif path.endswith(".xml"):
            ET.fromstring(text)
        elif path.endswith((".json", ".webmanifest")):
            json.loads(text)
    assert "Bell" in site.text("/videos/lecture-1/")
    assert "Bell" in site.text("/feed.xml")


def test_a_control_character_in_the_site_s_name_breaks_no_feed(site: Built) -> None:
    """Settings refuse it; a feed does not rely on that."""
    fill(site)
    assert site.build(site=SITE._replace(name="A\x07 & <B>")).set_aside == []
    assert ET.fromstring(site.text("/feed.xml")).findtext("{*}author/{*}name") == "A & <B>"


def test_addresses_and_the_site_s_own_name_stay_text(site: Built) -> None:
    fill(site)
    odd = "https://x.example/'&amp;`{{}}\\?a=1&b=%3Cscript%3E#é"
    site.sql("UPDATE catalog.video SET picture_url = %s", odd)
    site.sql("UPDATE catalog.batch SET url = %s", odd)
    site.sql("UPDATE catalog.source SET kind = 'file', url = %s", odd)
    site.sql("INSERT INTO catalog.resource (video_id, position, label, url) VALUES (1, 0, 'Slides', %s)", odd)
    name = "A & B's <i>\"lectures\"</i></script>"
    assert site.build(site=SITE._replace(name=name)).set_aside == []
    for path, text in site.texts("/"):
        document = html5lib.HTMLParser(strict=True).parse(text)
        assert (document.findtext(f".//{H}title") or "").endswith(name), path
        assert not list(document.iter(f"{H}i")), path
    document = html5lib.parse(site.text("/videos/lecture-1/"))
    assert odd in {element.get("href") for element in document.iter(f"{H}a")}
    clips = "{http://www.google.com/schemas/sitemap-video/1.1}"
    found = {e.text for e in ET.fromstring(site.text("/sitemaps/videos-0.xml")).iter(f"{clips}content_loc")}
    assert found == {odd}
    assert json.loads(site.text("/site.webmanifest"))["name"] == name
    feed = ET.fromstring(site.text("/feed.xml"))
    assert feed.findtext("{*}author/{*}name") == name
    assert json.loads(site.text("/data/video/1.json"))["provider_name"] == name


@pytest.mark.parametrize("url", ["https://[x", "https://x.example/[", "http://:80", "https://x.example:port/videos/watch/1"])
def test_an_address_that_is_none_sets_no_page_aside(site: Built, url: str) -> None:
    fill(site, videos=7)
    for id, kind in enumerate(("youtube", "vimeo", "peertube", "archive", "file", "hls", "link"), 1):
        site.sql("UPDATE catalog.source SET kind = %s, url = %s WHERE video_id = %s", kind, url, id)
    assert site.build().set_aside == []


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_come_back_whole_from_feeds_and_sitemaps(site: Built, words: str) -> None:
    _everything(site, words)
    site.build()
    atom = "{http://www.w3.org/2005/Atom}"
    feeds = []
    for path, text in site.texts(".xml"):
        root = ET.fromstring(text)
        if root.tag == f"{atom}feed":
            feeds.append(path)
            titles = [entry.findtext(f"{atom}title") for entry in root.iter(f"{atom}entry")]
            assert titles, path
            assert all(title is not None and title.startswith(words) for title in titles), path
    assert {"/feed.xml", "/subjects/subject/feed.xml"} <= set(feeds)


def test_json_ld_gives_the_title_back(site: Built) -> None:
    _everything(site, HOSTILE[0])
    site.build()
    document = html5lib.parse(site.text("/videos/lecture-1/"))
    (block,) = [s for s in document.iter(f"{H}script") if s.get("type") == "application/ld+json"]
    graph = json.loads(block.text)["@graph"]
    assert {item["@type"] for item in graph} == {"LearningResource", "BreadcrumbList", "VideoObject"}
    assert graph[0]["name"] == f"{HOSTILE[0]} 1"
