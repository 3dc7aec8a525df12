"""Catalogs from files, and into files: the pyvideo layout, and Lectern's own JSON Lines and CSV."""
from __future__ import annotations

from builder.catalog.importers.export import check_name, run_export
from builder.catalog.importers.refused import check_place, write_refused
from builder.catalog.importers.run import run_import
from builder.catalog.importers.whole import WholeFile

__all__ = ["WholeFile", "check_name", "check_place", "run_export", "run_import", "write_refused"]
