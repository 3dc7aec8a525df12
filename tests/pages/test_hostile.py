"""What strangers type stays text: in every page, feed, sitemap and JSON, in every field."""
from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import html5lib
import pytest

from tests.site import Built, fill

HOSTILE = (
    "</script><img src=x onerror=alert(1)>",
    "<!-- <script>",
    "\"'><svg onload=alert(1)>&amp;&lt;",
    "]]></title></entry>{{ 7*7 }}{% raw %}",
    "कक्षा المحاضرة 讲座 강의",
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
    assert words in json.loads(site.text("/data/video/1.json"))["title"]


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_come_back_whole_from_feeds_and_sitemaps(site: Built, words: str) -> None:
    _everything(site, words)
    site.build()
    atom = "{http://www.w3.org/2005/Atom}"
    for path, text in site.texts(".xml"):
        root = ET.fromstring(text)
        if root.tag == f"{atom}feed":
            titles = [entry.findtext(f"{atom}title") for entry in root.iter(f"{atom}entry")]
            assert titles, path
            assert all(title is not None and title.startswith(words) for title in titles), path


def test_json_ld_gives_the_title_back(site: Built) -> None:
    _everything(site, HOSTILE[0])
    site.build()
    document = html5lib.parse(site.text("/videos/lecture-1/"))
    (block,) = [s for s in document.iter(f"{H}script") if s.get("type") == "application/ld+json"]
    graph = json.loads(block.text)["@graph"]
    assert {item["@type"] for item in graph} == {"LearningResource", "BreadcrumbList", "VideoObject"}
    assert graph[0]["name"] == f"{HOSTILE[0]} 1"
