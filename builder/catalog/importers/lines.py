"""Lines and rows of a file, one at a time and bounded: a broken quote or an endless line costs itself alone."""
from __future__ import annotations

import codecs
import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

LINE_BYTES = 32 * 1024 * 1024  # a video with many captions; more is a file without line ends
ROW_BYTES = LINE_BYTES
_CHUNK = 1 << 16
_SHOWN_LETTERS = 100_000
DELIMITERS = ",;\t"
csv.field_size_limit(ROW_BYTES)
# A cell that a spreadsheet would take for a formula, with the apostrophes that an export put before it.
_FORMULA = re.compile("'*[=+\\-@\t\r\n|%\uff1d\uff0b\uff0d\uff20]")
_GUARDED = re.compile("'+[=+\\-@\t\r\n|%\uff1d\uff0b\uff0d\uff20]")


class Line(NamedTuple):
    """A line's number, and its text, or why it has none."""

    number: int
    text: str
    fault: str = ""


class Row(NamedTuple):
    """A row's first line, and its cells; or why it is none. Then *raw* is that line as it stands, and *cells* hold
    what can be told apart in it, or nothing.
    """

    number: int
    cells: list[str]
    fault: str = ""
    raw: str = ""


class Undecodable(ValueError):
    """Bytes that are neither UTF-8 nor Windows-1252; the message names the line."""


def lines(path: Path) -> Iterator[Line]:
    """The lines of a UTF-8 file without their ends. Blank ones are left out; a byte order mark is taken off."""
    with path.open("rb") as file:
        number = 0
        while raw := file.readline(LINE_BYTES + 1):
            number += 1
            if len(raw) > LINE_BYTES and not raw.endswith(b"\n"):
                while raw and not raw.endswith(b"\n"):
                    raw = file.readline(_CHUNK)
                yield Line(number, "", f"the line is over {LINE_BYTES >> 20} MB")
                continue
            if number == 1:
                raw = raw.removeprefix(codecs.BOM_UTF8)
            try:
                text = raw.decode().strip("\r\n\t ")
            except UnicodeDecodeError as wrong:
                yield Line(number, "", f"no UTF-8 at byte {wrong.start + 1} of the line")
                continue
            if text:
                yield Line(number, text)


def encoding(path: Path) -> str:
    """``utf-8-sig``, ``utf-16`` where a mark says so, else ``cp1252``: what spreadsheets write.

    Raises Undecodable with the line where it is none of them.
    """
    with path.open("rb") as file:
        head = file.read(2)
        if head in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-16"
        for name in ("utf-8-sig", "cp1252"):
            file.seek(0)
            decoder = codecs.getincrementaldecoder(name)()
            line, plain = 1, True
            try:
                while chunk := file.read(_CHUNK):
                    made = decoder.decode(chunk)
                    line += made.count("\n")
                    plain = plain and made.isascii()
                decoder.decode(b"", final=True)
                return name
            except UnicodeDecodeError as wrong:
                before = bytes(wrong.object[:wrong.start])
                line += before.count(b"\n")
                if not (plain and before.isascii()):  # letters of UTF-8 stand before it: one byte is damaged
                    break
    raise Undecodable(f"line {line} can be read neither as UTF-8 nor as Windows-1252: save the file as UTF-8")


def rows(path: Path, codec: str, delimiter: str) -> Iterator[Row]:
    """The rows of a CSV file, the header first. A row that ends in no whole row is refused alone: reading goes
    on at the line after its first.
    """
    width = 0
    with path.open(encoding=codec, newline="") as file:
        waiting: list[tuple[int, str]] = []
        physical = _physical(file)
        while True:
            if not waiting:
                first = next(physical, None)
                if first is None:
                    return
                waiting.append(first)
            number, cells, used, fault = _row(waiting, physical, delimiter, width)
            raw = waiting[0][1][:_SHOWN_LETTERS].rstrip("\r\n") if fault else ""
            del waiting[:used]
            if fault or any(cells):
                yield Row(number, cells, fault, raw)
                width = width or (0 if fault else len(cells))


def _row(waiting: list[tuple[int, str]], physical: Iterator[tuple[int, str]], delimiter: str, width: int
         ) -> tuple[int, list[str], int, str]:
    """(number, cells, lines used up, fault) of the row that begins with the first waiting line."""
    number = waiting[0][0]
    used, size, quotes = 0, 0, 0
    text: list[str] = []
    while True:
        if used == len(waiting):
            following = next(physical, None)
            if following is None:
                return number, [], 1, "a quotation mark is opened and never closed"
            waiting.append(following)
        line = waiting[used][1]
        used += 1
        text.append(line)
        size += len(line)
        quotes += line.count('"')
        if size > ROW_BYTES:
            return number, [], used if used == 1 else 1, f"the row is over {ROW_BYTES >> 20} MB: a quotation mark may not be closed"
        if quotes % 2 == 0 or used == 1:  # an odd one may still be whole: 5" stands for five inches
            try:
                cells = next(csv.reader(["".join(text)], delimiter=delimiter, strict=True), [])
                break
            except csv.Error as wrong:
                if quotes % 2 == 0:
                    return number, [], 1, f"no row: {wrong}"
    while width and len(cells) > width and not cells[-1]:
        cells.pop()
    if width and len(cells) != width and any(cells):
        known = cells if used == 1 and len(cells) < width else []
        return number, known, 1, f"{len(cells)} cells where the header has {width}: a quotation mark or a {delimiter!r} may be missing"
    return number, cells, used, ""


def _physical(file: TextIO) -> Iterator[tuple[int, str]]:
    """Numbered lines; of one that is too long only the beginning."""
    number = 0
    while line := file.readline(ROW_BYTES + 1):
        number += 1
        rest = line
        while len(rest) > 1 and len(line) > ROW_BYTES and rest[-1] not in "\r\n":
            rest = file.readline(_CHUNK)
        yield number, line


def json_fault(wrong: Exception) -> str:
    """Why a text is no JSON, by its place in the text; the line is told by who has it."""
    if isinstance(wrong, json.JSONDecodeError):
        return f"no JSON: {wrong.msg} at letter {wrong.colno}"
    return "no JSON that can be read: brackets within brackets" if isinstance(wrong, RecursionError) else str(wrong)


def delimiter_of(header: str, names: frozenset[str]) -> str:
    """The delimiter that makes the most known column names of a header line."""
    def known(delimiter: str) -> int:
        return sum(cell.strip().strip('"').strip().lower() in names for cell in header.split(delimiter))
    return max(DELIMITERS, key=known)


def guarded(cell: str) -> str:
    """A cell as it is written: an apostrophe before what a spreadsheet would take for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    """A cell as it is meant: the inverse of :func:`guarded`."""
    return cell[1:] if _GUARDED.match(cell) else cell
