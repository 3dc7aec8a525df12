"""What pages are made with: code, templates, libraries and settings, as sixteen bytes."""
from __future__ import annotations

import hashlib
import sys
from importlib.metadata import version
from pathlib import Path

from builder.catalog.text import CONVERTERS
from builder.pages.page import Site

_TOP = Path(__file__).resolve().parents[1]
_SOURCES = ("builder", "edge/address.py", "edge/errors.py", "edge/policy.py", "edge/store/__init__.py", "edge/store/port.py",
            "edge/tiers.py", "templates")


def fingerprint(site: Site, profile: str) -> bytes:
    """A digest of all that a page's bytes depend on beside catalog rows."""
    digest = hashlib.blake2b(digest_size=16)
    for name in _SOURCES:
        top = _TOP / name
        for file in sorted(p for p in top.rglob("*") if p.is_file() and "__pycache__" not in p.parts) if top.is_dir() else [top]:
            if "demo_catalog" not in file.parts:
                digest.update(f"{file.relative_to(_TOP)}\0".encode() + file.read_bytes())
    libraries = [version(name) for name in ("isal", "jinja2", "markupsafe", "orjson", *CONVERTERS)]
    digest.update(repr((sys.version_info[:2], libraries, site, profile)).encode())
    return digest.digest()
