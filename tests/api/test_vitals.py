"""A sample of page views is counted by kind, from anybody who asks from our own pages, and nothing of who asked is kept."""
from __future__ import annotations

import json
import re
from typing import Any

import pytest
from flask import Flask
from prometheus_client import generate_latest

from tests.api.conftest import Make

HERE = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}


def sent(app: Flask, body: Any, headers: dict[str, str] = HERE) -> int:
    """The status of the answer."""
    raw = body if isinstance(body, (str, bytes)) else json.dumps(body)
    return app.test_client().post("/api/v1/vitals", data=raw, headers=headers).status_code


def told(app: Flask) -> str:
    """What a scrape finds of it."""
    text = generate_latest(app.extensions["lectern.metrics"].registry).decode()
    return "\n".join(line for line in text.splitlines() if "lectern_vital" in line and "_created" not in line and "#" not in line)


@pytest.fixture
def app(make: Make) -> Flask:
    return make()


def test_a_page_view_is_counted_by_its_kind(app: Flask) -> None:
    assert sent(app, {"kind": "video", "lcp_ms": 1200, "inp_ms": 90, "cls": 0.02}) == 204
    assert sent(app, {"kind": "video", "lcp_ms": 2700}) == 204
    text = told(app)
    assert 'lectern_vital_lcp_seconds_bucket{kind="video",le="2.5"} 1.0' in text
    assert 'lectern_vital_lcp_seconds_count{kind="video"} 2.0' in text
    assert 'lectern_vital_inp_seconds_bucket{kind="video",le="0.1"} 1.0' in text
    assert 'lectern_vital_cls_count{kind="video"} 1.0' in text


@pytest.mark.parametrize(("body", "status"), [
    ({"kind": "admin"}, 422), ({"kind": "video", "lcp_ms": 1e9}, 422), ({"kind": "video", "lcp_ms": -1}, 422),
    ({"kind": "video", "cls": 11}, 422),
    ({"kind": "video", "url": "/videos/x/"}, 422), ({"kind": "video", "account": 7}, 422), ({}, 422), ("{", 400),
    ('{"kind": "video", "cls": NaN}', 400),
    (json.dumps({"kind": "video", "cls": 0.1}) + " " * 600, 413)])
def test_what_is_no_page_view_makes_no_series(app: Flask, body: Any, status: int) -> None:
    assert sent(app, body) == status
    assert told(app) == ""


def test_another_sites_page_is_refused_and_our_own_needs_no_token(app: Flask) -> None:
    body = {"kind": "home", "cls": 0}
    assert sent(app, body, {**HERE, "Sec-Fetch-Site": "cross-site"}) == 403
    assert sent(app, body, {"Content-Type": "application/json"}) == 403
    assert sent(app, body, {**HERE, "Cookie": "__Host-session=whatever"}) == 204


def test_it_is_counted_against_the_limit_and_sets_no_cookie(app: Flask) -> None:
    answer = app.test_client().post("/api/v1/vitals", data=json.dumps({"kind": "home"}), headers=HERE)
    assert re.search(r"r=\d+", answer.headers["RateLimit"])
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.data == b""
