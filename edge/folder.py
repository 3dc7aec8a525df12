"""A folder of files that were made, as `config` writes them."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def write(files: Mapping[str, str], out: Path) -> list[Path]:
    """Write *files*, text by name, into the folder *out*, which is made where it is not. Raises OSError."""
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in files.items():
        path = out / name
        path.write_text(text)
        paths.append(path)
    return paths
