"""Pictures of every page kind, narrow and wide, light and dark: ``python -m tests.web.screenshots [FOLDER]``."""
from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Route

from builder.embedded import Server, ensure
from builder.migrate import migrate
from tests.conftest import database, open_folder
from tests.edge.servers import free_port
from tests.web import showcase
from tests.web.conftest import Live
from tests.web.desking import Editor, desk_of
from tests.web.serving import launched, served

KINDS = {
    "home": "/", "courses": "/courses/", "course": "/courses/course-1/", "batch": "/batches/mathematics-2024/",
    "batch-500": "/batches/physics-2023/", "batch-1": "/batches/open-evening/", "batches": "/batches/", "video": "/videos/lecture-1/",
    "video-long": "/videos/lecture-4/", "video-hindi": "/videos/lecture-7/", "video-arabic": "/videos/lecture-8/",
    "video-bare": "/videos/lecture-522/", "videos": "/videos/", "subjects": "/subjects/", "subject": "/subjects/subject-1/",
    "instructors": "/instructors/", "instructor": "/instructors/teacher-1/", "about": "/about/",
    "search": "/search/?q=matrix", "search-nothing": "/search/?q=xyzzyplugh", "not-found": "/nowhere/", "gone": "/videos/lecture-520/",
    "imprint": "/imprint/", "offline": "/offline/", "account": "/account/", "register": "/account/register/", "reset": "/account/reset/",
}
STUDENTS = {
    "own": "/account/", "kept": "/account/kept/", "history": "/account/history/", "settings": "/account/settings/",
    "sessions": "/account/sessions/", "data": "/account/data/",
}
"""The account's pages as one sees them who is logged in."""
DESK = {
    "desk": "/desk/", "desk-lecture": "/desk/#1", "desk-batch": "/desk/batches/#1", "desk-files": "/desk/files/",
    "desk-history": "/desk/history/", "desk-releases": "/desk/releases/",
}
"""The desk's, over the demo catalog and with all that works behind it."""
WIDTHS = (360, 768, 1280)
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
# Not by wait_for_function, which evaluates a string in the page: the policy forbids that. A decoding fails where the browser
# takes another width of the picture meanwhile, so it is asked for once more.
_PICTURES_ARE_THERE = """() => Promise.all([...document.images]
    .filter((i) => i.offsetParent && i.getBoundingClientRect().top < innerHeight)
    .map((i) => i.decode().catch(() => new Promise((done) => {
        if (i.complete) done(); else i.onload = i.onerror = done;
    }).then(() => i.decode()))))"""


_WORDS = "## Who we are\n\nA school by the sea.\nHarbour Street 4, Port Example\n\n## How to reach us\n\n[school.example](https://school.example/)"
_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36"
_AT = {"created_at": "2026-09-01T08:00:00Z", "seen_at": "2026-11-20T19:30:00Z"}
_PLACES = ((8, 754, False), (4, 2400, False), (7, 0, True), (530, 100, False), (2, 0, True))
_ANSWERS: dict[str, dict[str, object]] = {
    "auth/session": {"account": {"id": 1, "name": "Ada Okafor", "email": "ada@school.example", "has_password": True}, "csrf": ""},
    "auth/oidc": {"providers": [{"name": "School", "linked": False}]},
    "auth/sessions": {"sessions": [{"tag": "a", "this": True, "agent": _AGENT, **_AT}, {"tag": "b", "this": False, "agent": "", **_AT}]},
    "me/bookmarks": {"bookmarks": [{"id": id, "at_ms": 1_795_000_000_000 - id * 10**8} for id in (1, 4, 7, 8, 12)], "next": "more"},
    "me/history": {"places": [{"video": id, "position_s": s, "completed": done, "at_ms": 1_795_000_000_000} for id, s, done in _PLACES]},
}
"""What the API, which is not part of the pictures' site, says to who is logged in."""


def _strangers(route: Route) -> None:
    route.fulfill(json={"providers": []} if route.request.url.endswith("/oidc") else {"account": None, "csrf": ""})


def _students(route: Route) -> None:
    path = urlsplit(route.request.url).path.removeprefix("/api/v1/")
    route.fulfill(json=_ANSWERS[path]) if path in _ANSWERS else route.fulfill(status=503, json={})


def take(browser: Browser, url: str, folder: Path, only: tuple[str, ...] = ()) -> None:
    """A PNG for each kind, width and theme, whole pages, cut at three screens."""
    for width in WIDTHS:
        for theme in THEMES:
            for kinds, answer in ((KINDS, _strangers), (STUDENTS, _students)):
                context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=theme, base_url=url)
                context.route("**/api/v1/**", answer)
                for kind, path in kinds.items():
                    if not only or kind in only:
                        _take(context.new_page(), path, width, folder / f"{kind}-{width}-{theme}.png")
                context.close()


def _take(page: Page, path: str, width: int, file: Path) -> None:
    page.goto(path, wait_until="networkidle")
    height = min(page.evaluate("document.documentElement.scrollHeight"), 2400)
    page.set_viewport_size({"width": width, "height": height})
    page.evaluate(_PICTURES_ARE_THERE)
    page.screenshot(path=file)
    page.close()


def _take_desk(browser: Browser, server: Server, folder: Path, only: tuple[str, ...]) -> None:
    kinds = {kind: path for kind, path in DESK.items() if not only or kind in only}
    if not kinds:
        return
    with database(server, "") as dsn, open_folder("lectern-screenshots-") as data:
        migrate(dsn)
        with desk_of(Live(f"http://127.0.0.1:{free_port()}", dsn, data)) as desk:
            editor = desk.account("Eve", "admin")
            for width in WIDTHS:
                for theme in THEMES:
                    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme, base_url=desk.edge.url)
                    seat = Editor(desk, context, editor)
                    for kind, path in kinds.items():
                        seat.opens(path)
                        seat.page.wait_for_timeout(700)  # its streams stay open, so that no network is ever idle
                        seat.page.screenshot(path=folder / f"{kind}-{width}-{theme}.png")
                        seat.page.goto("about:blank")
                    context.close()


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    with open_folder("lectern-screenshots-") as data, ensure(data, keeper=True) as server:
        migrate(server.dsn)
        with served(server.dsn, data) as site, launched() as browser:
            site.site = site.site._replace(imprint=_WORDS)
            showcase.fill(site)
            site.build()
            site.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE slug = 'lecture-520'")
            site.build()
            take(browser, site.url, folder, tuple(sys.argv[2:]))
            _take_desk(browser, server, folder, tuple(sys.argv[2:]))
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")


if __name__ == "__main__":
    main()
