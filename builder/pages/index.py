"""Alphabetical indexes of courses, subjects and instructors, cut by letter, then by the next letter.

Where an index or a letter of it grows past 300 names it is split, once and for all: the split is a
row, so that one more name never re-cuts what stands.
"""
from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from builder.catalog import keys
from builder.catalog.reads import Catalog
from builder.pages.page import HTML, LISTS, SITEMAP, Crumb, Head, Kind, Page, Site, Url, at
from edge.address import Path
from edge.language import Language

COURSES = Kind("courses", "catalog", HTML, LISTS, "index.html", indexed=True)
INDEX = Kind("index", "metadata", HTML, LISTS, "index.html", indexed=True)
KINDS = (COURSES, INDEX)
LISTS_CUT = ("course", "subject", "instructor")
SPLIT_OVER = 300
_OTHER = "_"  # names without a letter or digit


class Name(NamedTuple):
    title: str
    path: str


Entry = tuple[str, str, str, int]
"""What a name is sorted by, the name, its slug and id."""


class Letter(NamedTuple):
    label: str
    path: str
    names: int  # how many begin with it


class Shown(NamedTuple):
    """One page of an index: ways to its letters, and the names that stand on it, by letter."""

    kind: str
    title: str
    crumbs: list[Crumb]
    letters: list[Letter]
    names: list[tuple[str, list[Name]]]


_ABOUT = {
    "course": ("courses", COURSES, keys.COURSES),
    "subject": ("subjects", INDEX, keys.SUBJECTS),
    "instructor": ("instructors", INDEX, keys.INSTRUCTORS),
}


def chunks(catalog: Catalog) -> Iterator[list[int]]:
    """One chunk an index: the units are positions in LISTS_CUT."""
    return iter([[n] for n in range(len(LISTS_CUT))])


def fold(title: str) -> str:
    """What a name is sorted by: lower case, without marks of Latin, Greek and Cyrillic, letters and digits only.

    Before a Hangul syllable that begins a name stands its first consonant, as Korean indexes are cut.
    """
    if title.isascii():
        return _NOT_ASCII_WORD.sub("", title.lower()) or _OTHER
    kept = []
    for c in unicodedata.normalize("NFC", title).lower():
        if unicodedata.category(c)[0] in "LNM":
            base = unicodedata.normalize("NFD", c)[0]
            if base >= "\u0530":
                kept.append(c)
            elif unicodedata.category(base) != "Mn":  # a mark that no composed letter has: İ lowered, x̂
                kept.append(base)
    folded = "".join(kept) or _OTHER
    if "가" <= folded[0] <= "힣":
        return _INITIALS[(ord(folded[0]) - ord("가")) // _SYLLABLES_AN_INITIAL] + folded
    return folded


_INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_SYLLABLES_AN_INITIAL = 588  # Unicode 3.12: 21 vowels, 28 endings
_NOT_ASCII_WORD = re.compile("[^a-z0-9]")


def names(catalog: Catalog, kind: str) -> list[Entry]:
    """All that have a page, in the index's order."""
    rows = catalog.rows(f"{kind}_names")
    return sorted((fold(title), title, slug, id) for title, slug, id in rows)


def wanted_splits(sorted_names: Sequence[Entry], splits: set[str]) -> set[str]:
    """The prefixes that hold too many names and are not split yet, "" for the whole index."""
    wanted: set[str] = set()
    todo = [("", list(sorted_names))]
    while todo:
        prefix, members = todo.pop()
        if len(members) <= SPLIT_OVER and prefix not in splits:
            continue
        deeper = _by_letter(members, prefix)
        if prefix not in splits:
            wanted.add(prefix)
        todo += deeper.items()
    return wanted


def pages(catalog: Catalog, site: Site, units: Sequence[int]) -> Iterator[Page]:
    """All pages of the indexes named by position in LISTS_CUT."""
    for unit in units:
        kind = LISTS_CUT[unit]
        splits = {row[0] for row in catalog.rows("index_splits", list=kind)}
        made = [page._replace(unit=unit) for page in _pages(site, kind, names(catalog, kind), splits)]
        yield from made
        paths = [page.path for page in made]
        yield Page(map_paths()[unit], SITEMAP, [_ABOUT[kind][2], keys.fact_of(paths)], "", [Url(path) for path in paths], unit=unit)


def _pages(site: Site, kind: str, sorted_names: list[Entry], splits: set[str]) -> Iterator[Page]:
    folder, page_kind, key = _ABOUT[kind]
    base = at(folder)
    todo = [("", sorted_names)]
    while todo:
        prefix, members = todo.pop()
        split = prefix in splits
        deeper = _by_letter(members, prefix) if split else {}
        here = [m for m in members if m[0] == prefix] if split else members
        todo += deeper.items()
        letters = [Letter(_label(p), letter_path(base, p), len(deeper[p])) for p in sorted(deeper)]
        shown: dict[str, list[Name]] = {}
        for folded, title, slug, _ in here:
            shown.setdefault(_label(folded[: len(prefix) + 1] if prefix else folded[:1]), []).append(
                Name(title, at(folder, slug)))
        path = letter_path(base, prefix) if prefix else base
        plural, title, about = _words(site.words, kind, _label(prefix) if prefix else "")
        crumbs = [Crumb(plural, base), *(Crumb(_label(prefix[:n]), letter_path(base, Path(prefix[:n]))) for n in range(1, len(prefix)))]
        head = Head(title, about, section=folder)
        content = Shown(kind, title, crumbs if prefix else [], letters, list(shown.items()))
        page_keys = [key, keys.fact_of(letters), *(keys.card(kind, member[3]) for member in here)]
        yield Page(Path(path), page_kind, page_keys, "", content, head)


def _words(words: Language, kind: str, letter: str) -> tuple[str, str, str]:
    """What an index is called, the title of its page of *letter* ("" for its first page), and what that page shows."""
    if kind == "course":
        plural, some = words.gettext("Courses"), words.gettext("Courses that begin with %(letter)s.", letter=letter)
        every = words.gettext("All courses from A to Z.")
    elif kind == "subject":
        plural, some = words.gettext("Subjects"), words.gettext("Subjects that begin with %(letter)s.", letter=letter)
        every = words.gettext("All subjects from A to Z.")
    else:
        plural, some = words.gettext("Instructors"), words.gettext("Instructors that begin with %(letter)s.", letter=letter)
        every = words.gettext("All instructors from A to Z.")
    return (plural, f"{plural}: {letter}", some) if letter else (plural, plural, every)


def map_paths() -> list[Path]:
    """The paths of the indexes' sitemaps; each index, empty or not, has its own page and so a sitemap."""
    return [Path(f"/sitemaps/{_ABOUT[kind][0]}-index.xml") for kind in LISTS_CUT]


def letter_path(base: Path, prefix: str) -> Path:
    """``/instructors/letter/al/``."""
    return Path(base + at("letter", prefix)[1:])


def _by_letter(members: Sequence[Entry], prefix: str) -> dict[str, list[Entry]]:
    deeper: dict[str, list[Entry]] = {}
    for member in members:
        if member[0] != prefix:
            deeper.setdefault(member[0][: len(prefix) + 1], []).append(member)
    return deeper


def _label(prefix: str) -> str:
    if prefix == _OTHER:
        return "#"
    if prefix[0] in _INITIALS and len(prefix) > 1:
        return prefix[1:]
    first = prefix[:1].upper()
    # ı and i, ς and σ have one capital: two pages would bear one title.
    return (first if first.lower() == prefix[:1] else prefix[:1]) + prefix[1:]
