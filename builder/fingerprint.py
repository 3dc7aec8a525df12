"""What pages are made with: code, templates, libraries and settings, as sixteen bytes for each kind."""
from __future__ import annotations

import hashlib
import re
import sys
from importlib.metadata import version
from pathlib import Path

from builder.catalog.text import CONVERTERS
from builder.pages import KINDS
from builder.pages.page import Site
from edge.language import ENGLISH, catalog_file

_TOP = Path(__file__).resolve().parents[1]
# What makes pages; what only carries them (the worker, the CDNs) may change without touching one.
_SOURCES = ("builder/assets.py", "builder/catalog", "builder/numbers.py", "builder/pages", "builder/render.py",
            "builder/templating.py", "edge/address.py", "edge/language.py", "edge/policy.py", "edge/tiers.py", "templates/assets")
# Of the catalog's, those that read nothing for a page.
_APART = ("importers", "providers", "schema", "refresh", "changes.py", "text_cache.py", "text_pool.py")
_NAMED = re.compile(r"""{%-?\s*(?:extends|include|import|from)\s+["']([^"']+)["']""")
_EVERY = ("card.html", "entry.xml")  # rendered once and set into pages of several kinds


def fingerprints(site: Site, profile: str) -> dict[str, str]:
    """For each kind of page (and ``asset``) a digest, in hex, of all that its bytes depend on beside catalog rows:
    its own template and those that it is made of, and what all kinds share."""
    digest = hashlib.blake2b(digest_size=16)
    for name in _SOURCES:
        top = _TOP / name
        for file in sorted(p for p in top.rglob("*") if p.is_file()) if top.is_dir() else [top]:
            if "__pycache__" not in file.parts and not set(_APART) & set(file.relative_to(_TOP).parts):
                digest.update(f"{file.relative_to(_TOP)}\0".encode() + file.read_bytes())
    libraries = [version(name) for name in ("babel", "isal", "jinja2", "markupsafe", "orjson", *CONVERTERS)]
    if site.language != ENGLISH:
        digest.update(catalog_file(site.language).read_bytes())
    digest.update(repr((sys.version_info[:2], libraries, site, profile)).encode())
    shared = digest.digest()
    made = {"asset": shared}
    for kind in KINDS.values():
        closure = _closure({kind.template, *_EVERY}) if kind.template else set()
        of_kind = hashlib.blake2b(shared, digest_size=16)
        for name in sorted(closure):
            of_kind.update(f"{name}\0".encode() + (_TOP / "templates" / name).read_bytes())
        made[kind.name] = of_kind.digest()
    return {name: value.hex() for name, value in made.items()}


def _closure(names: set[str]) -> set[str]:
    """The templates named and all that they name."""
    found: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += _NAMED.findall((_TOP / "templates" / name).read_text())
    return found
