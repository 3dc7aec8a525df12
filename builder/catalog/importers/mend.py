"""Mending values: each function takes what a file has and gives what the catalog may hold, noting the difference."""
from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date
from html import unescape
from typing import Any
from urllib.parse import urljoin

from builder.catalog.importers import languages, report
from builder.catalog.sources import quoted

Note = Callable[[str, object, str], None]  # field, value, why: a mended value

LONGEST_S = 86_400  # a day; more is milliseconds, or nonsense
WORDS_BYTES = 262_144
LINE_BYTES = 2000
URL_BYTES = 2048

_NEVER = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff"
_NEVER_STORED = re.compile("[\x00\ud800-\udfff]")
_NEVER_IN_LICENCE = re.compile("[\x01-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")
_NEVER_IN_WORDS = re.compile(f"[{_NEVER}]")
_NEVER_IN_LINE = re.compile(f"[{_NEVER}\u202a-\u202e\u2028\u2029]")
_BREAKS = re.compile(r"[\t\n\r\u2028\u2029]+")
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{2,7}|#x[0-9a-fA-F]{2,6});")
_WRONG_ENCODING = re.compile(
    "[\u00c2\u00c3\u00e2\u00d0\u00d1][\u0080-\u00bf"
    "\u20ac\u201a-\u2026\u2020-\u2022\u2030\u2039\u203a\u0153\u0152\u017d\u017e\u0160\u0161\u0178\u02c6\u2122]")
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_ISOLATES = re.compile("[\u2066-\u2069]")
_SCHEME = re.compile(r"^[^a-z]{0,4}[a-z]{0,2}?(h?t?tps?)\s*:\s*/+\s*(?=[^/])", re.IGNORECASE)
_TWICE = re.compile(r"^https?://(?=https?:/)", re.IGNORECASE)
_WEB_URL = re.compile(r"https?://[^\s\x00-\x1f\x7f-\x9f<>\"]+")
_DAY = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?![0-9])")
_NOTHING = frozenset({"none", "tbd", "tba", "null", "n/a", "na", "-", "todo"})


def line(field: str, value: object, note: Note, *, entities: bool = False, exact: bool = False) -> str | None:
    """One line of words, or None where there are none. Kept code point by code point but for what may not be.

    *exact*: space around it and the like stay too, so that what an export wrote comes back as it was.
    Raises ValueError where it is no text or over 2,000 bytes.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f"{field} is text; {type(value).__name__} stands there")
    text = value
    if entities and _ENTITY.search(text):
        text = unescape(text)
        note(field, value, f"character codes of HTML decoded: {report.shown(text)}")
    if not text.isprintable():
        plain = _NEVER_IN_LINE.sub("", _BREAKS.sub(" ", text))
        if not exact and _unclosed(plain):
            plain = _ISOLATES.sub("", plain)
        if plain.strip() != text.strip():
            note(field, value, "control characters, line breaks or direction overrides taken out")
        text = plain
    if not exact:
        text = text.strip().strip("\ufeff\u200b").strip()
    if len(text.encode()) > LINE_BYTES:
        raise ValueError(f"{field} is over {LINE_BYTES} bytes: shorten it")
    return text if text.strip(" ") else None


def words(field: str, value: object, note: Note, *, exact: bool = False, limit_bytes: int = WORDS_BYTES) -> str:
    """A text of any length up to 256 KB, as it stands but for characters that no page may hold.

    *exact*: but for those that the database may not hold. Raises ValueError where it is no text or longer.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{field} is text; {type(value).__name__} stands there")
    text = value
    never = _NEVER_STORED if exact else _NEVER_IN_WORDS
    if never.search(text):
        text = never.sub("", text)
        note(field, value, "control characters taken out")
    if len(text) * 4 > limit_bytes and len(text.encode()) > limit_bytes:
        raise ValueError(f"{field} is over {limit_bytes:,} bytes: shorten it, or put it up as a resource")
    return text


def licence(field: str, value: object, note: Note) -> str:
    """A licence's words, of one line or several: at most 2,000 bytes, no control characters but tab and line feed."""
    text = words(field, value, note, exact=True, limit_bytes=LINE_BYTES)
    kept = _NEVER_IN_LICENCE.sub("", text)
    if kept != text:
        note(field, value, "control characters taken out")
    return kept


