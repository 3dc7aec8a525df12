"""What was an address once: it leads on in one step to a page that exists, or says that it is gone."""
from __future__ import annotations

import random

import pytest

from edge.address import Path as SitePath
from edge.address import key_of, path_of
from edge.store.port import storable
from tests.site import Built, fill


def test_no_walk_of_renames_leaves_a_chain_a_loop_or_a_hidden_page(site: Built) -> None:
    fill(site)
    walk = random.Random(11)
    used: set[str] = set()
    for _ in range(12):
        for table, ids in (("video", 3), ("subject", 1), ("course", 1)):
            slug = f"s-{walk.randint(1, 5)}"
            if not site.sql(f"SELECT 1 FROM catalog.{table} WHERE slug = %s", slug):
                site.sql(f"UPDATE catalog.{table} SET slug = %s WHERE id = %s", slug, walk.randint(1, ids))
        site.build()
        objects = site.objects()
        assert used <= set(objects)  # a path, once used, is never absent
        used |= set(objects)
        for path, thing in objects.items():
            assert (thing.status in (301, 302)) == bool(thing.location), path
            assert not thing.location or objects[thing.location].status == 200, path
    for (slug,) in site.sql("SELECT slug FROM catalog.video"):
        assert site.objects()[f"/videos/{slug}/"].status == 200


def test_an_old_slug_leads_nowhere_once_its_thing_has_no_page(site: Built) -> None:
    fill(site)
    site.build()
    for table, folder in (("subject", "subjects"), ("instructor", "instructors"), ("batch", "batches"), ("course", "courses")):
        site.sql(f"UPDATE catalog.{table} SET slug = 'renamed'")
        site.build()
        old = f"/{folder}/{'teacher' if table == 'instructor' else table}/"
        assert site.objects()[old].location == f"/{folder}/renamed/"
    site.sql("UPDATE catalog.video SET status = 'withdrawn'")
    site.build()
    assert {path for path, thing in site.objects().items() if thing.status == 301} == set()
    assert site.objects()["/subjects/subject/"].status == 410
    site.sql("UPDATE catalog.video SET status = 'published'")
    site.build()
    assert site.objects()["/subjects/subject/"].location == "/subjects/renamed/"


def test_a_feed_moves_with_its_page(site: Built) -> None:
    fill(site)
    site.build()
    site.sql("UPDATE catalog.subject SET slug = 'renamed'")
    site.sql("UPDATE catalog.course SET slug = 'moved'")
    site.build()
    objects = site.objects()
    assert objects["/subjects/subject/feed.xml"].location == "/subjects/renamed/feed.xml"
    assert objects["/courses/course/feed.xml"].location == "/courses/moved/feed.xml"


def test_a_redirect_to_any_script_is_ascii_and_leads_to_a_page(site: Built) -> None:
    fill(site)
    for slug in ("vidéo", "видео", "कक्षा", "강의"):
        site.sql("UPDATE catalog.video SET slug = %s WHERE id = 1", slug)
        site.build()
    objects = site.objects()
    moved = {path: thing.location for path, thing in objects.items() if thing.status == 301}
    assert set(moved.values()) == {"/videos/%EA%B0%95%EC%9D%98/"}
    assert all(path.isascii() for path in moved)
    assert objects["/videos/%EA%B0%95%EC%9D%98/"].status == 200


ODD = ("/100%", "/caf%C3%A9", "/café-2", "/it's \"it\"".replace(" ", "-"), "/a%5Cb", "/%2e%2e/x", "/a%2F%2Fb", "/x%00y", "/feed.xml",
       "/index.html", "/robots.txt/x", "/%61ssets/x", "/videos/other", "/talk/1/", "/" + "%20" * 200)


def test_no_alias_however_odd_stops_a_build_or_hides_a_page(site: Built) -> None:
    fill(site)
    site.build()
    before = site.digests()
    for path in ODD:
        site.sql("INSERT INTO catalog.alias (path, video_id) VALUES (%s, 1)", path)
    assert site.build().set_aside == []
    objects = site.objects()
    assert {path: thing.digest for path, thing in objects.items() if path in before} == before
    moved = {path for path, thing in objects.items() if thing.status == 301}
    assert {"/100%25/", "/caf%C3%A9/", "/caf%C3%A9-2/", "/talk/1/"} <= moved
    assert not [path for path in moved if path.startswith(("/assets/", "/videos/", "/feed.xml", "/robots.txt", "/index.html"))]
    assert all(storable(key_of(SitePath(path))) and path_of(key_of(SitePath(path))) == path for path in objects)
    paths = {path for (path,) in site.sql("SELECT path FROM live.object")}
    assert paths == set(objects)  # manifest and store spell each address alike


def test_no_file_has_the_name_of_a_folder(site: Built) -> None:
    fill(site, videos=120)
    site.sql("UPDATE catalog.video SET description = repeat('Some words and more of them. ', 20) || E'\\n\\n' WHERE id = 1")
    site.sql("UPDATE catalog.video SET description = repeat(description, 40) WHERE id = 1")
    site.sql("INSERT INTO catalog.caption (video_id, language, body) VALUES (1, 'en', 'WEBVTT')")
    site.sql("INSERT INTO catalog.alias (path, video_id) VALUES ('/talk', 1), ('/talk/one', 2)")
    site.build()
    keys = {key_of(SitePath(path)) for path in site.objects()}
    folders = {key[: n] for key in keys for n in range(len(key)) if key[n] == "/"}
    assert keys & folders == set()
    assert all("." in key.rpartition("/")[2] for key in keys)


def test_a_long_korean_title_s_addresses_fit_every_store(site: Built) -> None:
    from edge.address import slugify

    fill(site)
    for title in ("긴 제목 " * 80, "아주 긴 제목 " * 60, "더 긴 강의 " * 70):
        site.sql("UPDATE catalog.video SET slug = %s, title = %s WHERE id = 1", slugify(title, "x"), title.strip())
        site.build()
    keys = [key_of(SitePath(path)) for path in site.objects()]
    assert max(len(part.encode()) for key in keys for part in key.split("/")) in range(150, 200)
    assert max(len(key.encode()) for key in keys) <= 1024


@pytest.mark.parametrize("table", ["course", "batch", "subject", "instructor"])
def test_a_deleted_thing_s_pages_are_gone_whatever_went_with_it(site: Built, table: str) -> None:
    fill(site)
    site.build()
    site.sql(f"DELETE FROM catalog.{table}")
    site.build()
    objects = site.objects()
    gone = {path for path, thing in objects.items() if thing.status == 410}
    place = f"/{({'batch': 'batches'}.get(table, f'{table}s'))}/{'teacher' if table == 'instructor' else table}/"
    assert place in gone
    if table in ("course", "batch"):
        assert {"/videos/lecture-1/", "/data/video/1.json", "/data/batch/1.json", "/subjects/subject/"} <= gone
        assert "Lecture" not in "".join(text for path, text in site.texts() if "Lecture 1" in text)
    assert not [path for path, text in site.texts() if objects[path].status == 200 and f'href="{place}"' in text]
