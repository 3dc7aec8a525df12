"""Files that appear whole or not at all."""
from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import TextIO

from edge.errors import ExportError


class WholeFile:
    """A text file that is written beside its place and put there by :meth:`appear`; else nothing is left of it.

    A context manager. Raises ExportError, naming *path* as it was given, where it cannot be written: at once, not
    after an hour's work.
    """

    def __init__(self, path: Path, encoding: str = "utf-8") -> None:
        self._path = path
        self._place = Path(os.path.realpath(path))  # a link stays one
        self._part = self._place.with_name(f".{self._place.name}.part")
        self._encoding = encoding

    def __enter__(self) -> WholeFile:
        if self._place.is_dir():
            raise ExportError(f"{self._path} is a folder: name a file.")
        try:
            self.file: TextIO = self._part.open("w", encoding=self._encoding, newline="")
        except OSError as wrong:
            raise self._refusal(wrong) from wrong
        return self

    def __exit__(self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self.file.close()
        except OSError as full:
            wrong = wrong or full
        self._part.unlink(missing_ok=True)
        if isinstance(wrong, OSError):
            raise self._refusal(wrong) from wrong

    def appear(self) -> None:
        """Put the file in its place, over what may stand there."""
        self.file.close()
        os.replace(self._part, self._place)

    def _refusal(self, wrong: OSError) -> ExportError:
        return ExportError(f"{self._path} cannot be written ({wrong.strerror or wrong}): name a file in a folder that you may write to.")
