"""Social cards: the picture that other sites show beside a link to a lecture, batch or course, drawn from its words."""
from __future__ import annotations

import io
import math
import time
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from typing import NamedTuple

from fontTools.ttLib import TTFont  # type: ignore[import-untyped]
from PIL import Image, ImageDraw, ImageFont, features
from psycopg2.extensions import connection as Connection
from pymupdf_fonts import FiraGO_Bold, FiraGO_Regular  # type: ignore[import-untyped]

from builder.catalog.queries import queries
from builder.catalog.refresh import rows
from builder.catalog.refresh.pictures import Owner, Shelf, put_pictures
from builder.catalog.refresh.report import Report

STYLE = 1  # raise it and every card is drawn anew
SIZE = (1200, 630)  # what Open Graph's readers show whole
_MARGIN = 80
_BAND = 28  # the accent's width at the left
_PAPER, _INK, _SOFT = (251, 250, 247), (29, 28, 26), (77, 74, 68)
_TITLE_SIZES = (76, 64, 54, 46)
_TITLE_LINES = 4
_LOT = 25  # cards stored at once
_SHAPED = "raqm"  # without it Devanagari and Arabic come out wrong, and no error tells
_SQL = queries("refresh")

Font = ImageFont.FreeTypeFont


def draw_cards(connection: Connection, shelf: Shelf, site_name: str, hue: int, deadline: float, report: Report, *,
               most: int = 50_000) -> None:
    """Draw the cards of batches, courses and videos whose words have changed, until *deadline*. A card is stored before a row
    names it. A video whose title cannot be drawn has none, for its own picture tells more; a batch or course a card without text."""
    style = f"{STYLE}\n{site_name}\n{hue}"
    for ask, write in (("thing_cards_due", "set_thing_cards"), ("cards_due", "set_cards")):
        due = [_Due(Owner(kind, id), *more) for kind, id, *more in rows.query(connection, _SQL[ask], {"style": style, "most": most})]
        for start in range(0, len(due), _LOT):
            if time.monotonic() >= deadline:
                break
            lot = due[start:start + _LOT]
            drawn = [(one.owner, body) for one in lot if (body := _drawn(one, site_name, hue)) is not None]
            keys = dict(zip((owner for owner, _ in drawn), put_pictures(connection, shelf, drawn, "png", "card-"), strict=True))
            rows.query(connection, _SQL[write], {
                "kinds": [one.owner.kind for one in lot], "ids": [one.owner.id for one in lot],
                "keys": [keys.get(one.owner) for one in lot], "made_of": [bytes(one.made_of) for one in lot]})
            report.cards += len(drawn)


class _Due(NamedTuple):
    owner: Owner
    title: str
    above: str
    below: str
    made_of: memoryview


def _drawn(due: _Due, site_name: str, hue: int) -> bytes | None:
    drawn = card(due.title, due.above, due.below, site_name, hue)
    return bare_card(hue) if drawn is None and due.owner.kind != "video" else drawn


def card(title: str, above: str, below: str, site_name: str, hue: int) -> bytes | None:
    """A PNG of SIZE, the same bytes each time; None where the font lacks a letter of the title: no boxes are shown."""
    title = _drawable(title)
    if not title or not _has(title):
        return None
    accent = oklch(0.39, 0.13, hue)
    image, draw = _paper(accent)
    width = SIZE[0] - 2 * _MARGIN
    _line(draw, _MARGIN, 64, _drawable(above), _font(False, 34), accent, width)
    size, lines = _fitted(title, width)
    y = 150.0
    for line in lines:
        _line(draw, _MARGIN, y, line, _font(True, size), _INK, width)
        y += size * 1.22
    _line(draw, _MARGIN, max(y + 18, 440), _drawable(below), _font(False, 34), _SOFT, width)
    _line(draw, _MARGIN, SIZE[1] - 92, _drawable(site_name), _font(True, 34), accent, width)
    return _png(image)


