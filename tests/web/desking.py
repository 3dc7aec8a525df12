"""The desk on the real stack: API, worker and store behind a real Varnish, and editors with browsers before it."""
from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from threading import Thread
from typing import Any, NamedTuple

import html5lib
from playwright.sync_api import BrowserContext, Locator, Page, expect

from edge.config.cache_node import CacheNode, Upstream
from edge.policy import page_headers
from tests.edge.fakes.varnish import Varnish, running_varnish
from tests.edge.servers import free_port
from tests.web.conftest import DEMO, TOP, Live, serving, until
from tests.web.students import _CHEAP, PASSWORD

WAIT_S = 15.0
AXE = files("axe_playwright_python") / "axe.min.js"


class Desk(NamedTuple):
    """A site with a desk; ``edge`` is what its readers ask."""

    live: Live
    edge: Varnish
    streams: str  # where recordings lie, without a slash at its end

    def reads(self, path: str) -> str:
        """What a reader gets at *path*, from the cache."""
        seen = self.edge.get(path)
        return seen.text if seen.status == 200 else f"{seen.status}"

    def shows(self, path: str, text: str, *, there: bool = True) -> float:
        """Wait until the page at *path* holds *text* (or no longer does) at the edge; the seconds that it took."""
        begun = time.monotonic()
        while (text in self.reads(path)) is not there:
            assert time.monotonic() - begun < WAIT_S, (path, text, there, self.reads(path)[:2000])
            time.sleep(0.02)
        return time.monotonic() - begun

    def eventually(self, true: Callable[[], bool]) -> None:
        """Wait until *true* is."""
        end = time.monotonic() + WAIT_S
        while not true():
            assert time.monotonic() < end, "it did not come true"
            time.sleep(0.02)

    def order_of(self, path: str) -> list[str]:
        """The titles in the numbered list of a batch's page."""
        document = html5lib.parse(self.reads(path), namespaceHTMLElements=False)
        return ["".join(title.itertext()) for title in document.findall(".//ol//a[@class='t']")]

    def lecture(self, title: str, status: str = "published") -> tuple[int, str]:
        """Id and path of a new lecture, made by SQL; if it is published, readers have it."""
        slug = f"{title.lower().replace(' ', '-')}-{time.time_ns()}"
        id = self.one("""INSERT INTO catalog.video (slug, title, status, batch_id) VALUES (%s, %s, %s, (SELECT max(id) FROM catalog.batch))
            RETURNING id""", slug, title, status)
        if status == "published":
            self.shows(f"/videos/{slug}/", title)
        return id, f"/videos/{slug}/"

    def account(self, name: str, role: str = "editor") -> str:
        """A new account's address, whose password is PASSWORD."""
        email = f"{role}-{time.time_ns()}@school.example"
        self.live.sql("INSERT INTO student.account (email, name, password, role) VALUES (%s, %s, %s, %s)",
                      email, name, _CHEAP.hash(PASSWORD), role)
        return email

    def one(self, statement: str, *values: object) -> Any:
        """The one value that *statement* answers."""
        ((value,),) = self.live.sql(statement, *values)
        return value


class _Streams(BaseHTTPRequestHandler):
    """A playlist of 90 s at whatever address."""

    def do_GET(self) -> None:
        body = b"#EXTM3U\n#EXT-X-TARGETDURATION:90\n#EXTINF:90,\none.ts\n#EXT-X-ENDLIST\n"
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.apple.mpegurl")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def desk_of(live: Live) -> Iterator[Desk]:
    """*live* with a desk: built, served, watched, and behind Varnish, whose address is the site's."""
    with ExitStack() as stack:
        streams = ThreadingHTTPServer(("127.0.0.1", 0), _Streams)
        thread = Thread(target=streams.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        stack.callback(thread.join)
        stack.callback(streams.shutdown)
        host = f"127.0.0.1:{streams.server_port}"
        port = free_port()
        edge = f"http://127.0.0.1:{port}"
        live = live._replace(settings={
            "LECTERN_DESK": "yes", "LECTERN_BASE_URL": edge, "LECTERN_CDN": "varnish", "LECTERN_VARNISH_URL": edge,
            "LECTERN_TRUSTED_PROXIES": "1", "LECTERN_REFRESH_PRIVATE_HOSTS": host})
        live.run("import", str(DEMO))
        live.publish()
        stack.enter_context(_serving_at(live))
        behind = Upstream("http", "127.0.0.1", int(live.url.rpartition(":")[2]))
        varnish = stack.enter_context(running_varnish(CacheNode(edge, "100k", page_headers(https=False), behind, behind), port))
        stack.enter_context(_watching(live))
        yield Desk(live, varnish, f"http://{host}")


@contextmanager
def _serving_at(live: Live) -> Iterator[None]:
    with serving(live):
        yield


@contextmanager
def _watching(live: Live) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "build.py", "watch"], cwd=TOP, env=live.environ, text=True, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "watching\n"
        yield
    finally:
        process.terminate()
        process.communicate()


