"""Fingerprinted assets: each file's digest in its name, so that it may be kept for a year."""
from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

from edge.language import ENGLISH, language

SOURCES = Path(__file__).resolve().parents[1] / "templates" / "assets"
MARK = "favicon.svg"  # beside the site's name, and its icon
_DIGITS = 12
TYPES = {
    ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml; charset=utf-8",
    ".png": "image/png", ".ico": "image/x-icon", ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",  # the licence of what is not ours, which goes with it
}
VENDORED = ("hls/",)  # folders of others' scripts: taken as they are
TEXT = (".css", ".js", ".svg", ".txt")
_REFERENCE = re.compile(r"\{\{\s*asset\((?:'([^']+)'|\"([^\"]+)\")\)\s*\}\}")
_VALUE = re.compile(r"\{\{ (hues?|plural) \}\}")
_HUES = " ".join(f".h{n}{{--h:{n * 10}}}" for n in range(36))  # of the drawn pictures


class Asset(NamedTuple):
    name: str  # as templates name it
    path: str
    content_type: str
    body: bytes
    is_text: bool


class Assets:
    """The assets under a folder; an asset names another as ``{{ asset('x.svg') }}``, leaf first. Scripts speak the site's language."""

    def __init__(self, hue: int, code: str = ENGLISH, logo: str = "", folder: Path = SOURCES) -> None:
        """*hue*: the site's accent, in degrees. *code*: the site's language. *logo*: SVG in place of our mark."""
        self._logo = logo.encode()
        self._folder = folder
        self._words = language(code)
        self._values = {"hue": str(hue), "hues": _HUES, "plural": self._words.rule}
        self._made: dict[str, Asset] = {}
        self._making: list[str] = []

    def all(self) -> list[Asset]:
        """Every asset, by name."""
        names = sorted(p.relative_to(self._folder).as_posix() for p in self._folder.rglob("*") if p.is_file() and p.suffix in TYPES)
        return [self._asset(name) for name in names]

    def path(self, name: str) -> str:
        """The address of an asset. Raises KeyError for one that does not exist."""
        return self._asset(name).path

    def body(self, name: str) -> bytes:
        """What an asset holds. Raises KeyError likewise."""
        return self._asset(name).body

    def at(self, path: str) -> Asset | None:
        """The asset of an address that was given out; None where none was."""
        return next((asset for asset in self._made.values() if asset.path == path), None)

    def _asset(self, name: str) -> Asset:
        if name not in self._made:
            file = self._folder / name
            if name in self._making or file.suffix not in TYPES or not file.is_file():
                raise KeyError(f"no asset {name!r} under {self._folder}, or it names itself")
            self._making.append(name)
            body = self._logo if name == MARK and self._logo else file.read_bytes()
            is_text = file.suffix in TEXT
            if is_text and body is not self._logo:
                text = _REFERENCE.sub(lambda m: self.path(m[1] or m[2]), body.decode("utf-8"))
                if file.suffix == ".js" and not name.startswith(VENDORED):
                    text = self._words.script(text)
                body = _VALUE.sub(lambda m: self._values[m[1]], text).encode()
            digest = hashlib.sha256(body).hexdigest()[:_DIGITS]
            stem, suffix = name[: -len(file.suffix)], file.suffix
            self._made[name] = Asset(name, f"/assets/{stem}.{digest}{suffix}", TYPES[suffix], body, is_text)
            self._making.pop()
        return self._made[name]
