"""What the hourly refresh finds out, as pages show it."""
from __future__ import annotations

from tests.site import Built, fill


def test_a_recording_that_its_provider_lost_is_said_to_be_lost(site: Built) -> None:
    fill(site)
    site.build()
    assert "no longer there" not in site.text("/videos/lecture-1/")
    site.sql("UPDATE catalog.video SET unavailable_since = '2026-03-01 23:30:00-05' WHERE id = 1")
    assert site.build().uploaded == 1
    assert '<time datetime="2026-03-02">2 March 2026</time> that this recording is no longer there' in site.text("/videos/lecture-1/")


def test_other_sites_are_shown_the_social_card_before_the_picture(site: Built) -> None:
    fill(site)
    site.sql("UPDATE catalog.video SET picture = 'pictures/1/a.jpg' WHERE id = 1")
    site.build()
    assert '<meta property="og:image" content="https://lectures.example/pictures/1/a.jpg">' in site.text("/videos/lecture-1/")
    site.sql("UPDATE catalog.video SET card = 'pictures/1/card-b.png' WHERE id = 1")
    assert site.build().uploaded == 1
    assert '<meta property="og:image" content="https://lectures.example/pictures/1/card-b.png">' in site.text("/videos/lecture-1/")


def test_other_sites_are_shown_a_batch_s_and_a_course_s_own_card(site: Built) -> None:
    fill(site, videos=60)
    site.build()
    assert "og:image" not in site.text("/batches/batch/") + site.text("/courses/course/")
    site.sql("UPDATE catalog.batch SET card = 'pictures/batch/1/card-b.png'")
    assert site.build().uploaded == 2, "its two pages"
    image = '<meta property="og:image" content="https://lectures.example/pictures/{}">'
    assert image.format("batch/1/card-b.png") in site.text("/batches/batch/")
    assert image.format("batch/1/card-b.png") in site.text("/batches/batch/page/2/")
    site.sql("UPDATE catalog.course SET card = 'pictures/course/1/card-c.png'")
    assert site.build().uploaded == 1
    assert image.format("course/1/card-c.png") in site.text("/courses/course/")


def test_what_refresh_finds_out_raises_no_version(site: Built) -> None:
    fill(site)
    site.sql("UPDATE catalog.video SET picture = 'pictures/1/a.jpg', card = 'pictures/1/b.png', unavailable_since = now() WHERE id = 1")
    assert site.sql("SELECT version FROM catalog.video WHERE id = 1") == [(1,)]
    site.sql("UPDATE catalog.video SET title = 'Edited', card = NULL WHERE id = 1")
    site.sql("UPDATE catalog.batch SET card = 'pictures/batch/1/a.png'")
    assert site.sql("SELECT version FROM catalog.batch") == [(1,)]
    site.sql("UPDATE catalog.video SET title = 'Edited' WHERE id = 1")
    assert site.sql("SELECT version FROM catalog.video WHERE id = 1") == [(2,)]
