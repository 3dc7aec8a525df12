"""How far changed keys reach: the pages that show them, the units in which a page may be another, new, or gone.

A reach may be too wide, never too narrow: a page in it whose keys tell that it is the live one is not rendered.
So a unit is named here for every way in which one of its pages could be another, new, or gone: by the keys that
live pages bear, by the places that stored list numbers give, and by what a page's neighbours choose by.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from psycopg2.extensions import connection as Connection

from builder import numbers
from builder.catalog import keys, postings
from builder.catalog.queries import queries
from builder.catalog.reads import Catalog
from builder.pages import PARTS, batch, index, part_of, search, sitemap, topic, video
from builder.pages.listing import Cut


def reach(connection: Connection, catalog: Catalog, changed: frozenset[int]) -> Reach:
    """What *changed* reaches, in the release's own transaction, where what is first shown gets its numbers now."""
    of = _Changed(changed)
    numbers.assign(connection, of.placed, sorted({*of.batch_cards, *of.ordered}))
    found = Reach(catalog, changed)
    found.search(postings.update(connection, catalog, found.searched(of)))
    pack = PARTS["index"].pack
    numbers.split(connection, [kind for n, kind in enumerate(index.LISTS_CUT) if pack(n) in found.units])
    return found


def dirty(catalog: Catalog, changed: frozenset[int]) -> frozenset[int]:
    """The keys that pages bear, of those that changed: a name that many videos show is theirs."""
    return frozenset((*changed, *_spread(catalog, _Changed(changed))))


def named(changed: frozenset[int]) -> frozenset[int]:
    """The keys by which *changed* speaks of a page that leaves: the card too of what has another place, since the page
    of a subject that it was the last of shows that.
    """
    of = _Changed(changed)
    searched = of.videos or of.batch_cards or of.instructor_cards or of.subject_cards
    return changed.union((keys.video_card(id) for id in of.placed), (keys.SEARCH,) if searched else ())


