"""A whole build into a real bucket, and what stands there afterwards."""
from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing

from builder import publishing, render
from builder.processes import processes
from edge.address import path_of
from edge.store.port import Store
from tests.site import SITE, Built, Inline, fill


def test_a_bucket_holds_what_a_file_holds_and_an_edit_reaches_both(site: Built, open_named: Callable[..., Store]) -> None:
    fill(site, videos=12)
    with closing(open_named("seaweedfs")) as store:
        for _ in range(2):
            try:
                summary = publishing.build(site.dsn, store, SITE, "100k", Inline())
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


def test_a_process_that_uploads_renders_with_others_and_uploads_again(site: Built, open_named: Callable[..., Store]) -> None:
    """An obstore that was used before a fork hangs after it: a worker that has uploaded starts processes from a fork server."""
    fill(site)
    with closing(open_named("seaweedfs")) as store:
        for turn in range(3):
            site.sql("UPDATE catalog.video SET title = 'Turn ' || %s WHERE id = 1", turn)
            assert _within(30, lambda: _built(site, store)) > 0
            stored = {path_of(head.key) for head in store.list() if not head.key.startswith("retained/")}  # type: ignore[arg-type]
            assert "/videos/lecture-1/" in stored


def _built(site: Built, store: Store) -> int:
    with processes(2) as executor:
        return publishing.build(site.dsn, store, SITE, "100k", executor, full=True).uploaded


def _within(seconds: float, act: Callable[[], int]) -> int:
    """What *act* returns, if it does in time."""
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(act()), daemon=True)
    thread.start()
    thread.join(seconds)
    assert found, f"nothing came of it in {seconds} s"
    return found[0]
