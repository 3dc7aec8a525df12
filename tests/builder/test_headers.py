"""The exact headers of every kind of page, written out by hand, in all three profiles."""
from __future__ import annotations

import pytest

from builder.pages import KINDS
from tests.site import Built, fill

HTML = "text/html; charset=utf-8"
CATALOG = {"100k": 1800, "500k": 3600, "1m": 7200}
METADATA = {"100k": 3600, "500k": 7200, "1m": 14400}
MEDIA = {"100k": 86400, "500k": 86400, "1m": 86400}
WHERE = {
    "/": (HTML, CATALOG), "/about/": (HTML, CATALOG), "/courses/": (HTML, CATALOG), "/courses/course/": (HTML, CATALOG),
    "/batches/": (HTML, CATALOG), "/batches/batch/": (HTML, CATALOG), "/batches/batch/page/2/": (HTML, CATALOG),
    "/videos/": (HTML, METADATA), "/videos/lecture-1/": (HTML, METADATA), "/videos/lecture-1/text/page/2/": (HTML, METADATA),
    "/subjects/": (HTML, METADATA), "/subjects/subject/": (HTML, METADATA), "/instructors/": (HTML, METADATA),
    "/instructors/teacher/": (HTML, METADATA), "/videos/old/": (HTML, METADATA), "/videos/left/": (HTML, METADATA),
    "/feed.xml": ("application/atom+xml; charset=utf-8", METADATA),
    "/courses/course/feed.xml": ("application/atom+xml; charset=utf-8", METADATA),
    "/subjects/subject/feed.xml": ("application/atom+xml; charset=utf-8", METADATA),
    "/sitemap.xml": ("application/xml; charset=utf-8", METADATA),
    "/sitemaps/videos-0.xml": ("application/xml; charset=utf-8", METADATA),
    "/robots.txt": ("text/plain; charset=utf-8", METADATA),
    "/site.webmanifest": ("application/manifest+json; charset=utf-8", METADATA),
    "/data/video/1.json": ("application/json; charset=utf-8", MEDIA),
    "/data/batch/1.json": ("application/json; charset=utf-8", MEDIA),
    "/captions/1/en.vtt": ("text/vtt; charset=utf-8", MEDIA),
    "/captions/1/en.txt": ("text/plain; charset=utf-8", MEDIA),
}


@pytest.mark.parametrize("profile", ["100k", "500k", "1m"])
def test_every_kind_has_the_headers_of_its_tier(site: Built, profile: str) -> None:
    fill(site, videos=60)
    site.sql("UPDATE catalog.video SET slug = 'old' WHERE id = 3")
    site.sql("UPDATE catalog.video SET slug = 'new' WHERE id = 3")
    site.sql("UPDATE catalog.video SET slug = 'left' WHERE id = 2")
    site.sql("UPDATE catalog.video SET description = repeat('A long paragraph of words. ', 20) || E'\\n\\n' || repeat(%s, 60) WHERE id = 1",
             "Another one that is long enough to matter to somebody, and so on.\n\n" * 4)
    site.sql("""INSERT INTO catalog.caption (video_id, language, kind, body)
        VALUES (1, 'en', 'captions', 'WEBVTT'), (1, 'en', 'transcript', 'Hi')""")
    site.build(profile=profile)
    site.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id = 2")
    site.build(profile=profile)
    objects = site.objects()
    for path, (content_type, times) in WHERE.items():
        thing = objects[path]
        assert (thing.content_type, thing.cache_control) == (
            content_type, f"public, max-age=60, must-revalidate, s-maxage={times[profile]}"), path
    assert objects["/404.html"].cache_control == "public, max-age=5, must-revalidate"
    assets = {path: thing for path, thing in objects.items() if path.startswith("/assets/")}
    assert {path.rpartition(".")[2] for path in assets} == {"css", "js", "svg"}
    assert {thing.cache_control for thing in assets.values()} == {"public, max-age=31536000, immutable"}
    assert (objects["/videos/old/"].status, objects["/videos/old/"].location) == (301, "/videos/new/")
    assert objects["/videos/left/"].status == 410
    kinds = {row[0] for row in site.sql("SELECT DISTINCT kind FROM live.object")}
    assert kinds - {"asset"} == set(KINDS)  # a new kind must stand in the table above


def test_tags_are_ids_in_the_alphabet_that_every_cdn_takes(site: Built) -> None:
    fill(site)
    site.build()
    for path, thing in site.objects().items():
        tags = thing.tags.split(" ")
        assert len(set(tags)) == len(tags)
        assert all(0 < len(tag) < 64 and set(tag) <= set("abcdefghijklmnopqrstuvwxyz0123456789:/-") for tag in tags), path
        assert "all" in tags
    assert {"video:1", "batch:1", "course:1", "kind:video"} <= set(site.objects()["/videos/lecture-1/"].tags.split(" "))


def test_the_gzip_header_bears_the_write_number_and_nothing_of_the_machine(site: Built) -> None:
    fill(site)
    release = site.build().release
    assert release is not None
    for path, thing in site.objects().items():
        if thing.gzipped:
            assert thing.body[:4] == b"\x1f\x8b\x08\x00", path
            assert int.from_bytes(thing.body[4:8], "little") == release == thing.write_number