class Editor:
    """One who works at the desk in a browser of their own."""

    def __init__(self, desk: Desk, context: BrowserContext, email: str) -> None:
        self.desk, self.context, self.email = desk, context, email
        self.page: Page = context.new_page()

    def opens(self, path: str = "/desk/") -> Page:
        """Goes there, and logs in where that is asked."""
        self.page.goto(path)
        login = self.page.get_by_role("dialog", name="Log in")
        expect(login.or_(self.page.locator("[data-who]:not(:empty)")).first).to_be_visible()
        if login.is_visible():
            self.logs_in()
        expect(self.page.locator("[data-who]")).not_to_be_empty()
        return self.page

    def logs_in(self) -> None:
        """By the dialog that stands there."""
        login = self.page.get_by_role("dialog", name="Log in")
        login.get_by_label("E-mail address").fill(self.email)
        login.get_by_label("Password").fill(PASSWORD)
        login.get_by_role("button", name="Log in").click()
        expect(login).to_be_hidden()

    def saved(self) -> None:
        """All that was typed is a draft."""
        expect(self.page.locator(".state.saved")).to_contain_text("Draft saved")

    def publishes(self) -> None:
        """Presses the strong button, and sees it go to the edge."""
        self.page.locator(".publish .strong").click()
        self.sees_it_live()

    def tabs_to(self, target: Locator) -> None:
        """Goes to *target* with Tab, from where the focus is."""
        for _ in range(200):
            if target.evaluate("(one) => one === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not lead to {target}")

    def presses(self, name: str) -> None:
        """The button of this very name, by keys alone: what stands in a dialog, where one is open."""
        place = self.page.locator("dialog[open]") if self.page.locator("dialog[open]").count() else self.page.locator("body")
        self.tabs_to(place.get_by_role("button", name=name, exact=True).first)
        self.page.keyboard.press("Enter")

    def makes(self, kind: str, **values: object) -> int:
        """The id of a new thing, made and published over the API from the page that stands open."""
        return int(self.page.evaluate("""async ([kind, changes]) => {
            const { csrf } = await (await fetch("/api/v1/auth/session")).json();
            const post = async (path, body, seen) => {
                const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf, ...(seen ? { "If-Match": `"${seen}"` } : {}) };
                const answer = await fetch(`/api/v1/desk/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
                if (!answer.ok) throw new Error(await answer.text());
                return answer.json();
            };
            const edit = await post("edits", { kind, deed: "create", changes });
            return (await post(`edits/${edit.id}/publish`, {}, edit.etag)).edits[0].thing;
        }""", [kind, values]))

    def harmless(self) -> bool:
        """Whether nothing that somebody wrote became an element or ran."""
        return bool(self.page.evaluate(
            "document.title !== 'taken' && !document.querySelector('img[src=x], [onerror], [href^=\"javascript:\" i]')"))

    def axe(self) -> list[str]:
        """What axe-core finds on the page as it stands, light and dark: the rule, and where."""
        self.page.evaluate(AXE.read_text())
        found: list[str] = []
        for theme, rules in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
            self.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            found += self.page.evaluate("""async (rules) => (await axe.run(document, rules)).violations.map((one) =>
                `${location.pathname} ${one.id}: ${one.nodes.slice(0, 5).map((node) => node.target.join(" ")).join(", ")}`)""", rules)
        return found

    def sees_it_live(self) -> None:
        """The way shown live ends at the edge."""
        expect(self.page.locator(".way-head")).to_contain_text("Seen at the edge", timeout=WAIT_S * 1000)


__all__ = ["PASSWORD", "WAIT_S", "Desk", "Editor", "desk_of", "until"]
