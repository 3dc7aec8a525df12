"""Stand-ins for providers on one local port: strict where the real ones are, with the answers that their documents give."""
from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from builder.catalog.providers import Endpoints
from builder.catalog.providers.youtube import WITNESS

KEY, TOKEN = "a-youtube-key", "a-vimeo-token"


class Said(NamedTuple):
    """One answer."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed


class Request(NamedTuple):
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass
class Providers:
    """What the stand-ins know, and what they were asked. A test changes the one and reads the other."""

    file: Path  # of the store that a test's refresh writes to
    port: int = 0
    youtube: dict[str, dict[str, Any]] = field(default_factory=dict)  # items by id
    youtube_says: Callable[[list[str]], Said | None] = lambda ids: None  # an answer before all others
    at: dict[str, Said | Callable[[Request], Said]] = field(default_factory=dict)  # answers by path
    asked: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def base(self) -> str:
        return f"http://{self.host}"

    @property
    def endpoints(self) -> Endpoints:
        return Endpoints(f"{self.base}/youtube/v3/videos", f"{self.base}/yt/oembed", f"{self.base}/vimeo/videos",
                         f"{self.base}/vimeo/oembed.json", f"{self.base}/archive")

    def paths(self) -> list[str]:
        with self.lock:
            return [request.path for request in self.asked]

    def forget(self) -> None:
        with self.lock:
            self.asked.clear()

    def answer(self, request: Request) -> Said:
        with self.lock:
            self.asked.append(request)
        if request.path == "/youtube/v3/videos":
            return self._videos_list(request)
        said = self.at.get(request.path, Said(404, b"<h1>Not Found</h1>", {"Content-Type": "text/html"}))
        return conditional(request, said(request) if callable(said) else said)

    def _videos_list(self, request: Request) -> Said:
        """videos.list, as developers.google.com/youtube/v3/docs/videos/list and …/errors say."""
        query = request.query
        if query.get("key") != KEY:
            return youtube_error(400, "keyInvalid", "Bad Request")
        ids = query.get("id", "").split(",")
        if not query.get("part") or not query.get("id"):
            return youtube_error(400, "missingRequiredParameter", "No filter selected.")
        if len(ids) > 50 or not set(query["part"].split(",")) <= {"id", "snippet", "contentDetails", "status"}:
            return youtube_error(400, "invalidFilters", "The request specifies an invalid filter parameter.")
        if (said := self.youtube_says(ids)) is not None:
            return said
        known = {**self.youtube, WITNESS: youtube_item(WITNESS)}
        return conditional(request, videos_list([known[id] for id in ids if id in known]))


def conditional(request: Request, said: Said) -> Said:
    """304 where the request's condition holds (RFC 9110 13)."""
    held = {name.lower(): value for name, value in said.headers.items()}
    wanted = request.headers.get("if-none-match")
    if said.status == 200 and "etag" in held and wanted == held["etag"]:
        return Said(304, b"", {"ETag": held["etag"]})
    if said.status == 200 and not wanted and "last-modified" in held and request.headers.get("if-modified-since") == held["last-modified"]:
        return Said(304, b"", {"Last-Modified": held["last-modified"]})
    return said


def videos_list(items: list[dict[str, Any]], total: int | None = None) -> Said:
    etag = f"etag-of-{hash(json.dumps(items)) & 0xFFFFFFFF:08x}"
    return as_json(200, {"kind": "youtube#videoListResponse", "etag": etag, "items": items,
                         "pageInfo": {"totalResults": len(items) if total is None else total, "resultsPerPage": len(items)}}, ETag=etag)


def youtube_item(id: str, duration: str = "PT19S", picture: str = "", **status: object) -> dict[str, Any]:
    thumbnails = {"high": {"url": picture, "width": 480, "height": 360}} if picture else {}
    return {"kind": "youtube#video", "etag": f"e-{id}", "id": id,
            "snippet": {"title": "A title that is the provider's", "thumbnails": thumbnails},
            "contentDetails": {"duration": duration, "definition": "hd"},
            "status": {"uploadStatus": "processed", "privacyStatus": "public", "embeddable": True, **status}}


def youtube_error(status: int, reason: str, message: str) -> Said:
    return as_json(status, {"error": {"code": status, "message": message,
                                      "errors": [{"message": message, "domain": "youtube.quota", "reason": reason}]}})


def as_json(status: int, value: object, **headers: str) -> Said:
    return Said(status, json.dumps(value).encode(), {"Content-Type": "application/json; charset=utf-8", **headers})


class _Quiet(ThreadingHTTPServer):
    """A client that breaks off, as one does that refuses a certificate, is no news."""

    def handle_error(self, request: object, client_address: object) -> None:
        pass


@contextmanager
def running(file: Path, tls: ssl.SSLContext | None = None) -> Iterator[Providers]:
    """The stand-ins, listening."""
    known = Providers(file)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            said = known.answer(Request(self.command, unquote(parts.path), query, {n.lower(): v for n, v in self.headers.items()}))
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            if "Content-Length" not in said.headers and said.status != 304:
                self.send_header("Content-Length", str(len(said.body)))
            self.end_headers()
            if self.command != "HEAD" and said.status != 304:
                self.wfile.write(said.body)

        do_HEAD = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = _Quiet(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    known.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield known
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
