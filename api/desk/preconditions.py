"""If-Match on every route that writes: 428 without it, 412 with both versions where somebody was faster (RFC 9110 13, RFC 6585 3)."""
from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NoReturn

from flask import Response, abort, request

from api import vary
from api.bodies import say
from api.compression import held_tag
from api.errors import problem
from api.problems import CHANGED_MEANWHILE, VERSION_NEEDED
from edge.tiers import cache_control

_TAG = re.compile(r'\s*(?:W/)?"([0-9a-z.]{1,60})(?::[a-z]+)?"\s*')  # the compressor adds its coding to a tag


def given() -> str:
    """The ETag that If-Match names, exactly one. Answers 428 where it is missing, ``*`` or a list: who writes names what they saw."""
    field = request.headers.get("If-Match", "")
    if not (read := _TAG.fullmatch(field)):
        abort(problem(VERSION_NEEDED, "Say with If-Match which version you saw: give its ETag, one, as it was answered."))
    return read[1]


def named(etag: str) -> str:
    """The same of one thing among many, which the body names. Answers 428 where it names none."""
    if not etag:
        abort(problem(VERSION_NEEDED, "Say with each one's etag which version you saw."))
    return etag


def tagged(value: object, etag: str, status: int = 200) -> Response:
    """The answer that holds *value*; a 304 where the asker has it already. Nothing of the desk is kept by anybody."""
    answer = Response(status=304) if request.method == "GET" and held_tag(etag) else say(value, status)
    answer.headers["Cache-Control"] = "private, no-cache" if request.method == "GET" else cache_control("never", "100k")
    vary.add(answer, "Cookie")
    answer.set_etag(etag)
    return answer


def conflict(detail: str, *, now: str, yours: Mapping[str, Any], theirs: Mapping[str, Any], base: Mapping[str, Any],
             kind: str = "", thing: int | None = None, edit: int | None = None) -> NoReturn:
    """Answer 412 with both versions; *now* is the ETag to go on with."""
    fields = sorted(name for name, value in yours.items() if theirs.get(name) != value)
    shown = {name: theirs[name] for name in theirs if name in yours or theirs[name] != base.get(name)}
    abort(problem(CHANGED_MEANWHILE, detail, now=now, yours=dict(yours), theirs=shown, base=dict(base), fields=fields,
                  kind=kind, thing=thing, edit=edit))
