"""Search: a page that asks, and small files that answer, by the first letters of terms. A unit is a file of a segment of ids.

What a hit shows comes from the lecture's own JSON, so no file here repeats a title.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from builder.catalog import keys, terms
from builder.catalog.queries import queries
from builder.catalog.reads import Catalog
from builder.pages.page import HTML, JSON, MAPS, PAGES, Head, Kind, Page, Site, dumps
from edge.address import Path

SEARCH = Kind("search", "catalog", HTML, PAGES, "search.html")
FILE = Kind("search_file", "metadata", JSON, MAPS)
INDEX = Kind("search_index", "metadata", JSON, MAPS)
KINDS = (SEARCH, FILE, INDEX)
LIST = -1  # the unit of what there is one of: the page, and the list of files
LIST_PATH = Path("/search/files.json")
FORMAT = 1
"""Of all these files together. A page that has been open for long, or was kept, may bear a script that reads another one
(search-index.js has its number): it sees so in the list, and loads itself anew."""
CHUNK = 400


def chunks(catalog: Catalog) -> Iterator[list[int]]:
    """Every file, and what there is one of."""
    units = [LIST, *(row[0] for row in catalog.ask(queries("postings")["all_files"], {}))]
    return (units[n : n + CHUNK] for n in range(0, len(units), CHUNK))


def pages(catalog: Catalog, site: Site, units: Sequence[int]) -> Iterator[Page]:
    """The files of *units*; one that holds nothing is none."""
    if LIST in units:
        head = Head(site.words.gettext("Search"), site.words.gettext("Search all lectures."), noindex=True, section="search")
        yield Page(Path("/search/"), SEARCH, [keys.SITE], "", None, head, LIST)
        said = list_of(row[0] for row in catalog.ask(queries("postings")["all_files"], {}))
        yield Page(LIST_PATH, INDEX, [keys.SEARCH, keys.fact_of(said)], "", said, unit=LIST)
    for unit, text in catalog.ask(queries("postings")["files"], {"units": [unit for unit in units if unit != LIST]}):
        yield Page(file_path(unit), FILE, [keys.SEARCH, keys.fact_of(text)], "", text, unit=unit)


def list_of(units: Iterable[int]) -> str:
    """Which files there are, and the tables by which a script finds the one that it needs."""
    names: dict[int, list[str]] = {}
    for unit in units:
        segment, name = terms.name_of(unit)
        names.setdefault(segment, []).append(name)
    return dumps({"format": FORMAT, "segment": terms.SEGMENT, "hot": " ".join(sorted(terms.HOT)), "stop": " ".join(sorted(terms.stop())),
                  "files": {str(segment): " ".join(sorted(found)) for segment, found in sorted(names.items())}})


def file_path(unit: int) -> Path:
    """``/search/0/pyt.json``: a segment, and how its terms begin."""
    segment, name = terms.name_of(unit)
    return Path(f"/search/{segment}/{name}.json")
