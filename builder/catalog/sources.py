"""A provider's address as a source row, and back as a frame to play in or a page to watch on.

A source row is ``(kind, url, start_s)``: who plays it, the address in its one canonical spelling without a
start time, and the second to start at. Render workers import this module, so it stays cheap.
"""
from __future__ import annotations

import re
from typing import Literal, NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlsplit

Kind = Literal["youtube", "vimeo", "peertube", "archive", "file", "hls", "link"]


class Source(NamedTuple):
    kind: Kind
    url: str
    start_s: int


_NAMES = {"youtube": "YouTube", "vimeo": "Vimeo", "archive": "Internet Archive"}
_YOUTUBE_HOSTS = frozenset({
    "youtube.com", "www.youtube.com", "m.youtube.com", "music.youtube.com", "youtube-nocookie.com",
    "www.youtube-nocookie.com", "youtu.be", "www.youtu.be", "y2u.be",
})
_YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}(?![A-Za-z0-9_-])")
_YOUTUBE_PATH = re.compile(r"/(?:embed|v|e|live|shorts|video|watch)/([A-Za-z0-9_-]{11})(?![A-Za-z0-9_-])")
_VIMEO_PATH = re.compile(r"/(?:video/|videos/|(?:channels|groups|album|showcase)/[^/]+/(?:videos?/)?)?(\d+)(?:/([0-9a-f]{6,}))?/?")
_PEERTUBE_PATH = re.compile(
    r"/(?:videos/(?:watch|embed)/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[1-9A-HJ-NP-Za-km-z]{22})"
    r"|w/([1-9A-HJ-NP-Za-km-z]{22}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}))/?")
_ARCHIVE_PATH = re.compile(r"/(?:details|embed)/([A-Za-z0-9][A-Za-z0-9._-]*)(/[^/].*?)?/?")
_PLAYED = frozenset({"mp4", "m4v", "webm"})  # what every present browser plays; mkv, flv, ogv, avi it does not
_ARCHIVED = re.compile(r"https://archive\.org/details/([^/]+/.+\.(?:mp4|m4v|webm))", re.IGNORECASE)
_CLOCK = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")
_COLONS = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2})")
_TIME_KEYS = ("t", "start", "time_continue", "starttime")
_LONGEST_START_S = 7 * 86_400


