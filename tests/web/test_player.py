"""The player on built pages, under the real headers: what plays, what gives way, and what a keyboard, an address and captions do."""
from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Frame, Page, expect

from api.auth.session_cookie import hash_of
from builder.embedded import Server
from edge.store import open_store
from edge.store.port import Object, Put
from tests.conftest import database
from tests.edge.servers import free_port
from tests.web.axe import light_and_dark
from tests.web.conftest import Heard, Live, serving, until
from tests.web.providers import MEDIA, stand_in

SECRET = "0123456789abcdef0123456789abcdef"
MP4, HLS, YOUTUBE, VIMEO, PEERTUBE, ITEM, ITEM_FILE, FALLING, HOPELESS, LONG, GATED_HLS, GATED_FILE, LATE = range(1, 14)
_SOURCES = [
    (MP4, "file", "https://media.example/clip.mp4", 0),
    (HLS, "hls", "https://media.example/hls/list.m3u8", 0),
    (YOUTUBE, "youtube", "https://www.youtube.com/watch?v=aaaaaaaaaaa", 0),
    (VIMEO, "vimeo", "https://vimeo.com/123", 0),
    (PEERTUBE, "peertube", "https://tube.example/w/9c9de5e8-0a1e-484a-b099-e80766180a6d", 0),
    (ITEM, "archive", "https://archive.org/details/item", 0),
    (ITEM_FILE, "archive", "https://archive.org/details/item/clip.mp4", 0),
    (FALLING, "youtube", "https://www.youtube.com/watch?v=bbbbbbbbbbb", 0),
    (FALLING, "file", "https://media.example/missing.mp4", 0),
    (FALLING, "file", "https://media.example/clip.mp4", 0),
    (HOPELESS, "file", "https://media.example/missing.mp4", 0),
    (LONG, "file", "https://media.example/clip.mp4", 0),
    (LATE, "youtube", "https://www.youtube.com/watch?v=aaaaaaaaaaa", 40),
]
_RESUME = "s => document.querySelector('.player').dispatchEvent(new CustomEvent('lectern:resume', { detail: { position_s: s } }))"
_SRC = "document.querySelector('.player video').src"
_SHORT = "WEBVTT\n\n00:00.000 --> 00:04.000\nIt begins <i>here</i>\n\n00:08.500 --> 00:12.000\n&lt;script&gt;alert(1)&lt;/script&gt;\n\n" \
         "00:15.000 --> 00:18.000\nThe end\n"
_LONG = "WEBVTT\n\n" + "\n\n".join(f"00:{n // 60:02}:{n % 60:02}.000 --> 00:59:59.000\nLine number {n}" for n in range(900))


