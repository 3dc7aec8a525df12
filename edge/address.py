"""Slugs, paths, object keys and tags: the one place where names become addresses.

A *path* is what stands in a URL, percent-encoded UTF-8 (RFC 3986): ``/videos/na%C3%AFve/``.
A *key* is the object's name in the store, decoded: ``videos/naïve/index.html``.
A *tag* is what an object is called at a CDN, in ``[a-z0-9:/-]`` and under 64 bytes.
"""
from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import NewType
from urllib.parse import quote, unquote

Slug = NewType("Slug", str)
Path = NewType("Path", str)
Key = NewType("Key", str)

SLUG_BYTES = 180  # a file name holds 255; a temporary name and ".gz" must fit beside it
_HASH_LETTERS = 8
_JOINERS = "\u200c\u200d"  # Indic and Persian words need them
# Soft hyphens, variation selectors and the like: inside a word, not between two.
_IGNORED = re.compile("[\u00ad\u034f\u200b\u2060\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef'’]")
# Ringed figures and other ornaments, numbers by category: catalog.is_slug refuses their blocks whole.
_ORNAMENTS = re.compile("[\u2000-\u200b\u200e-\u206f\u2190-\u2bff\u3000-\u3004\u3008-\u3020\ufe00-\ufe1f\ufff0-\uffff]")
_SPOKEN = (
    (re.compile(r"(?<=\w)\+|\+(?=\w)|(?<=\+)\+"), " plus "),
    (re.compile(r"(?<=\w)#"), " sharp "),
    (re.compile("&"), " and "),
)


def slugify(text: str, fallback: str) -> Slug:
    """The slug of a title or name: NFC, lower case, letters, digits and marks of any script, hyphens.

    "C++" gives ``c-plus-plus``, so that C, C++ and C# stay three. At most 180 bytes, cut between
    written characters and closed with a hash of the whole, so that two long titles stay two.
    *fallback* (itself a slug) stands in where nothing is left.
    """
    text = _IGNORED.sub("", unicodedata.normalize("NFKC", text))
    for sign, word in _SPOKEN:
        text = sign.sub(word, text)
    # Lowering may decompose (İ), composing may raise again: settle on a text that is both.
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text.lower()).lower())
    kept = "".join(c if c in _JOINERS or unicodedata.category(c)[0] in "LNM" else "-" for c in text)
    kept = _ORNAMENTS.sub("-", kept)
    slug = re.sub(f"-[{_JOINERS}]+|[{_JOINERS}]+(?=-|$)|^[{_JOINERS}]+", "-", kept)
    slug = re.sub("-+", "-", slug).strip("-")
    return Slug(_cut(slug) or fallback)


def _cut(slug: str) -> str:
    raw = slug.encode()
    if len(raw) <= SLUG_BYTES:
        return slug
    kept = raw[: SLUG_BYTES - _HASH_LETTERS - 1].decode(errors="ignore")
    rest = slug[len(kept):]
    while kept and (_joins_back(rest[:1]) or _joins_on(kept[-1])):
        rest, kept = kept[-1] + rest, kept[:-1]
    if (hyphen := kept.rfind("-")) > len(kept) * 2 // 3:
        kept = kept[:hyphen]
    return f"{kept.rstrip('-')}-{hashlib.sha256(raw).hexdigest()[:_HASH_LETTERS]}"


def _joins_back(c: str) -> bool:
    return bool(c) and (unicodedata.category(c)[0] == "M" or c in _JOINERS)


def _joins_on(c: str) -> bool:
    """A virama or a joiner asks for the next letter: a conjunct is one written character."""
    return unicodedata.combining(c) == 9 or c in _JOINERS


def numbered(slug: Slug, n: int) -> Slug:
    """The *n*-th of several that would have one slug: ``lightning-talks-7``; still within the limit."""
    ending = f"-{n}"
    raw = slug.encode()[: SLUG_BYTES - len(ending)].decode(errors="ignore")
    return Slug(raw.rstrip("-") + ending)


def segment(slug: str) -> str:
    """A slug as one path segment: percent-encoded UTF-8."""
    return slug if slug.isascii() else quote(slug, safe="")


def key_of(path: Path) -> Key:
    """The object key of a path: ``/videos/x/`` is stored as ``videos/x/index.html``."""
    name = unquote(path[1:])
    return Key(f"{name}index.html" if path.endswith("/") else name)


def path_of(key: Key) -> Path:
    """The path of an object key: the inverse of :func:`key_of`."""
    name = key.removesuffix("index.html") if key == "index.html" or key.endswith("/index.html") else key
    return Path("/" + quote(name, safe="/-._~"))


def own_tag(path: Path) -> str:
    """The tag that one object has for itself: ``p`` and 64 bits of its path's hash.

    A pure function of the path, so that a rebuilt database gives every object the tag that
    edges already know it by.
    """
    return "p" + hashlib.blake2b(path.encode(), digest_size=8).hexdigest()


def group_tag(kind: str, id: int) -> str:
    """The tag of all objects that must leave with a thing: ``video:831``."""
    return f"{kind}:{id}"
