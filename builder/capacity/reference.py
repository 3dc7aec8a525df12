"""Figures for who has measured none: of one named machine, on one named day. A plan that rests on them says so."""
from __future__ import annotations

from builder.capacity.figures import Figures

REFERENCE = Figures(
    machine="AMD EPYC, 2 processors, Python 3.11.7", measured_on="2026-11-28",
    page_ms=0.279, page_wall_per_s=3683, overlay_ms=1.083, overlay_db_ms=0.263, overlay_statements=6.01, overlay_wall_per_s=938,
    progress_ms=0.894, progress_db_ms=0.656, progress_statements=7.99, progress_wall_per_s=870, login_ms=18.7, login_db_ms=1.24,
    login_statements=12.1, query_wall_ms=0.184, page_bytes=4640, overlay_bytes=2184, assets_bytes=41_126, assets=26,
    instance_bytes=128_819_200)
