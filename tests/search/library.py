"""The kept catalog of 8,524 lectures (titles, people, subjects, batches; CC0, from PyVideo) as the search files of a built site,
and the site's own search over them, run by Node."""
from __future__ import annotations

import gzip
import json
import lzma
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from builder.assets import Assets
from builder.catalog import postings, terms
from builder.catalog.terms import Words
from builder.pages import search
from edge.address import Path as SitePath
from tests.site import SITE

HERE = Path(__file__).parent


def decoded(unit: int, written: str) -> dict[int, int]:
    """Where a term stands, by lecture, as the site's script reads it in a file."""
    id = terms.name_of(unit)[0] * terms.SEGMENT - 1
    found = {}
    for step, where in re.findall("([0-9a-z]*)([@-_])", written):
        id += 1 + int(step or "0", 36)
        found[id] = ord(where) - ord("@")
    return found


def talks() -> Iterator[Words]:
    """The catalog, lecture by lecture."""
    with lzma.open(HERE / "talks.jsonl.xz", "rt", encoding="utf-8") as lines:
        for line in lines:
            id, title, batch, people, subjects, language, year = json.loads(line)
            yield Words(id, title, batch, people, [tuple(subject) for subject in subjects], "", language, year)


def write(site: Path) -> None:
    """The search files, what a hit shows, and the scripts, as a store would serve them."""
    files: dict[int, dict[str, dict[int, int]]] = {}
    for words in talks():
        for term, where in terms.of(words).items():
            files.setdefault(terms.unit_of(words.id, terms.file_of(term)), {}).setdefault(term, {})[words.id] = where
        _put(site, SitePath(f"/data/video/{words.id}.json"), json.dumps({"id": words.id, "title": words.title}))
    for unit, found in files.items():
        _put(site, search.file_path(unit), json.dumps({term: postings.encoded(unit, found[term]) for term in sorted(found)},
                                                     ensure_ascii=False, separators=(",", ":")))
    _put(site, search.LIST_PATH, search.list_of(files))
    for asset in Assets(SITE.hue).all():
        if "/search" in asset.path:
            target = site / asset.path[1:]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(asset.body)


def ask(site: Path, *questions: dict[str, list[Any]]) -> list[Any]:
    """What the site's scripts answer: see ask.mjs."""
    done = subprocess.run(["node", HERE / "ask.mjs", site], input="\n".join(json.dumps(q) for q in questions), text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def _put(site: Path, path: SitePath, text: str) -> None:
    file = site / f"{path[1:]}.gz"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(text.encode(), 6))
