"""Links in imported texts that lead nowhere outside the site they were written for."""
from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urljoin

_ALIAS = re.compile(r"/[^\s\x00-\x1f\x7f-\x9f?#\\]+")
ALIAS_BYTES = 800
# The three ways that a relative address stands in a text: reStructuredText, Markdown, HTML.
_RELATIVE = re.compile(r"(?P<before>`[^`<>]+<|\]\(|\b(?:href|src)=[\"']?)(?P<path>/(?!/)[^\s<>)\"'`]*)")


def resolve(words: str, base: str | None, note: Callable[[object, str], None]) -> str:
    """The text with site-relative links made whole against the batch's own address, where there is one.

    Where there is none the text stays as it is: the sanitiser shows such a link as words without link.
    *note* is told of each.
    """
    if "/" not in words:
        return words

    def whole(found: re.Match[str]) -> str:
        if found["path"].startswith("/watch?v="):  # times in a talk, as the videos' own host lists them
            note(found["path"], "a link into YouTube, made whole")
            return f"{found['before']}https://www.youtube.com{found['path']}"
        if base is None:
            note(found["path"], "a link into another site: shown as words without link")
            return found[0]
        url = urljoin(base, found["path"])
        note(found["path"], f"a link into another site, made whole: {url}")
        return f"{found['before']}{url}"

    return _RELATIVE.sub(whole, words)


def is_alias(path: str) -> bool:
    """Whether *path* can stand as an old address: what the table's CHECK takes."""
    return bool(_ALIAS.fullmatch(path)) and "//" not in path and "/." not in path and len(path.encode()) <= ALIAS_BYTES
