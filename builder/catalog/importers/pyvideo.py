"""The pyvideo data layout: ``CATEGORY/category.json`` and ``CATEGORY/videos/*.json``; a category is a batch."""
from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from builder.catalog import sources, text
from builder.catalog.importers import links, mend
from builder.catalog.importers.course import course_title
from builder.catalog.importers.lines import json_fault
from builder.catalog.importers.record import Record, name_key
from builder.catalog.importers.report import Report
from edge.address import slugify
from edge.errors import LecternError

ORIGIN = "pyvideo"
FILE_BYTES = 4 * 1024 * 1024
_VIDEO_KEYS = frozenset({
    "title", "description", "summary", "abstract", "duration", "language", "recorded", "speakers", "tags", "videos",
    "related_urls", "thumbnail_url", "copyright_text", "quality_notes", "alias", "category", "slug", "id",
})
_CATEGORY_KEYS = frozenset({"title", "description", "url", "start_date", "end_date", "alias"})
_NOBODY = frozenset({"various speakers", "various", "multiple speakers", "unknown", "tbd", "tba", "n/a", "none", "-"})
_SEVERAL = re.compile(r"[;/|+]|,.*,|\s(?:and|und|et|y|&)\s", re.IGNORECASE)
_LONG_NAME_LETTERS = 60
_THUMBNAIL = re.compile(r"ytimg\.com/vi(?:_webp)?/([A-Za-z0-9_-]{11})/")
# Paths that are pages of the site itself: no redirect may stand there.
_TAKEN = re.compile(r"/(?:courses|batches|subjects|instructors|videos|data|account|desk|preview|api|assets)(?:/|$)|/[^/]*\.[a-z]+$")


class Unreadable(LecternError):
    """A list that steers the import cannot be read; the message names it."""