class Reach:
    """What a set of changed keys reaches: `dirty`, the keys that pages show, and `units`, packed, that may be another."""

    def __init__(self, catalog: Catalog, changed: frozenset[int]) -> None:
        """Raises nothing; *changed* must not hold the key ``site``, which reaches everything."""
        self._catalog = catalog
        self._sql = queries("reach")
        self.units: set[int] = set()
        of = _Changed(changed)
        self.dirty = dirty(catalog, changed)
        self.units.update(row[0] for row in self._rows("bearing", keys=list(self.dirty)))
        self._videos(of)
        self._batches(of)
        for kind in ("course", "subject", "instructor"):
            for id in of.named[kind]:
                self._thing(kind, id)
        for kind, ids in of.moved.items():
            self._add("retired", (keys.moved(kind, id) for id in ids))
            self.units.update(_own(kind, id) for id in ids)  # its old page may stand still, until a purge is acknowledged
        self._flipped(of)
        self._sitemaps()

    def _rows(self, name: str, **parameters: Any) -> list[tuple[Any, ...]]:
        return self._catalog.ask(self._sql[name], parameters)

    def _add(self, part: str, units: Iterable[int]) -> None:
        pack = PARTS[part].pack
        self.units.update(pack(unit) for unit in units)

    def _videos(self, of: _Changed) -> None:
        self._add("video", of.videos)
        self._add("captions", of.videos)
        self._add("sitemap", (sitemap.unit_of("videos", id) for id in of.videos))
        if placed := of.placed:
            self._lists(self._rows("places", ids=placed, kinds=[5, 7, 11]))
            self._add("video", (row[0] for row in self._rows("beside_places", ids=placed)))
            self._add("retired", (keys.moved("video", id) for id in placed))
            self._add("home", [0])

    def _lists(self, places: list[tuple[int, int, int]]) -> None:
        """The pages of lists that hold the places; where a list grew past a page's end, those whose ways on are others."""
        ends = self._catalog.list_ends(sorted({row[0] for row in places}))
        base = {list: unit for list in ends if (unit := _list_unit(list, 0)) is not None}
        shapes: dict[int, set[int]] = {}
        for unit, _, page_keys in self._rows("own_pages", units=[*base.values()]):
            shapes.setdefault(unit, set()).update(key for key in page_keys if key & 255 == 255)
        for list, number, _ in places:
            cut = Cut(ends[list])
            self._add_list(list, cut.page_of(number))
        for list, last in ends.items():
            cut = Cut(last)
            shape = shapes.get(base[list], set())
            if cut.fact(0) in shape:
                continue
            was = max((key >> 8 for key in shape), default=0)
            for page in (0, *range(max(was, 1), cut.numbered + 1)):
                self._add_list(list, page)
            code = list & 255
            if code in _TOPICS:
                folder = _TOPICS[code] + "s"
                self._add("sitemap", [sitemap.unit_of(folder, list >> 8)])
            elif code == 1:
                self._add("sitemap", [sitemap.unit_of("courses", list >> 8)])
            else:
                self._add("sitemap", [sitemap.FOLDERS.index("lists")])

    def _add_list(self, list: int, page: int) -> None:
        if (unit := _list_unit(list, page)) is not None:
            self.units.add(unit)

    def _batches(self, of: _Changed) -> None:
        self._add("batch", of.batches)
        if of.batch_cards:
            self._add("captions", (row[0] for row in self._rows("captioned_in", ids=of.batch_cards)))
            self._add("retired", (keys.moved("batch", id) for id in of.batch_cards))
        if ids := sorted({*of.batch_cards, *of.ordered}):
            self._lists(self._rows("places", ids=ids, kinds=[1, 12]))
            self._add("sitemap", (sitemap.unit_of("batches", id) for id in ids))
            self._add("course", (row[0] for row in self._rows("courses_of", ids=ids)))
        if of.ordered:
            self._add("video", self._other_windows(of.ordered))

    def _other_windows(self, ids: list[int]) -> Iterator[int]:
        """The videos of batches that stand among others than they did: by the order that the batch's JSON bears."""
        pack = PARTS["batch"].pack
        was: dict[int, list[int]] = {
            unit >> 8: [key >> 8 for key in page_keys if key & 255 == 10]
            for unit, path, page_keys in self._rows("own_pages", units=[pack(id) for id in ids]) if path == batch.data_path(unit >> 8)}
        for id, order in self._catalog.orders(ids).items():
            before = video.windows(was.get(id, []))
            yield from (v for v, window in video.windows(order.ids).items() if before.get(v) != window)

    def searched(self, of: _Changed) -> list[int]:
        """The videos whose terms may be others: by what they say, and by who and what they name."""
        named = ((of.batch_cards, queries("postings")["of_batches"]), (of.instructor_cards, self._sql["videos_of_instructors"]),
                 (of.subject_cards, self._sql["videos_of_subjects"]))
        return sorted({*of.videos, *(row[0] for ids, query in named if ids for row in self._catalog.ask(query, {"ids": ids}))})

    def search(self, units: set[int]) -> None:
        """The files of terms that changed, and the list of files where one comes or goes."""
        if not units:
            return
        pack = PARTS["search"].pack
        self._add("search", units)
        live = {row[0] >> 8 for row in self._rows("own_pages", units=[pack(unit) for unit in units])}
        shown = {row[0] for row in self._catalog.ask(queries("postings")["files_shown"], {"units": list(units)})}
        if live != shown:
            self._add("search", [search.LIST])

    def _flipped(self, of: _Changed) -> None:
        """Things that came to have a page, or lost it, with videos that came or went: all that names them."""
        batches = {*of.ordered, *of.batch_cards, *(row[0] for row in self._rows("batches_of", ids=of.placed))}
        if not batches and not of.placed:
            return
        ids = sorted(batches)
        # A batch that was deleted, or moved to another course, has its old course by the number it had there.
        touched = {"course": {row[0] for row in self._rows("courses_of", ids=ids)}, "batch": batches,
                   "subject": set[int](), "instructor": set[int]()}
        touched["course"] |= {row[0] >> 8 for row in self._rows("places", ids=ids, kinds=[1])}
        for list, _, _ in self._rows("places", ids=of.placed, kinds=[5, 7]):
            touched[_TOPICS[list & 255]].add(list >> 8)
        shown = self._catalog.shown(touched)
        live = {row[0] for row in self._rows("own_pages", units=[_own(kind, id) for kind, found in touched.items() for id in found])}
        for kind, found in touched.items():
            for id in found:
                if ((kind, id) in shown) != (_own(kind, id) in live):
                    self._thing(kind, id)

    def _thing(self, kind: str, id: int) -> None:
        """A course, batch, subject or instructor as such: its pages, its old addresses, what lists it by name."""
        self.units.add(_own(kind, id))
        self._add("sitemap", [sitemap.unit_of(f"{kind}es" if kind == "batch" else f"{kind}s", id)])
        self._add("retired", [keys.moved(kind, id)])
        if kind in index.LISTS_CUT:
            self._add("index", [index.LISTS_CUT.index(kind)])
        if kind == "batch":
            self._lists(self._rows("places", ids=[id], kinds=[1, 12]))
        if kind in ("subject", "instructor"):
            list = id << 8 | keys.code(kind)
            numbered = Cut(self._catalog.list_ends([list]).get(list, 0)).numbered
            self._add(kind, (topic.unit_of(id, page) for page in range(1, numbered + 1)))
        if kind == "subject":
            self._add("home", [0])

    def _sitemaps(self) -> None:
        """The index of sitemaps, where a file of them comes or goes."""
        pack = PARTS["sitemap"].pack
        ranges = [unit >> 8 for unit in self.units if (part := part_of(unit)) and part.name == "sitemap"]
        ranges = [unit for unit in ranges if unit & 255 != sitemap.FOLDERS.index("lists")]
        live = {row[0] >> 8 for row in self._rows("own_pages", units=[pack(unit) for unit in ranges])}
        shown = {n << 8 | folder for folder, n in self._rows(
            "ranges_shown", folders=[unit & 255 for unit in ranges], ranges=[unit >> 8 for unit in ranges], size=sitemap.RANGE)}
        if live != shown:
            self._add("sitemap", [-1])


