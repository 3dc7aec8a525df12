"""``refresh`` from outside: one JSON value, the exit code that was promised, and a site that shows what was learnt."""
from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from build import main
from edge.address import Path as SitePath
from edge.address import key_of
from edge.store.sqlite import SQLiteStore
from tests.catalog.stand_ins import Providers, Said
from tests.site import Built, fill, text_of

STREAM = b"#EXTM3U\n#EXTINF:3600,\na.ts\n#EXTINF:125,\nb.ts\n#EXT-X-ENDLIST\n"


def run(site: Built, talkers: Providers, folder: Path, *, code: int = 0) -> dict[str, Any]:
    settings = {"DATABASE_URL": site.dsn, "LECTERN_DATA": str(folder / "data"), "LECTERN_REFRESH_PRIVATE_HOSTS": talkers.host,
                "LECTERN_YOUTUBE_KEY": "a-secret-key"}
    answer = CliRunner().invoke(main, ["refresh", "--json"], env=settings, catch_exceptions=False)
    assert answer.exit_code == code, answer.output
    assert "a-secret-key" not in answer.output
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def streamed(site: Built, talkers: Providers) -> None:
    """One lecture without a length, whose stream the stand-in has."""
    fill(site, videos=1)
    site.sql("UPDATE catalog.video SET duration_s = NULL, picture_url = NULL")
    site.sql("UPDATE catalog.source SET kind = 'hls', url = %s", f"{talkers.base}/talk.m3u8")
    talkers.at["/talk.m3u8"] = Said(200, STREAM, {"ETag": '"1"'})


def page(folder: Path, path: str) -> str:
    with closing(SQLiteStore(folder / "data" / "site.db")) as store:
        found = store.get(key_of(SitePath(path)))
    assert found is not None
    return text_of(found[0])


def test_what_refresh_learns_is_on_the_page_that_it_builds(site: Built, talkers: Providers, tmp_path: Path) -> None:
    streamed(site, talkers)
    told = run(site, talkers, tmp_path)
    assert {name: told[name] for name in ("asked", "changed", "dead", "failed", "behind", "cards")} == {
        "asked": 1, "changed": 1, "dead": 0, "failed": 0, "behind": 0, "cards": 3}
    assert "3725" in page(tmp_path, "/data/video/1.json")


def test_a_refresh_that_finds_nothing_new_records_renders_and_writes_nothing(site: Built, talkers: Providers, tmp_path: Path) -> None:
    streamed(site, talkers)
    run(site, talkers, tmp_path)
    state = "SELECT (SELECT count(*) FROM catalog.change), (SELECT max(number) FROM live.release WHERE state = 'live')"
    with closing(SQLiteStore(tmp_path / "data" / "site.db")) as store:
        before = (site.sql(state), list(store.list()))
        assert run(site, talkers, tmp_path)["changed"] == 0
        assert (site.sql(state), list(store.list())) == before
    assert talkers.asked[-1].headers["if-none-match"] == '"1"'


def test_no_clear_answer_ends_with_one_and_a_dead_video_is_a_line(site: Built, talkers: Providers, tmp_path: Path) -> None:
    streamed(site, talkers)
    run(site, talkers, tmp_path)
    talkers.at["/talk.m3u8"] = Said(500)
    told = run(site, talkers, tmp_path, code=1)
    assert (told["failed"], told["changed"], told["problems"][0]["where"]) == (1, 0, talkers.host)
    talkers.at["/talk.m3u8"] = Said(410)
    assert [run(site, talkers, tmp_path)["dead"] for _ in range(3)] == [0, 0, 1]
    answer = CliRunner().invoke(main, ["refresh"], env={
        "DATABASE_URL": site.dsn, "LECTERN_DATA": str(tmp_path / "data"), "LECTERN_REFRESH_PRIVATE_HOSTS": talkers.host})
    assert f"{talkers.base}/talk.m3u8: gone since" in answer.stderr
    assert answer.stdout.startswith("1 asked, 0 changed, 1 dead, 0 failed, 0 behind")
