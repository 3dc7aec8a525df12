"""Serves a store over HTTP as a bucket behind a CDN would: a WSGI application (PEP 3333).

GET and HEAD only; a strong ETag for each coding; one spelling of each address and a redirect from
the others; retired pages as the 301 or 410 that their object says. Follows RFC 9110 and RFC 3986.

Nothing is remembered between two requests: a row is read from SQLite in twenty microseconds, and
what is not kept cannot be stale.
"""
from __future__ import annotations

import html
import re
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote, unquote_to_bytes
from wsgiref.types import StartResponse, WSGIEnvironment

from isal import isal_zlib

from edge.address import Key, path_of
from edge.conditions import UNSATISFIABLE, names, names_strongly, span_of, takes_gzip
from edge.errors import StoreError
from edge.media_signature import PROTECTED, key_behind
from edge.policy import Headers, is_part, of_parts
from edge.store.port import RETAINED, Head, Object, Store
from edge.tiers import cache_control

NOT_FOUND_KEY = "404.html"
"""The site's own page for addresses that lead nowhere."""

METHODS = ("GET", "HEAD")
RETRY_S = 5

WHOLE_BYTES = 1 << 20
"""What is no longer is read at once: every page, and most of what goes with them."""

PIECE_BYTES = 4 << 20
"""Of a film so much is held at once: a segment of some seconds, or what a player asks for in one Range."""

_GZIP_WBITS = 31
_NOT_GZIP: type[Exception] = isal_zlib.error  # type: ignore[assignment]  # its stub calls the type a value

_HOSTILE = re.compile(r"[\x00-\x1f\x7f\\]|//|(?:^|/)\.{1,2}(?:/|$)")
_HIDDEN = re.compile(r"/\.(?!(?<=^/\.)well-known/)")  # but for what programs know of any site (RFC 8615)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})|%2[fF]")
_QUERY = re.compile(r"[!-~]*")



@dataclass(frozen=True, slots=True)
class _Film:
    """Bytes *first* to *last* of a body that stays in the store, of one version of it; read piece by piece as it is sent."""

    store: Store
    head: Head
    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __getitem__(self, part: slice) -> _Film:
        return _Film(self.store, self.head, self.first + part.start, self.first + part.stop - 1)

    def __iter__(self) -> Iterator[bytes]:
        for at in range(self.first, self.last + 1, PIECE_BYTES):
            piece = self.store.part(self.head.key, self.head.etag, at, min(at + PIECE_BYTES - 1, self.last))
            if piece is None:  # the server breaks the answer off: a reader is never sent one film's head and another's tail
                raise StoreError(f"{self.head.key} was replaced while it was sent.")
            yield piece


_Answer = tuple[int, list[tuple[str, str]], bytes | _Film]


