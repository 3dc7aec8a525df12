"""The exact headers of every kind of page, written out by hand, in all three profiles."""
from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

from builder.pages import KINDS
from builder.pages.page import Site
from tests.site import SITE, Built, fill

TOP = Path(__file__).resolve().parents[2]

HTML = "text/html; charset=utf-8"
CATALOG = {"100k": 1800, "500k": 3600, "1m": 7200}
METADATA = {"100k": 3600, "500k": 7200, "1m": 14400}
MEDIA = {"100k": 86400, "500k": 86400, "1m": 86400}
OWNED = SITE._replace(imprint="Who we are", privacy="Nothing is kept.", desk=True,
    security_contacts=("mailto:a@example.org",), security_expires="2030-01-01", indexnow_key="0123456789abcdef")
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
    "/captions/1/en.json": ("application/json; charset=utf-8", MEDIA),
    "/batches/batch/batch.ics": ("text/calendar; charset=utf-8", METADATA),
    "/search/": (HTML, CATALOG), "/search/0/year.json": ("application/json; charset=utf-8", METADATA),
    "/search/files.json": ("application/json; charset=utf-8", METADATA),
    "/desk/": (HTML, CATALOG), "/account/": (HTML, CATALOG), "/account/settings/": (HTML, CATALOG),
    "/imprint/": (HTML, CATALOG), "/privacy/": (HTML, CATALOG),
    "/offline/": (HTML, METADATA), "/sw.js": ("text/javascript; charset=utf-8", METADATA),
    "/speculation-rules.json": ("application/speculationrules+json", METADATA),
    "/.well-known/security.txt": ("text/plain; charset=utf-8", METADATA),
    "/0123456789abcdef.txt": ("text/plain; charset=utf-8", METADATA),
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
        VALUES (1, 'en', 'captions', E'WEBVTT\\n\\n00:01.000 --> 00:02.000\\nHi'), (1, 'en', 'transcript', 'Hi')""")
    site.build(profile=profile, site=OWNED)
    site.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id = 2")
    site.build(profile=profile, site=OWNED)
    objects = site.objects()
    for path, (content_type, times) in WHERE.items():
        thing = objects[path]
        assert (thing.content_type, thing.cache_control) == (
            content_type, f"public, max-age=60, must-revalidate, s-maxage={times[profile]}"), path
    assert objects["/404.html"].cache_control == "public, max-age=5, must-revalidate"
    assets = {path: thing for path, thing in objects.items() if path.startswith("/assets/")}
    assert {path.rpartition(".")[2] for path in assets} == {"css", "js", "svg", "txt"}
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
        assert thing.gzipped, path  # the smallest too
        assert thing.body[:4] == b"\x1f\x8b\x08\x00", path
        assert int.from_bytes(thing.body[4:8], "little") == release == thing.write_number
        assert thing.body[8:10] in (b"\x00\xff", b"\x00\x03"), path  # neither speed nor system decides the digest


def test_bytes_never_come_back_when_the_words_do(site: Built) -> None:
    fill(site)
    seen: dict[str, set[bytes]] = {}
    digests = []
    for base in ("https://a.example", "https://b.example", "https://a.example"):
        site.build(site=SITE._replace(base_url=base))
        digests.append(site.digests())
        for path in ("/robots.txt", "/videos/lecture-1/", "/sitemap.xml", "/data/video/1.json"):
            body = site.objects()[path].body
            assert body not in seen.setdefault(path, set()), path  # nor does a bucket's ETag, so no old writer passes
            seen[path].add(body)
    assert digests[0] == digests[2] != digests[1]


def test_a_digest_is_of_words_headers_and_tags_whatever_packed_them(site: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(site)
    site.build()
    before = site.digests()
    monkeypatch.setattr("builder.packing.isal_zlib.compress", lambda body, level, bits: gzip.compress(body, 1))
    site.sql("TRUNCATE live.object, live.release")
    site.build()
    assert site.digests() == before
    monkeypatch.undo()
    site.build(profile="1m")  # other headers, same words
    after = site.digests()
    assert not [path for path in after if after[path] == before[path] and path != "/404.html" and "/assets/" not in path
                and not path.startswith(("/data/", "/captions/"))]


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    code = ("from builder.fingerprint import fingerprints; from builder.pages.page import Site;"
            "print(fingerprints(Site('L', 'https://l.example', 9, ('a.example', 'b.example', 'c.example')), '100k'))")
    made = {subprocess.run([sys.executable, "-c", code], cwd=TOP, env=os.environ | {"PYTHONHASHSEED": seed}, check=True,
                           capture_output=True, text=True).stdout for seed in ("1", "2", "3")}
    assert len(made) == 1
    hash(Site("L", "https://l.example", 9))  # and nothing in it is a set, whose order is chance
    assert not any(isinstance(value, (set, frozenset)) for value in Site("L", "https://l.example", 9))
