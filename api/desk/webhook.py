"""The webhook: what another system has published, signed over its raw bytes, its delivery id and its time.

Headers as Standard Webhooks 1.0 has them (standardwebhooks.com): ``webhook-id``, ``webhook-timestamp`` (seconds since
1970), ``webhook-signature`` (``v1,`` and the base64 of HMAC-SHA256 over ``ID.TIMESTAMP.BODY``; several, space-separated, while a
secret is changed). A delivery that is known is answered as it was, however old: a retry may bear its first time. One that is not
known must be of now.
"""
from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from flask import Flask, abort, current_app, request
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from api.bodies import Body, Id, decoded
from api.desk import edits, publish, validation
from api.desk.edits import SQL
from api.desk.shapes import MOST_AT_ONCE, Kind, Line, Values
from api.errors import problem, refuse
from api.problems import DELIVERY_OLD, DELIVERY_REUSED, NO_WEBHOOK, SIGNATURE_WRONG
from api.queries import queries

TOLERANCE_S = 5 * 60
"""How far a delivery's clock may be from ours, either way: Stripe's and Standard Webhooks' five minutes."""

EXTENSION = "lectern.hook"
ACTOR = 0
"""No account's id: stands as the author of what the webhook brought."""

_SQL = queries(Path(__file__).parent, "webhook")
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,256}")
_TIME = re.compile(r"[0-9]{1,12}")
_MOST_SIGNATURES = 10


class HookRecord(Body, frozen=True):
    """A thing by its slug: changed where there is one, made where there is none. Of a video, ``status`` says what becomes of it."""

    kind: Kind
    slug: Annotated[str, msgspec.Meta(min_length=1, max_length=180)]
    values: Values = Values()


class Hook(Body, frozen=True):
    """What another system has published. All of it is applied, or nothing."""

    records: Annotated[tuple[HookRecord, ...], msgspec.Meta(min_length=1, max_length=MOST_AT_ONCE)]


class HookDone(Body, frozen=True):
    """What became of a record."""

    kind: Kind
    slug: str
    id: Id
    outcome: Literal["made", "changed", "unchanged"]


class Hooked(Body, frozen=True):
    """The answer to a delivery. ``repeated``: it had come before, nothing was done now, and this is what was answered then."""

    delivery: Line
    repeated: bool
    records: tuple[HookDone, ...]
    change: int | None


def init_app(app: Flask, secret: bytes | None) -> None:
    """Give *app* the webhook's secret; None: there is no webhook."""
    app.extensions[EXTENSION] = secret


def must_be_signed(raw: bytes) -> str:
    """The delivery's id. Answers 404 where no secret is set, 401 where the signature is not of it; no word says which part was wrong."""
    secret: bytes | None = current_app.extensions[EXTENSION]
    if secret is None:
        abort(problem(NO_WEBHOOK, "No webhook is set up here: LECTERN_DESK_HOOK_SECRET is not set."))
    id, at = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
    mac = hmac.new(secret, f"{id}.{at}.".encode("utf-8", "replace") + raw, hashlib.sha256).digest()
    given = [_read(one) for one in request.headers.get("webhook-signature", "").split(" ")[:_MOST_SIGNATURES]]
    if not any(hmac.compare_digest(one, mac) for one in given) or not _ID.fullmatch(id) or not _TIME.fullmatch(at):
        abort(problem(SIGNATURE_WRONG, "The signature is not good: sign webhook-id, webhook-timestamp and the body's very "
                                       "bytes, joined by dots."))
    return id


def deliver(cursor: Cursor, delivery: str, raw: bytes, now: float) -> Hooked:
    """Applies a signed delivery once. Answers 401 where it is new and not of now, 409 where the id came with other bytes before, 422."""
    cursor.execute(_SQL["lock"], {"id": delivery})
    digest = hashlib.sha256(raw).digest()
    cursor.execute(_SQL["delivery"], {"id": delivery})
    if row := cursor.fetchone():
        if bytes(row[0]) != digest:
            abort(problem(DELIVERY_REUSED, "A delivery with this id came before, with another body: give each its own id."))
        return msgspec.structs.replace(msgspec.convert(row[1], Hooked), repeated=True)
    if abs(now - int(request.headers["webhook-timestamp"])) > TOLERANCE_S:
        abort(problem(DELIVERY_OLD, f"This delivery is not of now: its time is over {TOLERANCE_S} s from ours. Send it with the "
                                    "present one."))
    told = _apply(cursor, delivery, decoded(raw, Hook))
    cursor.execute(_SQL["note"], {"id": delivery, "hash": digest, "answer": Json(msgspec.to_builtins(told))})
    return told


def _apply(cursor: Cursor, delivery: str, hook: Hook) -> Hooked:
    cursor.execute(SQL["actor"], {"actor": "webhook"})
    made: list[tuple[HookDone, Any]] = []
    for n, record in enumerate(hook.records):
        changes = {**validation.set_by(record.values), "slug": record.slug}
        cursor.execute(SQL["by_slug"], {"kind": record.kind, "slug": record.slug})
        row = cursor.fetchone()
        deed = "change" if row else "create"
        validation.fields_must_fit(record.kind, deed, changes)
        etag, base = "", dict[str, Any]()
        if row:
            cursor.execute(SQL["lock"], {"kind": record.kind, "id": row[0]})
            etag, base = edits.now(cursor, record.kind, row[0])
        elif not changes.get("title"):
            refuse(validation.needed(f"records[{n}].values.title", "A new thing needs a title."))
        held = publish.made(cursor, ACTOR, record.kind, row[0] if row else None, deed, etag, base, changes)
        done = publish.apply(cursor, ACTOR, held, publish.When(keep_status=deed == "change"))
        assert done.thing is not None
        outcome: Literal["made", "changed", "unchanged"] = "unchanged" if done.outcome == "unchanged" else "changed" if row else "made"
        made.append((HookDone(kind=record.kind, slug=record.slug, id=done.thing, outcome=outcome), done))
    published = publish.finished(cursor, [done for _, done in made])
    return Hooked(delivery=delivery, repeated=False, records=tuple(told for told, _ in made), change=published.change)


def _read(signature: str) -> bytes:
    version, _, text = signature.partition(",")
    if version != "v1":
        return b""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
