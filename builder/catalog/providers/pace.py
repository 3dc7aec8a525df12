"""Many hosts asked at once, each at its own pace, until the time is up."""
from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Generic, TypeVar

from builder.catalog.providers.web import Unreachable

T = TypeVar("T")
IN_A_ROW = 3  # failures of one host after which it is asked no more in this run


class HostDown(Exception):
    """A host answers for nobody just now: too many requests, a spent quota, a refused key, its own fault."""

    def __init__(self, why: str, retry_after_s: float = 0) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast one host is asked, and how many at once in all."""

    per_host: int = 2
    gap_s: float = 0.2  # between two requests to a host
    threads: int = 8


@dataclass(frozen=True, slots=True)
class Job(Generic[T]):
    """One request to *host* about *videos*; *do* runs in a thread and may raise Unreachable or HostDown."""

    host: str
    do: Callable[[], T]
    videos: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """What came of a job: a result, or the error that it ended with."""

    job: Job[T]
    result: T | None
    error: Unreachable | HostDown | None


def work(jobs: Iterable[Job[T]], pace: Pace, deadline: float, failed: Callable[[T], str] = lambda result: "") -> Iterator[Done[T]]:
    """Do the jobs, each host's in order, and yield what came of them as it comes.

    None is begun after *deadline* (of time.monotonic). A host that is down, or fails IN_A_ROW times in a row (*failed*
    says why a result is a failure, or ""), has the rest of its jobs left undone: the last Done of it then bears a HostDown.
    """
    queues: dict[str, deque[Job[T]]] = {}
    for job in jobs:
        queues.setdefault(job.host, deque()).append(job)
    free_at = dict.fromkeys(queues, 0.0)
    in_flight: Counter[str] = Counter()
    in_a_row: Counter[str] = Counter()
    down: set[str] = set()
    running: dict[Future[T], Job[T]] = {}
    with ThreadPoolExecutor(pace.threads, thread_name_prefix="refresh") as pool:
        try:
            while True:
                pause_s = _begin(pool, queues, free_at, in_flight, running, pace, deadline)
                if not running:
                    if pause_s is None:
                        return
                    threading.Event().wait(pause_s)
                    continue
                finished, _ = wait(running, timeout=pause_s, return_when=FIRST_COMPLETED)
                for future in finished:
                    job = running.pop(future)
                    in_flight[job.host] -= 1
                    done = _done(job, future)
                    if job.host in down and done.error is not None:
                        done = Done(job, None, None)  # it was under way when the host was found down: said once
                    why = str(done.error) if done.error else "" if done.result is None else failed(done.result)
                    in_a_row[job.host] = in_a_row[job.host] + 1 if why else 0
                    yield done
                    if not isinstance(done.error, HostDown) and in_a_row[job.host] == IN_A_ROW and job.host not in down:
                        done = Done(job, None, HostDown(f"{IN_A_ROW} failures in a row, the last: {why}"))
                        yield done
                    if isinstance(done.error, HostDown):
                        down.add(job.host)
                        queues.pop(job.host, None)
        finally:
            for future in running:
                future.cancel()


def _begin(pool: ThreadPoolExecutor, queues: dict[str, deque[Job[T]]], free_at: dict[str, float], in_flight: Counter[str],
           running: dict[Future[T], Job[T]], pace: Pace, deadline: float) -> float | None:
    """Hand over what may begin now; return the seconds until something else may, None where nothing will by itself."""
    now = time.monotonic()
    if now >= deadline:
        queues.clear()
    soonest: float | None = None
    for host in list(queues):
        queue = queues[host]
        while queue and len(running) < pace.threads and in_flight[host] < pace.per_host and free_at[host] <= now:
            job = queue.popleft()
            running[pool.submit(job.do)] = job
            in_flight[host] += 1
            free_at[host] = now + pace.gap_s
        if not queue:
            del queues[host]
        elif free_at[host] > now and in_flight[host] < pace.per_host and len(running) < pace.threads:
            soonest = free_at[host] if soonest is None else min(soonest, free_at[host])
    return None if soonest is None else max(0.0, min(soonest, deadline) - now)


def _done(job: Job[T], future: Future[T]) -> Done[T]:
    try:
        return Done(job, future.result(), None)
    except (Unreachable, HostDown) as error:
        return Done(job, None, error)
