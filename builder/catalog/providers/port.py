"""What refresh asks of a provider, and the answers that it may get."""
from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol
from urllib.parse import urlsplit

from builder.catalog.providers.pace import HostDown
from builder.catalog.providers.web import Reply, Web

TITLE_LETTERS = 300
LONGEST_S = 86_400  # what catalog.video.duration_s takes

Outcome = Literal["found", "missing", "same", "failed"]


class Ask(NamedTuple):
    """An address, and what is known of the last clear answer about it."""

    url: str
    etag: str = ""
    last_modified: str = ""
    asked_with: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider says of one address.

    found: it is there, with what is told of it. missing: a clear "not found". same: as at the last clear answer.
    failed: no clear answer (a refusal, an answer that is none), which changes nothing.
    """

    url: str
    outcome: Outcome
    why: str = ""
    duration_s: int | None = None
    picture_url: str | None = None
    etag: str = ""
    last_modified: str = ""
    asked_with: str = ""
    title: str = ""


class Provider(Protocol):
    """Asks for many addresses of one kind. Objects are used by several threads at once."""

    batch: int
    """How many addresses one request takes."""

    def host(self, url: str) -> str:
        """Whose pace the request is kept to."""

    def ask(self, web: Web, asks: Sequence[Ask]) -> list[Answer]:
        """One answer for each, at most `batch` of them; fewer where the quota ends.

        Raises Unreachable when no answer came, HostDown when the host answers for nobody just now.
        """


def host_of(url: str) -> str:
    """The host and port of an address: two ports are two servers."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""


def conditions(ask: Ask) -> dict[str, str]:
    """The headers that make a request conditional (RFC 9110 13)."""
    headers = {}
    if ask.etag:
        headers["If-None-Match"] = ask.etag
    if ask.last_modified:
        headers["If-Modified-Since"] = ask.last_modified
    return headers


def hold_up(reply: Reply) -> Reply:
    """The reply, unless it speaks of the host itself: too many requests (429) or a fault of its own raises HostDown."""
    if reply.status == 429 or reply.status >= 500:
        raise HostDown(f"it answers {reply.status}", retry_after_s(reply.headers))
    return reply


def retry_after_s(headers: Mapping[str, str]) -> float:
    """Seconds of a Retry-After header that names them; 0 where it names a date or nothing."""
    text = headers.get("retry-after", "").strip()
    return float(text) if text.isdecimal() and len(text) < 7 else 0.0


def of_status(ask: Ask, reply: Reply) -> Answer | None:
    """The answer that a status gives by itself; None for one that goes on in the body."""
    match reply.status:
        case 200 | 206:
            return None
        case 304 if ask.etag or ask.last_modified:
            return Answer(ask.url, "same")
        case 404 | 410:
            return Answer(ask.url, "missing", f"it answers {reply.status}")
        case 401 | 403:
            return Answer(ask.url, "failed", f"it refuses ({reply.status})")
        case status:
            return Answer(ask.url, "failed", f"it answers {status}")


def found(ask: Ask, reply: Reply, duration_s: object = None, picture_url: object = None, title: object = None) -> Answer:
    """A "found" with the reply's validators. What is no length, no picture's address or no title is left out."""
    return Answer(ask.url, "found", duration_s=length(duration_s), picture_url=picture(picture_url),
                  etag=reply.headers.get("etag", "")[:1000], last_modified=reply.headers.get("last-modified", "")[:100], title=line(title))


def line(value: object) -> str:
    """One line of at most TITLE_LETTERS, without control characters; "" for what is no text."""
    words = value[: TITLE_LETTERS * 2] if isinstance(value, str) else ""
    return "".join(c if c.isprintable() else " " for c in " ".join(words.split()))[:TITLE_LETTERS].strip()


def length(value: object) -> int | None:
    """Whole seconds from 1 to a day; None for anything else, such as the 0 of a live stream."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0.5 <= value <= LONGEST_S:
        return None
    return max(1, round(value))


def picture(value: object) -> str | None:
    """An http(s) address as the catalog takes it; None for anything else."""
    good = (isinstance(value, str) and value.startswith(("https://", "http://")) and len(value.encode(errors="replace")) <= 2048
            and value.isprintable() and not any(c in value for c in ' <>"'))
    return str(value) if good else None


def read_json(body: bytes) -> dict[str, Any] | None:
    """A JSON object; None for anything else."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def listed(value: object) -> list[dict[str, Any]]:
    """The objects of a JSON list; none for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def inside(value: object, *names: str) -> Any:
    """What stands in nested JSON objects under *names*; None where a step is missing."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value
