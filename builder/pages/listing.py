"""How long lists are cut into pages: by stored numbers, so that one item's arrival or leave reaches one page.

Page *n* holds numbers 50(n-1)+1 to 50n. The list's own address shows the newest 50 to 99; numbered
pages exist only below those.
"""
from __future__ import annotations

from typing import NamedTuple

from builder.catalog import keys
from edge.address import Path

PER_PAGE = 50


class Cut(NamedTuple):
    """Where a list whose highest number is *last* is cut."""

    last: int

    @property
    def numbered(self) -> int:
        """How many numbered pages there are: 1 to this."""
        return max(self.last // PER_PAGE - 1, 0)

    @property
    def own_low(self) -> int:
        """The lowest number that the list's own address shows."""
        return self.numbered * PER_PAGE + 1

    def page_of(self, number: int) -> int:
        """The numbered page that shows *number*; 0 for the list's own address."""
        return 0 if number >= self.own_low else (number - 1) // PER_PAGE + 1

    def bounds(self, page: int) -> tuple[int, int]:
        """Lowest and highest number of a page; page 0 is the list's own address."""
        return ((page - 1) * PER_PAGE + 1, page * PER_PAGE) if page else (self.own_low, self.last)


    def fact(self, page: int) -> int:
        """What a page's ways on depend on, as one of its keys."""
        return keys.fact(self.numbered if page == 0 else -1 if page == self.numbered else -2)


class Pager(NamedTuple):
    """The ways on from one page of a list; "" where there is none."""

    newer: str
    older: str
    page: int


def pager(base: Path, cut: Cut, page: int) -> Pager:
    """The neighbours of *page* (0: the list's own address) in a list at *base*."""
    if page == 0:
        older = cut.numbered
        return Pager("", page_path(base, older) if older else "", 0)
    newer = base if page == cut.numbered else page_path(base, page + 1)
    return Pager(newer, page_path(base, page - 1) if page > 1 else "", page)


def page_path(base: Path, page: int) -> Path:
    """``/subjects/django/page/3/``; page 0 is the base itself."""
    return Path(f"{base}page/{page}/") if page else base
