"""Which markup a text of unknown origin is written in, by what only one of them would write."""
from __future__ import annotations

import re

_HTML_BLOCK = re.compile(r"<(?:p|br|ul|ol|li|div|h[1-6]|table|blockquote|pre)(?:\s[^<>]*)?/?>", re.IGNORECASE)
_HTML_PAIR = re.compile(r"<(a|b|i|em|strong|code|span|u|sup|sub)(?:\s[^<>]*)?>[^<]*</\1>", re.IGNORECASE)
_RST = re.compile(
    r"`[^`\n]+(?:\n[^`\n]+)?<[^<>`]+>`__?"  # `words <address>`_
    r"|``[^`]+``"
    r"|^\.\. (?:_|\[|\|?[\w -]+\|? ?[\w-]+::|[\w-]+::)"
    r"|:[a-z]+:`[^`]+`"
    r"|^\| \S"
    r"|^[^\n]+\n([=\-~^\"*+#])\1{3,}[ \t]*$"  # an underlined title
    r"|::[ \t]*\n[ \t]*\n[ \t]+\S"
    r"|^-  \S"  # as converters to reStructuredText write a list
    r"|^:[A-Z][\w -]*: \S"
    r"|\\[_*`|]"
    r"|\[[#\d]+\]_(?!\w)"
    r"|^\+(?:[-=]{3,}\+)+[ \t]*$",
    re.MULTILINE)
_MARKDOWN = re.compile(
    r"!?\[[^\]\n]+\]\((?:https?:|mailto:|/)[^)\s]*[^)]*\)"
    r"|^#{1,6} \S"
    r"|^(?:```|~~~)"
    r"|^\[[^\]\n]+\]: \S"
    r"|^> \S"
    r"|<https?://[^<>\s]+>(?!`)",
    re.MULTILINE)
# What both know, and both show alike.
_EITHER = re.compile(
    r"(?<![\w*])\*\*[^\s*][^*\n]*(?:\n[^*\n]+)?\*\*(?![\w*])"
    r"|(?<![\w*])\*[^\s*][^*\n]*\*(?![\w*])"
    r"|(?<![\w`])`[^\s`][^`\n]*`(?![\w`_])",
)
_LIST = re.compile(r"^ {0,3}(?:[*+-]|\d{1,2}[.)]) +\S", re.MULTILINE)
_QUOTED = re.compile(r"`[^`\n]*`")
_REFERENCE = re.compile(r"(?<![`\w/.@-])\w+_(?![\w_`(])|\w__(?!\w)")  # rst takes "word_" for a link
_UNDERSCORES = re.compile(r"(?<!\w)__\w+__(?!\w)")  # Markdown takes "__init__" for bold


def detect(source: str) -> str:
    """``html``, ``rst``, ``markdown`` or ``plain``."""
    if _HTML_BLOCK.search(source) or _HTML_PAIR.search(source):
        tags = len(_HTML_BLOCK.findall(source)) + len(_HTML_PAIR.findall(source))
        if not (rst := len(_RST.findall(source))) or tags > 2 * rst:
            return "html"
    rst, markdown = len(_RST.findall(source)), len(_MARKDOWN.findall(source))
    if rst or markdown:
        return "markdown" if markdown > rst else "rst"
    if _EITHER.search(source) or len(_LIST.findall(source)) > 1:
        words = _QUOTED.sub("", source)
        if not _UNDERSCORES.search(words):
            return "markdown"
        if not _REFERENCE.search(words):
            return "rst"
    return "plain"
