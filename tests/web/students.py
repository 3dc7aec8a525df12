"""Students with browsers: accounts straight in the database, everything else by the pages themselves."""
from __future__ import annotations

import re
import time
from collections.abc import Callable
from email import message_from_bytes
from email.policy import default
from itertools import count
from typing import Any, NamedTuple

from argon2 import PasswordHasher
from playwright.sync_api import BrowserContext, Page, expect

from tests.web.conftest import Live
from tests.web.conftest import until as until_in

PASSWORD = "a lecture a day is enough"
_CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
_NUMBERS = count(1)
WAIT_S = 15.0

SMALLEST_S = 5  # who leaves sooner has not begun: see overlay-places.js


class Account(NamedTuple):
    """Who may log in with PASSWORD."""

    id: int
    email: str


def account(site: Live) -> Account:
    """A student's account, new."""
    email = f"student-{next(_NUMBERS)}-{time.time_ns()}@school.example"
    ((id,),) = site.sql(
        "INSERT INTO student.account (email, name, password) VALUES (%s, 'Ada', %s) RETURNING id",
        email, _CHEAP.hash(PASSWORD))
    return Account(id, email)


def log_in(page: Page, who: Account, password: str = PASSWORD) -> None:
    """By the form, as a person does."""
    page.goto("/account/")
    page.get_by_label("E-mail address").fill(who.email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.get_by_text("You are logged in as")).to_be_visible()


def log_out(page: Page) -> None:
    page.goto("/account/")
    page.get_by_role("button", name="Log out", exact=True).click()
    expect(page.get_by_role("button", name="Log in", exact=True)).to_be_visible()


def watch(page: Page, position_s: float, duration_s: float = 1800, *, ended: bool = False) -> None:
    """What the player says while it plays."""
    page.evaluate(
        """([name, detail]) => document.querySelector(".player").dispatchEvent(new CustomEvent(name, {detail, bubbles: true}))""",
        ["lectern:ended" if ended else "lectern:position", {"position_s": position_s, "duration_s": duration_s}])
    if position_s >= SMALLEST_S or ended:
        until_in(page, """localStorage.getItem("lectern.nobody") ?? localStorage.getItem("lectern.mine")""")  # what keeps it has come


def hide(page: Page, hidden: bool = True) -> None:
    """As when the student goes to another tab, and back."""
    page.evaluate("""(hidden) => {
        Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    }""", hidden)


def lectures(site: Live, how_many: int = 2) -> list[tuple[int, str]]:
    """(id, address) of lectures of one batch."""
    return [(id, f"/videos/{slug}/") for id, slug in site.sql(
        "SELECT id, slug FROM catalog.video WHERE batch_id = (SELECT min(id) FROM catalog.batch) ORDER BY id LIMIT %s", how_many)]


def places(site: Live, who: Account) -> dict[int, tuple[float, bool]]:
    """What the database holds of a student: position and tick, by video."""
    return {video: (position_s, done) for video, position_s, done in site.sql(
        "SELECT video_id, position_s, completed FROM student.progress WHERE account_id = %s", who.id)}


def until(true: Callable[[], Any], page: Page | None = None) -> Any:
    """What *true* answers once it is neither false nor empty. *page*: whose events and routes must go on meanwhile."""
    end = time.monotonic() + WAIT_S
    while not (found := true()):
        assert time.monotonic() < end, "it did not come true"
        page.wait_for_timeout(50) if page else time.sleep(0.05)
    return found


def mailed_link(site: Live, to: str, page: str) -> str:
    """The path, with its secret, of the newest mail's link to ``/account/PAGE/``."""

    def look() -> str:
        for file in sorted((site.data / "mail").glob("*.eml"), reverse=True):
            mail = message_from_bytes(file.read_bytes(), policy=default)
            text = mail.get_content()
            if to in str(mail["To"]) and (found := re.search(rf"https?://[^/\s]+(/account/{page}/#\S+)", text)):
                return found[1]
        return ""

    link: str = until(look)
    return link


def writes_of(context: BrowserContext) -> list[str]:
    """The bodies of the progress that this browser sends from now on."""
    sent: list[str] = []
    context.on("request", lambda request: sent.append(request.post_data or "")
               if request.method == "POST" and request.url.endswith("/me/progress") else None)
    return sent
