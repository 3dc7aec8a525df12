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


def test_what_refresh_finds_out_raises_no_version(site: Built) -> None:
    fill(site)
    site.sql("UPDATE catalog.video SET picture = 'pictures/1/a.jpg', card = 'pictures/1/b.png', unavailable_since = now() WHERE id = 1")
    assert site.sql("SELECT version FROM catalog.video WHERE id = 1") == [(1,)]
    site.sql("UPDATE catalog.video SET title = 'Edited', card = NULL WHERE id = 1")
    site.sql("UPDATE catalog.video SET title = 'Edited' WHERE id = 1")
    assert site.sql("SELECT version FROM catalog.video WHERE id = 1") == [(2,)]
