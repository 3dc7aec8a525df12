"""Catalogs from files, and into files: the pyvideo layout, and Lectern's own JSON Lines and CSV."""
from __future__ import annotations

from builder.catalog.importers.export import run_export
from builder.catalog.importers.refused import write_refused
from builder.catalog.importers.run import run_import

__all__ = ["run_export", "run_import", "write_refused"]
