"""Copies of pictures and social cards: what is taken, what is refused, and that the store has it before a row names it."""
from __future__ import annotations

import io
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from PIL import Image, ImageChops, ImageFont, features
from pymupdf_fonts import FiraGO_Bold, FiraGO_Regular  # type: ignore[import-untyped]

from builder.catalog import keys
from builder.catalog.picture import small_of
from builder.catalog.refresh import pictures, rows, social
from builder.catalog.refresh.pictures import NoPicture, shrunk
from builder.catalog.refresh.report import Report
from edge.errors import StoreError
from edge.store.port import Object
from edge.store.sqlite import SQLiteStore
from tests.catalog.refreshing import ask, youtube_site
from tests.catalog.stand_ins import Providers, Said
from tests.site import Built, fill


def picture(size: tuple[int, int] = (640, 360), colour: str = "teal", kind: str = "JPEG", **more: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind, **more)
    return out.getvalue()


def pictured(site: Built, talkers: Providers, videos: int = 1) -> None:
    """Videos whose pictures the stand-in has."""
    youtube_site(site, talkers, videos=videos)
    site.sql("UPDATE catalog.video SET picture_url = %s || '/pic/' || id || '.jpg'", talkers.base)
    for n in range(1, videos + 1):
        talkers.at[f"/pic/{n}.jpg"] = Said(200, picture(), {"Content-Type": "image/jpeg"})


def copy(site: Built, talkers: Providers) -> Report:
    return ask(site, talkers, copy_pictures=True)


def stored(talkers: Providers, ending: str = "-640.webp") -> dict[str, Object]:
    with closing(SQLiteStore(talkers.file)) as store:
        found = [store.get(head.key) for head in store.list(rows.PICTURES) if head.key.endswith(ending)]
    return {pair[0].key: pair[0] for pair in found if pair}


def test_a_picture_is_copied_once_small_and_named_by_its_digest(site: Built, talkers: Providers) -> None:
    pictured(site, talkers)
    report = copy(site, talkers)
    assert (report.pictures, report.failed) == (1, 0)
    ((key,),) = site.sql("SELECT picture FROM catalog.video")
    (thing,) = stored(talkers).values()
    assert key == thing.key
    assert key.startswith("pictures/1/")
    assert (thing.content_type, thing.cache_control, thing.gzipped) == ("image/webp", "public, max-age=86400, immutable", False)
    assert "video:1" in thing.tags.split()
    with Image.open(io.BytesIO(thing.body)) as large:
        assert (large.format, large.size) == ("WEBP", (640, 360))
    (beside,) = stored(talkers, "-256.webp").values()
    assert beside.key == small_of(key)
    with Image.open(io.BytesIO(beside.body)) as small:
        assert (small.format, small.size) == ("WEBP", (256, 144))
    talkers.forget()
    version = site.sql("SELECT version FROM catalog.video")
    assert (copy(site, talkers).pictures, site.sql("SELECT version FROM catalog.video")) == (0, version)
    assert [path for path in talkers.paths() if path.startswith("/pic/")] == []


def test_a_copy_carries_nothing_that_the_original_said_beside_the_picture() -> None:
    exif = Image.Exif()
    exif[0x010E] = "where it was taken"
    exif[0x0112] = 6  # lies on its side
    copy = shrunk(picture((360, 640), exif=exif, comment=b"by somebody"))
    for body in copy:
        with Image.open(io.BytesIO(body)) as found:
            assert not found.getexif()
            assert "comment" not in found.info
        assert b"taken" not in body
    assert copy == shrunk(picture((640, 360)))


def test_transparent_and_other_kinds_become_plain_pictures() -> None:
    for kind in ("PNG", "WEBP", "GIF"):
        with Image.open(io.BytesIO(shrunk(picture(kind=kind)).large)) as found:
            assert (found.format, found.mode) == ("WEBP", "RGB")
    clear = io.BytesIO()
    Image.new("RGBA", (640, 360), (0, 0, 0, 0)).save(clear, "PNG")
    with Image.open(io.BytesIO(shrunk(clear.getvalue()).large)) as found:
        assert found.getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize("body", [
    b"", b"<html>", b"GIF89a", picture()[:400], picture((120, 90)), picture((640, 80)), picture(kind="BMP"), picture(kind="TIFF"),
    b'<svg xmlns="http://www.w3.org/2000/svg" width="640" height="360"/>', picture((5000, 4000), kind="PNG")],
    ids=["nothing", "page", "stub", "torn", "grey", "flat", "bmp", "tiff", "svg", "huge"])
def test_what_is_no_picture_of_a_bearable_size_is_refused(body: bytes) -> None:
    with pytest.raises(NoPicture):
        shrunk(body)


