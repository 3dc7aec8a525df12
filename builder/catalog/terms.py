"""The terms that a lecture is found by: words folded, and the telling ones of a description; a pure function of its own row.

The browser folds what is typed by the same rules (``templates/assets/search-terms.js``); a test holds the two together.
No figure of the whole catalog enters a term, so one lecture's edit is no other's.
"""
from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

TITLE, PEOPLE, SUBJECT, BATCH, TEXT = 1, 2, 4, 8, 16
"""Where a term stands: bits of what a posting tells."""

SEGMENT = 32_768  # ids a segment, so that no file grows with the catalog
FILES_A_VIDEO = 38  # with the list of files and the search page that an edit can touch, forty
TELLING = 12
TERM_LETTERS = 24
_TITLE_TERMS, _PEOPLE_TERMS, _SUBJECTS, _BATCH_TERMS = 16, 8, 5, 5

# Signs between words, by block, so that Python and every browser agree whatever edition of Unicode each knows.
SEPARATORS = (
    "\\u0000-\\u002f\\u003a-\\u0060\\u007b-\\u00a9\\u00ab-\\u00b1\\u00b4\\u00b6-\\u00b8\\u00bb\\u00bf\\u00d7\\u00f7\\u02c2-\\u02df\\u037e\\u0387"
    "\\u055a-\\u055f\\u0589-\\u058a\\u05be\\u05c0\\u05c3\\u05f3-\\u05f4\\u060c-\\u060d\\u061b-\\u061f\\u066a-\\u066d\\u06d4\\u0964-\\u0965\\u0e2f"
    "\\u0e4f\\u0e5a-\\u0e5b\\u104a-\\u104f\\u17d4-\\u17da\\u2000-\\u200b\\u200e-\\u206f\\u20a0-\\u20cf\\u2190-\\u2bff\\u2e00-\\u2e7f"
    "\\u3000-\\u3004\\u3008-\\u3020\\u3030\\u303d\\u30a0\\u30fb\\ud800-\\uf8ff\\ufe10-\\ufe6f\\uff00-\\uff0f\\uff1a-\\uff20\\uff3b-\\uff40"
    "\\uff5b-\\uff65\\ufff0-\\uffff\\U0001f000-\\U0001faff")
SPACELESS = (  # Thai and Lao, Burmese, Khmer, kana, Han: pairs of letters stand for words
    "\\u0e01-\\u0e2e\\u0e30-\\u0e4e\\u0e80-\\u0eff\\u1000-\\u1049\\u1050-\\u109f\\u1780-\\u17d3\\u17dc-\\u17ff\\u2e80-\\u2fdf\\u3005-\\u3007"
    "\\u3021-\\u302f\\u3040-\\u309f\\u30a1-\\u30fa\\u30fc-\\u30ff\\u31f0-\\u31ff\\u3400-\\u4dbf\\u4e00-\\u9fff\\uf900-\\ufaff"
    "\\U00020000-\\U0003ffff")
_IGNORED = re.compile("[\u00ad\u034f\u200b\u2060\ufe00-\ufe0f\ufeff'\u2018\u2019\u02bc]")
_MARKS = re.compile("([a-z\u00df-\u024f\u0370-\u03ff\u0400-\u052f])[\u0300-\u036f]+")  # Latin, Greek and Cyrillic; others keep theirs
_LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ħ": "h", "ŧ": "t",
                          "ı": "i", "ŋ": "n", "ς": "σ"})
_PLUS, _SHARP = re.compile("([a-z0-9])\\+\\+"), re.compile("([a-z0-9])#")
_RUNS = re.compile(f"[{SPACELESS}]+|[^{SEPARATORS}{SPACELESS}]+")
_ASCII_RUNS = re.compile("[a-z0-9]+")
_ASCII_START = re.compile("[a-z0-9]{0,3}")
_JOINERS = "\u200c\u200d"
_FIRST_SPACELESS = re.compile(f"[{SPACELESS}]")

# Pairs with which so many words of European languages begin that the third letter parts them. Fixed: another table would be
# another name for half of all files.
HOT = frozenset((
    "20", "an", "ca", "ch", "co", "da", "de", "di", "en", "ex", "in", "li", "ma", "me", "mi", "mo", "pa", "pr", "py", "re", "sc", "se",
    "st", "te", "tr"))
_LANGUAGE, _YEAR = 1, 2  # files of filters
FILTERS = {_LANGUAGE: "language", _YEAR: "year"}
_ALPHABET, _BLOCK = 1 << 28, 1 << 29
_FILE_BITS = 30
_LAST_SEGMENT = (1 << 24) - 1  # holds all ids from here on (of another system, say): packed, a unit has 63 bits


class Words(NamedTuple):
    """What a lecture's terms are made of."""

    id: int
    title: str
    batch: str
    people: Sequence[str]
    subjects: Sequence[tuple[str, str]]  # title and slug
    plain: str  # the description's first words
    language: str | None
    year: int | None


@cache
def common() -> frozenset[str]:
    """Words of several languages that tell nothing of a lecture; a fixed list."""
    return frozenset((Path(__file__).parent / "common_words.txt").read_text("utf-8").partition("\n\n")[2].split())


