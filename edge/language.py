"""The language that a site speaks: its catalog of messages, its plural forms, its figures and dates.

English is the language of the messages themselves. Another is a file, ``templates/languages/CODE.po`` (GNU gettext),
named for its BCP 47 tag; what it does not translate stays English. Figures and dates are those of Unicode CLDR, by Babel.
"""
from __future__ import annotations

import gettext
import re
from collections.abc import Callable, Sequence
from datetime import date
from functools import cached_property, lru_cache
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_decimal

from edge.errors import SettingsError

FOLDER = Path(__file__).resolve().parents[1] / "templates" / "languages"
ENGLISH = "en"
_GROUPED = 1000  # from here on a number looks different somewhere
# English is read by people of many countries: the day before the month, as most of them write it.
_LOCALES = {ENGLISH: "en-GB"}
_NAME = re.compile(r"%\((\w+)\)")
_SAID = re.compile(r"""(?<![\w.$])(_\(\s*)("(?:[^"\\\n]|\\.)*")""")
_COUNTED = re.compile(r"""(?<![\w.$])(ngettext\(\s*)("(?:[^"\\\n]|\\.)*"),\s*("(?:[^"\\\n]|\\.)*")""")


class Language:
    """One language. The same object for every page: what it has formatted it keeps."""

    def __init__(self, code: str, folder: Path | None = None) -> None:
        """*code*: a BCP 47 tag. Raises SettingsError where there is no catalog of it, or a broken one."""
        self.code = code
        self._locale = _locale(code)
        self.dir = self._locale.text_direction  # "ltr" or "rtl"
        self._messages: dict[str, tuple[str, ...]] = {}
        self.rule = "(n != 1)"  # the plural rule, as C and JavaScript read it
        if code != ENGLISH:
            self._read(catalog_file(code, folder or FOLDER))
        self.form: Callable[[int], int] = lru_cache(4096)(gettext.c2py(self.rule))
        self.long_date = lru_cache(8192)(self._long_date)
        self.minutes = lru_cache(8192)(self._minutes)
        self.number = lru_cache(8192)(self._number)
        self.language_name = lru_cache(512)(self._language_name)

    def gettext(self, message: str, **values: object) -> str:
        """*message* in this language; each ``%(name)s`` of it is the value of that name."""
        text = self._messages.get(message, (message,))[0]
        return text % values if values else text

    def ngettext(self, one: str, many: str, n: int, **values: object) -> str:
        """The form of a message that goes with *n*, which stands in it as ``%(n)s``."""
        return self.forms(one, many)[self.form(n)] % {"n": self.number(n), **values}

    def forms(self, one: str, many: str) -> tuple[str, ...]:
        """All forms of a message with a plural, by the number that `form` gives."""
        found = self._messages.get(one, ())
        return found if len(found) > 1 else (one, *[many] * (self.form_count - 1))

    @cached_property
    def form_count(self) -> int:
        """How many forms a plural has: what the rule gives for any count that tells them apart."""
        return max(self.form(n) for n in (*range(201), 1000, 1_000_000)) + 1

    def script(self, source: str) -> str:
        """A script with its messages in this language: ``_("…")`` takes the translation, ``ngettext("…", "…"`` all forms."""
        source = _COUNTED.sub(lambda m: m[1] + _literals(self.forms(_unquoted(m[2]), _unquoted(m[3]))), source)
        return _SAID.sub(lambda m: m[1] + _literal(self.gettext(_unquoted(m[2]))), source)

    def _long_date(self, day: date | None) -> str:
        """``14 July 2022``; "" for none. No clock, no zone: the day is the place's own."""
        return format_date(day, "long", self._locale) if day else ""

    def _minutes(self, seconds: int | None) -> str:
        """A length as people say it: ``24 min``, ``1 h 05 min``; "" for none."""
        if not seconds:
            return ""
        whole = max(round(seconds / 60), 1)
        if whole < 60:
            return self.gettext("%(minutes)s min", minutes=whole)
        rest = f"{whole % 60:02}"
        return self.gettext("%(hours)s h %(minutes)s min", hours=self.number(whole // 60), minutes=rest)

    def _number(self, n: int) -> str:
        """A whole number, grouped as the language groups it."""
        return str(n) if 0 <= n < _GROUPED else format_decimal(n, locale=self._locale)

    def _language_name(self, code: str | None) -> str:
        """The name of the language of a BCP 47 tag; the tag itself where we know none; "" for none."""
        return self._locale.languages.get(code.partition("-")[0], code) if code else ""

    def _read(self, file: Path) -> None:
        from babel.messages.pofile import PoFileError, read_po

        try:
            with file.open("rb") as lines:
                catalog = read_po(lines, abort_invalid=True)
            self.rule = catalog.plural_expr
            gettext.c2py(self.rule)
        except (PoFileError, ValueError, LookupError) as error:
            line = f", line {error.lineno}" if isinstance(error, PoFileError) else ""
            raise SettingsError(f"{file}{line} is no gettext catalog that can be read: {error}. Mend it, or set LECTERN_LANGUAGE "
                                "to another language.") from error
        for message in catalog:
            id, texts = (part if isinstance(part, (tuple, list)) else (part,) for part in (message.id, message.string))
            if id[0] and all(texts) and not message.fuzzy:
                for text in texts:
                    _check(file, message.lineno, [str(part) for part in id], str(text))
                self._messages[id[0]] = tuple(str(text) for text in texts)


def _check(file: Path, line: int | None, id: Sequence[str], text: str) -> None:
    """Raises SettingsError for a translation that could not be filled in, or breaks a line that is to be one."""
    names = {name for part in id for name in _NAME.findall(part)}
    wrong = "it breaks the line" if "\n" in text and "\n" not in id[0] else ""
    if strange := sorted({*_NAME.findall(text)} - names):
        wrong = f"it names {', '.join(strange)}, which the message does not"
    elif names:
        try:
            text % dict.fromkeys(names, "")
        except (ValueError, TypeError) as error:
            wrong = f"{error}; a % of its own is written %%"
    if wrong:
        raise SettingsError(f"{file}, line {line}: the translation of {id[0][:60]!r} cannot be used: {wrong}. Mend it, or set "
                            "LECTERN_LANGUAGE to another language.")


@lru_cache
def language(code: str) -> Language:
    """The language of a BCP 47 tag, read once. Raises SettingsError where there is no catalog of it."""
    return Language(code)


def catalog_file(code: str, folder: Path | None = None) -> Path:
    """The catalog of a language. Raises SettingsError where there is none, naming those that there are."""
    folder = folder or FOLDER
    file = folder / f"{code}.po"
    if not file.is_file():
        known = ", ".join(sorted({ENGLISH, *(f.stem for f in folder.glob("*.po"))}))
        raise SettingsError(f"LECTERN_LANGUAGE is {code!r}, and there is no {file}: write one of {known}, or add that file.")
    return file


def _locale(code: str) -> Locale:
    try:
        return Locale.parse(_LOCALES.get(code, code), sep="-")
    except (UnknownLocaleError, ValueError) as error:
        raise SettingsError(f"LECTERN_LANGUAGE is {code!r}: Unicode's CLDR knows no such language. "
                            "Write a BCP 47 tag such as hi or pt-BR.") from error


def _unquoted(literal: str) -> str:
    return re.sub(r"\\(.)", r"\1", literal[1:-1])


def _literal(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _literals(texts: tuple[str, ...]) -> str:
    return f"[{', '.join(map(_literal, texts))}]"
