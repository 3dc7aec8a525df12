"""Rendering on a Dask cluster: a real scheduler and two worker processes make what this machine's processes make."""
from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from builder.cluster import ClusterError, cluster
from builder.render import OtherVersionError
from tests.edge.servers import free_port, listening, wait_until
from tests.site import SITE, Built, fill

TOP = Path(__file__).resolve().parents[2]


@contextmanager
def _dask(port: int) -> Iterator[str]:
    """A scheduler and two workers, ended by their own process ids."""
    address = f"tcp://127.0.0.1:{port}"
    quiet = {"cwd": TOP, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    parts = [subprocess.Popen([sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port),
                               "--no-dashboard"], **quiet)]  # type: ignore[call-overload]
    try:
        wait_until(lambda: listening(port), within_s=60, what="the scheduler")
        parts += [subprocess.Popen([sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard",
                                    "--host", "127.0.0.1", "--no-nanny"], **quiet) for _ in range(2)]  # type: ignore[call-overload]
        yield address
    finally:
        for part in parts:  # a worker that is asked to end looks for its scheduler for half a minute
            part.kill()
            part.wait()


def test_two_workers_make_the_same_digests_and_refuse_another_version(site: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(site, videos=30)
    site.build()
    here = site.digests()
    site.begin_anew()
    with _dask(free_port()) as address:
        from distributed import Client

        with Client(address) as client:
            client.wait_for_workers(2, timeout=60)
        with cluster(address) as executor:
            assert site.build(executor=executor).uploaded == len(here)
            assert site.digests() == here
            monkeypatch.setattr("builder.publishing.fingerprints", lambda site, profile: {"video": "another"})
            with pytest.raises(OtherVersionError, match="another version"):
                site.build(executor=executor, full=True, site=SITE._replace(name="Elsewhere"))
    assert site.digests() == here


def test_a_cluster_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(ClusterError, match="No Dask scheduler answers"), cluster(f"tcp://127.0.0.1:{free_port()}"):
        pass
