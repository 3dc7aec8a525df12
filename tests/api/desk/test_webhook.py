"""The webhook: signed over the raw bytes, applied once, by whoever holds the secret and by nobody else."""
from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.api.conftest import Make
from tests.api.desk.conftest import V1
from tests.api.students import BASE, fill, sql

SECRET = b"0123456789abcdef0123456789abcdef"
OLD = {"records": [{"kind": "video", "slug": "lecture-1", "values": {"title": "By the hook"}}]}


@pytest.fixture
def hooked(make: Make, dsn: str) -> Flask:
    fill(dsn)
    return make(LECTERN_DESK="yes", LECTERN_DESK_HOOK_SECRET=f"whsec_{base64.b64encode(SECRET).decode()}")


def send(app: Flask, body: bytes, id: str, *, at: float | None = None, secret: bytes = SECRET, signed: bytes | None = None,
         signed_id: str | None = None) -> TestResponse:
    moment = str(int(time.time() if at is None else at))
    mac = hmac.new(secret, f"{signed_id or id}.{moment}.".encode() + (body if signed is None else signed), hashlib.sha256).digest()
    return app.test_client().post(f"{V1}/hooks/publish", data=body, base_url=BASE, headers={
        "webhook-id": id, "webhook-timestamp": moment, "webhook-signature": f"v0,xx v1,{base64.b64encode(mac).decode()}"})


def said(answer: TestResponse) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json


def test_a_delivery_is_applied_once_whatever_comes_again(hooked: Flask, dsn: str) -> None:
    body = json.dumps(OLD, indent=3).encode()  # no spelling of ours
    sql(dsn, "DELETE FROM catalog.change")
    first = said(send(hooked, body, "d-1"))
    assert (first["repeated"], first["records"][0]["outcome"]) == (False, "changed")
    again = said(send(hooked, body, "d-1", at=time.time() - 4_000))  # a retry after a lost answer, with its first time
    assert again == {**first, "repeated": True}
    other = said(send(hooked, body, "d-2"))
    assert (other["repeated"], other["records"][0]["outcome"], other["change"]) == (False, "unchanged", None)
    assert send(hooked, body.replace(b"hook", b"HOOK"), "d-1").status_code == 409
    assert sql(dsn, "SELECT title FROM catalog.video WHERE id = 1") == [("By the hook",)]
    assert sql(dsn, "SELECT actor FROM catalog.change") == [("webhook",)]


def test_what_is_not_signed_by_the_secret_over_these_bytes_id_and_time_does_nothing(hooked: Flask, dsn: str) -> None:
    body = json.dumps(OLD).encode()
    tries = [send(hooked, body, "a", secret=b"x" * 32), send(hooked, body, "b", signed=json.dumps(OLD, indent=1).encode()),
             send(hooked, body, "c", signed_id="d"),
             send(hooked, body, "e", at=time.time() - 301), send(hooked, body, "f", at=time.time() + 302),
             hooked.test_client().post(f"{V1}/hooks/publish", data=body, base_url=BASE)]
    assert [one.status_code for one in tries] == [401] * 6
    assert sql(dsn, "SELECT title FROM catalog.video WHERE id = 1") == [("The title of 1",)]
    assert sql(dsn, "SELECT count(*) FROM desk.delivery") == [(0,)]


def test_records_are_made_or_changed_all_or_none(hooked: Flask, dsn: str) -> None:
    new = {"kind": "video", "slug": "new-one", "values": {"title": "New", "batch": 1}}
    bad = {"kind": "video", "slug": "bad-one", "values": {"title": "Bad", "batch": 99}}
    refused = send(hooked, json.dumps({"records": [*OLD["records"], new, bad]}).encode(), "x-1")
    assert refused.status_code == 422
    assert sql(dsn, "SELECT title FROM catalog.video WHERE id = 1") == [("The title of 1",)]
    done = said(send(hooked, json.dumps({"records": [*OLD["records"], new]}).encode(), "x-2"))
    assert [one["outcome"] for one in done["records"]] == ["changed", "made"]
    assert sql(dsn, "SELECT status, title FROM catalog.video WHERE slug = 'new-one'") == [("published", "New")]
    for raw in (b"{", b"[]", b'{"records": []}', b'{"records": [{"kind": "video", "slug": "s", "values": {"nope": 1}}]}'):
        assert send(hooked, raw, f"y-{len(raw)}").status_code in (400, 422)


def test_without_a_secret_there_is_no_webhook_and_a_short_one_is_no_setting(app: Flask, make: Make) -> None:
    assert send(app, b"{}", "z").status_code == 404
    from edge.errors import SettingsError

    with pytest.raises(SettingsError, match="LECTERN_DESK_HOOK_SECRET"):
        make(LECTERN_DESK="yes", LECTERN_DESK_HOOK_SECRET="short")
