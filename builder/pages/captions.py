"""What is said in a lecture: its captions as WebVTT, their lines as JSON for the player, its transcripts as text."""
from __future__ import annotations

from collections.abc import Iterator, Sequence

from builder.catalog import keys
from builder.catalog.cues import parse
from builder.catalog.reads import Catalog
from builder.pages.page import JSON, LEAVES, Kind, Page, Site, dumps
from edge.address import Path, group_tag

CAPTIONS = Kind("captions", "media", "text/vtt; charset=utf-8", LEAVES)
CUES = Kind("cues", "media", JSON, LEAVES)
TRANSCRIPT = Kind("transcript", "media", "text/plain; charset=utf-8", LEAVES)
KINDS = (CAPTIONS, CUES, TRANSCRIPT)
CHUNK = 20


def chunks(catalog: Catalog) -> Iterator[list[int]]:
    """All published videos with captions or transcripts; few a task, since a text may have megabytes."""
    ids = catalog.ids("captioned")
    return (ids[n : n + CHUNK] for n in range(0, len(ids), CHUNK))


def pages(catalog: Catalog, site: Site, ids: Sequence[int]) -> Iterator[Page]:
    """The captions and transcripts of the published ones among the videos *ids*."""
    for id, language, kind, body, batch, course in catalog.rows("captions", ids=ids):
        groups = " ".join((group_tag("video", id), group_tag("batch", batch), group_tag("course", course)))
        made = [(TRANSCRIPT, "txt", body)]
        if kind == "captions":
            made = [(CAPTIONS, "vtt", body), (CUES, "json", dumps({"cues": [[*cue] for cue in parse(body)]}))]
        for of, ending, content in made:
            yield Page(path(id, language, ending), of, [keys.video(id), keys.batch_card(batch)], groups, content, unit=id)


def path(id: int, language: str, ending: str) -> Path:
    """``/captions/7/en.vtt``; *ending* is vtt, json or txt."""
    return Path(f"/captions/{id}/{language}.{ending}")
