"""The settings name the CDNs, and say which of their own is missing; secrets are shown nowhere."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edge.cdn import open_purgers
from edge.errors import SettingsError
from edge.settings import read_settings

FULL = {
    "LECTERN_BASE_URL": "https://lectures.example", "LECTERN_VARNISH_URL": "http://10.0.0.5:6081, http://10.0.0.6:6081/",
    "LECTERN_CLOUDFRONT_DISTRIBUTION": "EDFDVBD6EXAMPLE", "LECTERN_FASTLY_SERVICE": "SU1Z0", "LECTERN_FASTLY_TOKEN": "fastly-secret",
    "LECTERN_CLOUDFLARE_ZONE": "023e", "LECTERN_CLOUDFLARE_TOKEN": "cloudflare-secret", "LECTERN_CLOUDFLARE_PLAN": "Business",
}
NEEDED = [("varnish", "LECTERN_VARNISH_URL"), ("cloudfront", "LECTERN_CLOUDFRONT_DISTRIBUTION"), ("fastly", "LECTERN_FASTLY_SERVICE"),
          ("fastly", "LECTERN_FASTLY_TOKEN"), ("cloudflare", "LECTERN_CLOUDFLARE_ZONE"), ("cloudflare", "LECTERN_CLOUDFLARE_TOKEN")]


@pytest.mark.parametrize("value", ["none", "", " "])
def test_no_cdn_is_no_purger(value: str) -> None:
    assert open_purgers(read_settings({"LECTERN_CDN": value})) == []


def test_several_are_opened_in_the_order_that_they_are_named() -> None:
    purgers = open_purgers(read_settings(FULL | {"LECTERN_CDN": "cloudflare, Varnish,cloudfront,fastly,varnish"}))
    assert [purger.name for purger in purgers] == ["cloudflare", "varnish", "cloudfront", "fastly"]
    assert purgers[0].can.rate == (10, 50)


@pytest.mark.parametrize(("cdn", "name"), NEEDED)
def test_a_cdn_without_its_settings_is_an_error_that_names_them(cdn: str, name: str) -> None:
    with pytest.raises(SettingsError, match=f"LECTERN_CDN names {cdn}, which needs {name}"):
        read_settings({key: value for key, value in FULL.items() if key != name} | {"LECTERN_CDN": cdn})


@pytest.mark.parametrize(("name", "value"), [
    ("LECTERN_CDN", "akamai"), ("LECTERN_CDN", "none,varnish"), ("LECTERN_VARNISH_URL", "10.0.0.5:6081"),
    ("LECTERN_VARNISH_URL", "http://u:p@10.0.0.5"), ("LECTERN_VARNISH_URL", "http://10.0.0.5/x"), ("LECTERN_VARNISH_URL", "http://h:99999"),
    ("LECTERN_CLOUDFRONT_DISTRIBUTION", "../x"), ("LECTERN_FASTLY_SERVICE", "a b"), ("LECTERN_CLOUDFLARE_PLAN", "gold"),
])
def test_a_value_out_of_range_is_an_error_that_names_it(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read_settings(FULL | {"LECTERN_CDN": "varnish"} | {name: value})


@pytest.mark.parametrize("name", ["LECTERN_FASTLY_TOKEN", "LECTERN_CLOUDFLARE_TOKEN"])
def test_a_wrong_token_is_named_and_not_shown(name: str) -> None:
    with pytest.raises(SettingsError, match=name) as caught:
        read_settings(FULL | {"LECTERN_CDN": "fastly,cloudflare", name: "half a-secret\r\nX: y"})
    assert "a-secret" not in str(caught.value)


def test_secrets_stand_in_no_representation_of_the_settings() -> None:
    settings = read_settings(FULL | {"LECTERN_CDN": "fastly,cloudflare"})
    assert "secret" not in repr(settings)
    assert settings.cdn.fastly_token == "fastly-secret"


def test_opening_purgers_loads_no_client_until_one_is_used() -> None:
    code = ("import sys; from edge.cdn import open_purgers; from edge.settings import read_settings; open_purgers(read_settings("
            "{'LECTERN_CDN': 'cloudfront', 'LECTERN_CLOUDFRONT_DISTRIBUTION': 'E1'})); print('boto3' in sys.modules)")
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
