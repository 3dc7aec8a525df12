"""Protected media: opened by a signature for its folder or file and for its time, and by nothing else."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import SettingsError
from edge.media_signature import key_behind, sign
from edge.origin import Origin
from edge.settings import read_settings
from edge.store.port import Put
from edge.store.sqlite import SQLiteStore
from tests.edge.asking import ask
from tests.edge.pages import page

SECRET = "0123456789abcdef0123456789abcdef"
NOW_S = 1_700_000_000
FOLDER = "batch-12/na\u00efve/"
MOVIE = bytes(range(256)) * 8


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore(tmp_path / "site.db")
    store.put(Put(page(f"protected/{name}", "", gzipped=False, content_type="video/mp2t", tags="")._replace(body=MOVIE))
              for name in (f"{FOLDER}list.m3u8", f"{FOLDER}1.ts", f"{FOLDER}low/1.ts", "batch-12/other/1.ts", "batch-1/1.ts", "loose.mp4"))
    store.put([Put(page("protected/index.html", "a list")), Put(page("404.html", "nobody"))])
    yield store
    store.close()


def opened(store: SQLiteStore, target: str, *, now_s: float = NOW_S, secret: str = SECRET) -> int:
    return ask(Origin(store, secret=secret, clock=lambda: now_s), quote(target)).status


def test_a_playlists_signature_opens_what_its_folder_holds_until_its_time(store: SQLiteStore) -> None:
    signed = f"/protected/{sign(SECRET, FOLDER, NOW_S + 300)}/"
    for name in ("list.m3u8", "1.ts", "low/1.ts"):
        assert opened(store, f"{signed}{FOLDER}{name}") == 200
        assert opened(store, f"{signed}{FOLDER}{name}", now_s=NOW_S + 299.9) == 200
        assert opened(store, f"{signed}{FOLDER}{name}", now_s=NOW_S + 300) == 403
    assert opened(store, f"{signed}{FOLDER}2.ts") == 404
    for other in ("batch-12/other/1.ts", "batch-1/1.ts", "loose.mp4", f"{FOLDER}../other/1.ts", f"{FOLDER}", "batch-12/na\u00efve"):
        assert opened(store, signed + other) in (400, 403), other


def test_a_files_signature_opens_that_file_alone(store: SQLiteStore) -> None:
    signed = f"/protected/{sign(SECRET, f'{FOLDER}1.ts', NOW_S + 300)}/"
    assert opened(store, f"{signed}{FOLDER}1.ts") == 200
    assert opened(store, f"{signed}{FOLDER}list.m3u8") == 403
    loose = f"/protected/{sign(SECRET, 'loose.mp4', NOW_S + 300)}/"
    assert opened(store, f"{loose}loose.mp4") == 200
    assert opened(store, f"{loose}{FOLDER}1.ts") == 403


def test_without_a_signature_nothing_below_protected_is_served_in_any_spelling(store: SQLiteStore) -> None:
    for path in ("/protected/", "/protected", "/protected/index.html", f"/protected/{FOLDER}1.ts", f"/protected/{FOLDER}1.ts/",
                 "/protected/batch-1/1.ts", "/PROTECTED/batch-1/1.ts", "/protected//batch-1/1.ts", "/./protected/batch-1/1.ts"):
        assert opened(store, path) in (400, 403, 404), path
    assert ask(Origin(store, secret=SECRET), "/%70rotected/batch-1/1.ts").status == 403


def test_where_no_secret_is_set_nothing_is_opened_by_the_empty_one(store: SQLiteStore) -> None:
    assert opened(store, f"/protected/{sign('', FOLDER, NOW_S + 300)}/{FOLDER}1.ts", secret="") == 403


def test_what_is_opened_is_kept_by_nobody_and_comes_in_ranges(store: SQLiteStore) -> None:
    target = quote(f"/protected/{sign(SECRET, FOLDER, NOW_S + 300)}/{FOLDER}1.ts")
    answer = ask(Origin(store, secret=SECRET, clock=lambda: NOW_S), target, range="bytes=256-511")
    assert (answer.status, answer.body, answer.headers["cache-control"]) == (206, bytes(range(256)), "no-store")
    refused = ask(Origin(store, secret=SECRET, clock=lambda: NOW_S + 301), target, if_none_match=answer.headers["etag"])
    assert (refused.status, refused.headers["cache-control"]) == (403, "no-store")


@given(at=st.integers(0, 200), letter=st.sampled_from("0123456789.abzAZ/-_~"))
def test_no_altered_letter_opens_anything_else(at: int, letter: str) -> None:
    path = f"/protected/{sign(SECRET, 'a/b/', NOW_S + 300)}/a/b/c.ts"
    at %= len(path)
    altered = path[:at] + letter + path[at + 1:]
    if altered != path:
        found = key_behind(SECRET, altered, NOW_S)
        # Only the name of what the folder holds is free.
        assert found is None or (altered.startswith(path.removesuffix("c.ts")) and found.startswith("protected/a/b/"))


@given(st.text(max_size=80))
def test_no_path_at_all_makes_the_check_fail(path: str) -> None:
    assert key_behind(SECRET, f"/protected/{path}", NOW_S) is None


@pytest.mark.parametrize(("values", "named"), [
    ({"LECTERN_MEDIA_SECRET": "short"}, "LECTERN_MEDIA_SECRET"), ({"LECTERN_MEDIA_SECRET": "with space " * 5}, "LECTERN_MEDIA_SECRET"),
    ({"LECTERN_MEDIA_KEY_ID": "K2JCJ"}, "LECTERN_MEDIA_KEY_FILE"), ({"LECTERN_MEDIA_KEY_FILE": "/x"}, "LECTERN_MEDIA_KEY_ID"),
    ({"LECTERN_MEDIA_KEY_ID": "K2JCJ", "LECTERN_MEDIA_KEY_FILE": "/nowhere.pem"}, "LECTERN_MEDIA_KEY_FILE"),
    ({"LECTERN_MEDIA_KEY_ID": "K2JCJ", "LECTERN_MEDIA_KEY_FILE": __file__, "LECTERN_MEDIA_SECRET": SECRET}, "LECTERN_MEDIA_SECRET"),
    ({"LECTERN_MEDIA_KEY_ID": "k 2", "LECTERN_MEDIA_KEY_FILE": __file__}, "LECTERN_MEDIA_KEY_ID"),
    *(({"LECTERN_MEDIA_URL": url}, "LECTERN_MEDIA_URL") for url in (
        "media.example", "ftp://media.example/", "https://a@media.example/", "https://media.example/*/", "https://media.example/?x",
        "https://media.example/a b/", "https://media.example:0/"))])
def test_a_setting_of_media_that_is_wrong_is_named_and_no_secret_is_shown(values: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named) as error:
        read_settings(values)
    if secret := values.get("LECTERN_MEDIA_SECRET"):
        assert secret not in str(error.value)


def test_own_media_lie_below_the_site_where_nothing_else_is_said() -> None:
    assert read_settings({}).media.url == "http://127.0.0.1:8000/protected/"
    settings = read_settings({"LECTERN_MEDIA_URL": "https://media.example/lectures", "LECTERN_MEDIA_SECRET": SECRET})
    assert settings.media.url == "https://media.example/lectures/"
    assert SECRET not in repr(settings)
