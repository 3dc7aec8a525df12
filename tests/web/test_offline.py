"""The service worker in a real browser: reading without a network, updates, bounds, withdrawal."""
from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Error, Page, expect

from tests.web.conftest import Heard, Live
from tests.web.students import account, lectures, log_in, log_out, until

Open = Callable[..., BrowserContext]
CACHED = """async () => {
    const found = [];
    for (const name of await caches.keys()) {
        for (const request of await (await caches.open(name)).keys()) found.push(new URL(request.url).pathname);
    }
    return found;
}"""
SETTLED = """async () => {
    const {installing, waiting, active} = await navigator.serviceWorker.getRegistration();
    return !installing && !waiting && active.state === "activated";
}"""  # while one worker gives way to the next, a browser may ask the network itself


@pytest.fixture
def reader(open_context: Open) -> Page:
    """A page of a browser whose worker is at work."""
    page = open_context().new_page()
    page.goto("/about/")
    page.evaluate("navigator.serviceWorker.ready.then(() => navigator.serviceWorker.controller || "
                  "new Promise((done) => navigator.serviceWorker.addEventListener('controllerchange', done)))")
    return page


def kept(page: Page) -> list[str]:
    found: list[str] = page.evaluate(CACHED)
    return found


def visit(page: Page, path: str) -> None:
    page.goto(path)
    until(lambda: path in kept(page), page)


def test_a_page_that_was_read_is_read_again_without_a_network_styled_and_whole(reader: Page, site: Live, heard: Heard) -> None:
    (_, address), (_, other) = lectures(site)
    visit(reader, address)
    title = reader.locator("h1").inner_text()
    reader.context.set_offline(True)
    reader.goto("/videos/never-seen/")
    expect(reader.get_by_role("heading", name="You are offline")).to_be_visible()
    reader.goto(address)
    expect(reader.locator("h1")).to_have_text(title)
    assert reader.evaluate("getComputedStyle(document.querySelector('.top')).borderBottomStyle") == "solid"
    assert heard.refused == []
    reader.context.set_offline(False)
    reader.goto(other)
    expect(reader.locator("h1")).not_to_have_text(title)


def test_a_page_is_not_shown_offline_beyond_its_tier(reader: Page, site: Live) -> None:
    (_, address), *_ = lectures(site)
    visit(reader, address)
    age = """async ([path, s]) => {
        const cache = await caches.open("lectern-pages-1");
        const held = await cache.match(path);
        const headers = new Headers(held.headers);
        headers.set("x-lectern-stored", String(Date.now() - s * 1000));
        await cache.put(path, new Response(await held.arrayBuffer(), {headers}));
    }"""
    reader.context.new_cdp_session(reader).send("Network.clearBrowserCache")  # which may hold it for its minute
    reader.context.set_offline(True)
    for age_s, shown in ((3500, True), (3700, False), (-60, False)):  # an hour is the tier's; a clock that was set back tells nothing
        reader.evaluate(age, [address, age_s])
        reader.goto(address)
        expect(reader.get_by_role("heading", name="You are offline")).to_have_count(0 if shown else 1)


def test_nothing_of_one_student_and_no_media_passes_through_and_log_out_clears(reader: Page, site: Live) -> None:
    who = account(site)
    (_, address), *_ = lectures(site)
    log_in(reader, who)
    visit(reader, address)
    expect(reader.get_by_role("button", name="Keep this lecture")).to_be_visible()
    assert not [path for path in kept(reader) if path.startswith(("/api/", "/account/", "/desk/", "/preview/", "/sw.js"))]
    status = reader.evaluate("fetch('/feed.xml', {headers: {Range: 'bytes=0-9'}}).then((answer) => answer.status)")
    assert status == 206
    assert "/feed.xml" not in kept(reader)
    reader.goto("/videos/never-seen/")
    assert "/videos/never-seen/" not in kept(reader)
    log_out(reader)
    assert address not in kept(reader)


def test_what_is_withdrawn_is_forgotten_as_soon_as_the_network_says_so(reader: Page, site: Live) -> None:
    (_, address), *_ = lectures(site)
    visit(reader, address)
    reader.context.route(f"**{address}", lambda route: route.fulfill(status=410, body="gone"))
    reader.evaluate("(path) => fetch(path).catch(() => {})", address)
    reader.goto(address)
    until(lambda: address not in kept(reader), reader)


def test_the_caches_are_bounded_the_oldest_leave(reader: Page, site: Live) -> None:
    (_, address), *_ = lectures(site)
    reader.evaluate("""async () => {
        const cache = await caches.open("lectern-pages-1");
        for (let n = 0; n < 70; n++) await cache.put(`/old/${n}/`, new Response("x", {headers: {"x-lectern-bytes": n < 60 ? 1 : 900000}}));
    }""")
    visit(reader, address)
    until(lambda: len([path for path in kept(reader) if path.startswith("/old/")]) <= 8, reader)
    assert address in kept(reader)
    assert "/old/69/" in kept(reader)


@pytest.fixture
def release(site: Live) -> Iterator[Callable[..., None]]:
    """Publishes with other settings; the site is as it was afterwards."""
    yield lambda **settings: site.run("build", **settings)
    site.publish()


def update(page: Page) -> None:
    """As browsers do at each visit."""
    page.evaluate("navigator.serviceWorker.getRegistration().then((found) => found.update())")


def test_a_worker_that_is_withdrawn_drops_what_it_kept_and_itself(reader: Page, site: Live, release: Callable[..., None]) -> None:
    (_, address), *_ = lectures(site)
    visit(reader, address)
    release(LECTERN_OFFLINE="no")
    update(reader)
    until(lambda: kept(reader) == [], reader)
    until(lambda: reader.evaluate("navigator.serviceWorker.getRegistrations().then((all) => !all.some((one) => one.active))"), reader)
    reader.context.set_offline(True)
    with pytest.raises(Error, match="ERR_INTERNET_DISCONNECTED"):
        reader.goto("/videos/never-seen/")


def test_a_new_release_brings_a_new_worker_and_an_older_page_stays_styled(reader: Page, site: Live, release: Callable[..., None]) -> None:
    (_, address), *_ = lectures(site)
    visit(reader, address)
    control = reader.evaluate("fetch('/sw.js').then((answer) => answer.headers.get('cache-control'))")
    assert control.startswith("public, max-age=60, must-revalidate")
    styles = "[...document.styleSheets].map((sheet) => new URL(sheet.href).pathname)"
    before = reader.evaluate(styles)[0]
    for hue in ("100", "200"):
        release(LECTERN_ACCENT_HUE=hue)
        update(reader)
    until(lambda: len([path for path in kept(reader) if path.startswith("/assets/site.")]) == 3 and reader.evaluate(SETTLED), reader)
    assert before in kept(reader)
    reader.context.new_cdp_session(reader).send("Network.clearBrowserCache")  # which holds the style for a year
    reader.context.set_offline(True)
    reader.goto(address)
    expect(reader.locator(".player")).to_be_visible()
    assert reader.evaluate("getComputedStyle(document.querySelector('.top')).borderBottomStyle") == "solid"


def test_the_first_page_is_kept_too_though_it_came_before_the_worker(reader: Page) -> None:
    until(lambda: "/about/" in kept(reader), reader)