def parse(url: str) -> Source:
    """The source row of an address. Whatever no player here knows is a ``link`` with the address as it stands.

    An http(s) address is expected; anything else comes back as a link too, for the caller to refuse.
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").removesuffix(".")
        query = parse_qs(parts.query, keep_blank_values=False)
    except ValueError:
        return Source("link", url, 0)
    start_s = _start(query, parts.fragment)
    if host in _YOUTUBE_HOSTS:
        return _youtube(url, host, unquote(parts.path), query, parts.fragment, start_s)
    if host in ("vimeo.com", "www.vimeo.com", "player.vimeo.com") and (found := _VIMEO_PATH.fullmatch(parts.path)):
        secret = found[2] or query.get("h", [""])[0]
        return Source("vimeo", f"https://vimeo.com/{found[1]}" + (f"/{secret}" if secret.isalnum() else ""), start_s)
    if host in ("archive.org", "www.archive.org") and (found := _ARCHIVE_PATH.fullmatch(parts.path)):
        return Source("archive", f"https://archive.org/details/{found[1]}{found[2] or ''}", start_s)
    if found := _PEERTUBE_PATH.fullmatch(parts.path):
        kept = f"/videos/watch/{found[1]}" if found[1] else f"/w/{found[2]}"
        return Source("peertube", f"https://{parts.netloc.lower()}{kept}", start_s)
    ending = parts.path.rpartition("/")[2].rpartition(".")[2].lower()
    if ending == "m3u8":
        return Source("hls", url.partition("#")[0], start_s)
    if ending in _PLAYED and not ("Signature" in query and "Expires" in query):  # a signed address has long run out
        return Source("file", url.partition("#")[0], _start({}, parts.fragment))
    return Source("link", url, 0)


def frame_url(kind: str, url: str, start_s: int = 0) -> str | None:
    """The address of a player frame, or None where the page plays it itself (file, hls) or only links to it."""
    if kind == "youtube":
        start = f"&start={start_s}" if start_s else ""
        return f"https://www.youtube-nocookie.com/embed/{url.partition('?v=')[2][:11]}?autoplay=1&rel=0{start}"
    if kind in ("file", "hls", "link"):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:  # a bracket that opens no address of six
        return None
    if kind == "vimeo":
        number, _, secret = parts.path.strip("/").partition("/")
        start = f"#t={start_s}s" if start_s else ""
        return f"https://player.vimeo.com/video/{number}?" + (f"h={secret}&" if secret else "") + f"autoplay=1&dnt=1{start}"
    if kind == "peertube":
        start = f"&start={start_s}s" if start_s else ""
        return f"https://{parts.netloc}/videos/embed/{parts.path.rpartition('/')[2]}?autoplay=1{start}"
    if kind == "archive":
        start = f"&start={start_s}" if start_s else ""
        return f"https://archive.org/embed/{parts.path.removeprefix('/details/')}?autoplay=1{start}"
    return None


def file_url(kind: str, url: str) -> str | None:
    """The address of a file or stream that the page plays itself, or None. One file of an item at the Internet Archive is such."""
    if kind in ("file", "hls"):
        return url
    if kind == "archive" and (found := _ARCHIVED.fullmatch(url)):
        return f"https://archive.org/download/{found[1]}"
    return None


def watch_url(kind: str, url: str, start_s: int = 0) -> str:
    """The address where a person watches it, start time included: :func:`parse` of it gives the row back."""
    if not start_s:
        return url
    if kind == "youtube":
        return f"{url}&t={start_s}s"
    if kind in ("peertube", "archive"):
        return f"{url}?start={start_s}"
    return f"{url}#t={start_s}"


def provider(kind: str, url: str) -> str:
    """What people call the place: "YouTube", "Vimeo", "Internet Archive", or its host."""
    if kind in _NAMES:
        return _NAMES[kind]
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.") or url
    except ValueError:
        return url


def is_kind(kind: object) -> bool:
    """Whether *kind* is one that a source row may have."""
    return kind in ("youtube", "vimeo", "peertube", "archive", "file", "hls", "link")


def _youtube(url: str, host: str, path: str, query: dict[str, list[str]], fragment: str, start_s: int) -> Source:
    name = ""
    if found := _YOUTUBE_PATH.match(path):
        name = found[1]
    elif "youtu.be" in host or host == "y2u.be":
        name = path[1:].partition("/")[0].partition("&")[0]
    elif path.rstrip("/") in ("/watch", "/watch_popup", "/ytscreeningroom", ""):
        name = query.get("v", [""])[0] or query.get("vi", [""])[0] or parse_qs(fragment.lstrip("!")).get("v", [""])[0]
    elif path == "/attribution_link":
        inner = query.get("u", [""])[0]
        return parse(f"https://www.youtube.com{inner}") if inner.startswith("/watch") else Source("link", url, 0)
    if found := _YOUTUBE_ID.match(name.strip()):
        return Source("youtube", f"https://www.youtube.com/watch?v={found[0]}", start_s)
    return Source("link", url, 0)


def _start(query: dict[str, list[str]], fragment: str) -> int:
    """Seconds named by ``t=1h2m3s``, ``start=90``, ``#t=1:30`` or ``#start/90``; 0 where none is."""
    named = {**parse_qs(fragment.replace("start/", "start=")), **query}
    for key in _TIME_KEYS:
        text = named.get(key, [""])[0].strip().lower().partition(",")[0].partition(".")[0]
        if text and (found := _CLOCK.fullmatch(text) or _COLONS.fullmatch(text)):
            hours, minutes, seconds = (int(part or 0) for part in found.groups())
            total = hours * 3600 + minutes * 60 + seconds
            return total if total <= _LONGEST_START_S else 0
    return 0


def quoted(url: str) -> str:
    """An address with what may not stand raw in it percent-encoded; escapes that it has are left."""
    return quote(url, safe="%/:=&?~#+!$,;'@()*[]|-._")
