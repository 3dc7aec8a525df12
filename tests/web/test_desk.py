"""Editors at the desk, in real browsers on the real stack: what they do ends at the page that readers get through Varnish."""
from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from builder.embedded import Server
from tests.conftest import database
from tests.edge.servers import free_port
from tests.web.conftest import WAIT_MS, Heard, Live
from tests.web.desking import Desk, Editor, desk_of

Open = Callable[..., Editor]


@pytest.fixture(scope="module")
def desk(server: Server, _migrated: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with database(server, f"TEMPLATE {_migrated}") as dsn:
        live = Live(f"http://127.0.0.1:{free_port()}", dsn, tmp_path_factory.mktemp("desk"))
        with desk_of(live) as made:
            yield made


@pytest.fixture
def editor(browser: Browser, desk: Desk) -> Iterator[Open]:
    """Makes an editor with a browser of their own. After the test the policy has refused nothing, and nothing was left uncaught."""
    made: list[BrowserContext] = []
    heard = Heard(desk.edge.url)

    def opened(name: str = "Eve", role: str = "editor", **options: object) -> Editor:
        context = browser.new_context(base_url=desk.edge.url, **options)  # type: ignore[arg-type]
        context.set_default_timeout(WAIT_MS)
        heard.listen(context)
        made.append(context)
        return Editor(desk, context, desk.account(name, role))

    yield opened
    for context in made:
        context.close()
    assert heard.refused == []
    assert [error for error in heard.errors if "uncaught" in error] == []


def test_a_new_lecture_by_its_address_is_previewed_published_and_read_within_seconds(desk: Desk, editor: Open) -> None:
    eve = editor()
    page = eve.opens("/desk/#new")
    page.get_by_label("Paste a recording's address").fill(f"{desk.streams}/talks/limits/list.m3u8")
    page.get_by_role("button", name="Fill in").click()
    expect(page.get_by_text("Filled in from")).to_be_visible()
    expect(page.get_by_label("Length")).to_have_value("1:30")
    page.get_by_label("Title").fill("Limits, from the beginning")
    page.get_by_label("Batch").fill("Flask")
    page.get_by_role("option").first.click()
    page.locator("#f-description").fill("What a *limit* is.")
    expect(page.locator(".shown-as em")).to_have_text("limit")
    eve.saved()
    expect(page.locator(".reach")).to_contain_text("pages")
    page.get_by_role("button", name="Preview").click()
    first = page.get_by_role("link", name="Open the preview")
    expect(first).to_be_visible()
    with page.expect_popup() as popup:
        first.click()
    expect(popup.value.get_by_role("heading", name="Limits, from the beginning")).to_be_visible()
    popup.value.close()
    assert desk.edge.get("/videos/limits-from-the-beginning/").status == 404
    eve.publishes()
    assert "Limits, from the beginning" in desk.reads("/videos/limits-from-the-beginning/")
    assert "<em>limit</em>" in desk.reads("/videos/limits-from-the-beginning/")
