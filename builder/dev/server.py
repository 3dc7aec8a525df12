"""Serves a site whose pages are rendered when they are asked for, from the catalog as it is and the templates as they are."""
from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import closing
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIEnvironment

import psycopg2
from waitress.server import create_server

from builder.catalog.reads import Catalog
from builder.dev.fault import fault_of, fault_page
from builder.dev.watching import Watching
from builder.pages import KINDS, part_of
from builder.pages.page import HTML, Page, Site
from builder.render import Renderer
from builder.templating import TEMPLATES
from edge.errors import LecternError
from edge.language import FOLDER, language
from edge.origin import NOT_FOUND_KEY, Origin
from edge.policy import page_headers
from edge.store.port import Store

HOST = "127.0.0.1"
THREADS = 24  # each open page holds one while it waits for a change
WAIT_S = 5.0  # and no longer, since a page that was left is not noticed before
_OWN = {"/dev/reload.js": "text/javascript; charset=utf-8", "/dev/fault.css": "text/css; charset=utf-8"}
_HERE = Path(__file__).parent

# Purpose: what makes the page at a path.
_UNIT = "SELECT kind, unit FROM live.object WHERE path = %(path)s"

_Answer = tuple[int, str, bytes]


class DevError(LecternError):
    """The loop cannot start; the message says why."""


class Live:
    """The WSGI application over the pages that the last release named; *origin* has all that is no page."""

    def __init__(self, dsn: str, origin: Origin, site: Site, profile: str, watching: Watching) -> None:
        self._dsn = dsn
        self._origin = origin
        self._site = site
        self._profile = profile
        self._watching = watching
        self._headers = page_headers(https=False, frame_hosts=site.frame_hosts)
        self._one = threading.Lock()  # a renderer is one thread's
        self._renderer: Renderer | None = None
        self._catalogs: list[tuple[str, int]] = []
        self._version = 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path = (environ.get("REQUEST_URI") or environ.get("PATH_INFO", "/")).partition("?")[0]
        answer = self._answer(path, environ)
        if answer is None:
            return self._origin(environ, start_response)
        status, content_type, body = answer
        start_response(f"{status} {HTTPStatus(status).phrase}", [
            ("Content-Type", content_type), ("Content-Length", str(len(body))), ("Cache-Control", "no-store"), *self._headers])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _answer(self, path: str, environ: WSGIEnvironment) -> _Answer | None:
        if path == "/dev/changes":
            since = parse_qs(environ.get("QUERY_STRING", "")).get("since", [""])[0]
            version = self._watching.wait(int(since) if since.isdecimal() else 0, WAIT_S)
            return HTTPStatus.OK, "text/plain; charset=utf-8", str(version).encode()
        if path in _OWN:
            return HTTPStatus.OK, _OWN[path], (_HERE / path.rpartition("/")[2]).read_bytes()
        if path.startswith("/api/"):
            return HTTPStatus.SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", b"There is no API here: `build.py demo` serves it.\n"
        with self._one:
            version = self._watching.version  # before anything is read: what changes meanwhile is the next one's
            try:
                return self._made(path, version, environ)
            except psycopg2.Error:
                raise
            except Exception as error:  # whatever is wrong with a template, its author is to see it
                text = fault_page(fault_of(error, TEMPLATES), TEMPLATES.parent, _script(version))
                return HTTPStatus.INTERNAL_SERVER_ERROR, HTML, text.encode()

    def _made(self, path: str, version: int, environ: WSGIEnvironment) -> _Answer | None:
        renderer = self._fresh(version)
        if path.startswith("/assets/"):
            made = renderer.assets.at(path)
            return (HTTPStatus.OK, made.content_type, made.body) if made else None
        with closing(psycopg2.connect(self._dsn, connect_timeout=10)) as connection:
            connection.set_session(readonly=True, autocommit=True)
            catalog = Catalog(connection)
            status, page = HTTPStatus.OK.value, _page(catalog, self._site, path)
            if page is None and self._is_missing(environ):
                status, page = HTTPStatus.NOT_FOUND.value, _page(catalog, self._site, f"/{NOT_FOUND_KEY}")
            if page is None:
                return None
            renderer.forget()
            text, content_type = renderer.text(page), page.kind.content_type
        if content_type == HTML:
            text = text.replace("</head>", f"{_script(version)}</head>", 1)
        return status, content_type, text.encode("utf-8", "replace")

    def _fresh(self, version: int) -> Renderer:
        """The renderer of the templates as they are."""
        if self._renderer is None or self._version != version:
            self._renderer = None  # what fails is tried again
            catalogs = [(str(file), file.stat().st_mtime_ns) for file in sorted(FOLDER.glob("*.po"))]
            if catalogs != self._catalogs:
                self._catalogs = catalogs
                language.cache_clear()
            self._renderer = Renderer(self._site, self._profile)
            self._version = version
        return self._renderer

    def _is_missing(self, environ: WSGIEnvironment) -> bool:
        said: list[str] = []

        def note(status: str, *_: object) -> None:
            said.append(status)

        self._origin({**environ, "REQUEST_METHOD": "HEAD"}, note)  # type: ignore[arg-type]
        return said[0].startswith("404")


def run(dsn: str, store: Store, site: Site, profile: str, port: int, on_ready: Callable[[str], None]) -> None:
    """Serve on 127.0.0.1:*port* until Ctrl-C. *on_ready* is called with the address. Raises DevError where the port is taken."""
    watching = Watching(TEMPLATES)
    origin = Origin(store, page_headers(https=False, frame_hosts=site.frame_hosts), profile=profile)
    try:
        server = create_server(Live(dsn, origin, site, profile, watching), host=HOST, port=port, threads=THREADS, ident=None)
    except OSError as error:
        raise DevError(f"Port {port} cannot be used ({error.strerror}): set LECTERN_PORT to a free one.") from error
    watching.start()
    on_ready(f"http://{HOST}:{port}/")
    try:
        server.run()
    except KeyboardInterrupt:
        pass
    finally:
        server.close()


def _page(catalog: Catalog, site: Site, path: str) -> Page | None:
    """The page at *path*, before it is rendered; None where none is there, or one that has left."""
    for kind, unit in catalog.ask(_UNIT, {"path": path}):
        if kind in KINDS and (part := part_of(unit)):
            return next((page for page in part.pages(catalog, site, [unit >> 8]) if page.path == path), None)
    return None


def _script(version: int) -> str:
    return f'<script type="module" src="/dev/reload.js?v={version}"></script>'