def test_what_is_no_picture_changes_no_row_and_is_not_asked_for_again_soon(site: Built, talkers: Providers) -> None:
    pictured(site, talkers)
    talkers.at["/pic/1.jpg"] = Said(200, b"<html>no</html>")
    report = copy(site, talkers)
    assert (report.pictures, [problem.where[-10:] for problem in report.problems]) == (0, ["/pic/1.jpg"])
    talkers.forget()
    assert copy(site, talkers).problems == []
    assert "/pic/1.jpg" not in talkers.paths()
    assert site.sql("SELECT picture FROM catalog.video") == [(None,)]
    assert stored(talkers) == {}


def test_the_largest_of_youtubes_names_is_often_none_and_the_next_is_taken(site: Built, talkers: Providers) -> None:
    """A missing size answers 404 with a grey picture of its own, which must never be kept."""
    pictured(site, talkers)
    site.sql("UPDATE catalog.video SET picture_url = %s", f"{talkers.base}/vi/00000000001/maxresdefault.jpg")
    talkers.at["/vi/00000000001/maxresdefault.jpg"] = Said(404, picture((120, 90), "grey"), {"Content-Type": "image/jpeg"})
    talkers.at["/vi/00000000001/hqdefault.jpg"] = Said(200, picture((480, 360), "red"))
    assert copy(site, talkers).pictures == 1
    (thing,) = stored(talkers).values()
    with Image.open(io.BytesIO(thing.body)) as small:
        red, green, blue = small.getpixel((240, 135))  # type: ignore[misc]
    assert red > 200 > 60 > max(green, blue)


def test_a_picture_of_another_video_is_told(site: Built, talkers: Providers) -> None:
    pictured(site, talkers, videos=2)
    site.sql("UPDATE catalog.video SET picture_url = %s", f"{talkers.base}/vi/00000000001/hqdefault.jpg")
    talkers.at["/vi/00000000001/hqdefault.jpg"] = Said(200, picture())
    report = copy(site, talkers)
    assert (report.pictures, report.failed) == (2, 0)
    assert ["video 2" in problem.why for problem in report.problems] == [True]


def test_a_new_address_gets_a_new_copy_and_the_old_one_stays_for_cached_pages(site: Built, talkers: Providers) -> None:
    pictured(site, talkers)
    copy(site, talkers)
    ((old,),) = site.sql("SELECT picture FROM catalog.video")
    talkers.at["/pic/new.jpg"] = Said(200, picture(colour="gold"))
    site.sql("UPDATE catalog.video SET picture_url = %s", f"{talkers.base}/pic/new.jpg")
    assert copy(site, talkers).changed == 1
    ((new,),) = site.sql("SELECT picture FROM catalog.video")
    assert {old, new} == set(stored(talkers))
    site.sql("UPDATE live.refresh_picture SET dropped_at = now() - interval '4 days' WHERE key = %s", old)
    copy(site, talkers)
    assert {new} == set(stored(talkers)), "and leaves when none can name it"
    site.sql("UPDATE catalog.video SET picture_url = NULL")
    talkers.youtube["00000000001"]["snippet"]["thumbnails"] = {}
    copy(site, talkers)
    assert site.sql("SELECT picture FROM catalog.video") == [(None,)]


def test_a_dropped_copy_stays_while_a_body_kept_for_a_rollback_may_name_it(site: Built, talkers: Providers) -> None:
    pictured(site, talkers)
    copy(site, talkers)
    site.sql("UPDATE catalog.video SET picture = NULL, picture_url = NULL")
    site.sql("INSERT INTO live.retained (path, replaced_by, kept_as, kind, digest, tags, keys, size_bytes, release, unit, etag) "
             "VALUES ('/videos/lecture-1/', 1, '', 'video', '', '', ARRAY[1 << 8 | 9], 1, 1, 1, '')")
    copy(site, talkers)
    site.sql("UPDATE live.refresh_picture SET dropped_at = now() - interval '4 days' WHERE dropped_at IS NOT NULL")
    copy(site, talkers)
    assert len(stored(talkers)) == 1
    site.sql("DELETE FROM live.retained")
    copy(site, talkers)
    assert stored(talkers) == {}


def test_a_picture_that_an_editor_chose_is_left(site: Built, talkers: Providers) -> None:
    pictured(site, talkers)
    site.sql("UPDATE catalog.video SET picture = 'own/picture.jpg'")
    assert copy(site, talkers).pictures == 0
    assert site.sql("SELECT picture FROM catalog.video") == [("own/picture.jpg",)]