def says_nothing(text: str) -> bool:
    """Whether a text is only white space or a word for "nothing" ("None", "TBD")."""
    text = text.strip()
    return not text or (len(text) <= 4 and text.lower() in _NOTHING)


def url(field: str, value: object, note: Note, base: str | None = None, *, exact: bool = False) -> str | None:
    """A web address, or None where it cannot be made one. A relative one is resolved against *base*.

    *exact*: one that the database takes stays as it is.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        note(field, value, "left out: an address is text")
        return None
    if exact and _WEB_URL.fullmatch(value) and len(value.encode()) <= URL_BYTES:
        return value
    text = _UNSEEN.sub("", _NEVER_IN_LINE.sub("", value)).strip()
    if text.startswith("//"):
        text = f"https:{text}"
    elif base and text.startswith("/"):
        text = urljoin(base, text)
    elif text.lower().startswith("www."):
        text = f"http://{text}"
    if not text.startswith(("http://", "https://")) and (found := _SCHEME.match(text)):
        text = f"http{'s' if found[1].lower().endswith('s') else ''}://{text[found.end():]}"
    text = _TWICE.sub("", text)
    text = re.sub(r"^(https?):/+(?=\w)", r"\1://", text)
    if not _WEB_URL.fullmatch(text):
        text = quoted(text)
    if not _WEB_URL.fullmatch(text) or len(text.encode()) > URL_BYTES:
        note(field, value, "left out: no web address can be made of it")
        return None
    if text != value:
        note(field, value, f"address mended: {report.shown(text)}")
    return text


def day(field: str, value: object, note: Note) -> str | None:
    """A date as YYYY-MM-DD: the day at the place, as written; a time and its zone never shift it."""
    if value is None or value == "":
        return None
    found = _DAY.match(value.strip()) if isinstance(value, str) else None
    try:
        if found is None:
            raise ValueError
        return date(int(found[1]), int(found[2]), int(found[3])).isoformat()
    except ValueError:
        note(field, value, "left out: no such day; write a day as 2026-02-03")
        return None


def seconds(field: str, value: object, note: Note) -> int | None:
    """A duration in whole seconds. More than a day is milliseconds; nothing, zero and less are "not known"."""
    if value is None or value == "":
        return None
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError
        number = float(value)
        if not math.isfinite(number):
            raise ValueError
    except ValueError:
        note(field, value, "left out: a duration is a number of seconds")
        return None
    whole = round(number)
    if whole > LONGEST_S and whole // 1000 <= LONGEST_S:
        note(field, value, f"milliseconds in a field of seconds: {whole // 1000}")
        return whole // 1000
    if whole < 1 or whole > LONGEST_S:
        note(field, value, "left out: no duration between a second and a day")
        return None
    if isinstance(value, str) or whole != number:
        note(field, value, f"made whole seconds: {whole}")
    return whole


def language(field: str, value: object, note: Note) -> str | None:
    """A language tag by BCP 47: two letters where ISO 639-1 has two."""
    if value is None or value == "":
        return None
    tag = languages.tag(value) if isinstance(value, str) else None
    if tag is None:
        note(field, value, "left out: no language is called so")
    return tag


def wrongly_encoded(text: str) -> bool:
    """Whether a text looks as if UTF-8 had been read as something else. Only ever reported."""
    return not text.isascii() and bool(_WRONG_ENCODING.search(text))


def texts(field: str, value: object, note: Note) -> list[Any]:
    """A list, where one stands; a lone text is a list of one."""
    if value is None:
        return []
    if isinstance(value, str):
        note(field, value, "a lone value where a list is due")
        return [value]
    if not isinstance(value, list):
        note(field, value, "left out: a list is due")
        return []
    return value


def _unclosed(text: str) -> bool:
    """Whether a direction isolate is opened and not closed, or closed and not opened."""
    depth = 0
    for mark in _ISOLATES.findall(text):
        depth += -1 if mark == "\u2069" else 1
        if depth < 0:
            return True
    return depth != 0