def bare_card(hue: int) -> bytes:
    """A PNG of SIZE without text: rings about a triangle, as of a player."""
    accent = oklch(0.39, 0.13, hue)
    image, draw = _paper(accent)
    x, y = (SIZE[0] + _BAND) // 2, SIZE[1] // 2
    for radius, lightness in ((520, 0.93), (400, 0.87), (280, 0.80)):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), oklch(lightness, 0.04, hue))
    draw.ellipse((x - 150, y - 150, x + 150, y + 150), accent)
    draw.rectangle((0, 0, _BAND, SIZE[1]), accent)  # over the rings
    draw.polygon(((x - 48, y - 78), (x - 48, y + 78), (x + 87, y)), _PAPER)
    return _png(image)


def _paper(accent: tuple[int, int, int]) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", SIZE, _PAPER)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, _BAND, SIZE[1]), accent)
    return image, draw


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    # Sixteen colours by octree: half the bytes, and a fifth of the time that the median cut takes.
    image.quantize(16, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(out, "PNG", compress_level=6)
    return out.getvalue()


def oklch(lightness: float, chroma: float, hue: float) -> tuple[int, int, int]:
    """An OKLCH colour in sRGB (CSS Color 4, sample code for OKLab), each part cut to 0..255."""
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long, medium, short = ((lightness + x * a + y * b) ** 3 for x, y in (
        (0.3963377774, 0.2158037573), (-0.1055613458, -0.0638541728), (-0.0894841775, -1.2914855480)))
    linear = (4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
              -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
              -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short)
    red, green, blue = (round(255 * min(1.0, max(0.0, 12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055))) for c in linear)
    return red, green, blue


def _drawable(text: str) -> str:
    """Composed, on one line, without pictures and invisible marks that a text font does not have."""
    kept = (c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c) not in ("So", "Sk", "Cs", "Co", "Cn", "Cc")
            and not "\ufe00" <= c <= "\ufe0f" and c not in "\u2060\ufeff\u200b\u00ad")
    return " ".join("".join(kept).split())


@cache
def _letters() -> frozenset[int]:
    return frozenset(TTFont(io.BytesIO(FiraGO_Bold.fontbuffer), lazy=True).getBestCmap())


def _has(text: str) -> bool:
    """Whether every letter is in the font, and will be shaped where its script needs that."""
    if not all(ord(c) in _letters() or c.isspace() or c in "\u200c\u200d\u200e\u200f" for c in text):
        return False
    return bool(features.check(_SHAPED)) or all(ord(c) < 0x0530 or 0x1E00 <= ord(c) < 0x2100 for c in text)


@lru_cache
def _font(bold: bool, size: int) -> Font:
    return ImageFont.truetype(io.BytesIO((FiraGO_Bold if bold else FiraGO_Regular).fontbuffer), size)


def _fitted(title: str, width: int) -> tuple[int, list[str]]:
    """The largest size in which the title stands on few lines; what is too long even so is cut."""
    for size in _TITLE_SIZES:
        lines = list(_wrapped(title, _font(True, size).getlength, width))
        if len(lines) <= (3 if size > 60 else _TITLE_LINES):
            return size, lines
    return size, [*lines[:_TITLE_LINES - 1], f"{lines[_TITLE_LINES - 1]} …"]


def _wrapped(text: str, length: Callable[[str], float], width: int) -> Iterator[str]:
    """Lines of whole words; a word that is wider than a line is cut where it is drawn."""
    line = ""
    for word in text.split():
        if line and length(f"{line} {word}") > width:
            yield line
            line = word
        else:
            line = f"{line} {word}".strip()
    yield line


def _line(draw: ImageDraw.ImageDraw, x: float, y: float, text: str, font: Font, colour: tuple[int, int, int], width: int) -> None:
    """One line, from the side that its first letter writes from; too long, it ends in an ellipsis; nothing where letters lack."""
    if not text or not _has(text):
        return
    while font.getlength(text) > width and len(text) > 1:
        text = text.rstrip(" …")[:-max(1, len(text) // 20)] + "…"
    if next((kind for c in text if (kind := unicodedata.bidirectional(c)) in ("L", "R", "AL")), "L") != "L":
        x = SIZE[0] - _MARGIN - font.getlength(text)
    draw.text((x, y), text, colour, font)