def test_no_copies_are_made_where_the_setting_says_so(site: Built, talkers: Providers) -> None:
    pictured(site, talkers)
    assert ask(site, talkers, copy_pictures=False).pictures == 0
    assert stored(talkers) == {}


def test_a_row_names_no_picture_that_the_store_does_not_have(site: Built, talkers: Providers, monkeypatch: pytest.MonkeyPatch) -> None:
    pictured(site, talkers, videos=2)

    def refuse(self: SQLiteStore, puts: object) -> None:
        raise StoreError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(SQLiteStore, "put", refuse)
        with pytest.raises(StoreError):
            copy(site, talkers)
    assert site.sql("SELECT count(picture), count(card) FROM catalog.video") == [(0, 0)]
    assert copy(site, talkers).pictures == 2
    with closing(psycopg2.connect(site.dsn)) as connection:
        known = rows.pictures_of(connection, [keys.video(1), keys.video(2), keys.batch(1), keys.course(1)])
    assert sorted(known) == sorted(stored(talkers, ""))


def test_a_picture_host_that_is_down_is_told_and_tried_again(site: Built, talkers: Providers) -> None:
    pictured(site, talkers)
    talkers.at["/pic/1.jpg"] = Said(503)
    assert copy(site, talkers).failed == 1
    talkers.at["/pic/1.jpg"] = Said(200, picture())
    assert copy(site, talkers).pictures == 1


def test_only_the_pictures_address_of_the_provider_is_taken_over_and_not_its_new_signatures(site: Built, talkers: Providers) -> None:
    youtube_site(site, talkers, videos=2, picture=f"{talkers.base}/pic/a.jpg?s=1")
    site.sql("UPDATE catalog.video SET picture_url = NULL WHERE id = 1")
    assert ask(site, talkers).changed == 2
    for id in talkers.youtube:
        talkers.youtube[id]["snippet"]["thumbnails"]["high"]["url"] = f"{talkers.base}/pic/a.jpg?s=2"
    assert ask(site, talkers).changed == 0
    assert site.sql("SELECT picture_url FROM catalog.video ORDER BY id") == [
        (f"{talkers.base}/pic/a.jpg?s=1",), ("https://pictures.example/2.jpg",)]


def test_a_card_is_drawn_once_and_anew_when_its_words_change(site: Built, talkers: Providers) -> None:
    fill(site, videos=2)
    assert ask(site, talkers).cards == 4, "two videos, a batch, a course"
    before = site.sql("SELECT card FROM catalog.video ORDER BY id")
    things = site.sql("SELECT card FROM catalog.batch UNION SELECT card FROM catalog.course")
    assert set(stored(talkers, ".png")) == {key for (key,) in before + things}
    versions = site.sql("SELECT version FROM catalog.video ORDER BY id")
    assert ask(site, talkers).cards == 0
    assert site.sql("SELECT version FROM catalog.video ORDER BY id") == versions
    site.sql("UPDATE catalog.video SET title = 'Another title' WHERE id = 1")
    assert ask(site, talkers).cards == 1
    after = site.sql("SELECT card FROM catalog.video ORDER BY id")
    assert (after[0] != before[0], after[1] == before[1]) == (True, True)
    site.sql("UPDATE catalog.instructor SET name = 'Another Teacher'")
    assert ask(site, talkers).cards == 2


def test_a_batch_and_a_course_have_cards_of_their_own(site: Built, talkers: Providers) -> None:
    fill(site, videos=2)
    ask(site, talkers)
    ((batch, course),) = site.sql("SELECT b.card, c.card FROM catalog.batch b, catalog.course c")
    assert (batch.startswith("pictures/batch/1/card-"), course.startswith("pictures/course/1/card-")) == (True, True)
    there = stored(talkers, ".png")
    assert {"batch:1", "kind:picture"} <= set(there[batch].tags.split())
    assert {"course:1", "kind:picture"} <= set(there[course].tags.split())
    assert there[batch].cache_control == "public, max-age=86400, immutable"
    assert there[batch].body == social.card("Batch", "Course", "2020", "Lectern", 255)
    assert there[course].body == social.card("Course", "", "2020", "Lectern", 255)
    assert site.sql("SELECT b.version, c.version FROM catalog.batch b, catalog.course c") == [(1, 1)], "no editor's edit"
    assert ask(site, talkers).cards == 0
    site.sql("UPDATE catalog.batch SET ends_on = '2022-01-01'")
    assert ask(site, talkers).cards == 1
    site.sql("UPDATE catalog.course SET title = 'Another'")
    assert ask(site, talkers).cards == 2, "the batch's card says its course"
    assert (batch in stored(talkers, ".png"), site.sql("SELECT card = %s FROM catalog.batch", batch)) == (True, [(False,)])
    site.sql("UPDATE live.refresh_picture SET dropped_at = now() - interval '4 days' WHERE key = %s", batch)
    ask(site, talkers)
    assert batch not in stored(talkers, ".png"), "no cached page can name it any more"


