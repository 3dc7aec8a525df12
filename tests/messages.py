"""Catalogs of messages brought up to date: what is said is added, what nobody says any more is dropped.

Usage: python -m tests.messages [CODE]    Example: python -m tests.messages pt-BR
"""
from __future__ import annotations

import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.plurals import DEFAULT_PLURAL, PLURALS
from babel.messages.pofile import read_po, write_po

from edge.language import FOLDER

TOP = Path(__file__).resolve().parents[1]
_WHERE = [("templates/assets/hls/**.js", "ignore"), ("api/**.py", "python"), ("builder/**.py", "python"), ("edge/**.py", "python"),
          ("templates/**.html", "jinja2"), ("templates/assets/**.js", "javascript")]
_OPTIONS = {"templates/**.html": {"trimmed": "true"}}
_SAID_BY = {"_": None, "gettext": None, "ngettext": (1, 2)}
_WIDTH = 140


def said() -> Catalog:
    """Every message of pages, templates, scripts and mails."""
    found = Catalog()
    for room in ("api", "builder", "edge", "templates"):
        where = [(pattern.removeprefix(f"{room}/"), method) for pattern, method in _WHERE if pattern.startswith(room)]
        options = {pattern.removeprefix(f"{room}/"): value for pattern, value in _OPTIONS.items()}
        for file, line, message, comments, context in extract_from_dir(TOP / room, where, options, _SAID_BY):
            found.add(message, None, [(f"{room}/{file}", line)], auto_comments=comments, context=context)
    return found


def rule_of(code: str) -> str:
    """The header ``Plural-Forms`` of a new catalog. From then on the file's own rule counts, whatever a later Babel says."""
    count, expression = PLURALS.get(code.replace("-", "_"), PLURALS.get(code.partition("-")[0], DEFAULT_PLURAL))
    return f"nplurals={count}; plural={expression};"


def brought_up_to_date(old: str, code: str) -> str:
    """The catalog *old* of a language with the messages that are said, sorted; "" begins one."""
    header = old.partition("\n\n")[0] or f'''msgid ""
msgstr ""
"Language: {code}\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: {rule_of(code)}\\n"'''
    catalog = read_po(io.BytesIO((old or header).encode()))
    catalog.update(said(), no_fuzzy_matching=True)
    out = io.BytesIO()
    # No places and no dates: they change with every edit, and say nothing that a search does not.
    write_po(out, catalog, width=_WIDTH, no_location=True, omit_header=True, sort_output=True, ignore_obsolete=True)
    return f"{header}\n\n{out.getvalue().decode().strip()}\n"


def main() -> None:
    """Bring every catalog up to date, and begin one where a language is named."""
    codes = {file.stem for file in FOLDER.glob("*.po")} | set(sys.argv[1:])
    for code in sorted(codes):
        file = FOLDER / f"{code}.po"
        old = file.read_text("utf-8") if file.exists() else ""
        file.write_text(brought_up_to_date(old, code), "utf-8")
        catalog = read_po(io.BytesIO(file.read_bytes()))
        waiting = sum(1 for m in catalog if m.id and not (all(m.string) if isinstance(m.string, tuple) else m.string))
        print(f"{file.relative_to(TOP)}: {len(catalog)} messages, {waiting} not translated")


if __name__ == "__main__":
    main()
