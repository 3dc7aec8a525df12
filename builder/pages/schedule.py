"""A batch's days as iCalendar (RFC 5545): its run, and each lecture that has a date, for any calendar to subscribe to.

Nothing in it is of the clock: DTSTAMP, which an event must have, is the event's own day. UIDs come from public ids,
so that a mended title or another slug moves no event.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from unicodedata import category
from uuid import UUID, uuid5

from builder.catalog.model import Batch, Card
from builder.pages.page import LEAVES, Kind, Site, at

SCHEDULE = Kind("schedule", "metadata", "text/calendar; charset=utf-8", LEAVES)
LINE_BYTES = 75  # RFC 5545 3.1, the line's end not counted
_DAY = timedelta(days=1)


def has_days(batch: Batch) -> bool:
    """Whether there is anything to write: a first day of the run, or a dated lecture."""
    return bool(batch.starts_on or batch.first_on)


def schedule(batch: Batch, cards: Iterable[Card], site: Site, site_uuid: UUID) -> str:
    """The calendar of *batch*, whose lectures are *cards*; lines end in CR LF and have LINE_BYTES at most."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Lectern//Lectern//EN", f"NAME:{_text(batch.title)}",
             f"X-WR-CALNAME:{_text(batch.title)}"]
    if batch.starts_on:
        last = batch.ends_on if batch.ends_on and batch.ends_on >= batch.starts_on else batch.starts_on
        lines += _event(uuid5(site_uuid, f"batch:{batch.id}"), batch.starts_on, last, batch.title,
                        site.base_url + at("batches", batch.slug))
    for card in cards:
        if card.recorded_on:
            lines += _event(uuid5(site_uuid, f"video:{card.id}"), card.recorded_on, card.recorded_on, card.title,
                            site.base_url + at("videos", card.slug), ", ".join(i.title for i in card.instructors))
    lines.append("END:VCALENDAR")
    return "".join(f"{folded}\r\n" for line in lines for folded in _folded(line))


def _event(uid: UUID, first: date, last: date, title: str, url: str, about: str = "") -> Iterator[str]:
    """An event of whole days: of the place's own, so without a zone (3.3.4); DTEND is the day after the last (3.6.1)."""
    yield "BEGIN:VEVENT"
    yield f"UID:{uid}"
    yield f"DTSTAMP:{first:%Y%m%d}T000000Z"
    yield f"DTSTART;VALUE=DATE:{first:%Y%m%d}"
    if last < date.max:
        yield f"DTEND;VALUE=DATE:{last + _DAY:%Y%m%d}"
    yield f"SUMMARY:{_text(title)}"
    if about:
        yield f"DESCRIPTION:{_text(about)}"
    yield f"URL:{url}"
    yield "TRANSP:TRANSPARENT"
    yield "END:VEVENT"


def _text(text: str) -> str:
    """A TEXT value (3.3.11). Controls may not stand in one, and readers take U+2028 and its like for a line's end."""
    plain = "".join(" " if category(c) in ("Cc", "Zl", "Zp", "Cs") else c for c in text)
    return " ".join(plain.split()).replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")


def _folded(line: str) -> Iterator[str]:
    """The line in pieces of LINE_BYTES octets, cut between characters; each but the first begins with a space (3.1)."""
    raw = line.encode()
    start, space = 0, b""
    while start < len(raw):
        end = min(start + LINE_BYTES - len(space), len(raw))
        while end < len(raw) and raw[end] & 0xC0 == 0x80:  # within a character
            end -= 1
        yield (space + raw[start:end]).decode()
        start, space = end, b" "
