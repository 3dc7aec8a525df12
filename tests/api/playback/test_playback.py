"""Playback: the sources of a video for who is enrolled, and addresses of own media that end after five minutes."""
from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from api.playback.signing import VALID_S
from edge.errors import SettingsError
from edge.store import open_store
from edge.store.port import Put
from tests.api.conftest import Make
from tests.api.students import BASE, Student, fill, sql
from tests.edge.pages import page

SECRET = "0123456789abcdef0123456789abcdef"
ROOT = "/api/v1/playback"
NOW_S = 1_700_000_000.0


@pytest.fixture
def student(make: Make, dsn: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Student]:
    """A student of an instance with these settings, enrolled in the gated batch; video 2 of it has six sources."""
    fill(dsn)
    sql(dsn, """INSERT INTO catalog.source (video_id, position, kind, url, start_s) VALUES
        (2, 2, 'youtube', 'https://www.youtube.com/watch?v=abc', 30), (2, 1, 'hls', %s, 0), (2, 3, 'file', %s, 0),
        (2, 4, 'file', 'https://elsewhere.example/x.mp4', 0), (2, 5, 'hls', %s, 0), (2, 6, 'link', %s, 0)""",
        f"{BASE}/protected/b2/v2/list.m3u8", f"{BASE}/protected/b2/v2.mp4", f"{BASE}/protected/loose.m3u8", f"{BASE}/protected/b2/v2.mp4")
    monkeypatch.setattr("api.playback.routes.time.time", lambda: NOW_S)

    def made(**more: str) -> Student:
        found = Student(dsn, make(**more))
        sql(dsn, "INSERT INTO student.enrolment VALUES (%s, 2)", found.id)
        return found

    return made


def test_who_is_enrolled_gets_the_sources_in_their_order_and_nobody_keeps_them(student: Callable[..., Student]) -> None:
    ada = student()
    answer = ada.get(f"{ROOT}/2")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert "Cookie" in answer.headers["Vary"]
    assert "ETag" not in answer.headers
    assert answer.json is not None
    assert answer.json["account"] == ada.id
    assert [source["kind"] for source in answer.json["sources"]] == ["hls", "youtube", "file", "file", "hls", "link"]
    assert answer.json["sources"][1] == {"kind": "youtube", "url": "https://www.youtube.com/watch?v=abc", "start_s": 30,
                                         "until_ms": None, "query": ""}


def test_who_is_not_enrolled_gets_a_403_and_not_a_word_of_where_it_plays(student: Callable[..., Student], dsn: str) -> None:
    ada = student()
    sql(dsn, "DELETE FROM student.enrolment")
    for role in ("student", "editor", "admin"):
        sql(dsn, "UPDATE student.account SET role = %s", role)
        answer = ada.get(f"{ROOT}/2")
        assert (answer.status_code, answer.content_type, answer.headers["Cache-Control"]) == (403, "application/problem+json", "no-store")
        assert "b2" not in answer.text
    assert ada.apps[0].test_client().get(f"{ROOT}/2", base_url=BASE).status_code == 401


def test_an_enrolment_that_ends_ends_playback_at_once(student: Callable[..., Student], dsn: str) -> None:
    ada = student()
    assert ada.get(f"{ROOT}/2").status_code == 200
    ada.write("DELETE", "/enrolments/2")
    assert ada.get(f"{ROOT}/2").status_code == 403


def test_what_is_not_published_is_not_there(student: Callable[..., Student], dsn: str) -> None:
    ada = student()
    for status in ("draft", "withdrawn"):
        sql(dsn, "UPDATE catalog.video SET status = %s WHERE id = 2", status)
        assert ada.get(f"{ROOT}/2").status_code == 404
    for path in ("99", "0", "-1", "x", "9223372036854775808", "9" * 5000, "1/", "٣"):
        assert ada.get(f"{ROOT}/{path}").status_code == 404


def test_own_media_play_segment_by_segment_for_five_minutes(student: Callable[..., Student], make: Make, tmp_path: Path) -> None:
    """As a player does it: the playlist, then what it names beside itself; another folder stays shut."""
    ada = student(LECTERN_MEDIA_SECRET=SECRET)
    store = open_store(f"sqlite:///{tmp_path}/data/site.db")
    store.put(Put(page(f"protected/{name}", name, gzipped=False)) for name in (
        "b2/v2/list.m3u8", "b2/v2/1.ts", "b2/v2/2.ts", "b2/v2.mp4", "b2/v3/1.ts"))
    store.close()
    sources = ada.says(f"{ROOT}/2")["sources"]
    assert [source["until_ms"] for source in sources] == [1_700_000_300_000, None, 1_700_000_300_000, None, 1_700_000_300_000, None]
    playlist, movie = sources[0]["url"], sources[2]["url"]
    with pytest.MonkeyPatch.context() as patch:
        site: Any = ada.apps[0].wsgi_app
        origin = next(cell.cell_contents for cell in site.__closure__ if type(cell.cell_contents).__name__ == "Origin")
        for now_s, status in ((NOW_S, 200), (NOW_S + VALID_S - 1, 200), (NOW_S + VALID_S, 403)):
            patch.setattr(origin, "_clock", lambda now_s=now_s: now_s)
            for url in (playlist, urljoin(playlist, "1.ts"), urljoin(playlist, "2.ts"), movie):
                assert _site(ada, url) == status, (url, now_s)
            assert _site(ada, urljoin(playlist, "../v3/1.ts")) == 403
            assert _site(ada, urljoin(movie, "v3/1.ts")) == 403
    assert _site(ada, f"{BASE}/protected/b2/v2/1.ts") == 403


