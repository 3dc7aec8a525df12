"""axe-core over every page kind: rules of accessibility that a program can judge (WCAG 2.2 A and AA, and axe's own best practices)."""
from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

SCRIPT = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
INSTALL = "axe-core is missing: run .ci/npm, which wants npm (Debian: apt install npm)."

PATHS = {
    "home": "/", "courses": "/courses/", "course": "/courses/course-1/", "batch": "/batches/mathematics-2024/", "batches": "/batches/",
    "video": "/videos/lecture-1/", "video with long title": "/videos/lecture-4/", "video in Hindi": "/videos/lecture-7/",
    "video in Arabic": "/videos/lecture-8/", "video without picture": "/videos/lecture-522/", "videos": "/videos/",
    "subjects": "/subjects/", "subject": "/subjects/subject-1/", "instructors": "/instructors/", "instructor": "/instructors/teacher-1/",
    "about": "/about/", "not found": "/nowhere/", "search": "/search/", "search asked": "/search/?q=matrix", "offline": "/offline/",
    "account": "/account/", "register": "/account/register/", "confirm": "/account/confirm/", "reset": "/account/reset/",
    "password": "/account/password/", "e-mail": "/account/email/", "kept": "/account/kept/", "history": "/account/history/",
    "settings": "/account/settings/", "sessions": "/account/sessions/",
    "data": "/account/data/",
}
"""The showcase's pages by kind."""

_RUN = "async (rules) => (await axe.run(document, { resultTypes: ['violations'], ...rules })).violations"
_CONTRAST = {"runOnly": ["color-contrast"]}  # the one rule to which dark is not as light


def violations(page: Page, *, contrast: bool = False) -> list[str]:
    """What axe-core finds on *page* as it stands: rule, how bad, and the elements. *contrast*: by that rule alone."""
    assert SCRIPT.is_file(), INSTALL
    page.evaluate(SCRIPT.read_text())  # by the debugger, which the page's policy does not bind
    found: list[dict[str, Any]] = page.evaluate(_RUN, _CONTRAST if contrast else {})
    return [f"{one['id']} ({one['impact']}): {one['help']}: {[node['html'][:160] for node in one['nodes'][:4]]}" for one in found]


def light_and_dark(page: Page) -> list[str]:
    """What is found in the light, and what of contrast in the dark; the page is left light."""
    found = violations(page)
    page.emulate_media(color_scheme="dark")
    found += violations(page, contrast=True)
    page.emulate_media(color_scheme="light")
    return found
