"""The conversion behind :func:`builder.catalog.text.clean`: markup to HTML by libraries made for it, then sanitised."""
from __future__ import annotations

import itertools
import re
from html import escape, unescape
from typing import Any

from builder.catalog import sanitise

# Bounds that make a text's result a function of the text alone: no clock, no stack depth of whoever calls.
LIST_DEPTH = 20  # nested quotes, lists or tags; deeper is a hostile text or a broken one
_INDENT_LETTERS = 160
MARKUP_LETTERS = 131_072  # converters' time grows with the square of some texts; longer ones stand as they are
_BLANK = re.compile(r"\n[ \t\u3000]*\n\s*")
_TAG = re.compile(r"<[^>]*>")
_BLOCK_END = re.compile(r"</(?:p|li|h\d|td|th|dt|dd|pre|div|blockquote|tr)>|<br>|<hr>")
_OPENS = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)[^<>]*>")
_HTML_BLOCK = re.compile(r"<(?:p|br|ul|ol|li|div|h[1-6]|table|blockquote|pre|dl)\b", re.IGNORECASE)
_NO_TAG = re.compile(r"<(?![/!?a-zA-Z][^<>]*>)")  # a parser would swallow the words after it, up to the end
_RULE = re.compile(r"([-=_~*])\1{2,}")
_ITEM = re.compile(r"(?:[-*+•·–—>]|\d{1,3}[.)]|\d{1,2}:\d\d) ")
_WRAPPED_COLUMNS = 100  # a paragraph whose longest line is longer was not wrapped by an editor

_markdown: Any = None


def to_html(text: str, markup: str) -> tuple[str, str]:
    """Clean HTML, and why *markup* was not followed ("" where it was). *text* has no control characters."""
    note = ""
    try:
        if markup != "plain" and len(text) > MARKUP_LETTERS:
            note = f"its {markup} is over {MARKUP_LETTERS // 1024} KB"
        elif markup == "rst":
            from builder.catalog.rst import Unreadable, body

            if _indent(text) > _INDENT_LETTERS:
                note = "its indentation is too deep"
            else:
                try:
                    return sanitise.sanitised(body(text), text), ""
                except Unreadable as why:
                    note = str(why)
        elif markup == "markdown":
            return sanitise.sanitised(_by_markdown(text), text), ""
        elif markup == "html":
            if _depth(text) > LIST_DEPTH * 5:
                note = "its tags are nested too deep"
            else:
                tags = _NO_TAG.sub("&lt;", text)
                return sanitise.sanitised(tags if _HTML_BLOCK.search(tags) else _split(tags), text), ""
    except sanitise.TooDeep:
        note = "its blocks are nested too deep"
    return sanitise.sanitised(_paragraphs(text), text), note


def words(html: str) -> str:
    """The words of clean HTML, blocks parted by spaces."""
    return unescape(_TAG.sub("", _BLOCK_END.sub(" ", html)))


def _paragraphs(text: str) -> str:
    """Plain text: paragraphs and rules at blank lines, and a line break where an editor's wrapping would not have put one."""
    return "\n".join(_lines(part) for part in _BLANK.split(text.strip("\n")) if part.strip())


def _lines(paragraph: str) -> str:
    lines = [line.strip() for line in paragraph.split("\n") if line.strip()]
    if len(lines) == 1 and _RULE.fullmatch(lines[0]):
        return "<hr>"
    widest = max(map(len, lines))
    made = [escape(lines[0], quote=False)]
    for before, line in itertools.pairwise(lines):
        full = widest <= _WRAPPED_COLUMNS and len(before) + 1 + len(line.split(None, 1)[0]) > widest - 4
        made.append(("\n" if full and not _ITEM.match(line) else "<br>\n") + escape(line, quote=False))
    return f"<p>{''.join(made)}</p>"


def _split(html: str) -> str:
    """HTML that knows no blocks: its blank lines part paragraphs."""
    return "\n".join(f"<p>{part}</p>" for part in _BLANK.split(html.strip()) if part.strip())


def _by_markdown(text: str) -> str:
    global _markdown
    if _markdown is None:
        from markdown_it import MarkdownIt

        # What nests deeper it drops without a word; the sanitiser gives such a text up long before.
        _markdown = MarkdownIt("commonmark", {"html": False, "maxNesting": sanitise.DEPTH + 5}).enable(["table", "strikethrough"])
    return str(_markdown.render(text))


def _indent(text: str) -> int:
    return max((len(line) - len(line.lstrip(" ")) for line in text.expandtabs(8).split("\n") if line.strip()), default=0)


def _depth(html: str) -> int:
    """How deep tags stand open at most, counting those that nobody closes."""
    depth = deepest = 0
    for closes, name in _OPENS.findall(html):
        if name.lower() not in ("br", "hr", "img", "p", "li", "input", "meta", "link"):
            depth = max(0, depth - 1) if closes else depth + 1
            deepest = max(deepest, depth)
    return deepest
