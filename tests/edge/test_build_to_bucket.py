"""A whole build into a real bucket, and what stands there afterwards."""
from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from builder import pipeline, render
from edge.address import path_of
from edge.store.port import Store
from tests.site import SITE, Built, Inline, fill


def test_a_bucket_holds_what_a_file_holds_and_an_edit_reaches_both(site: Built, open_named: Callable[..., Store]) -> None:
    fill(site, videos=12)
    with closing(open_named("seaweedfs")) as store:
        for _ in range(2):
            try:
                summary = pipeline.build(site.dsn, store, SITE, "100k", Inline())
            finally:
                render.close()
            assert summary.set_aside == []
            stored = {path_of(head.key): head.digest for head in store.list()}  # type: ignore[arg-type]
            site.build()
            assert stored == site.digests()
            site.sql("UPDATE catalog.video SET title = 'Edited', slug = 'edited' WHERE id = 3")
        found = store.get("videos/lecture-3/index.html")
        assert found is not None
        assert (found[0].status, found[0].location) == (301, "/videos/edited/")
        assert store.get("index.html") is not None
