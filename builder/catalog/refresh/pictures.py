"""Copies of the providers' pictures: fetched once, made small and clean, stored under a name that bears their digest."""
from __future__ import annotations

import hashlib
import io
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from PIL import Image, ImageFile, ImageOps
from psycopg2.extensions import connection as Connection
from xxhash import xxh3_128_hexdigest

from builder.catalog.picture import LARGE, SMALL, large_name, small_of
from builder.catalog.providers.pace import HostDown, Job, Pace, work
from builder.catalog.providers.port import hold_up, host_of
from builder.catalog.providers.web import Unreachable, Web
from builder.catalog.queries import queries
from builder.catalog.refresh import rows
from builder.catalog.refresh.report import Report
from edge.address import Key, group_tag, own_tag, path_of
from edge.store.port import Object, Put, Store
from edge.tiers import DAY_S, cache_control

MOST_BYTES = 8 << 20
MOST_PIXELS = 12_000_000  # 100 MB while it is read
LEAST = (160, 90)  # a smaller one is a stand-in: YouTube's grey picture has 120 by 90
QUALITY = {SMALL: 60, LARGE: 72}  # of 100, WebP's; a page of eight small ones stays under 60 KB
WEEK_S = 7 * DAY_S
KEPT_S = 3 * DAY_S  # a dropped picture: a page's time at an edge, the picture's in a browser, and one day more
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
_YOUTUBE = re.compile(r"(.*/vi(?:_webp)?/([\w-]{11})/)(maxres|sd|hq|mq|)default(\.\w+)")
_SMALLER = {"maxres": ("maxres", "sd", "hq"), "sd": ("sd", "hq")}
_SQL = queries("refresh")


class NoPicture(Exception):
    """What came is none that can be shown; the message says why."""


class Owner(NamedTuple):
    """Whose a picture is: it bears its tags, and leaves with it."""

    kind: str  # "video", "batch" or "course"
    id: int


class Due(NamedTuple):
    """A picture to fetch."""

    video: int
    url: str
    youtube: list[str]  # the video's sources there


