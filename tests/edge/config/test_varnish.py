"""The generated VCL: it compiles for every place, its times are the profile's, and nothing of a setting breaks out of its quotes."""
from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from edge.cdn.port import MARGIN_S
from edge.cdn.varnish import FETCH_S, Varnish
from edge.config import write
from edge.config.cache_node import CacheNode, Upstream, networks, upstream
from edge.config.varnish import files
from edge.errors import SettingsError
from edge.policy import page_headers
from edge.tiers import PROFILES

HEADERS = page_headers(https=True, frame_hosts=["tube.example"])
SERVE = Upstream("http", "127.0.0.1", 8000)
SHIELDS = (Upstream("http", "10.0.0.5", 6081), Upstream("http", "fd00::6", 6081))
PLACES = {
    "before serve": CacheNode("https://lectures.example", "100k", HEADERS, SERVE, SERVE),
    "before a bucket": CacheNode("https://lectures.example", "500k", HEADERS, upstream("http://127.0.0.1:9000/site/v1", "--bucket"), SERVE,
                             bucket=True),
    "a shield": CacheNode("https://lectures.example:8443", "1m", HEADERS, SERVE, SERVE, edges=("10.0.0.0/8", "fd00::/8")),
    "before shields": CacheNode("http://127.0.0.1:8000", "1m", HEADERS, SERVE, SERVE, shields=SHIELDS, purgers=("10.1.2.3",)),
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_varnish_compiles_it(place: CacheNode, folder: Path) -> None:
    (path,) = write("varnish", place, folder)
    assert path.name == "default.vcl"
    done = subprocess.run(["varnishd", "-C", "-f", str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[:2000]


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_fetch_of_a_page_ends_before_the_second_purge(place: CacheNode) -> None:
    text = files(place)["default.vcl"]
    backends = {name: body for name, body in re.findall(r"backend (\w+) \{(.*?)\n\}", text, re.DOTALL) if name != "api"}
    assert backends
    for body in backends.values():
        times = [float(value) for value in re.findall(r"\.(?:connect|first_byte|between_bytes)_timeout = ([0-9.]+)s;", body)]
        assert len(times) == 3
        assert sum(times) < FETCH_S
    assert Varnish(["http://127.0.0.1"], "http://127.0.0.1").again_after_s >= FETCH_S + MARGIN_S


@pytest.mark.parametrize("name", PROFILES)
def test_its_limits_are_the_profiles(name: str) -> None:
    profile = PROFILES[name]
    text = files(CacheNode("https://lectures.example", name, HEADERS, SERVE, SERVE))["default.vcl"]
    assert f'vsthrottle.is_denied("api " + req.http.lectern-client, {profile.requests_per_window * 50}, 900s)' in text
    assert f'vsthrottle.is_denied("miss " + req.http.lectern-client, {profile.requests_per_window}, 10s)' in text
    assert f".max_connections = {profile.origin_connections};" in text


def test_a_shard_has_every_shield_and_a_shield_knows_its_edges() -> None:
    text = files(PLACES["before shields"])["default.vcl"]
    assert re.findall(r"shields\.add_backend\((\w+)\)", text) == ["shield0", "shield1"]
    assert '"10.0.0.0"/8;' in files(PLACES["a shield"])["default.vcl"]


def test_the_security_headers_are_the_policys() -> None:
    text = files(PLACES["before a bucket"])["default.vcl"]
    for name, value in HEADERS:
        assert f'set resp.http.{name} = {{"{value}"}};' in text


def test_varnish_is_not_told_to_speak_tls() -> None:
    with pytest.raises(SettingsError, match="TLS"):
        files(CacheNode("https://lectures.example", "100k", HEADERS, Upstream("https", "bucket.s3.amazonaws.com", 443), SERVE, bucket=True))


@pytest.mark.parametrize("url", ["", "10.0.0.5:8000", "http://", "http://a b/", 'http://a";/', "http://x/{y}", "ftp://x", "http://u:p@x",
                                 "http://x:99999", "http://x/?q", "http://x/ y"])
def test_an_address_that_is_none_is_refused_by_its_option(url: str) -> None:
    with pytest.raises(SettingsError, match="--origin"):
        upstream(url, "--origin")


@pytest.mark.parametrize("text", ["", "all", '127.0.0.1"; }', "10.0.0.1/8", "1.2.3"])
def test_a_network_that_is_none_is_refused_by_its_option(text: str) -> None:
    with pytest.raises(SettingsError, match="--purge-from"):
        networks([text], "--purge-from")


def test_text_that_would_end_its_quotes_is_refused() -> None:
    with pytest.raises(SettingsError, match="LECTERN_FRAME_HOSTS"):
        files(CacheNode("https://lectures.example", "100k", (("X-Thing", 'a"}; evil {"'),), SERVE, SERVE))