_TOPICS = {5: "subject", 7: "instructor"}


def _own(kind: str, id: int) -> int:
    """The unit of a thing's own address."""
    return PARTS[kind].pack(topic.unit_of(id) if kind in ("subject", "instructor") else id)


def _list_unit(list: int, page: int) -> int | None:
    """The unit that is a page of a list (packed key)."""
    match list & 255:
        case 1:
            return PARTS["course"].pack(list >> 8)
        case 5 | 7:
            return PARTS[_TOPICS[list & 255]].pack(topic.unit_of(list >> 8, page))
        case 11:
            return PARTS["videos"].pack(page)
        case 12:
            return PARTS["batches"].pack(page)
    return None


def _spread(catalog: Catalog, of: _Changed) -> Iterator[int]:
    sql = queries("reach")
    if of.instructor_cards:
        for (id,) in catalog.ask(sql["videos_of_instructors"], {"ids": of.instructor_cards}):
            yield keys.video(id)
            yield keys.video_card(id)
    if of.subject_cards:
        for (id,) in catalog.ask(sql["videos_of_subjects"], {"ids": of.subject_cards}):
            yield keys.video(id)


class _Changed:
    """Changed keys, sorted out by what they are of."""

    def __init__(self, changed: Iterable[int]) -> None:
        by_code: dict[int, set[int]] = {}
        for key in changed:
            by_code.setdefault(key & 255, set()).add(key >> 8)

        def of(*names: str) -> list[int]:
            return sorted({id for name in names for id in by_code.get(keys.code(name), ())})

        self.videos = of("video", "video/card", "video/place")
        self.placed = of("video/place")
        self.instructor_cards, self.subject_cards = of("instructor/card"), of("subject/card")
        self.batches = of("batch", "batch/card", "batch/sums", "batch/order")
        self.batch_cards, self.ordered = of("batch/card"), of("batch/order")
        self.moved = {kind: of(f"{kind}/moved") for kind in ("course", "batch", "subject", "instructor", "video")}
        self.moved["video"] = of("video/moved", "video/card")
        self.named = {kind: of(kind, f"{kind}/card") for kind in ("course", "subject", "instructor")}
