"""The generated nginx.conf: nginx takes it, its times and limits are the profile's, and what it cannot do is refused."""
from __future__ import annotations

import dataclasses
import re
import subprocess
from pathlib import Path

import pytest

from edge.cdn.varnish import FETCH_S
from edge.config import write
from edge.config.cache_node import CacheNode, Upstream
from edge.config.nginx import files
from edge.errors import SettingsError
from edge.policy import page_headers
from edge.tiers import PROFILES
from tests.edge.fakes.nginx import arguments, lacks

HEADERS = page_headers(https=True, frame_hosts=["tube.example"])
SERVE = Upstream("http", "127.0.0.1", 8000)
PLACE = CacheNode("https://lectures.example", "100k", HEADERS, SERVE, Upstream("https", "fd00::2", 443), purgers=("10.0.0.0/8", "::1"))


@pytest.mark.parametrize("name", PROFILES)
def test_nginx_takes_it(name: str, folder: Path) -> None:
    if missing := lacks():
        pytest.skip(f"{missing} is not installed")
    assert [path.name for path in write("nginx", dataclasses.replace(PLACE, profile=name), folder)] == ["nginx.conf", "purge.js"]
    done = subprocess.run([*arguments(folder), "-t"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", PROFILES)
def test_its_limits_are_the_profiles(name: str) -> None:
    profile = PROFILES[name]
    text = files(dataclasses.replace(PLACE, profile=name))["nginx.conf"]
    assert f"limit_conn lines {2 * profile.requests_per_window};" in text
    assert f"rate={profile.requests_per_window * 50 * 60 // 900}r/m" in text
    assert text.count(f"max_conns={profile.origin_connections} ") == 2


def test_a_fetch_of_a_page_ends_before_the_second_purge() -> None:
    text = files(PLACE)["nginx.conf"]
    times = [float(re.findall(rf"proxy_{name}_timeout ([0-9]+)s;", text)[-1]) for name in ("connect", "send", "read")]
    assert sum(times) < FETCH_S


def test_the_security_headers_are_the_policys() -> None:
    text = files(PLACE)["nginx.conf"].replace("\\'", "'")
    for name, value in HEADERS:
        assert f"add_header {name} '{value}' always;" in text


@pytest.mark.parametrize(("change", "names"), [({"bucket": True}, "LECTERN_STORE"), ({"shields": (SERVE,)}, "--shield"),
                                               ({"edges": ("10.0.0.0/8",)}, "--edge"), ({"headers": (("X", "$"),)}, "LECTERN_FRAME_HOSTS")])
def test_what_it_cannot_do_is_refused(change: dict[str, object], names: str) -> None:
    with pytest.raises(SettingsError, match=names):
        files(dataclasses.replace(PLACE, **change))  # type: ignore[arg-type]
