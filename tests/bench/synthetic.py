"""A catalog of any size in the pyvideo layout, the same bytes for the same size: what both builders are given."""

from __future__ import annotations

import json
import random
from pathlib import Path

_WORDS = [
    "asynchronous",
    "bounded",
    "cache",
    "data",
    "edge",
    "frame",
    "graph",
    "handler",
    "index",
    "journal",
    "kernel",
    "lattice",
    "model",
    "network",
    "object",
    "parser",
    "query",
    "release",
    "schema",
    "tensor",
    "unit",
    "vector",
    "worker",
    "array",
    "build",
    "commit",
    "deploy",
    "engine",
    "feature",
    "gradient",
    "hash",
    "iterator",
    "join",
    "kafka",
    "lambda",
    "migration",
    "notebook",
    "operator",
    "pipeline",
    "queue",
    "reactor",
    "stream",
    "template",
    "update",
    "view",
    "web",
    "xarray",
    "yield",
    "zone",
    "testing",
    "typing",
    "packaging",
    "django",
    "flask",
    "numpy",
    "pandas",
    "teaching",
]
_SYLLABLES = [
    "an",
    "be",
    "chi",
    "da",
    "el",
    "fa",
    "gu",
    "ha",
    "in",
    "jo",
    "ka",
    "li",
    "mo",
    "na",
    "or",
    "pa",
    "qui",
    "ra",
    "su",
    "ta",
    "ul",
    "vi",
    "wen",
    "xu",
    "ya",
    "zo",
]
PER_BATCH = 40  # what the real catalog has
_TEXT_WORDS = (150, 90)  # mean and deviation of a description's length


def write(folder: Path, videos: int, seed: int = 1) -> None:
    """Write *videos* lectures under *folder*, batches of 40, in proportions like the real catalog's."""
    chance = random.Random(seed)
    people = [_name(chance) for _ in range(max(videos * 7 // 10, 1))]
    tags = [" ".join(chance.sample(_WORDS, 2)) for _ in range(max(videos // 6, 3))]
    for batch in range((videos + PER_BATCH - 1) // PER_BATCH):
        year, course = 2008 + batch % 18, batch // 18
        home = folder / f"conference-{course}-{year}"
        (home / "videos").mkdir(parents=True)
        title = f"{_WORDS[course % len(_WORDS)].title()}Con {_SYLLABLES[course % len(_SYLLABLES)].title()}{course} {year}"
        (home / "category.json").write_text(json.dumps({"title": title}))
        for n in range(batch * PER_BATCH, min((batch + 1) * PER_BATCH, videos)):
            record = _video(chance, n, year, people, tags)
            (home / "videos" / f"lecture-{n}.json").write_text(json.dumps(record))


def _video(chance: random.Random, n: int, year: int, people: list[str], tags: list[str]) -> dict[str, object]:
    words = max(int(chance.gauss(*_TEXT_WORDS)), 10)
    text = [chance.choice(_WORDS) for _ in range(words)]
    paragraphs = [" ".join(text[at : at + 45]).capitalize() + "." for at in range(0, words, 45)]
    name = f"{n:011d}"
    return {
        "title": " ".join(chance.sample(_WORDS, 6)).capitalize() + f" {n}",
        "description": "\n\n".join(paragraphs),
        "duration": chance.randint(600, 3600),
        "language": "eng",
        "recorded": f"{year}-{1 + n % 12:02}-{1 + n % 28:02}",
        "speakers": chance.sample(people, 1 + n % 3 // 2),
        "tags": chance.sample(tags, n % 3),
        "thumbnail_url": f"https://i.ytimg.com/vi/{name}/maxresdefault.jpg",
        "related_urls": [{"label": "Conference Website", "url": f"https://conference.example/{year}/"}],
        "videos": [{"type": "youtube", "url": f"https://www.youtube.com/watch?v={name}"}],
    }


def _name(chance: random.Random) -> str:
    return " ".join("".join(chance.choices(_SYLLABLES, k=2)).title() for _ in range(2)) + chance.choice(("", "sen", "ova", "ez"))