class Origin:
    """The WSGI application over *store*. *headers* go with every answer, whatever its status; with parts of
    pages only those that say something of them (see edge.policy).

    *secret*: what opens protected media (see edge.media_signature); "" keeps them shut. *clock* gives seconds since 1970.
    """

    def __init__(self, store: Store, headers: Headers = (), *, profile: str = "100k", secret: str = "",
                 clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._secret = secret
        self._clock = clock
        self._headers = headers
        self._of_parts = of_parts(headers)
        self._error = cache_control("error", profile)
        self._spelling = cache_control("spelling", profile)
        self._never = cache_control("never", profile)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        try:
            status, headers, body = self._answer(environ)
        except StoreError as error:
            print(f"origin.store_failed why={str(error)!r}", file=environ["wsgi.errors"])
            status, headers, body = self._plain(HTTPStatus.SERVICE_UNAVAILABLE, ("Retry-After", str(RETRY_S)))
        if status != HTTPStatus.NOT_MODIFIED:
            headers.append(("Content-Length", str(len(body))))
        content_type = next((value for name, value in headers if name == "Content-Type"), "")
        headers.extend(self._of_parts if is_part(content_type, _target(environ)[0]) else self._headers)
        start_response(_STATUS[status], headers)
        if environ["REQUEST_METHOD"] == "HEAD" or not body:
            return []
        return body if isinstance(body, _Film) else [body]

    def _answer(self, environ: WSGIEnvironment) -> _Answer:
        if environ["REQUEST_METHOD"] not in METHODS:
            return self._plain(HTTPStatus.METHOD_NOT_ALLOWED, ("Allow", ", ".join(METHODS)))
        raw, query = _target(environ)
        if (path := read_path(raw)) is None:
            return self._plain(HTTPStatus.BAD_REQUEST)
        if path.startswith(f"/{PROTECTED}"):
            return self._protected(environ, path)
        if (found := self._find(path)) is None:
            return self._not_found(environ)
        if found[0].status == HTTPStatus.OK:
            address = path_of(Key(found[0].key))
            return self._page(environ, *found) if raw == address else self._moved(address, query, found[0])
        return _retired(environ, found[0])

    def _find(self, path: str) -> tuple[Object, Head] | None:
        """The object that any spelling of its address leads to."""
        for text in dict.fromkeys((path, unicodedata.normalize("NFC", path))):
            if _HIDDEN.search(text) or text == f"/{NOT_FOUND_KEY}":
                return None
            keys = (f"{text[1:]}index.html",) if text.endswith("/") else (text[1:], f"{text[1:]}/index.html")
            for key in keys:
                if not key.startswith((RETAINED, PROTECTED)) and (found := self._stored(key)):
                    return found
        return None

    def _stored(self, key: str) -> tuple[Object, Head] | None:
        """An object; a body that is long is left in the store, but where it may have to be unpacked: so are only texts of our own."""
        found = self._store.get(key, WHOLE_BYTES)
        return self._store.get(key) if found and found[0].gzipped and found[1].size_bytes > WHOLE_BYTES else found

    def _protected(self, environ: WSGIEnvironment, path: str) -> _Answer:
        """What a signature opens, kept by nobody: it must not outlive the signature."""
        if (key := key_behind(self._secret, path, self._clock())) is None:
            return self._plain(HTTPStatus.FORBIDDEN)
        if (found := self._stored(key)) is None or found[0].status != HTTPStatus.OK:
            return self._plain(HTTPStatus.NOT_FOUND)
        return self._page(environ, found[0]._replace(cache_control=self._never), found[1])

    def _page(self, environ: WSGIEnvironment, page: Object, head: Head) -> _Answer:
        packed = page.gzipped and takes_gzip(environ.get("HTTP_ACCEPT_ENCODING"))
        # A foreign object has no digest of ours; the store's own name for its version serves as well.
        version = f"{page.digest}.{page.write_number}" if page.digest else head.etag.strip('"')
        etag = f'"{version}-gzip"' if packed else f'"{version}"'
        headers = [("Cache-Control", page.cache_control), ("ETag", etag), ("Accept-Ranges", "bytes")]
        headers += _kept_with(page)
        if (field := environ.get("HTTP_IF_MATCH")) and not names_strongly(field, etag):
            return self._plain(HTTPStatus.PRECONDITION_FAILED)
        if (field := environ.get("HTTP_IF_NONE_MATCH")) and names(field, etag):
            # A cache merges these into what it holds, so all but the body's own are sent (15.4.5).
            return HTTPStatus.NOT_MODIFIED, headers, b""
        headers.append(("Content-Type", page.content_type))
        if not page.gzipped and head.size_bytes > WHOLE_BYTES:
            return self._part(environ, etag, headers, _Film(self._store, head, 0, head.size_bytes - 1))
        body, coding = _coded(page, packed)
        return self._part(environ, etag, headers + coding, body)

    def _part(self, environ: WSGIEnvironment, etag: str, headers: list[tuple[str, str]], body: bytes | _Film) -> _Answer:
        """The whole body, or the range that is asked for. Ranges count the bytes of the chosen coding (14)."""
        field, only_if = environ.get("HTTP_RANGE"), environ.get("HTTP_IF_RANGE")
        if environ["REQUEST_METHOD"] != "GET" or (only_if and not names_strongly(only_if, etag)):
            field = None
        if not field or (span := span_of(field, len(body))) is None:
            return HTTPStatus.OK, headers, body
        if span == UNSATISFIABLE:
            return self._plain(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, ("Content-Range", f"bytes */{len(body)}"))
        headers.append(("Content-Range", f"bytes {span.first}-{span.last}/{len(body)}"))
        return HTTPStatus.PARTIAL_CONTENT, headers, body[span.first : span.last + 1]

    def _moved(self, address: str, query: str, page: Object) -> _Answer:
        """From another spelling to the address, with the page's tags: it leaves an edge with the page."""
        location = f"{address}?{query}" if query and _QUERY.fullmatch(query) else address
        headers = [("Location", location), ("Cache-Control", self._spelling),
                   ("Content-Type", "text/html; charset=utf-8"), *_tagged(page)]
        link = html.escape(location)
        body = f'<!doctype html><html lang="en"><title>Moved</title><p>Moved to <a href="{link}">{link}</a>.</html>\n'
        return HTTPStatus.MOVED_PERMANENTLY, headers, body.encode()

    def _not_found(self, environ: WSGIEnvironment) -> _Answer:
        found = self._store.get(NOT_FOUND_KEY)
        if found is None:
            status, headers, body = self._plain(HTTPStatus.NOT_FOUND)
            return status, [(k, self._error if k == "Cache-Control" else v) for k, v in headers], body
        body, coding = _coded(found[0], found[0].gzipped and takes_gzip(environ.get("HTTP_ACCEPT_ENCODING")))
        headers = [("Cache-Control", self._error), ("Content-Type", found[0].content_type), *coding]
        return HTTPStatus.NOT_FOUND, headers + [h for h in _kept_with(found[0]) if h[0] == "Vary"], body

    def _plain(self, status: HTTPStatus, *more: tuple[str, str]) -> _Answer:
        headers = [("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", self._never), *more]
        title = f"{status.value} {status.phrase}"
        body = f'<!doctype html><html lang="en"><title>{title}</title><h1>{title}</h1></html>\n'
        return status, headers, body.encode()


def read_path(raw: str) -> str | None:
    """The decoded path of a raw one, or None where it is malformed or hostile.

    Refused are escapes that are none, encoded slashes, control characters, backslashes, empty and
    dotted segments, and bytes that are no UTF-8 (overlong forms among them).
    """
    if not raw.startswith("/") or _BAD_ESCAPE.search(raw):
        return None
    try:
        path = unquote_to_bytes(raw.encode("latin-1")).decode("utf-8")
    except UnicodeError:
        return None
    return None if _HOSTILE.search(path) else path


def _target(environ: WSGIEnvironment) -> tuple[str, str]:
    """The path as it came, and the query. A server that hides the raw path loses only its odd spellings."""
    raw: str | None = environ.get("REQUEST_URI") or environ.get("RAW_URI")
    if raw is None:
        raw = quote(environ.get("PATH_INFO", "").encode("latin-1"), safe="/-._~")
    elif not raw.startswith("/"):
        raw = re.sub(r"^[a-z][a-z0-9+.-]*://[^/?#]*", "", raw, flags=re.IGNORECASE) or "/"  # absolute form
    return raw.partition("?")[0].partition("#")[0], environ.get("QUERY_STRING", "")


def _retired(environ: WSGIEnvironment, page: Object) -> _Answer:
    """A redirect or a "gone", whatever the spelling: no second hop."""
    body, coding = _coded(page, page.gzipped and takes_gzip(environ.get("HTTP_ACCEPT_ENCODING")))
    headers = [("Cache-Control", page.cache_control), ("Content-Type", page.content_type), *coding, *_kept_with(page)]
    if page.location:
        headers.append(("Location", page.location))
    return page.status, headers, body


def _coded(page: Object, packed: bool) -> tuple[bytes, list[tuple[str, str]]]:
    """The body in the chosen coding, and the header that says so."""
    if packed:
        return page.body, [("Content-Encoding", "gzip")]
    if not page.gzipped:
        return page.body, []
    try:
        return isal_zlib.decompress(page.body, wbits=_GZIP_WBITS), []
    except _NOT_GZIP as error:
        raise StoreError(f"The object {page.key} does not unpack ({error}): run `verify --heal`.") from error


def _kept_with(page: Object) -> list[tuple[str, str]]:
    return [("Vary", "Accept-Encoding"), *_tagged(page)] if page.gzipped else _tagged(page)


def _tagged(page: Object) -> list[tuple[str, str]]:
    return [("Surrogate-Key", page.tags)] if page.tags else []


_STATUS = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}
