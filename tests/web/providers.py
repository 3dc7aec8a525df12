"""Other hosts as a player meets them: pages that speak the providers' documented messages, and files with ranges and CORS."""
from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Route

MEDIA = Path(__file__).parent / "media"
_TYPES = {".mp4": "video/mp4", ".m3u8": "application/vnd.apple.mpegurl", ".ts": "video/mp2t"}

# What all of them have: a clock of seconds that runs while it plays, and what they were told.
_CLOCK = """<!doctype html><title>stand-in</title><p>provider</p><script>
const asked = new URL(location.href), told = window.told = [], LENGTH = 100;
let at = 0, plays = true, rate = 1, last = performance.now();
const tick = () => { const now = performance.now(); if (plays) at = Math.min(at + (now - last) / 1000 * rate, LENGTH); last = now; };
"""
YOUTUBE = _CLOCK + """
at = Number(asked.searchParams.get("start") ?? 0);
const broken = asked.pathname.endsWith("bbbbbbbbbbb");
let heard = false, state = 1;
const to = asked.searchParams.get("origin");
const say = (event, info) => parent.postMessage(JSON.stringify({ event, info, id: 1, channel: "widget" }), to);
const become = (now) => { state = now; plays = now === 1; say("onStateChange", now); };
addEventListener("message", ({ data, origin }) => {
  const message = JSON.parse(data);
  told.push({ ...message, origin });
  if (message.event === "listening" && !heard) {
    heard = true;
    if (broken) return say("onError", 150);
    say("initialDelivery", { currentTime: at, duration: LENGTH, playerState: state, muted: false, volume: 100 });
    say("onReady", null);
    setInterval(() => { tick(); say("infoDelivery", { currentTime: at, duration: LENGTH, playerState: state }); }, 100);
  }
  if (message.event !== "command") return;
  tick();
  if (message.func === "playVideo") become(1);
  if (message.func === "pauseVideo") become(2);
  if (message.func === "seekTo") at = message.args[0];
  if (message.func === "setPlaybackRate") rate = message.args[0];
});
window.end = () => { at = LENGTH; become(0); };
</script>"""
VIMEO = _CLOCK + """
at = parseFloat(asked.hash.slice(3)) || 0;
const say = (message) => parent.postMessage(message, "*");
const wanted = new Set();
addEventListener("message", ({ data }) => {
  told.push(data);
  tick();
  if (data.method === "ping") say({ event: "ready" });
  if (data.method === "addEventListener") wanted.add(data.value);
  if (data.method === "play") { plays = true; say({ event: "play" }); }
  if (data.method === "pause") { plays = false; say({ event: "pause" }); }
  if (data.method === "setCurrentTime") at = data.value;
  if (data.method === "setPlaybackRate") say({ event: "error", data: { method: data.method, name: "NotAllowed", message: "of the plan" } });
});
setInterval(() => {
  tick();
  if (plays && wanted.has("timeupdate")) say({ event: "timeupdate", data: { seconds: at, duration: LENGTH } });
}, 100);
window.end = () => { plays = false; if (wanted.has("ended")) say({ event: "ended" }); };
</script>"""
PEERTUBE = _CLOCK + """
at = parseFloat(asked.searchParams.get("start")) || 0;
const say = (method, params) => parent.postMessage(JSON.stringify({ method: "peertube::" + method, params }), "*");
let ready = false;
addEventListener("message", ({ data }) => {
  const { method, params, id } = JSON.parse(data);
  told.push({ method, params, id });
  tick();
  if (method === "peertube::__ready" && !ready) { ready = true; say("ready", true); say("playbackStatusChange", "playing"); }
  if (!ready) return;
  if (method === "peertube::play") plays = true;
  if (method === "peertube::pause") plays = false;
  if (method === "peertube::seek") at = params;
  if (method === "peertube::setPlaybackRate") rate = params;
});
if (asked.searchParams.get("api") === "1") {
  say("__ready", { type: "publish-request", publish: [] });
  setInterval(() => {
    tick();
    if (ready) say("playbackStatusUpdate", { position: at, duration: LENGTH, volume: 1, playbackState: plays ? "playing" : "paused" });
  }, 100);
}
window.end = () => { plays = false; say("playbackStatusChange", "ended"); };
</script>"""
ARCHIVE = "<!doctype html><title>stand-in</title><p>archive</p>"
_PAGES = {"www.youtube-nocookie.com": YOUTUBE, "player.vimeo.com": VIMEO, "tube.example": PEERTUBE, "archive.org": ARCHIVE}


def stand_in(context: BrowserContext, note: Callable[[str, dict[str, str]], object]) -> None:
    """Answers for every other host; *note* is told each address with its request's headers."""

    def answer(route: Route) -> None:
        request = route.request
        note(request.url, request.all_headers())
        parts = urlsplit(request.url)
        page = _PAGES.get(parts.netloc)
        file = MEDIA / (parts.path.partition("/media/")[2] or parts.path.lstrip("/"))
        if parts.netloc == "media.example" or "/download/" in parts.path:
            file = MEDIA / "clip.mp4" if "/download/" in parts.path else file
            _file(route, file)
        elif page is not None:
            route.fulfill(body=page, content_type="text/html")
        else:
            route.abort()

    context.route(re.compile(r"^https://"), answer)


def _file(route: Route, file: Path) -> None:
    if not file.is_file():
        route.fulfill(status=404, body="no such file", headers={"Access-Control-Allow-Origin": "*"})
        return
    body = file.read_bytes()
    headers = {"Content-Type": _TYPES[file.suffix], "Access-Control-Allow-Origin": "*", "Accept-Ranges": "bytes"}
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", route.request.headers.get("range", ""))
    if not asked:
        route.fulfill(body=body, headers=headers)
        return
    first, last = int(asked[1]), min(int(asked[2] or len(body) - 1), len(body) - 1)
    route.fulfill(status=206, body=body[first : last + 1], headers=headers | {"Content-Range": f"bytes {first}-{last}/{len(body)}"})