class Copy(NamedTuple):
    """One picture in its two widths, as WebP."""

    large: bytes
    small: bytes


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where pictures go: the store, and the profile that sets their time."""

    store: Store
    profile: str


def copy_pictures(connection: Connection, shelf: Shelf, web: Web, pace: Pace, deadline: float, report: Report, *,
                  most: int = 20_000) -> set[int]:
    """Copy what is due until *deadline*; return the videos whose row changed. A copy is stored before a row names it."""
    changed = {id for (id,) in rows.query(connection, _SQL["clear_pictures"])}
    due = [Due(*row) for row in rows.query(connection, _SQL["pictures_due"], {"most": most})]
    at_rest = rows.hosts_at_rest(connection)
    jobs = [Job(host, partial(_fetched, web, one), (one.video,)) for one in due if (host := host_of(one.url)) not in at_rest]
    for done in work(jobs, pace, deadline, lambda fetched: str(fetched.what) if isinstance(fetched.what, Unreachable) else ""):
        if isinstance(done.error, HostDown):
            rows.host_down(connection, done.job.host, str(done.error), done.error.retry_after_s)
            report.fail(done.job.host, f"pictures: {done.error}")
        if done.result is None:
            continue
        one, what = done.result
        match what:
            case Copy():
                key = put_copy(connection, shelf, one.video, what)
                changed |= {id for (id,) in rows.query(connection, _SQL["set_picture"], {"video": one.video, "url": one.url, "key": key})}
                report.pictures += 1
                if is_anothers(one):
                    report.tell(one.url, f"the picture of video {one.video} is of another one at YouTube")
            case NoPicture():
                rows.query(connection, _SQL["picture_failed"], {"video": one.video, "why": str(what), "wait_s": WEEK_S})
                report.tell(one.url, f"no picture: {what}")
            case Unreachable():
                rows.query(connection, _SQL["picture_failed"], {"video": one.video, "why": str(what), "wait_s": 0})
                report.fail(one.url, str(what))
    return changed


def put_copy(connection: Connection, shelf: Shelf, video: int, copy: Copy) -> str:
    """Store a picture's two widths, create-only, and return the large one's key. They belong to one video, and leave with it."""
    owner = Owner("video", video)
    large = Key(f"{_folder(owner)}{large_name(_digest(copy.large))}")
    _put(connection, shelf, [owner, owner], [_object(shelf.profile, owner, large, copy.large),
                                             _object(shelf.profile, owner, Key(small_of(large)), copy.small)])
    return large


def put_pictures(connection: Connection, shelf: Shelf, pictures: Sequence[tuple[Owner, bytes]], ending: str, name: str = "") -> list[str]:
    """Store pictures, likewise; returns their keys."""
    objects = [_object(shelf.profile, owner, Key(f"{_folder(owner)}{name}{_digest(body)}.{ending}"), body) for owner, body in pictures]
    _put(connection, shelf, [owner for owner, _ in pictures], objects)
    return [thing.key for thing in objects]


def _put(connection: Connection, shelf: Shelf, owners: list[Owner], objects: list[Object]) -> None:
    rows.query(connection, _SQL["picture_promised"], {
        "keys": [thing.key for thing in objects], "kinds": [owner.kind for owner in owners], "ids": [owner.id for owner in owners]})
    shelf.store.put([Put(thing, if_match="") for thing in {thing.key: thing for thing in objects}.values()])  # refused: there already


def sweep_pictures(connection: Connection, store: Store) -> int:
    """Delete what no row has named for so long that no cached page can; returns how many."""
    rows.query(connection, _SQL["drop_pictures"])
    keys = [key for (key,) in rows.query(connection, _SQL["pictures_to_delete"], {"kept_s": KEPT_S})]
    if not keys:
        return 0
    left = set(store.delete(keys))
    gone = [key for key in keys if key not in left]
    rows.query(connection, _SQL["pictures_deleted"], {"keys": gone})
    return len(gone)


def shrunk(body: bytes) -> Copy:
    """A picture as WebP of both sizes, cut to fill them, without any of the metadata it came with. Raises NoPicture."""
    try:
        with Image.open(io.BytesIO(body), formats=_FORMATS) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise NoPicture(f"it has {picture.width} by {picture.height} pixels")
            if picture.width < LEAST[0] or picture.height < LEAST[1]:
                raise NoPicture(f"it has {picture.width} by {picture.height} pixels only")
            if isinstance(picture, ImageFile.ImageFile):
                picture.draft("RGB", (LARGE[0] * 2, LARGE[1] * 2))
            upright = ImageOps.exif_transpose(picture)
            flat = Image.new("RGB", upright.size, "white")
            rgba = upright.convert("RGBA")
            flat.paste(rgba, mask=rgba.getchannel("A"))
            return Copy(_webp(flat, LARGE), _webp(flat, SMALL))
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError) as error:
        raise NoPicture("it cannot be read as a picture") from error


def _webp(picture: Image.Image, size: tuple[int, int]) -> bytes:
    out = io.BytesIO()
    ImageOps.fit(picture, size, Image.Resampling.LANCZOS).save(out, "WEBP", quality=QUALITY[size], method=4)
    return out.getvalue()


class _Fetched(NamedTuple):
    due: Due
    what: Copy | NoPicture | Unreachable


def _fetched(web: Web, due: Due) -> _Fetched:
    """The small picture, or why there is none. Raises HostDown."""
    what: Copy | NoPicture | Unreachable = NoPicture("nothing is there")
    for url in candidates(due.url):
        try:
            reply = hold_up(web.fetch(url, headers={"Accept": "image/jpeg, image/png, image/webp, image/gif"}, most_bytes=MOST_BYTES))
            if reply.status == 200:
                return _Fetched(due, shrunk(reply.body))
            # A 404 may bear a picture of its own, grey and small: never looked at.
            what = NoPicture(f"it answers {reply.status}")
        except NoPicture as error:
            what = error
        except Unreachable as error:
            return _Fetched(due, error)
    return _Fetched(due, what)


def candidates(url: str) -> list[str]:
    """The address, and for YouTube's names of sizes the smaller ones: the largest often does not exist."""
    if found := _YOUTUBE.fullmatch(url):
        return [f"{found[1]}{size}default{found[4]}" for size in _SMALLER.get(found[3], (found[3],))]
    return [url]


def is_anothers(due: Due) -> bool:
    """Whether a picture's name is of a video at YouTube that is none of this one's sources: a slip worth a look."""
    found = _YOUTUBE.fullmatch(due.url)
    return bool(found and due.youtube and not any(url.endswith(f"?v={found[2]}") for url in due.youtube))


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:24]


def _folder(owner: Owner) -> str:
    return f"{rows.PICTURES}{owner.id}/" if owner.kind == "video" else f"{rows.PICTURES}{owner.kind}/{owner.id}/"


def _object(profile: str, owner: Owner, key: Key, body: bytes) -> Object:
    content_type = {"webp": "image/webp", "png": "image/png"}[key.rpartition(".")[2]]
    control = cache_control("named", profile)
    tags = f"{own_tag(path_of(key))} {group_tag(owner.kind, owner.id)} kind:picture all"
    digest = xxh3_128_hexdigest(b"\0".join((body, content_type.encode(), control.encode(), tags.encode())))
    return Object(key, body, content_type, control, tags, digest, 0, False)
