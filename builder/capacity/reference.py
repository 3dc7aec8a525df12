"""Figures for who has measured none: of one named machine, on one named day. A plan that rests on them says so."""
from __future__ import annotations

from builder.capacity.figures import Figures

# Other work went on, which processor time hardly feels and requests a second do.
REFERENCE = Figures(
    machine="AMD EPYC, 2 processors, Python 3.11.7", measured_on="2026-11-28",
    page_ms=0.263, page_wall_per_s=2792, overlay_ms=1.347, overlay_db_ms=0.426, overlay_statements=5.98, overlay_wall_per_s=535,
    progress_ms=1.219, progress_db_ms=0.955, progress_statements=8.01, progress_wall_per_s=432, login_ms=22.9, login_db_ms=1.42,
    login_statements=12.0, query_wall_ms=0.220, page_bytes=4556, overlay_bytes=2138, assets_bytes=21_839, assets=13,
    instance_bytes=122_228_736)
