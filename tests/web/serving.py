"""A built site behind a real server on a free port, and a real browser to look at it with."""
from __future__ import annotations

import shutil
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from playwright.sync_api import Browser, sync_playwright
from waitress.server import create_server

from builder.pages.page import Site
from edge.origin import Origin
from edge.policy import page_headers
from edge.store.sqlite import SQLiteStore
from tests.site import Built

# As for a closed network: a browser that asks nobody on its own account.
_QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update",
          "--disable-sync", "--no-first-run")


@contextmanager
def launched() -> Iterator[Browser]:
    """The machine's Chromium, driven by Playwright."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "These tests drive a real Chromium: install the package chromium."
    with sync_playwright() as playwright, closing(playwright.chromium.launch(executable_path=path, args=list(_QUIET))) as browser:
        yield browser


class Served:
    """A catalog that is built as often as one likes, and read at `url` as readers do, under the site's own policy."""

    def __init__(self, dsn: str, folder: Path, url: str, prefetched: list[str]) -> None:
        self.dsn = dsn
        self.file = folder / "site.db"
        self.built = Built(dsn, folder)
        self.url = url
        self.prefetched = prefetched  # paths that a browser asked for before anybody followed a link to them
        self.site = Site("Lectern", url, 255)

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement as an editor would."""
        return self.built.sql(statement, *values)

    def build(self) -> None:
        """Publish what waits."""
        self.built.build(site=self.site)


@contextmanager
def served(dsn: str, folder: Path) -> Iterator[Served]:
    """The database's site, not built yet, from a store in *folder*."""
    with closing(SQLiteStore(folder / "site.db")) as store:
        origin, prefetched = Origin(store, page_headers(https=False)), list[str]()

        def noting(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            if "prefetch" in environ.get("HTTP_SEC_PURPOSE", ""):
                prefetched.append(environ["PATH_INFO"])
            return origin(environ, start_response)

        server: Any = create_server(noting, host="127.0.0.1", port=0, threads=8)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        try:
            yield Served(dsn, folder, f"http://127.0.0.1:{server.effective_port}", prefetched)
        finally:
            server.close()
            thread.join(5)