def test_a_batch_without_anything_to_show_has_no_card(site: Built, talkers: Providers) -> None:
    fill(site, videos=1)
    site.sql("UPDATE catalog.video SET status = 'draft'")
    assert ask(site, talkers).cards == 0
    site.sql("UPDATE catalog.video SET status = 'scheduled', publish_at = now() + interval '1 day'")
    assert ask(site, talkers).cards == 3, "there before its page is"


@pytest.mark.parametrize("title", ["机器学习入门", "파이썬", "🎉"])
def test_a_batch_whose_title_the_font_lacks_has_a_card_without_text(site: Built, talkers: Providers, title: str) -> None:
    fill(site, videos=1)
    site.sql("UPDATE catalog.batch SET title = %s", title)
    ask(site, talkers)
    ((key,),) = site.sql("SELECT card FROM catalog.batch")
    assert stored(talkers, ".png")[key].body == social.bare_card(255)
    with Image.open(io.BytesIO(social.bare_card(255))) as found:
        assert (found.format, found.size) == ("PNG", (1200, 630))
        assert found.resize((300, 157)).tobytes() != Image.new(found.mode, (300, 157)).tobytes()


@pytest.mark.parametrize(("title", "shaped"), [
    ("हिन्दी में पायथन: क्षेत्र", True), ("مقدمة في بايثون", True), ("Hindi", False)])
def test_what_needs_shaping_is_drawn_otherwise_than_letter_by_letter(
        monkeypatch: pytest.MonkeyPatch, title: str, shaped: bool) -> None:
    def flat(bold: bool, size: int) -> ImageFont.FreeTypeFont:
        return ImageFont.truetype(io.BytesIO((FiraGO_Bold if bold else FiraGO_Regular).fontbuffer), size,
                                  layout_engine=ImageFont.Layout.BASIC)

    def ink(body: bytes | None) -> Image.Image:
        with Image.open(io.BytesIO(body or b"")) as found:
            return found.convert("L").crop((60, 140, 1180, 430))

    drawn = ink(social.card(title, "", "", "Lectern", 255))
    monkeypatch.setattr(social, "_font", flat)
    by_letter = ink(social.card(title, "", "", "Lectern", 255))
    share = sum(ImageChops.difference(drawn, by_letter).point(lambda p: p > 64).histogram()[1:]) / sum(
        drawn.point(lambda p: p < 128).histogram()[1:])
    assert (share > 0.4) == shaped, share


@pytest.mark.parametrize(("title", "drawn"), [
    ("Lightning Talks", True), ("हिन्दी में पायथन: क्षेत्र", True), ("مقدمة في بايثون", True), ("Київ, Ελλάδα, Łódź", True),
    ("Fun 🎉 with Python", True), ("机器学习入门", False), ("파이썬", False), ("🎉", False), ("x" * 2000, True), ("word " * 400, True)])
def test_a_card_shows_every_letter_or_is_not_drawn(title: str, drawn: bool) -> None:
    body = social.card(title, "PyCon", "A, B", "Lectern", 255)
    assert (body is not None) == drawn
    if body:
        with Image.open(io.BytesIO(body)) as found:
            assert (found.format, found.size) == ("PNG", (1200, 630))
        assert len(body) < 40_000
        assert body == social.card(title, "PyCon", "A, B", "Lectern", 255), "the same bytes each time"


def test_a_script_that_needs_shaping_is_not_drawn_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda feature: False)
    assert social.card("हिन्दी", "", "", "Lectern", 255) is None
    assert social.card("Ünïcode", "", "", "Lectern", 255) is not None


def test_a_title_that_no_card_can_show_takes_the_old_card_away(site: Built, talkers: Providers) -> None:
    fill(site, videos=1)
    ask(site, talkers)
    site.sql("UPDATE catalog.video SET title = '机器学习'")
    assert ask(site, talkers).cards == 0
    assert site.sql("SELECT card FROM catalog.video") == [(None,)]


def test_the_names_of_youtubes_sizes_are_tried_from_the_one_that_is_named() -> None:
    at = "https://i.ytimg.com/vi/abcdefghijk/"
    assert pictures.candidates(f"{at}maxresdefault.jpg") == [f"{at}{size}default.jpg" for size in ("maxres", "sd", "hq")]
    assert pictures.candidates(f"{at}hqdefault.jpg") == [f"{at}hqdefault.jpg"]
    assert pictures.candidates("https://pictures.example/1.jpg") == ["https://pictures.example/1.jpg"]
