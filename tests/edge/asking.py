"""Asks a WSGI application as a server would, with the raw path that a client wrote."""
from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes
from wsgiref.types import StartResponse, WSGIEnvironment
from wsgiref.validate import validator

Application = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]


@dataclass(frozen=True)
class Answer:
    """What came: header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body, unpacked."""
        packed = self.headers.get("content-encoding") == "gzip"
        return (gzip.decompress(self.body) if packed else self.body).decode()


def ask(app: Application, target: str, method: str = "GET", *, raw: bool = True, **headers: str) -> Answer:
    """The answer to one request; ``if_none_match=…`` becomes its header. PEP 3333 is checked on the way."""
    path, _, query = target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method, "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1") if path.startswith("/") else "/",
        "QUERY_STRING": query, "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(), "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True, "wsgi.multiprocess": False, "wsgi.run_once": False,
    }
    if raw:
        environ["REQUEST_URI"] = target
    environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    got: list[tuple[int, dict[str, str]]] = []

    def start_response(status: str, fields: list[tuple[str, str]], exc_info: object = None) -> Callable[[bytes], None]:
        names = [name.lower() for name, _ in fields]
        assert len(names) == len(set(names)), f"a header twice: {names}"
        got.append((int(status[:3]), {name.lower(): value for name, value in fields}))
        return lambda data: None

    answered = validator(app)(environ, start_response)
    try:
        body = b"".join(answered)
    finally:
        answered.close()  # type: ignore[attr-defined]
    return Answer(*got[0], body)
