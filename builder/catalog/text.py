"""Source text to clean HTML: a pure function of (source, markup) and of this file's version of the sanitiser.

Tables hold sources only. Clean HTML is kept by hash in ``live.clean_text`` and made when it is missing, so any
SQL client may write a description. Render workers import this module for :func:`text_hash` and :func:`cut`
alone: whatever converts is imported when it is first used.
"""
from __future__ import annotations

import hashlib
import re
from importlib.metadata import version
from typing import Literal, NamedTuple, cast

from builder.catalog.cutting import PART_BYTES, blocks, cut

__all__ = ["MARKUPS", "PART_BYTES", "SALT", "CleanText", "Markup", "blocks", "clean", "cut", "detect_markup", "text_hash"]

Markup = Literal["plain", "markdown", "rst", "html"]
MARKUPS: tuple[Markup, ...] = ("plain", "markdown", "rst", "html")

SANITISER_VERSION = 3
"""Raise it when :func:`clean` gives other HTML for some text: every kept text is then made anew."""

CONVERTERS = ("docutils", "markdown-it-py", "nh3")
"""The libraries that clean HTML depends on: another version of one may give other HTML, and mends what was unsafe."""

SALT = f"{SANITISER_VERSION} {' '.join(version(name) for name in CONVERTERS)}\n".encode()
"""Goes before the hash of markup and source into the hash; queries that look texts up in SQL bind it."""

PLAIN_LETTERS = 300  # search engines show about half of it, feed readers all
SOURCE_LETTERS = 262_144  # the column's own limit in bytes; longer sources never come from the database

_NEVER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uffff\ud800-\udfff]")
_SPACES = re.compile(r"[\s\u2028\u2029]+")


class CleanText(NamedTuple):
    """*html*: blocks fit for any page. *plain*: the first words without markup. *note*: why its markup was not
    followed and the text stands as plain paragraphs; "" where it was.
    """

    html: str
    plain: str
    note: str


def text_hash(source: str, markup: str) -> bytes:
    """SHA-256 over salt and the SHA-256 of markup and source. PostgreSQL keeps the inner one beside a source
    (``catalog.text_hash``), so a query finds the clean text without reading the source.
    """
    inner = hashlib.sha256(f"{markup}\n{source}".encode("utf-8", "surrogatepass")).digest()
    return hashlib.sha256(SALT + inner).digest()


def clean(source: str, markup: str) -> CleanText:
    """The clean HTML of *source*. Never raises; bounded in size and depth, so in time, whatever the text.

    Words stay, as far as they are not markup. Links lead to http, https and mailto only, and to places in the
    text itself; others are words. No pictures, ids but of such places, or headings above h2.
    """
    text = _NEVER.sub("", source[:SOURCE_LETTERS].replace("\r\n", "\n").replace("\r", "\n"))
    if not text.strip():
        return CleanText("", "", "")
    from builder.catalog import convert

    html, note = convert.to_html(text, markup if markup in MARKUPS else "plain")
    return CleanText(html, _plain(convert.words(html)), note)


def detect_markup(source: str) -> Markup:
    """What a text of unknown markup is most likely written in; plain text where nothing speaks for another."""
    from builder.catalog.detect import detect

    return cast("Markup", detect(source))


def _plain(words: str) -> str:
    text = _SPACES.sub(" ", words[: PLAIN_LETTERS * 8]).strip()
    if len(text) <= PLAIN_LETTERS:
        return text
    kept = text[: PLAIN_LETTERS - 1]
    space = kept.rfind(" ", PLAIN_LETTERS // 2)
    return (kept[:space] if space > 0 else _whole(kept, text)).rstrip(" ,;:–-") + "…"


def _whole(kept: str, text: str) -> str:
    """*kept* without a last letter whose marks or joined parts were cut off (scripts without spaces)."""
    import unicodedata

    while kept and (unicodedata.category(text[len(kept)])[0] == "M" or text[len(kept)] in "\u200c\u200d" or kept[-1] in "\u200c\u200d"):
        kept = kept[:-1]
    return kept
