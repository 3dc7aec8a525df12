"""HTML of any origin to the few tags, and fewer attributes, that a page of ours may hold."""
from __future__ import annotations

import re
from html import escape, unescape

import nh3

DEPTH = 40  # tags inside tags; readers' browsers and our own cutting go this deep and no further
LINK_REL = "nofollow noopener"
ID_PREFIX = "text-"

_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_BLOCKS = frozenset({
    "p", "ul", "ol", "li", "dl", "dt", "dd", "blockquote", "pre", "table", "caption", "thead", "tbody", "tr", "th", "td",
    "div", "hr", "aside", "figure", "figcaption", *_HEADINGS,
})
_INLINE = frozenset({
    "a", "em", "strong", "b", "i", "u", "s", "del", "ins", "sub", "sup", "code", "kbd", "samp", "var", "q", "cite", "abbr",
    "small", "mark", "br", "tt", "img",
})
_ATTRIBUTES = {
    "a": {"href", "id"}, "ol": {"start"}, "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan"}, "abbr": {"title"},
    "img": {"alt", "src"}, **{name: {"id"} for name in ("aside", "div", "p", "li", "dt", "td", "span", "sup", *_HEADINGS)},
}
_DROPPED = {"script", "style", "template", "object", "embed", "applet", "noscript"}
_RENAMED = {"aside": "div", "figure": "div", "figcaption": "p", "tt": "code", "b": "strong", "i": "em"}
_DIRECTED = frozenset({"p", "li", "blockquote", "td", "th", "dt", "dd", "h2", "h3", "h4", "h5", "h6"})
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")

_TOKEN = re.compile(r'<[^>"]*(?:"[^"]*"[^>"]*)*>|[^<]+')
_NAME = re.compile(r"</?([a-z0-9]+)")
_ATTRIBUTE = re.compile(r' ([a-z]+)="([^"]*)"')
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
_WEB = re.compile(r"(?:https?://[^/?#\s]|mailto:[^@\s]+@)", re.IGNORECASE)
_BARE = re.compile(r"(?<![\w/@.-])(?:https?://|www\.(?=[\w-]+\.\w))[^\s<>\"“”«»‘’`\u3000-\u303f\uff00-\uffef]+", re.IGNORECASE)
_SMALL_NUMBER = re.compile(r"-?\d{1,6}")


class TooDeep(Exception):
    """Tags are nested deeper than any text means."""


def sanitised(html: str, source: str) -> str:
    """Safe, well-formed blocks of *html*. *source* tells whether any of it reads from right to left.

    Raises TooDeep. What this gives is a fixed point: sanitised again it is the same.
    """
    safe = nh3.clean(
        html, tags=set(_BLOCKS | _INLINE), clean_content_tags=_DROPPED, attributes={k: set(v) for k, v in _ATTRIBUTES.items()},
        attribute_filter=_attribute, url_schemes={"http", "https", "mailto"}, link_rel=None, strip_comments=True,
    )
    return _Rebuilt(safe, bool(_RIGHT_TO_LEFT.search(source))).html()


def _attribute(tag: str, name: str, value: str) -> str | None:
    if name == "href" or name == "src":
        value = value.strip()
        if value.startswith("#") and name == "href":
            return value if len(value) > 1 else None
        if value.startswith("//"):
            value = f"https:{value}"
        value = re.sub(r"\s", "%20", value)
        return value if _WEB.match(value) else None
    if name in ("start", "colspan", "rowspan"):
        return value if _SMALL_NUMBER.fullmatch(value) else None
    return value


