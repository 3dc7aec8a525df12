"""The template author's loop, on a copy of the tree: edit, see; break, be told where; mend, see again."""
from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import BrowserContext, expect

from builder.embedded import Server
from tests.conftest import database
from tests.edge.servers import free_port
from tests.web.conftest import TOP, Live

# When the page's document was there, by the clock that this process has too.
_SHOWN_MS = "performance.timeOrigin + performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
_ROOMS = ("builder", "api", "edge", "templates")


@pytest.fixture(scope="module")
def site(server: Server, _migrated: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """`dev` over the bundled catalog, whose `data` lies beside a tree that may be edited."""
    top = tmp_path_factory.mktemp("dev")
    shutil.copy(TOP / "build.py", top)
    for room in _ROOMS:
        shutil.copytree(TOP / room, top / room, ignore=shutil.ignore_patterns("__pycache__"))
    with database(server, f"TEMPLATE {_migrated}") as dsn:
        live = Live(f"http://127.0.0.1:{free_port()}", dsn, top / "data")
        process = subprocess.Popen([sys.executable, "build.py", "dev"], cwd=top, env=live.environ, text=True, stdout=subprocess.PIPE)
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == f"ready {live.url}/\n"
            yield live
        finally:
            process.terminate()
            process.communicate()


@contextmanager
def edited(site: Live, name: str, old: str, new: str) -> Iterator[None]:
    """A template with one place replaced, while the block runs."""
    file = site.data.parent / "templates" / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    try:
        yield
    finally:
        file.write_text(text)


def test_an_edit_shows_in_the_open_browser_and_a_mistake_with_file_and_line(site: Live, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto("/courses/")
    heading = page.locator("h1")
    expect(heading).to_have_text("Courses")
    times = []
    for word in ("Another word", "A third one"):
        begun = time.time()
        with edited(site, "index.html", "<h1>", f"<h1>{word} "):
            expect(heading).to_have_text(f"{word} Courses")
            times.append(page.evaluate(_SHOWN_MS) - begun * 1000)
        expect(heading).to_have_text("Courses")
    print(f"from save to the new page: {', '.join(f'{ms:.0f} ms' for ms in times)}")
    with edited(site, "index.html", "<h1>", "{% if %}<h1>"):
        expect(heading).to_contain_text("Expected an expression")
        expect(page.locator("p").first).to_contain_text("templates/index.html, line ")
        expect(page.locator("li.here")).to_contain_text("{% if %}<h1>")
    expect(heading).to_have_text("Courses")
    with edited(site, "index.html", "<h1>", "{{ page.nothing_of_the_kind }}<h1>"):
        expect(heading).to_contain_text("nothing_of_the_kind")
        expect(page.locator("li.here")).to_contain_text("nothing_of_the_kind")
    with edited(site, "assets/site.css", ":root {", ":root { --is-seen: 1;"):
        expect(heading).to_have_text("Courses")
        end = time.monotonic() + 10
        while page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--is-seen')") != "1":
            assert time.monotonic() < end


def test_the_page_is_the_real_one_but_for_one_line_and_others_come_from_the_store(site: Live, context: BrowserContext) -> None:
    from edge.store import open_store
    from tests.site import text_of

    store = open_store(f"sqlite:///{site.data}/site.db")
    found = store.get("index.html")
    assert found is not None
    built = text_of(found[0])
    store.close()
    assert "/dev/" not in built
    ask = context.request
    served = ask.get("/").text()
    line = next(line for line in served.splitlines() if "/dev/reload.js" in line)
    assert served.replace(line, line.partition("<script type=\"module\" src=\"/dev/")[0] + "</head>", 1) == built
    missing = ask.get("/no/such/page/")
    assert (missing.status, "/dev/reload.js" in missing.text()) == (404, True)
    assert ask.get("/robots.txt").status == 200
    assert ask.get("/api/v1/me/overlay").status == 503
    assert "Content-Security-Policy".lower() in ask.get("/").headers


@pytest.fixture
def context(open_context: object) -> BrowserContext:
    assert callable(open_context)
    made: BrowserContext = open_context()
    return made


