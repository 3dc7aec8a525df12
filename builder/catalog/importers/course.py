"""The course that a batch belongs to, from the batch's name: "PyCon US 2019" is a run of "PyCon US"."""
from __future__ import annotations

import re

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_YEAR = r"(?:19[89]\d|20[0-4]\d)"
_DATE = re.compile(
    rf"(?:\b{_MONTH}\s+)?(?:\b\d{{1,2}}(?:st|nd|rd|th)?\s+)?(?:\b{_MONTH}\s+)?(?:\b\d{{1,2}},\s+)?"
    rf"(?<!\w){_YEAR}(?:\s*[-\u2013/]\s*(?:{_YEAR}|\d\d)\b)?(?!\w)"
    rf"(?:[-/]\d{{1,2}}(?:[-/]\d{{1,2}})?)?(?:\s+{_MONTH}(?:\s+\d{{1,2}}(?:st|nd|rd|th)?\b)?)?",
    re.IGNORECASE)
_EMPTY = re.compile(r"[(\[{]\s*[-\u2013/,.]*\s*[)\]}]")
_ABOUT = re.compile(r"(?:\b(?:circa|ca\.|in|of|from)|[@,;:/\u2013-])\s*$")


def course_title(batch_title: str) -> str:
    """The name without its year or date and what they leave behind; the whole name where nothing else stays."""
    name = re.sub(r"\s+", " ", _EMPTY.sub(" ", _DATE.sub(" ", batch_title))).strip()
    while (shorter := _ABOUT.sub("", name).strip()) != name:
        name = shorter
    name = re.sub(r"\s+([,;:])", r"\1", name.lstrip("-,;:/@\u2013 "))
    return name if any(c.isalpha() for c in name) else batch_title