@cache
def stop() -> frozenset[str]:
    """Those of them that lead to a title only if it has no other words, and to a batch (PyCon US): the list's first part."""
    return frozenset((Path(__file__).parent / "common_words.txt").read_text("utf-8").partition("\n\n")[0].split())


@cache
def salt() -> str:
    """What terms are made with: another rule gives every lecture new ones."""
    here = Path(__file__)
    return hashlib.sha256(here.read_bytes() + (here.parent / "common_words.txt").read_bytes()).hexdigest()[:16]


def fold(text: str) -> str:
    """Lower case, compatibility forms, without what is not written and without the marks of Latin, Greek and Cyrillic."""
    text = text.lower()
    if text.isascii():
        text = text.replace("'", "")
    else:
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower())
        text = unicodedata.normalize("NFD", _IGNORED.sub("", text))
        text = unicodedata.normalize("NFC", _MARKS.sub("\\1", text)).translate(_LETTERS)
    return _SHARP.sub("\\1sharp", _PLUS.sub("\\1plusplus", text)) if "+" in text or "#" in text else text


def split(text: str) -> list[str]:
    """The terms of a text in their order; pairs of letters where a script has no spaces between words."""
    folded = fold(text)
    if folded.isascii():
        return [run[:TERM_LETTERS] for run in _ASCII_RUNS.findall(folded)]
    found: list[str] = []
    for run in _RUNS.findall(folded):
        if _FIRST_SPACELESS.match(run):
            found += [run[n : n + 2] for n in range(max(len(run) - 1, 1))]
        elif term := run[:TERM_LETTERS].strip(_JOINERS):
            found.append(term)
    return found


def of(words: Words) -> dict[str, int]:
    """A lecture's terms, each with where it stands. ``~en``, ``~2019`` and ``@slug`` (of a subject) are what it can be filtered by."""
    terms: dict[str, int] = {}
    files: set[int] = set()

    def add(found: Iterable[str], where: int, most: int) -> None:
        for term in found:
            if where & terms.get(term, 0):
                continue
            file = file_of(term)
            if most == 0 or (file not in files and len(files) == FILES_A_VIDEO):
                return
            files.add(file)
            terms[term] = terms.get(term, 0) | where
            most -= 1

    if words.language:
        add([f"~{words.language.lower()}"], 0, 1)
    if words.year:
        add([f"~{words.year:04}"], 0, 1)
    title = split(words.title)
    add(_searched(title), TITLE, _TITLE_TERMS)
    add((term for name in words.people for term in split(name)), PEOPLE, _PEOPLE_TERMS)
    add((f"@{slug}" for _, slug in words.subjects), SUBJECT, _SUBJECTS)
    add((term for name, _ in words.subjects[:_SUBJECTS] for term in _searched(split(name))), SUBJECT, 2 * _SUBJECTS)
    add(split(words.batch), BATCH, _BATCH_TERMS)
    add(telling(words.plain), TEXT, TELLING)
    return terms


def telling(plain: str) -> list[str]:
    """The most telling terms of a description: not common in its language, long rather than short, early rather than late."""
    common_words, stop_words = common(), stop()
    seen = dict.fromkeys(term for term in split(plain)
                         if term not in common_words and term not in stop_words and (len(term) > 2 or term >= "\u2e80"))
    order = sorted(enumerate(seen), key=lambda at: (-min(len(at[1]), 9) + at[0] // 8, at[0]))
    return [term for _, term in order[:TELLING]]


def _searched(found: list[str]) -> list[str]:
    stop_words = stop()
    return [term for term in found if term not in stop_words] or found


@cache
def file_of(term: str) -> int:
    """The file, as a number, that holds a term of one segment: by its first letters alone, so that what begins alike
    stands together."""
    if term[0] == "~":
        return _YEAR if term[1].isdecimal() else _LANGUAGE
    term = term.removeprefix("@")
    first, second = ord(term[0]), ord(term[1]) if len(term) > 1 else 0
    if first < 128:
        key = _ASCII_START.match(term)[0]  # type: ignore[index]
        return int.from_bytes((key if key[:2] in HOT else key[:2]).encode())
    if first < 0x2E80:
        return _ALPHABET | first << 14 | (second if second < 0x2E80 else 0)
    return _BLOCK | (first if first < 0x3100 else first >> 8 << 8)


def unit_of(video: int, file: int) -> int:
    """File *file* of the segment that the lecture is in."""
    return min(video // SEGMENT, _LAST_SEGMENT) << _FILE_BITS | file


def name_of(unit: int) -> tuple[int, str]:
    """A unit's segment, and its file's name: ``py``, ``pyt``, ``u043f0440``, ``language``."""
    segment, file = unit >> _FILE_BITS, unit & (1 << _FILE_BITS) - 1
    if file in FILTERS:
        return segment, FILTERS[file]
    if file >= _BLOCK:
        return segment, f"u{file ^ _BLOCK:05x}"
    if file >= _ALPHABET:
        return segment, f"u{(file ^ _ALPHABET) >> 14:04x}{file & 0x3FFF:04x}"
    return segment, file.to_bytes(3).lstrip(b"\0").decode()
