"""Clean HTML cut into parts of a bounded size, at block boundaries where that is possible, and never inside a tag."""
from __future__ import annotations

import re
from collections.abc import Iterator

PART_BYTES = 8192  # what one page shows of a text; the rest goes on at /text/page/N/

_TOKEN = re.compile(r'<[^>"]*(?:"[^"]*"[^>"]*)*>|[^<]+')
_VOID = frozenset({"br", "hr"})
_HOLDERS = frozenset({"ul", "ol", "dl", "blockquote", "div", "table", "tbody"})  # may be cut between their children
_LINK_HERE = re.compile(r'<a\b[^>]* ?href="#([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)
_ID = re.compile(r' id="([^"]*)"')
_LEAST_BYTES = 256  # a part holds at least so much, however deep its tags


def blocks(html: str) -> list[str]:
    """The top-level blocks of clean HTML, in order; loose text between two counts as a block."""
    return [block for block in _children(html) if block.strip()]


def cut(html: str, limit_bytes: int = PART_BYTES) -> list[str]:
    """*html* in parts of at most *limit_bytes* of UTF-8, each well-formed by itself. [""] for no text.

    Cut between top-level blocks; a block that is too long by itself is cut between its children, and where it
    has none, between words. A link to a place that lies in another part becomes words.
    """
    if len(html) * 4 <= limit_bytes or len(html.encode()) <= limit_bytes:
        return [html]
    parts = _gather((piece for block in _children(html) for piece in _pieces(block, limit_bytes)), limit_bytes)
    return [_own_links(part) for part in parts] or [""]


def _gather(pieces: Iterator[str], limit: int) -> list[str]:
    parts: list[str] = []
    held: list[str] = []
    size = 0
    for piece in pieces:
        piece_size = len(piece.encode())
        if held and size + piece_size > limit:
            parts.append("".join(held).strip())
            held, size = [], 0
        held.append(piece)
        size += piece_size
    if rest := "".join(held).strip():
        parts.append(rest)
    return parts


def _pieces(block: str, limit: int) -> Iterator[str]:
    """A block whole if it fits, else in pieces that do."""
    if len(block.encode()) <= limit:
        yield block
        return
    opening = _TOKEN.match(block)
    name = _name(opening[0]) if opening else ""
    if opening is None or name not in _HOLDERS:
        yield from _torn(block, limit)
        return
    tag, closing = opening[0], f"</{name}>"
    inner = block[opening.end():].removesuffix(closing)
    # An ordered list that goes on counts on; the longest number it may need is allowed for.
    room = max(limit - len(tag.encode()) - len(closing) - 20, _LEAST_BYTES)
    number = int(found[1]) if name == "ol" and (found := re.search(r' start="(\d+)"', tag)) else 1
    first = tag
    for group in _gather((piece for child in _children(inner) for piece in _pieces(child, room)), room):
        yield f"{first}{group}{closing}"
        if name == "ol":
            number += len([child for child in _children(group) if child.startswith("<li")])
            first = f'<ol start="{number}">'
        else:
            first = _ID.sub("", tag)


def _torn(block: str, limit: int) -> Iterator[str]:
    """A block without children to part, cut between words: tags that stand open are closed and opened again."""
    held: list[str] = []
    stack: list[str] = []
    size = 0

    def closing() -> str:
        return "".join(f"</{_name(tag)}>" for tag in reversed(stack))

    def full(token: str) -> bool:
        return size + len(token.encode()) + len(closing()) > limit

    for token in _TOKEN.findall(block):
        while full(token) and not token.startswith("</"):
            head = "" if token.startswith("<") else _fitting(token, limit - size - len(closing()))
            opened = "".join(stack)
            if not head and "".join(held) == opened:
                break  # nothing but tags so far: this token goes in whatever its size
            yield "".join(held) + head + closing()
            stack[:] = [_ID.sub("", tag) for tag in stack]
            held = list(stack)
            size = sum(len(tag.encode()) for tag in stack)
            token = token[len(head):]
            token = token.lstrip() if head else token
            if not token:
                break
        if not token:
            continue
        held.append(token)
        size += len(token.encode())
        if token.startswith("</"):
            if stack:
                stack.pop()
        elif token.startswith("<") and _name(token) not in _VOID:
            stack.append(token)
    if held:
        yield "".join(held) + closing()


def _fitting(text: str, room: int) -> str:
    """As much of *text* as fits into *room* bytes: whole words where there are any, whole characters always."""
    if room < _LEAST_BYTES // 4:
        return ""
    head = text.encode()[:room].decode(errors="ignore")
    at = max(head.rfind("\n"), head.rfind(" "), head.rfind("\u3002") + 1)
    if at <= 0:
        at = len(head)
        amp = head.rfind("&", at - 10)
        if amp >= 0 and ";" not in head[amp:]:
            at = amp
    return head[:at]


def _children(html: str) -> list[str]:
    found: list[str] = []
    held: list[str] = []
    depth = 0
    for token in _TOKEN.findall(html):
        if depth == 0 and token.startswith("<") and held:
            found.append("".join(held))
            held = []
        held.append(token)
        if token.startswith("</"):
            depth -= 1
        elif token.startswith("<") and _name(token) not in _VOID:
            depth += 1
        if depth <= 0 and token.startswith("<"):
            depth = 0
            found.append("".join(held))
            held = []
    if held:
        found.append("".join(held))
    return found


def _own_links(part: str) -> str:
    if 'href="#' not in part:
        return part
    here = set(_ID.findall(part))
    return _LINK_HERE.sub(lambda found: found[0] if found[1] in here else found[2], part)


def _name(tag: str) -> str:
    end = 1
    while end < len(tag) and (tag[end].isalnum() or tag[end] == "/"):
        end += 1
    return tag[1:end].strip("/")