@pytest.fixture(scope="module")
def site(server: Server, _migrated: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A lecture of each kind of source, in an open batch, and two in a gated one."""
    with database(server, f"TEMPLATE {_migrated}") as dsn:
        url = f"http://127.0.0.1:{free_port()}"
        live = Live(url, dsn, tmp_path_factory.mktemp("player"), {"LECTERN_FRAME_HOSTS": "tube.example", "LECTERN_MEDIA_SECRET": SECRET})
        live.sql("INSERT INTO catalog.course (id, slug, title) VALUES (1, 'course', 'Course')")
        live.sql("""INSERT INTO catalog.batch (id, course_id, slug, title, gated)
            VALUES (1, 1, 'open', 'Open', false), (2, 1, 'gated', 'Gated', true)""")
        live.sql("""INSERT INTO catalog.video (id, slug, title, language, status, batch_id, position)
            SELECT n, 'lecture-' || n, 'Lecture ' || n, 'en', 'published', CASE WHEN n IN (11, 12) THEN 2 ELSE 1 END, n
            FROM generate_series(1, 13) n""")
        places: dict[int, int] = {}
        own = [(GATED_HLS, "hls", f"{url}/protected/b/v/list.m3u8", 0), (GATED_FILE, "file", f"{url}/protected/b/clip.mp4", 0)]
        for video, kind, address, start_s in (*_SOURCES, *own):
            places[video] = places.get(video, -1) + 1
            live.sql("INSERT INTO catalog.source (video_id, position, kind, url, start_s) VALUES (%s, %s, %s, %s, %s)",
                     video, places[video], kind, address, start_s)
        for video, body in ((MP4, _SHORT), (LONG, _LONG)):
            live.sql("INSERT INTO catalog.caption (video_id, language, body) VALUES (%s, 'en', %s)", video, body)
        live.publish()
        with closing(open_store(f"sqlite:///{live.data}/site.db")) as store:
            store.put(_protected())
        with serving(live):
            yield live


def _protected() -> Iterator[Put]:
    files = {"clip.mp4": ("clip.mp4", "video/mp4"), "v/list.m3u8": ("hls/list.m3u8", "application/vnd.apple.mpegurl"),
             **{f"v/{n}.ts": (f"hls/{n}.ts", "video/mp2t") for n in range(5)}}
    for name, (file, content_type) in files.items():
        yield Put(Object(f"protected/b/{name}", (MEDIA / file).read_bytes(), content_type, "no-store", "", "", 1, False))


class Seat:
    """A student before a lecture: its page, and what other hosts were asked."""

    def __init__(self, context: BrowserContext) -> None:
        self.asked: dict[str, dict[str, str]] = {}
        stand_in(context, lambda url, headers: self.asked.setdefault(url, headers))
        self.page = context.new_page()
        self.page.add_init_script("""
            window.told = [];
            for (const name of ["lectern:position", "lectern:ended"]) {
                addEventListener(name, ({ type, detail }) => told.push({ type, ...detail }));
            }
            const { prototype } = HTMLMediaElement, { canPlayType } = prototype;  // as a browser that plays no stream by itself
            prototype.canPlayType = function (type) { return /mpegurl/.test(type) ? "" : canPlayType.call(this, type); };
        """)

    def go(self, video: int, query: str = "") -> Page:
        self.page.goto(f"/videos/lecture-{video}/{query}")
        return self.page

    def play(self, video: int, query: str = "") -> Page:
        self.go(video, query).locator(".play").click()
        return self.page

    def plays(self) -> None:
        """Our own player's time goes on."""
        until(self.page, "document.querySelector('.player video')?.currentTime > 0.1")

    def position(self) -> float:
        at: float = self.page.evaluate("document.querySelector('.player video').currentTime")
        return at

    def told(self, type: str) -> list[dict[str, Any]]:
        until(self.page, "type => told.some((one) => one.type === type)", type)
        found: list[dict[str, Any]] = self.page.evaluate("type => told.filter((one) => one.type === type)", type)
        return found

    def frame(self) -> Frame:
        """The provider's page, when it has been spoken to."""
        self.page.wait_for_selector(".player iframe")
        frame = self.page.frames[-1]
        until(frame, "told.length > 0")
        return frame


@pytest.fixture
def seat(open_context: Callable[..., BrowserContext]) -> Seat:
    return Seat(open_context())


def test_no_other_host_is_asked_before_a_press(seat: Seat, heard: Heard) -> None:
    for video in (MP4, YOUTUBE, FALLING):
        seat.go(video)
        seat.page.wait_for_load_state("networkidle")
    assert heard.elsewhere == []
    assert heard.errors == []


def test_a_file_plays_and_tells_where_it_is_once_a_second(seat: Seat, heard: Heard) -> None:
    page = seat.play(MP4)
    seat.plays()
    until(page, "told.length >= 2")
    first, second = seat.told("lectern:position")[:2]
    assert first["video"] == MP4
    assert 0.5 < first["position_s"] < 4
    assert first["duration_s"] == pytest.approx(20, abs=0.1)
    assert 0.9 < second["position_s"] - first["position_s"] < 2.5
    assert heard.errors == []


def test_a_stream_plays_through_the_library_which_is_loaded_only_then(seat: Seat, heard: Heard) -> None:
    scripts: list[str] = []
    seat.page.on("request", lambda request: scripts.append(request.url))
    seat.go(HLS).wait_for_load_state("networkidle")
    assert not [url for url in scripts if "hls.light" in url]
    seat.page.locator(".play").click()
    seat.plays()
    assert [url for url in scripts if "/assets/hls/hls.light.min." in url]
    assert "https://media.example/hls/0.ts" in seat.asked
    assert heard.errors == []


@pytest.mark.parametrize("video", [YOUTUBE, VIMEO, PEERTUBE])
def test_a_providers_frame_is_told_what_to_do_and_tells_where_it_is(video: int, seat: Seat, site: Live, heard: Heard) -> None:
    page = seat.play(video, "?t=1m10s")
    frame = seat.frame()
    (asked,) = [headers for url, headers in seat.asked.items() if url == frame.url.partition("#")[0]]
    assert asked["referer"] == f"{site.url}/"
    position = seat.told("lectern:position")[0]
    assert 70 < position["position_s"] < 75
    assert position["duration_s"] == 100
    page.keyboard.press("j")
    until(seat.page, "told.at(-1).position_s < 68")
    page.keyboard.press("k")
    until(frame, "!plays")
    page.keyboard.press("k")
    until(frame, "plays")
    page.keyboard.press(">")
    until(frame, "JSON.stringify(told).includes('1.25')")
    page.keyboard.press("m")
    frame.evaluate("end()")
    seat.told("lectern:ended")
    expect(page.locator(".over a")).to_have_text(f"Next: Lecture {video + 1}")
    assert heard.errors == []


def test_the_internet_archives_file_plays_in_our_own_player_and_an_item_in_its_frame(seat: Seat) -> None:
    seat.play(ITEM_FILE)
    seat.plays()
    seat.play(ITEM)
    expect(seat.page.frame_locator(".player iframe").locator("p")).to_have_text("archive")
    assert "https://archive.org/embed/item?autoplay=1" in seat.asked


def test_a_source_that_fails_gives_way_to_the_next_and_the_last_to_a_link(seat: Seat) -> None:
    seat.play(FALLING)
    seat.plays()
    assert next(iter(seat.asked)).startswith("https://www.youtube-nocookie.com/embed/bbbbbbbbbbb")
    assert "https://media.example/missing.mp4" in seat.asked
    page = seat.play(HOPELESS)
    expect(page.locator(".play")).to_contain_text("It does not play here. Open it at media.example")
    assert page.locator(".play").get_attribute("href") == "https://media.example/missing.mp4"
    expect(page.locator(".play")).to_be_focused()


def test_a_source_that_says_nothing_gives_way_in_time(seat: Seat) -> None:
    seat.page.clock.install()
    seat.page.context.route("https://www.youtube-nocookie.com/**",
                            lambda route: route.fulfill(body="<p>silence", content_type="text/html"))
    seat.play(FALLING)
    expect(seat.page.frame_locator(".player iframe").locator("p")).to_have_text("silence")
    seat.page.clock.fast_forward(16_000)
    seat.page.clock.resume()
    seat.plays()


def test_messages_of_others_move_nothing(seat: Seat, heard: Heard) -> None:
    page = seat.play(YOUTUBE)
    frame = seat.frame()
    seat.told("lectern:position")
    page.evaluate("""() => {
        const hostile = ['{"event":"onError","info":150}', '{"event":"onStateChange","info":0}', '{', 'null', null, 7, { event: "ended" }];
        for (const data of hostile) postMessage(data, "*");
    }""")
    frame.evaluate("""() => {
        for (const info of [{ currentTime: "<img>" }, { currentTime: -1 }, { currentTime: 1e99 }, { playerState: "x" }, null, 5]) {
            say("infoDelivery", info);
        }
        parent.postMessage("{", "*"); parent.postMessage(null, "*"); parent.postMessage("[]", "*"); parent.postMessage({ event: {} }, "*");
    }""")
    before = len(seat.told("lectern:position"))
    until(page, "n => told.length > n", before)
    told = page.evaluate("told")
    assert {one["type"] for one in told} == {"lectern:position"}
    assert all(0 <= one["position_s"] < 100 for one in told)
    assert heard.errors == []


def test_an_address_names_a_place_and_counts_more_than_where_one_was(seat: Seat) -> None:
    page = seat.go(MP4, "?t=12s")
    expect(page.locator(".play span")).to_contain_text("0:12")
    page.evaluate(_RESUME, 5)
    page.locator(".play").click()
    seat.plays()
    assert 12 <= seat.position() < 15
    for query, least in (("?t=0:07", 7), ("?t=nonsense", 0), ("", 0)):
        seat.play(MP4, query)
        seat.plays()
        assert least <= seat.position() < least + 4


def test_it_resumes_where_the_students_own_data_say(seat: Seat) -> None:
    page = seat.go(MP4)
    for hostile in (None, "7", -1, 1e400):
        page.evaluate(_RESUME, hostile)
    page.evaluate(_RESUME, 9)
    page.locator(".play").click()
    seat.plays()
    assert 9 <= seat.position() < 12
    page.evaluate(_RESUME, 15)
    until(page, "document.querySelector('.player video').currentTime >= 15")


def test_a_source_within_a_longer_recording_counts_from_its_own_start(seat: Seat) -> None:
    seat.play(LATE, "?t=10")
    assert "start=50" in seat.frame().url
    assert 10 < seat.told("lectern:position")[0]["position_s"] < 15


def test_keys_move_a_file_and_never_what_is_typed(seat: Seat) -> None:
    page = seat.go(MP4)
    page.keyboard.press("k")
    seat.plays()
    page.keyboard.press("k")
    until(page, "document.querySelector('.player video').paused")
    for key, least, most in (("5", 10, 10), ("l", 20, 20), ("j", 10, 10), ("ArrowLeft", 5, 5), ("ArrowRight", 10, 10), ("0", 0, 0)):
        page.keyboard.press(key)
        until(page, "([a, b]) => { const t = document.querySelector('.player video').currentTime; return t > a - .1 && t < b + .1; }",
              [least, most])
    page.keyboard.press("m")
    assert page.evaluate("document.querySelector('.player video').muted")
    page.keyboard.press("c")
    assert page.evaluate("[...document.querySelector('.player video').textTracks].map((track) => track.mode)") == ["showing"]
    page.keyboard.press("Space")
    until(page, "!document.querySelector('.player video').paused")
    page.keyboard.press("f")
    until(page, "document.fullscreenElement?.matches('.player')")
    page.keyboard.press("f")
    until(page, "!document.fullscreenElement")
    page.evaluate("document.querySelector('main').prepend(document.createElement('input'))")
    page.locator("main > input").focus()
    page.keyboard.type("m5k?")
    assert page.locator("main > input").input_value() == "m5k?"
    assert page.evaluate("document.querySelector('.player video').muted")
    assert page.locator("dialog").count() == 0


def test_a_question_mark_tells_the_keys_once(seat: Seat) -> None:
    page = seat.go(MP4)
    for _ in range(2):
        page.keyboard.press("?")
        expect(page.locator("dialog.keys")).to_contain_text("10 seconds back or on")
        page.keyboard.press("?")
        page.keyboard.press("Escape")
        expect(page.locator("dialog.keys")).not_to_be_visible()
    assert page.locator("dialog").count() == 1


def test_the_speed_is_kept_in_this_browser(seat: Seat) -> None:
    page = seat.play(MP4)
    seat.plays()
    page.get_by_label("Speed").select_option("1.5")
    assert page.evaluate("document.querySelector('.player video').playbackRate") == 1.5
    seat.play(MP4)
    seat.plays()
    assert page.evaluate("document.querySelector('.player video').playbackRate") == 1.5


def test_a_short_transcript_stands_in_the_page_as_text_and_each_line_leads_to_its_place(seat: Seat, heard: Heard) -> None:
    page = seat.go(MP4)
    lines = page.locator(".transcript a")
    assert lines.all_text_contents() == ["0:00 It begins here", "0:08 <script>alert(1)</script>", "0:15 The end"]
    lines.nth(1).click()
    seat.plays()
    assert 8.5 <= seat.position() < 12
    expect(lines.nth(1)).to_have_attribute("aria-current", "true")
    page.evaluate("document.querySelector('.player video').currentTime = 16")
    expect(lines.nth(2)).to_have_attribute("aria-current", "true")
    assert page.locator(".transcript [aria-current]").count() == 1
    assert light_and_dark(page) == []  # while it plays
    assert heard.errors == []


def test_a_long_transcript_comes_when_it_is_opened(seat: Seat, heard: Heard) -> None:
    page = seat.go(LONG)
    lines = page.locator(".transcript li")
    assert lines.count() == 0
    page.locator(".transcript summary").click()
    expect(lines).to_have_count(900)
    lines.nth(14).locator("a").click()
    seat.plays()
    assert seat.position() >= 14
    assert heard.errors == []


def test_the_next_lecture_is_offered_and_begins_by_itself_only_for_who_chose_that(seat: Seat) -> None:
    page = seat.play(MP4)
    seat.plays()
    page.keyboard.press("l")
    page.keyboard.press("l")
    seat.told("lectern:ended")
    offer = page.locator(".over")
    expect(offer.locator("a")).to_have_text("Next: Lecture 2")
    assert light_and_dark(page) == []
    offer.get_by_role("button").click()
    expect(offer).to_have_count(0)
    page.keyboard.press("9")
    page.keyboard.press("l")
    page.clock.install()
    offer.get_by_label("Play the next one by itself").check()
    expect(offer.get_by_role("status")).to_have_text("It begins in a moment.")
    page.clock.fast_forward(6000)
    page.wait_for_url("**/lecture-2/")
    page.clock.resume()
    seat.plays()
    page.reload()
    expect(page.locator(".play")).to_be_visible()  # a page that one opens oneself waits


def test_without_scripts_the_button_leads_to_the_provider(open_context: Callable[..., BrowserContext]) -> None:
    page = open_context(java_script_enabled=False).new_page()
    page.goto(f"/videos/lecture-{YOUTUBE}/")
    assert page.locator(".play").get_attribute("href") == "https://www.youtube.com/watch?v=aaaaaaaaaaa"
    page.goto(f"/videos/lecture-{MP4}/")
    assert page.locator(".transcript li").count() == 3


@pytest.mark.parametrize("video", [GATED_HLS, GATED_FILE])
def test_a_gated_lecture_plays_for_who_is_enrolled_alone(video: int, seat: Seat, site: Live, heard: Heard) -> None:
    page = seat.go(video)
    expect(page.locator(".note")).to_have_text("Log in to watch. This batch is for those enrolled.")
    account = _student(page.context, site)
    seat.go(video)
    expect(page.locator(".note")).to_contain_text("you are not enrolled in it")
    site.sql("INSERT INTO student.enrolment VALUES (%s, 2)", account)
    heard.errors.clear()  # the browser's own line for a 403
    seat.play(video)
    seat.plays()
    assert heard.errors == []


def test_a_browser_without_media_source_plays_a_signed_stream_by_itself_and_goes_on_when_its_address_has_ended(
        open_context: Callable[..., BrowserContext], site: Live, heard: Heard) -> None:
    context = open_context()
    page = context.new_page()
    page.add_init_script("""
        for (const name of ["MediaSource", "ManagedMediaSource", "WebKitMediaSource"]) delete window[name];
        const { prototype } = HTMLMediaElement, { canPlayType } = prototype;
        prototype.canPlayType = function (type) { return /mpegurl/.test(type) ? "maybe" : canPlayType.call(this, type); };
    """)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    site.sql("INSERT INTO student.enrolment VALUES (%s, 2)", _student(context, site))
    page.clock.install()
    page.goto(f"/videos/lecture-{GATED_HLS}/")
    page.locator(".play").click()
    until(page, "document.querySelector('.player video')?.currentTime > 1.5")  # and so the next signature has another second
    signed, first = rf"{site.url}/protected/\d+\.2\.[\w-]+/b/v/list\.m3u8", page.evaluate(_SRC)
    assert re.fullmatch(signed, first)
    assert not [url for url in asked if "hls.light" in url]
    page.clock.fast_forward(301_000)
    page.evaluate("document.querySelector('.player video').dispatchEvent(new Event('waiting'))")
    until(page, f"old => {_SRC} !== old", first)
    assert re.fullmatch(signed, page.evaluate(_SRC))
    until(page, "document.querySelector('.player video').currentTime > 1.5")
    assert len([url for url in asked if "/api/v1/playback/" in url]) == 2
    assert heard.errors == []


def _student(context: BrowserContext, site: Live) -> int:
    """The account of a student who is logged in."""
    ((account,),) = site.sql("INSERT INTO student.account (email, role) VALUES (%s, 'student') RETURNING id",
                             f"{secrets.token_hex(4)}@school.example")
    token = "s" + secrets.token_urlsafe(32)
    site.sql("INSERT INTO student.session (token_hash, account_id, expires_at) VALUES (%s, %s, now() + interval '1 day')",
             hash_of(token), account)
    context.add_cookies([{"name": "session", "value": token, "url": site.url}, {"name": "lectern_state", "value": "x", "url": site.url}])
    return int(account)


def test_a_signed_address_is_renewed_before_it_ends_and_for_its_own_folder_alone(seat: Seat, site: Live) -> None:
    page = seat.go(HLS)
    module = next(path for path in _assets(site) if path.startswith("/assets/player-signed."))
    assert page.evaluate("""async (module) => {
        const { signedWay } = await import(module);
        let asked = 0;
        const ends = performance.now() + 300_000;
        const renew = async () => { asked += 1; return { file: "https://media.example/TWO/v/list.m3u8", ends, query: "Key=2" }; };
        const way = { file: "https://media.example/ONE/v/list.m3u8", ends, query: "Key=1", renew };
        const young = signedWay(way), old = signedWay({ ...way, ends: performance.now() + 10_000 });
        const piece = "https://media.example/ONE/v/720p/1.ts";
        return [await young.fresh(piece), asked, ...await Promise.all([old.fresh(piece), old.fresh(piece)]), asked,
                await old.fresh("https://elsewhere.example/1.ts"), await old.fresh("https://media.example/TWO/v/2.ts")];
    }""", module) == [
        "https://media.example/ONE/v/720p/1.ts?Key=1", 0,
        "https://media.example/TWO/v/720p/1.ts?Key=2", "https://media.example/TWO/v/720p/1.ts?Key=2", 1,
        "https://elsewhere.example/1.ts", "https://media.example/TWO/v/2.ts?Key=2"]


def _assets(site: Live) -> list[str]:
    with closing(open_store(f"sqlite:///{site.data}/site.db")) as store:
        return [f"/{head.key}" for head in store.list() if head.key.startswith("assets/")]
