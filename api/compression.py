"""Compresses answers that gain by it, through Flask-Compress, after the questions that it does not ask.

Left alone: parts of a body (their range counts bytes of the whole), answers without a body, bodies that
are small or of unknown length, what says ``no-transform``, and what holds a secret. A coding that the
client refuses (``gzip;q=0``) is not used. What comes from the cache is compressed once for as long as it is
asked for: kept by a digest of the very bytes, never by an address, so nobody gets another's.
"""
from __future__ import annotations

import re
import time
from hashlib import blake2b
from typing import Any
from wsgiref.types import WSGIEnvironment

from flask import Flask, Response, g, request
from flask_compress import Compress

from api import vary
from api.errors import MEDIA_TYPE
from api.lru import Lru
from edge.conditions import names

LEAST_BYTES = 500
SECRETS = "/api/v1/auth/"
"""Answers below it hold tokens for forms: their compressed length would tell them, letter by letter."""

CONFIG: dict[str, Any] = {
    "COMPRESS_ALGORITHM": ["zstd", "br", "gzip"],  # as small as each other here, and zstd in a quarter of the time
    "COMPRESS_LEVEL": 6,
    "COMPRESS_MIN_SIZE": LEAST_BYTES,
    "COMPRESS_MIMETYPES": ["application/json", MEDIA_TYPE, "text/html", "text/plain"],
    "COMPRESS_STREAMS": False,
    "COMPRESS_CACHE_BACKEND": None,  # keyed by path it would hand one student another's answer
    "COMPRESS_REGISTER": False,
}
_KEPT_S = 15 * 60
_CODINGS = ("", ":gzip", ":br", ":zstd", ":deflate")  # what Flask-Compress adds to a tag
_LONGEST_ASKED = 60  # browsers' are shorter, and they are a handful
_REFUSED = re.compile(r"[^,;]*;\s*q\s*=\s*0(?:\.0{0,3})?\s*(?:,|$)")


def init_app(app: Flask, *, items: int = 2_000) -> None:
    """Compress the answers of *app*, keeping *items* of them; to be registered before whatever sets an ETag after a view."""
    app.config.update(CONFIG)
    compress = Compress(app)

    packed = _Packed(items)

    def pack(answer: Response) -> Response:
        environ = request.environ
        if not _may_gain(answer, environ):
            vary.add(answer, "Accept-Encoding")
            return answer
        if "=" in (asked := environ["HTTP_ACCEPT_ENCODING"]):
            asked = environ["HTTP_ACCEPT_ENCODING"] = _REFUSED.sub("", asked)
        if "cache_hit" not in g or len(asked) > _LONGEST_ASKED:
            return compress.after_request(answer)
        key = packed.key(answer, asked)
        if found := packed.get(key):
            return _with(answer, *found)
        answer = compress.after_request(answer)
        if answer.status_code == 200:
            packed.put(key, answer)
        return answer

    app.after_request(pack)


def held_tag(etag: str) -> str:
    """The tag of *etag*'s answer that the asker holds (If-None-Match), in whichever coding; "" where none."""
    if field := request.headers.get("If-None-Match"):
        for coding in _CODINGS:
            if names(field, tag := f'"{etag}{coding}"'):
                return tag
    return ""


class _Packed:
    """What was compressed, by a digest of what it was and the codings that were asked for."""

    def __init__(self, items: int) -> None:
        self._lru = Lru(items)

    def key(self, answer: Response, asked: str) -> str:
        return f"{blake2b(answer.get_data(), digest_size=16).hexdigest()} {asked}"

    def get(self, key: str) -> tuple[str, bytes] | None:
        if (kept := self._lru.get(key)) is None:
            return None
        coding, _, body = kept.partition(b" ")
        return coding.decode(), body

    def put(self, key: str, answer: Response) -> None:
        coding = answer.headers.get("Content-Encoding", "")
        self._lru.put(key, f"{coding} ".encode() + answer.get_data(), time.time() + _KEPT_S)


def _with(answer: Response, coding: str, body: bytes) -> Response:
    """*answer* as the compressor would have made it."""
    vary.add(answer, "Accept-Encoding")
    if not coding:
        return answer
    answer.set_data(body)
    headers = answer.headers
    headers["Content-Encoding"] = coding
    if (tag := headers.get("ETag", "")).startswith('"'):  # a weak one names any coding's
        headers["ETag"] = f'{tag[:-1]}:{coding}"'
    if "HTTP_IF_NONE_MATCH" in request.environ and request.method in ("GET", "HEAD"):
        answer.make_conditional(request)
    return answer


def _may_gain(answer: Response, environ: WSGIEnvironment) -> bool:
    headers = answer.headers
    return (
        answer.status_code in (200, 201, 202)
        and answer.is_sequence
        and (answer.calculate_content_length() or 0) >= LEAST_BYTES
        and "HTTP_ACCEPT_ENCODING" in environ
        and "Content-Encoding" not in headers
        and "no-transform" not in headers.get("Cache-Control", "")
        and not environ["PATH_INFO"].startswith(SECRETS)
    )
