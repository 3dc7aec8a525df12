"""A refresh of a tiny site that asks the stand-ins, and the sites that its tests begin with."""
from __future__ import annotations

from contextlib import closing
from typing import Any

from builder.catalog.providers.pace import Pace
from builder.catalog.providers.web import Web
from builder.catalog.refresh.report import Report
from builder.catalog.refresh.run import Options, refresh
from edge.store.sqlite import SQLiteStore
from tests.catalog.stand_ins import KEY, Providers, Said, youtube_item
from tests.site import Built, fill

FILM = {"Content-Type": "video/mp4", "Content-Length": "1000"}


def ask(site: Built, talkers: Providers, **options: Any) -> Report:
    """One refresh of *site* that asks the stand-ins; pictures only where a test is about them."""
    made = Options(pace=Pace(gap_s=0), endpoints=talkers.endpoints, **{"youtube_key": KEY, "copy_pictures": False, **options})
    with closing(Web("Lectern tests", private_hosts=[talkers.host])) as web, closing(SQLiteStore(talkers.file)) as store:
        return refresh(site.dsn, store, web, made)


def youtube_site(site: Built, talkers: Providers, videos: int = 3, **item: Any) -> None:
    """Videos 1 to *videos* that YouTube knows, without lengths."""
    fill(site, videos=videos)
    site.sql("UPDATE catalog.video SET duration_s = NULL")
    for n in range(1, videos + 1):
        talkers.youtube[f"{n:011}"] = youtube_item(f"{n:011}", duration=f"PT{n}H1M", **item)


def file_site(site: Built, talkers: Providers) -> str:
    """One video that is a file; returns its path at the stand-in."""
    fill(site, videos=1)
    site.sql("UPDATE catalog.source SET kind = 'file', url = %s", f"{talkers.base}/film.mp4")
    talkers.at["/film.mp4"] = Said(200, b"x", FILM)
    return "/film.mp4"


