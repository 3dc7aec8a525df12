"""For properdocs.yml: README.md is the site's first page."""
from __future__ import annotations

from pathlib import Path
from typing import Any

from properdocs.structure.files import File, Files

README = Path(__file__).resolve().parents[1] / "README.md"


def on_files(files: Files, config: Any) -> Files:
    """The README, its links as seen from docs/."""
    files.append(File.generated(config, "index.md", content=README.read_text("utf-8").replace("](docs/", "](")))
    return files
