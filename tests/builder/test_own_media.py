"""Own media come into the store with the media tier's headers, and are served at the address that the catalog then names."""
from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from build import main
from builder import own_media
from edge.origin import Origin
from edge.store.sqlite import SQLiteStore
from edge.tiers import cache_control
from tests.builder.purging import Recorder
from tests.edge.asking import ask
from tests.site import Built, fill


def _media(site: Built, *arguments: object) -> Result:
    settings = {"DATABASE_URL": site.dsn, "LECTERN_STORE": f"sqlite://{site._file}", "LECTERN_BASE_URL": "https://lectures.example",
                "LECTERN_PROFILE": "500k"}
    return CliRunner().invoke(main, ["media", *map(str, arguments)], env=settings)


def test_a_film_is_served_in_parts_with_the_media_tiers_headers(site: Built, tmp_path: Path) -> None:
    fill(site, videos=1)
    site.build()
    (tmp_path / "talk.mp4").write_bytes(b"0123456789" * 200_000)
    done = _media(site, tmp_path / "talk.mp4", "media/pycon/talk.mp4", "--video", 1, "--json")
    assert json.loads(done.stdout) == {"stored": ["https://lectures.example/media/pycon/talk.mp4"], "bytes": 2_000_000}
    with closing(SQLiteStore(site._file)) as store:
        answer = ask(Origin(store), "/media/pycon/talk.mp4", range="bytes=1500000-1500009")
    assert (answer.status, answer.body) == (206, b"0123456789")
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("video/mp4", cache_control("media", "500k"))
    assert {"video:1", "kind:media", "all"} < set(answer.headers["surrogate-key"].split())


def test_a_folder_goes_up_segments_first_and_what_stood_there_is_purged(site: Built, tmp_path: Path) -> None:
    fill(site, videos=1)
    site.build()
    film = tmp_path / "film"
    (film / "low").mkdir(parents=True)
    for name in ("a.m3u8", "low/b.m3u8", "low/1.ts", "low/2.ts"):
        (film / name).write_text(name)
    files = own_media.found(film, "protected/batch-1/video-1")
    assert [file.key.rpartition("video-1/")[2] for file in files] == ["low/1.ts", "low/2.ts", "a.m3u8", "low/b.m3u8"]
    with site.publisher() as (_, store, connection):
        assert own_media.put(connection, store, [Recorder()], "100k", files, None) == sum(len(str(file.path.read_text())) for file in files)
        stored = [store.get(file.key) for file in files]
    assert [found and found[0].body for found in stored] == [b"low/1.ts", b"low/2.ts", b"a.m3u8", b"low/b.m3u8"]
    ((what,),) = site.sql("SELECT what FROM live.debt WHERE kind = 'purge' AND NOT again")
    assert "url:/protected/batch-1/video-1/low/1.ts" in what


@pytest.mark.parametrize(("name", "key", "why"), [
    ("talk.mp4", "videos/talk/index.html", "no place for own media"), ("talk.mp4", "media/../x.mp4", "no place for own media"),
    ("talk.exe", "media/talk.exe", "of no kind that players know")])
def test_what_own_media_cannot_be_is_refused_with_a_sentence(site: Built, tmp_path: Path, name: str, key: str, why: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(own_media.MediaError, match=why):
        own_media.found(tmp_path / name, key)


def test_a_file_that_no_row_holds_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "long.mp4").open("wb") as file:
        file.truncate(own_media.FILE_BYTES + 1)  # sparse
    with pytest.raises(own_media.MediaError, match="cut it into segments"):
        own_media.found(tmp_path / "long.mp4", "media/long.mp4")
