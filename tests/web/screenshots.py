"""Pictures of every page kind, narrow and wide, light and dark: ``python -m tests.web.screenshots [FOLDER]``."""
from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Route

from builder.embedded import ensure
from builder.migrate import migrate
from tests.conftest import open_folder
from tests.web import showcase
from tests.web.serving import launched, served

KINDS = {
    "home": "/", "courses": "/courses/", "course": "/courses/course-1/", "batch": "/batches/mathematics-2024/",
    "batch-500": "/batches/physics-2023/", "batch-1": "/batches/open-evening/", "batches": "/batches/", "video": "/videos/lecture-1/",
    "video-long": "/videos/lecture-4/", "video-hindi": "/videos/lecture-7/", "video-arabic": "/videos/lecture-8/",
    "video-bare": "/videos/lecture-522/", "videos": "/videos/", "subjects": "/subjects/", "subject": "/subjects/subject-1/",
    "instructors": "/instructors/", "instructor": "/instructors/teacher-1/", "about": "/about/",
    "search": "/search/?q=matrix", "not-found": "/nowhere/", "account": "/account/",
}
WIDTHS = (360, 768, 1280)
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
# Not by wait_for_function, which evaluates a string in the page: the policy forbids that. A decoding fails where the browser
# takes another width of the picture meanwhile, so it is asked for once more.
_PICTURES_ARE_THERE = """() => Promise.all([...document.images]
    .filter((i) => i.offsetParent && i.getBoundingClientRect().top < innerHeight)
    .map((i) => i.decode().catch(() => new Promise((done) => {
        if (i.complete) done(); else i.onload = i.onerror = done;
    }).then(() => i.decode()))))"""


def _strangers(route: Route) -> None:
    """What the API says to one who is not logged in: it is not part of the pictures' site."""
    route.fulfill(json={"providers": []} if route.request.url.endswith("/oidc") else {"account": None, "csrf": ""})


def take(browser: Browser, url: str, folder: Path, only: tuple[str, ...] = ()) -> None:
    """A PNG for each kind, width and theme, whole pages, cut at three screens."""
    for width in WIDTHS:
        for theme in THEMES:
            context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=theme, base_url=url)
            context.route("**/api/v1/auth/*", _strangers)
            page = context.new_page()
            for name, path in KINDS.items():
                if only and name not in only:
                    continue
                page.goto(path, wait_until="load")
                height = min(page.evaluate("document.documentElement.scrollHeight"), 2400)
                page.set_viewport_size({"width": width, "height": height})
                page.evaluate(_PICTURES_ARE_THERE)
                page.screenshot(path=folder / f"{name}-{width}-{theme}.png")
                page.set_viewport_size({"width": width, "height": 800})
            context.close()


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    with open_folder("lectern-screenshots-") as data, ensure(data, keeper=True) as server:
        migrate(server.dsn)
        with served(server.dsn, data) as site, launched() as browser:
            showcase.fill(site)
            site.build()
            take(browser, site.url, folder, tuple(sys.argv[2:]))
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")


if __name__ == "__main__":
    main()