class Files:
    """A folder in pyvideo layout; iterating it yields records, batches before their videos."""

    origin = ORIGIN
    expects = "a folder in the pyvideo layout"
    slugs_first = False

    def __init__(self, root: Path, report: Report) -> None:
        self.root = root
        self.report = report
        self.withheld: list[str] = []  # refs of records that a list of things not to publish names
        self._folders = [root] if (root / "category.json").is_file() else sorted(
            folder for folder in root.iterdir()
            if folder.is_dir() and not folder.name.startswith(".")
            and ((folder / "category.json").is_file() or (folder / "videos").is_dir()))
        self.total = sum(1 for folder in self._folders for _ in _video_files(folder))

    @staticmethod
    def is_here(root: Path) -> bool:
        """Whether *root* looks like this layout."""
        return root.is_dir() and ((root / "category.json").is_file() or any(root.glob("*/category.json")))

    def __iter__(self) -> Iterator[Record]:
        hidden = self._not_to_publish()
        for folder in self._folders:
            batch, url, title = self._category(folder)
            yield batch
            videos = [
                record for path in _video_files(folder)
                if (record := self._video(folder, path, url, title, hidden)) is not None
            ]
            videos.sort(key=lambda record: (record.values["recorded_on"] or "9999", record.ref))
            yield from videos

    def _category(self, folder: Path) -> tuple[Record, str | None, str]:
        path = folder / "category.json"
        file = self._name(path)
        note = partial(self._note, file)
        found = self._read(path) if path.is_file() else {}
        found = self._known(found or {}, _CATEGORY_KEYS, file)
        try:
            title = mend.line("title", found.get("title"), note, entities=True)
            words = mend.words("description", found.get("description"), note)
        except ValueError as wrong:
            title, words = None, ""
            note("title", found.get("title"), str(wrong))
        if title is None:
            title = folder.resolve().name
            note("title", found.get("title"), f"no title: the folder's name {title!r} stands for it")
        url = mend.url("url", found.get("url"), note)
        starts_on = mend.day("start_date", found.get("start_date"), note)
        ends_on = mend.day("end_date", found.get("end_date"), note)
        if starts_on and ends_on and ends_on < starts_on:
            note("end_date", ends_on, "left out: it lies before the start")
            ends_on = None
        if found.get("alias"):
            note("alias", found["alias"], "left out: an old address leads to a video, not to a batch")
        words = "" if mend.says_nothing(words) else links.resolve(words, url, partial(note, "description"))
        values = {
            "title": title, "course": course_title(title), "url": url, "starts_on": starts_on, "ends_on": ends_on,
            "description": words, "description_markup": text.detect_markup(words),
        }
        return Record("batch", folder.resolve().name, file, None, values, wish=slugify(title, "batch")), url, title

    def _video(self, folder: Path, path: Path, url: str | None, batch: str, hidden: set[str]) -> Record | None:
        file, ref = self._name(path), f"{folder.resolve().name}/{path.stem}"
        found = self._read(path)
        if found is None:
            self.report.counts["refused"] += 1
            return None
        found = self._known(found, _VIDEO_KEYS, file)
        if found.get("id") is not None and str(found["id"]) in hidden:
            self.report.counts["withheld"] += 1
            self.report.note(file, None, "id", found["id"], "withheld", "NO_PUBLISH.json names it: its owner asked not to publish it")
            self.withheld.append(ref)
            return None
        try:
            values = self._values(found, file, url, batch)
        except ValueError as wrong:
            self._refuse(file, str(wrong).partition(" ")[0], found.get(str(wrong).partition(" ")[0]), str(wrong))
            return None
        values["batch"] = folder.resolve().name
        stem = slugify(path.stem, "video")
        return Record("video", ref, file, None, values, wish=slugify(values["title"], stem))

    def _values(self, found: dict[str, Any], file: str, url: str | None, batch: str) -> dict[str, Any]:
        note = partial(self._note, file)
        title = mend.line("title", found.get("title"), note, entities=True)
        if title is None:
            raise ValueError("title is missing")
        words = self._words(found, file, url)
        played = self._sources(found, file)
        for field, shown in (("title", title), ("description", words)):
            if mend.wrongly_encoded(shown):
                self._keep(file, field, shown, "looks as if its encoding was read wrongly; kept as it is")
        other = found.get("category")
        if other and isinstance(other, str) and name_key(other) != name_key(batch):
            note("category", other, f"the folder's title counts: {batch}")
        return {
            "title": title,
            "description": words,
            "description_markup": text.detect_markup(words),
            "language": mend.language("language", found.get("language"), note),
            "duration_s": mend.seconds("duration", found.get("duration"), note),
            "recorded_on": mend.day("recorded", found.get("recorded"), note),
            "status": "published",
            "licence": mend.line("copyright_text", found.get("copyright_text"), note) or "",
            "picture_url": self._picture(found, file, played),
            "subjects": self._names(found, "tags", file),
            "instructors": self._names(found, "speakers", file),
            "sources": played,
            "resources": self._resources(found, file, url),
            "aliases": self._aliases(found, file),
        }

    def _words(self, found: dict[str, Any], file: str, url: str | None) -> str:
        """Summary, description and notes on quality, each once; an abstract where there is no other text."""
        note = partial(self._note, file)
        texts = {field: mend.words(field, found.get(field), note) for field in ("summary", "description", "quality_notes", "abstract")}
        for field, words in texts.items():
            if words and mend.says_nothing(words):
                if words.strip():
                    note(field, words, "left out: it says nothing")
                texts[field] = ""
        summary, words, notes, abstract = texts.values()
        if abstract and not (words or summary):
            words = abstract
            note("abstract", abstract, "taken as the description")
        elif abstract:
            note("abstract", abstract, "left out: there is a description")
        parts = [words] if summary.strip() in words else [summary, words]
        if notes.strip() not in words:
            parts.append(notes)
        parts = [part for part in parts if part]
        joined = parts[0] if len(parts) == 1 else "\n\n".join(part.strip("\n") for part in parts)
        if len(joined.encode()) > mend.WORDS_BYTES:
            raise ValueError("description is over 256 KB together with its summary: shorten it")
        return links.resolve(joined, url, partial(note, "description"))

    def _names(self, found: dict[str, Any], field: str, file: str) -> list[str]:
        note = partial(self._note, file)
        names: dict[str, str] = {}
        for value in mend.texts(field, found.get(field), note):
            try:
                name = mend.line(field, value, note, entities=True)
            except ValueError as wrong:
                note(field, value, f"left out: {wrong}")
                continue
            if name is None or (field == "speakers" and name.casefold() in _NOBODY):
                note(field, value, "left out: names nobody" if field == "speakers" else "left out: names nothing")
                continue
            if name_key(name) in names:
                note(field, value, "left out: named twice")
                continue
            if field == "speakers" and (len(name) > _LONG_NAME_LETTERS or _SEVERAL.search(name)):
                self._keep(file, field, name, "looks like several names, or like no name; kept as one")
            names[name_key(name)] = name
        return list(names.values())

    def _sources(self, found: dict[str, Any], file: str) -> list[list[Any]]:
        note = partial(self._note, file)
        played: list[list[Any]] = []
        for value in mend.texts("videos", found.get("videos"), note):
            address = value.get("url") if isinstance(value, dict) else value
            if (url := mend.url("videos", address, note)) is not None:
                source = list(sources.parse(url))
                if source not in played:
                    played.append(source)
        return played

    def _resources(self, found: dict[str, Any], file: str, base: str | None) -> list[list[str]]:
        note = partial(self._note, file)
        listed: dict[str, str] = {}
        for value in mend.texts("related_urls", found.get("related_urls"), note):
            address, label = (value.get("url"), value.get("label")) if isinstance(value, dict) else (value, None)
            url = mend.url("related_urls", address, note, base)
            try:
                words = mend.line("related_urls", label, note) if url else None
            except ValueError as wrong:
                note("related_urls", label, f"label left out: {wrong}")
                words = None
            if url and url not in listed:
                listed[url] = words if words and words != str(address).strip() else url
        return [[label, url] for url, label in listed.items()]

    def _picture(self, found: dict[str, Any], file: str, played: list[list[Any]]) -> str | None:
        url = mend.url("thumbnail_url", found.get("thumbnail_url"), partial(self._note, file))
        shows = _THUMBNAIL.search(url) if url else None
        ids = [source[1][-11:] for source in played if source[0] == "youtube"]
        if shows and ids and shows[1] not in ids:
            self._keep(file, "thumbnail_url", url, "the picture of another video than any of its sources")
        return url

    def _aliases(self, found: dict[str, Any], file: str) -> list[str]:
        alias = found.get("alias")
        if not alias:
            return []
        path = "/" + alias.strip().strip("/") if isinstance(alias, str) else ""
        if not links.is_alias(path) or _TAKEN.match(path):
            self._note(file, "alias", alias, "left out: no address of the old site, or one of this site's own")
            return []
        return [path]

    def _not_to_publish(self) -> set[str]:
        path = self.root / "NO_PUBLISH.json"
        if not path.is_file():
            return set()
        try:
            listed = json.loads(path.read_bytes())
            if not isinstance(listed, list):
                raise ValueError("no JSON list")
            return {str(id) for id in listed if isinstance(id, int | str)}
        except (ValueError, TypeError) as wrong:
            raise Unreadable(f"{path} cannot be read ({wrong}). Nothing is imported, lest something be published that may not: mend it, "
                             "a JSON list of ids is due.") from wrong

    def _read(self, path: Path) -> dict[str, Any] | None:
        file = self._name(path)
        try:
            if path.stat().st_size > FILE_BYTES:
                raise ValueError(f"over {FILE_BYTES // 1024 // 1024} MB")
            raw = path.read_bytes()
            if raw.startswith(b"\xef\xbb\xbf"):
                raw = raw[3:]
                self._note(file, "", "\ufeff", "byte order mark taken off")
            found = json.loads(raw)
            if not isinstance(found, dict):
                raise ValueError("a JSON object is due")
        except (ValueError, OSError, RecursionError) as wrong:
            self.report.note(file, getattr(wrong, "lineno", None), "", "", "refused", f"cannot be read: {json_fault(wrong)}")
            return None
        return found

    def _known(self, found: dict[str, Any], known: frozenset[str], file: str) -> dict[str, Any]:
        """The values under known keys; one under a misspelt key is taken where the right one is missing."""
        if known.issuperset(found):
            return found
        values = {key: value for key, value in found.items() if key in known}
        for key, value in found.items():
            if key not in known:
                near = difflib.get_close_matches(re.sub(r"\W", "", key.lower()), known, 1, 0.85)
                if near and not values.get(near[0]):
                    values[near[0]] = value
                    self._note(file, key, value, f"taken for {near[0]!r}")
                else:
                    self._note(file, key, value, "left out: no such field")
        return values

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _note(self, file: str, field: str, value: object, why: str) -> None:
        self.report.note(file, None, field, value, "mended", why)

    def _keep(self, file: str, field: str, value: object, why: str) -> None:
        self.report.note(file, None, field, value, "kept", why)

    def _refuse(self, file: str, field: str, value: object, why: str) -> None:
        self.report.counts["refused"] += 1
        self.report.note(file, None, field, value, "refused", why)


def _video_files(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "videos").glob("*.json") if path.is_file())