class _Rebuilt:
    """One pass over sanitised tokens: what a tag allowlist cannot say."""

    def __init__(self, safe: str, right_to_left: bool) -> None:
        self._tokens = _TOKEN.findall(safe)
        self._out: list[str] = []
        self._stack: list[tuple[str, str]] = []  # (tag as read, closing as written)
        self._loose = False  # a paragraph of ours stands open around loose words
        self._directed = right_to_left
        self._ids, self._aims = self._places()
        levels = sorted({token[2] for token in self._tokens if token[:2] == "<h" and token[2:3].isdigit()})
        self._heading = {f"h{level}": f"h{min(6, 2 + rank)}" for rank, level in enumerate(levels)}

    def html(self) -> str:
        for token in self._tokens:
            if not token.startswith("<"):
                self._words(token)
                continue
            found = _NAME.match(token)
            name = found[1] if found else ""
            if token.startswith("</"):
                self._close(name)
            elif name == "img":
                self._picture(token)
            elif name in ("br", "hr"):
                if name == "hr":
                    self._end_loose()
                elif not self._stack:
                    self._begin_loose()
                self._out.append(f"<{name}>")
            else:
                self._open(name, token)
        self._end_loose()
        return re.sub(r"<p(?: dir=\"auto\")?>(?:\s|<br>)*</p>", "", re.sub(r"(?:<br>\s*)+</p>", "</p>", "".join(self._out))).strip()

    def _places(self) -> tuple[set[str], set[str]]:
        ids: set[str] = set()
        aims: set[str] = set()
        for token in self._tokens:
            if token.startswith("<"):
                for name, value in _ATTRIBUTE.findall(token):
                    if name == "id":
                        ids.add(value)
                    elif name == "href" and value.startswith("#"):
                        aims.add(value[1:])
        return ids & aims, aims & ids

    def _open(self, name: str, token: str) -> None:
        if len(self._stack) >= DEPTH:
            raise TooDeep
        if not self._stack:
            if name in _BLOCKS:
                self._end_loose()
            else:
                self._begin_loose()
        attributes = dict(_ATTRIBUTE.findall(token))
        written = self._heading.get(name) or _RENAMED.get(name, name)
        kept = ""
        if (place := attributes.pop("id", "")) in self._ids:
            self._ids.discard(place)  # the first of two bears it
            kept = f' id="{ID_PREFIX}{_as_id(place)}"'
        if name == "a":
            href = attributes.get("href", "")
            if href.startswith("#"):
                written = "a" if href[1:] in self._aims else ""
                kept += f' href="#{ID_PREFIX}{_as_id(href[1:])}"'
            elif href and not any(open == "a" for open, _ in self._stack):
                kept += f' href="{href}" rel="{LINK_REL}"'
            elif not kept:
                written = ""
            if written == "" and "id=" in kept:
                written, kept = "a", kept.split(" href=")[0]
        else:
            kept += "".join(f' {key}="{value}"' for key, value in attributes.items())
        if written in _DIRECTED and self._directed:
            kept += ' dir="auto"'
        self._stack.append((name, f"</{written}>" if written else ""))
        if written:
            self._out.append(f"<{written}{kept}>")

    def _close(self, name: str) -> None:
        while self._stack:
            open, closing = self._stack.pop()
            self._out.append(closing)
            if open == name:
                return

    def _words(self, token: str) -> None:
        if not self._stack:
            if not token.strip():
                self._out.append("\n" if "\n" in token else token)
                return
            self._begin_loose()
        if any(open in ("a", "pre", "code", "tt", "kbd") for open, _ in self._stack):
            self._out.append(token)
        else:
            self._out.append(linkified(token))

    def _picture(self, token: str) -> None:
        """No picture of another site is loaded: its words stand, and lead to it."""
        attributes = dict(_ATTRIBUTE.findall(token))
        address, words = attributes.get("src", ""), attributes.get("alt", "").strip()
        if not self._stack:
            self._begin_loose()
        if address and not any(open in ("a", "pre") for open, _ in self._stack):
            self._out.append(f'<a href="{address}" rel="{LINK_REL}">{_as_words(words or address)}</a>')
        else:
            self._out.append(_as_words(words))

    def _begin_loose(self) -> None:
        if not self._loose:
            self._loose = True
            self._out.append('<p dir="auto">' if self._directed else "<p>")

    def _end_loose(self) -> None:
        if self._loose:
            self._loose = False
            self._out.append("</p>")


def linkified(words: str) -> str:
    """Escaped words with their bare addresses made links."""
    if "://" not in words and "www." not in words.lower():
        return words
    text = unescape(words)
    made: list[str] = []
    at = 0
    for found in _BARE.finditer(text):
        address = _trimmed(found[0])
        if len(address) < 9:
            continue
        href = address if "://" in address[:8] else f"http://{address}"
        if not _WEB.match(href):
            continue
        made.append(escape(text[at:found.start()], quote=False))
        made.append(f'<a href="{escape(href)}" rel="{LINK_REL}">{escape(address, quote=False)}</a>')
        at = found.start() + len(address)
    return "".join(made) + escape(text[at:], quote=False) if made else words


def _trimmed(address: str) -> str:
    """Without the sentence's own signs at the end, and a bracket only where it was opened inside."""
    while address:
        last = address[-1]
        if last in ".,;:!?'\"*_~|\\" or (last in ")]}" and address.count(last) > address.count({")": "(", "]": "[", "}": "{"}[last])):
            address = address[:-1]
        else:
            break
    return address


def _as_id(place: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", unescape(place))


def _as_words(attribute: str) -> str:
    return escape(unescape(attribute), quote=False)
