"""How copies of pictures are named: two widths of one picture, so that a row that names one names both."""
from __future__ import annotations

SMALL, LARGE = (256, 144), (640, 360)
"""Pixels. A row on a phone of two pixels to the point shows 128 points; a player's poster 360 to 720."""

_SMALL, _LARGE = f"-{SMALL[0]}.webp", f"-{LARGE[0]}.webp"


def large_name(digest: str) -> str:
    """The file name of a picture's large copy, which the row keeps."""
    return digest + _LARGE


def small_of(key: str) -> str:
    """The key of the small copy beside the large one; "" where there is none, as for an editor's own picture."""
    return key.removesuffix(_LARGE) + _SMALL if key.endswith(_LARGE) else ""


def srcset(key: str) -> str:
    """The ``srcset`` of a picture by its key; "" where there is one width."""
    small = small_of(key)
    return f"/{small} {SMALL[0]}w, /{key} {LARGE[0]}w" if small else ""
