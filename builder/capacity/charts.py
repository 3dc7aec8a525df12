"""Charts as SVG, of text and shapes alone: their colours are the page's, so that they follow light and dark."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, log10
from typing import NamedTuple

from markupsafe import Markup

WIDTH, ROW, LEFT, RIGHT = 640, 34, 190, 90
PLOT_HEIGHT, TOP, BOTTOM, AXIS = 260, 16, 44, 64
_LOG_FLOOR = 1.0


class Bar(NamedTuple):
    """One row: its name, its length, and the number as it is written."""

    name: str
    value: float
    text: str


class Series(NamedTuple):
    """A line: its name and its points from left to right."""

    name: str
    points: Sequence[tuple[float, float]]


def bars(title: str, rows: Sequence[Bar], *, logarithmic: bool = False) -> Markup:
    """Horizontal bars, one a row; *logarithmic* where the least would not be seen beside the most."""
    height, room = len(rows) * ROW + 8, WIDTH - LEFT - RIGHT
    most = max((row.value for row in rows), default=0) or 1

    def length(value: float) -> float:
        if logarithmic:
            return room * max(0.0, log10(max(value, _LOG_FLOOR))) / max(log10(max(most, 10)), 1)
        return room * value / most

    parts = []
    for n, row in enumerate(rows):
        y, long = n * ROW + 8, max(2.0, length(row.value))
        parts.append(Markup('<text class="n" x="{}" y="{}" text-anchor="end">{}</text><rect class="s{}" x="{}" y="{}" width="{:.1f}" '
                            'height="20" rx="3"/><text x="{:.1f}" y="{}">{}</text>').format(
            LEFT - 10, y + 15, row.name, n % 4, LEFT, y, long, LEFT + long + 8, y + 15, row.text))
    return _svg(title, height, parts)


def lines(title: str, series: Sequence[Series], x_text: Callable[[float], str], y_text: Callable[[float], str], *,
          limit: Bar | None = None, least: float = 0.0, most: float | None = None) -> Markup:
    """Lines over a logarithmic x axis. *limit* is drawn across, and named."""
    xs = [x for one in series for x, _ in one.points]
    top = most if most is not None else _round_up(max([y for one in series for _, y in one.points] + ([limit.value] if limit else [])))
    low, high = log10(min(xs)), log10(max(xs))
    right = WIDTH - RIGHT

    def at(x: float, y: float) -> tuple[float, float]:
        return (AXIS + (right - AXIS) * (log10(x) - low) / (high - low),
                TOP + PLOT_HEIGHT * (1 - (min(max(y, least), top) - least) / (top - least)))

    parts = []
    for n in range(5):
        value = least + (top - least) * n / 4
        _, y = at(10**low, value)
        parts.append(Markup('<line class="g" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/><text class="n" x="{}" y="{:.1f}" text-anchor="end">'
                            '{}</text>').format(AXIS, right, y, y, AXIS - 8, y + 4, y_text(value)))
    for power in range(ceil(low), int(high) + 1):
        x, _ = at(10.0**power, least)
        parts.append(Markup('<text class="n" x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
            x, TOP + PLOT_HEIGHT + 20, x_text(10.0**power)))
    if limit:
        _, y = at(10**low, limit.value)
        parts.append(Markup('<line class="limit" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/><text class="n" x="{}" y="{:.1f}" '
                            'text-anchor="end">{}</text>').format(AXIS, right, y, y, right - 6, y + 16, limit.text))
    taken: list[float] = []
    for n, one in enumerate(series):
        places = [at(x, y) for x, y in one.points]
        parts.append(Markup('<polyline class="l{}" points="{}"/>').format(n % 4, " ".join(f"{x:.1f},{y:.1f}" for x, y in places)))
        label = places[-1][1] + 4
        while any(abs(label - other) < 16 for other in taken):  # names that would lie on each other
            label += 4
        taken.append(label)
        parts.append(Markup('<text class="t{}" x="{}" y="{:.1f}">{}</text>').format(n % 4, right + 8, label, one.name))
    return _svg(title, TOP + PLOT_HEIGHT + BOTTOM, parts)


def _svg(title: str, height: int, parts: Sequence[Markup]) -> Markup:
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(WIDTH, height, title, Markup("").join(parts))


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 5, 8 times a power of ten."""
    scale = 10.0 ** int(log10(max(value, 1)))
    return next((step * scale for step in (1, 2, 4, 5, 8, 10) if step * scale >= value), value)