def test_a_playlist_that_lies_in_no_folder_opens_itself_alone(student: Callable[..., Student]) -> None:
    loose = student(LECTERN_MEDIA_SECRET=SECRET).says(f"{ROOT}/2")["sources"][4]["url"]
    assert urlsplit(loose).path.split("/")[2].split(".")[1] == "1"
    assert loose.endswith("/loose.m3u8")


def test_cloudfront_gets_a_policy_over_the_folder_that_its_key_signed(student: Callable[..., Student], tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    file = tmp_path / "key.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    ada = student(LECTERN_MEDIA_KEY_ID="K2JCJMDEHXQW5F", LECTERN_MEDIA_KEY_FILE=str(file))
    answer = ada.get(f"{ROOT}/2")
    assert answer.json is not None
    sources = answer.json["sources"]
    for source, resource in ((sources[0], "b2/v2/*"), (sources[2], "b2/v2.mp4"), (sources[4], "loose.m3u8")):
        given = parse_qs(urlsplit(source["url"]).query, strict_parsing=True)
        assert set(given) == {"Policy", "Signature", "Key-Pair-Id"}
        policy = _plain(given["Policy"][0])
        key.public_key().verify(_plain(given["Signature"][0]), policy, padding.PKCS1v15(), SHA1())
        assert b" " not in policy
        assert json.loads(policy) == {"Statement": [{"Resource": f"{BASE}/protected/{resource}", "Condition": {
            "DateLessThan": {"AWS:EpochTime": 1_700_000_300}}}]}
    assert sources[0]["url"] == f"{BASE}/protected/b2/v2/list.m3u8?{sources[0]['query']}"  # what each segment's address gets too
    assert [source["query"] for source in sources[1:]] == [""] * 5
    cookies = {line.partition("=")[0]: line for line in answer.headers.getlist("Set-Cookie") if line.startswith("CloudFront-")}
    assert set(cookies) == {"CloudFront-Policy", "CloudFront-Signature", "CloudFront-Key-Pair-Id"}
    for line in cookies.values():
        assert {"Path=/protected/b2/v2/", "Max-Age=300", "HttpOnly", "SameSite=Lax"} <= set(line.split("; "))


def test_media_of_another_host_get_no_cookie(student: Callable[..., Student], tmp_path: Path, dsn: str) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    file = tmp_path / "key.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    sql(dsn, "UPDATE catalog.source SET url = 'https://media.example/b2/v2/list.m3u8' WHERE position = 1")
    ada = student(LECTERN_MEDIA_KEY_ID="K2JC", LECTERN_MEDIA_KEY_FILE=str(file), LECTERN_MEDIA_URL="https://media.example")
    answer = ada.get(f"{ROOT}/2")
    assert answer.json is not None
    assert answer.json["sources"][0]["query"]
    assert not [line for line in answer.headers.getlist("Set-Cookie") if line.startswith("CloudFront-")]


@pytest.mark.parametrize("name", [
    "../other/x.m3u8", "b2//x.m3u8", "b2/x.m3u8?a=1", "b2/x.m3u8#a", "b2/%2e%2e/x.m3u8", "b2/*", "b2/a%2Fb.m3u8", "%zz", "."])
def test_an_address_with_anything_odd_in_it_is_never_signed(name: str, student: Callable[..., Student], dsn: str) -> None:
    sql(dsn, "DELETE FROM catalog.source WHERE position > 1")
    sql(dsn, "UPDATE catalog.source SET url = %s", f"{BASE}/protected/{name}")
    source, = student(LECTERN_MEDIA_SECRET=SECRET).says(f"{ROOT}/2")["sources"]
    assert (source["url"], source["until_ms"]) == (f"{BASE}/protected/{name}", None)


def test_a_key_that_is_none_is_refused_at_the_start_and_not_shown(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text("-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----\n")
    with pytest.raises(SettingsError, match="LECTERN_MEDIA_KEY_FILE") as error:
        make(LECTERN_MEDIA_KEY_ID="K2JC", LECTERN_MEDIA_KEY_FILE=str(file))
    assert "hush" not in str(error.value)


def _site(student: Student, url: str) -> int:
    """What a player gets, which sends no cookie and no header of ours."""
    return student.apps[0].test_client().get(urlsplit(url).path, base_url=BASE).status_code


def _plain(letters: str) -> bytes:
    return base64.b64decode(letters.translate(str.maketrans("-_~", "+=/")))
