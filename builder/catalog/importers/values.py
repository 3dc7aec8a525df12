"""The values of one record of Lectern's own format as the catalog may hold them."""
from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Any

from builder.catalog import sources, text
from builder.catalog.importers import languages, links, mend
from builder.catalog.importers.judge import DAY, MOMENT, Fault
from builder.catalog.importers.rows import moment
from edge.address import SLUG_BYTES, slugify

CAPTION_BYTES = 4_194_304
_LANGUAGE = "no language is called so: write a code such as en, hi or pt-BR"
# The same rule as the database's for slugs: one that it takes stays as it is.
_NO_SLUG = re.compile(
    "[\x01-\x2c\x2e\x2f\x3a-\x60\x7b-\xa9\xab-\xb1\xb4\xb6-\xb8\xbb\xbf\xd7\xf7\u2000-\u200b\u200e-\u206f\u2190-\u2bff"
    "\u3000-\u3004\u3008-\u3020\ue000-\uf8ff\ufe00-\ufe1f\ufeff\ufff0-\uffff]|^-|-$|--")
_NOT_MENDED = frozenset({"kind", "id", "version", "why"})
_SAME = frozenset({"description_markup", "gated", "position", "status"})
_LINES = frozenset({"title", "name", "course", "batch"})


def values_of(found: dict[str, Any], note: mend.Note) -> tuple[dict[str, Any], list[Fault]]:
    """The fields of a record that fits the schema, mended, and what cannot be: (values, faults)."""
    mended = _Mended(note)
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, value in found.items():
        if name in _NOT_MENDED:
            continue
        try:
            if name in _SAME:
                values[name] = value
            elif name in _LINES:
                values[name] = mended.line(name, value)
            elif name in ("starts_on", "ends_on", "recorded_on"):
                values[name] = _day(value)
            elif name in ("publish_at", "words_at"):
                values[name] = _moment(value)
            else:
                values[name] = getattr(mended, name)(value)
        except ValueError as wrong:
            faults.append(Fault(name, value, str(wrong).removeprefix(f"{name} is ")))
    if "description" in values and "description_markup" not in values:
        values["description_markup"] = text.detect_markup(values["description"])
    if values.get("status") == "scheduled" and not found.get("publish_at"):
        faults.append(Fault("publish_at", "", f"a scheduled video needs publish_at: {MOMENT}"))
    if values.get("starts_on") and values.get("ends_on") and values["ends_on"] < values["starts_on"]:
        faults.append(Fault("ends_on", values["ends_on"], "it ends before it starts"))
    return values, faults


class _Mended:
    """A method a field: what the record has to what the catalog may hold. Raises ValueError where nothing can be made of it."""

    def __init__(self, note: mend.Note) -> None:
        self._note = note

    def line(self, name: str, value: Any) -> str:
        if not (line := mend.line(name, value, self._note, exact=True)):
            raise ValueError(f"{name} is missing")
        return line

    def slug(self, value: str | None) -> str | None:
        if value is None or is_slug(value):
            return value
        made = slugify(value, "")
        if not made:
            raise ValueError("no letter or digit is in it")
        if made != value:
            self._note("slug", value, f"made a slug: {made}")
        return made

    def old_slugs(self, value: list[str]) -> list[str]:
        return [old for old in value if is_slug(old)]

    def subjects(self, value: list[str]) -> list[str]:
        return self._names("subjects", value)

    def instructors(self, value: list[str]) -> list[str]:
        return self._names("instructors", value)

    def description(self, value: Any) -> str:
        return mend.words("description", value, self._note, exact=True)

    def licence(self, value: Any) -> str:
        return mend.licence("licence", value, self._note)

    def url(self, value: Any) -> str | None:
        return mend.url("url", value, self._note, exact=True)

    def picture_url(self, value: Any) -> str | None:
        return mend.url("picture_url", value, self._note, exact=True)

    def language(self, value: str | None) -> str | None:
        if value and languages.says_nothing(value):
            self._note("language", value, "left out: it names no language")
            return None
        tag = languages.tag(value) if value else None
        if value and tag is None:
            raise ValueError(_LANGUAGE)
        return tag

    def duration_s(self, value: Any) -> int | None:
        return mend.seconds("duration_s", value, self._note)

    def sources(self, value: list[Any]) -> list[list[Any]]:
        made: list[list[Any]] = []
        for item in value:
            if isinstance(item, str):
                if (url := mend.url("sources", item, self._note, exact=True)) is not None:
                    made.append([*sources.parse(url)])
            elif (url := mend.url("sources", item[1], self._note, exact=True)) is not None:
                made.append([item[0], url, item[2]])
        return made

    def resources(self, value: list[Any]) -> list[list[str]]:
        made: list[list[str]] = []
        for item in value:
            label, address = (None, item) if isinstance(item, str) else item
            if (url := mend.url("resources", address, self._note, exact=True)) is not None:
                made.append([mend.line("resources", label, self._note, exact=True) or url, url])
        return made

    def aliases(self, value: list[str]) -> list[str]:
        for path in value:
            if not links.is_alias(path):
                self._note("aliases", path, "left out: an old address is a path such as /video/481/some-talk")
        return [path for path in value if links.is_alias(path)]

    def captions(self, value: list[list[str]]) -> list[list[str]]:
        made: dict[tuple[str, str], str] = {}
        for code, kind, body in value:
            if languages.says_nothing(code):
                self._note("captions", code, "captions left out: their language is not named")
                continue
            if (tag := languages.tag(code)) is None:
                raise ValueError(f"{code!r}: {_LANGUAGE}")
            made[tag, kind] = mend.words("captions", body, self._note, exact=True, limit_bytes=CAPTION_BYTES)
        return [[language, kind, body] for (language, kind), body in made.items()]

    def _names(self, field: str, value: list[str]) -> list[str]:
        lined = [line for item in value if (line := mend.line(field, item, self._note, exact=True))]
        return list(dict.fromkeys(lined))


def is_slug(slug: str) -> bool:
    """Whether the database takes *slug* as it stands."""
    fits = not _NO_SLUG.search(slug) and len(slug.encode()) <= SLUG_BYTES
    return fits and slug == slug.lower() and unicodedata.is_normalized("NFC", slug)


def _day(value: str | None) -> str | None:
    try:
        return date.fromisoformat(value).isoformat() if value else None
    except ValueError:
        raise ValueError(f"there is no such day: {DAY}") from None


def _moment(value: str | None) -> str | None:
    try:
        return moment(value) if value else None
    except ValueError:
        raise ValueError(f"there is no such moment: {MOMENT}") from None
