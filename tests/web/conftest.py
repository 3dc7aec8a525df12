"""The demo catalog as a student has it: built, served with the API on a free port, opened in a real Chromium.

One server, one database and one Chromium for each worker of a run; a test opens contexts, which share nothing.
"""
from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psycopg2
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Frame, Page, Request, WebError

from builder.embedded import Server
from tests.conftest import database, open_folder
from tests.edge.servers import free_port
from tests.web import showcase
from tests.web.serving import Served, launched, served

TOP = Path(__file__).parents[2]
DEMO = TOP / "builder" / "demo_catalog"
WAIT_MS = 10_000


class Live(NamedTuple):
    """A site that is served: ``url`` without a slash at its end."""

    url: str
    dsn: str
    data: Path
    settings: Mapping[str, str] = MappingProxyType({})  # beside those that every site needs

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What *statement* answers, in a transaction of its own; an edit of the catalog is live after `publish`."""
        with closing(psycopg2.connect(self.dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def publish(self) -> None:
        """A release of what waits."""
        self.run("build")

    def run(self, *command: str, **more: str) -> None:
        """A command of build.py, over this database and store; keyword arguments are settings."""
        done = subprocess.run([sys.executable, "build.py", *command], cwd=TOP, env=self.environ | more, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    @property
    def environ(self) -> dict[str, str]:
        ours = ("LECTERN_", "DATABASE_", "AWS_", "REDIS_", "SMTP_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        own = {"LECTERN_DATA": str(self.data), "LECTERN_PORT": str(urlsplit(self.url).port), "DATABASE_URL": self.dsn}
        return kept | own | dict(self.settings)


@dataclass
class Heard:
    """What a browser said while its pages ran."""

    site: str
    errors: list[str] = field(default_factory=list)  # the console's errors, and exceptions that nobody caught
    elsewhere: list[str] = field(default_factory=list)  # addresses on other hosts that were asked

    @property
    def refused(self) -> list[str]:
        """What the policy (CSP, Permissions-Policy) kept from running."""
        return [text for text in self.errors if "Content Security Policy" in text or "Permissions policy" in text]

    def listen(self, context: BrowserContext) -> None:
        context.on("console", self._console)
        context.on("weberror", self._uncaught)
        context.on("request", self._request)

    def _uncaught(self, error: WebError) -> None:
        if "ViewTransition" not in str(error.error):  # Chromium's own, where a page moves on before its transition has begun
            self.errors.append(f"uncaught: {error.error}")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.site, "data:", "blob:")):
            self.elsewhere.append(request.url)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, one for each worker."""
    with launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def site(server: Server, _migrated: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The demo catalog with origin and API on a free port, one for each worker: a test that edits it mends it again."""
    with database(server, f"TEMPLATE {_migrated}") as dsn:
        live = Live(f"http://127.0.0.1:{free_port()}", dsn, tmp_path_factory.mktemp("site"))
        live.run("import", str(DEMO))
        live.publish()
        with serving(live):
            yield live


@contextmanager
def serving(live: Live) -> Iterator[None]:
    """The site is served while the block runs."""
    process = subprocess.Popen([sys.executable, "build.py", "serve"], cwd=TOP, env=live.environ, text=True, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == f"ready {live.url}/\n"
        yield
    finally:
        process.terminate()
        process.communicate()


@pytest.fixture
def heard(site: Live) -> Heard:
    """What the browsers of this test say."""
    return Heard(site.url)


@pytest.fixture
def open_context(browser: Browser, site: Live, heard: Heard) -> Iterator[Callable[..., BrowserContext]]:
    """Makes a browser of its own (cookies, storage, caches); keyword arguments are Playwright's ``new_context``'s.

    After the test none of them may have said that our own policy refused something.
    """
    made: list[BrowserContext] = []

    def opened(**options: Any) -> BrowserContext:
        context = browser.new_context(base_url=site.url, **options)
        context.set_default_timeout(WAIT_MS)
        heard.listen(context)
        made.append(context)
        return context

    yield opened
    for context in made:
        context.close()
    assert heard.refused == []


@pytest.fixture
def page(open_context: Callable[..., BrowserContext]) -> Page:
    """A page in a browser of its own."""
    return open_context().new_page()


@pytest.fixture(scope="session")
def shown(server: Server, _migrated: str) -> Iterator[Served]:
    """The showcase catalog, built and served without the API: read only, since all tests share it."""
    with database(server, f"TEMPLATE {_migrated}") as dsn, open_folder("lectern-showcase-") as folder, served(dsn, folder) as site:
        showcase.fill(site)
        site.build()
        yield site


def until(page: Page | Frame, expression: str, argument: object = None) -> None:
    """Wait until *expression*, or a function of *argument*, is true. Playwright's own way wants an eval, which our policy refuses."""
    end = time.monotonic() + WAIT_MS / 1000
    while not _true(page, expression, argument):
        assert time.monotonic() < end, f"never true: {expression}"
        page.wait_for_timeout(30)


def _true(page: Page | Frame, expression: str, argument: object) -> bool:
    """Not yet, where the question came while one document gave way to the next."""
    try:
        return bool(page.evaluate(expression, argument))
    except Error as error:
        if "Execution context was destroyed" not in error.message:
            raise
        return False
