"""Redis, where there is one: what all processes of the API share, and how to do without it while it is away.

No request waits for it for more than ``ANSWER_S``. Whoever finds it away says so for all; a thread asks
after it, so that no later request has to. A cluster's client looks for other nodes, and sleeps, where one
fails, each time for as long again: it is asked on a thread that is waited for no longer.
"""
from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from redis import Redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisClusterException, RedisError
from redis.retry import Retry

ANSWER_S = 0.15
"""With what is done around it, 0.2 s."""

_ASKERS = 16  # threads, of a cluster's; as many as those of the servers, and some more
_AWAY = (RedisError, RedisClusterException, OSError)  # the second is none of the first
CHECK_EVERY_S = 1.0
_CLUSTER = "+cluster"
T = TypeVar("T")
Client = Any
"""redis-py types what a client returns as either the value or a promise of it, so its answers are read by hand."""

log = logging.getLogger("lectern.shared")


class SharedRedis:
    """A Redis server, or with ``redis+cluster://`` a cluster of them. Connects when it is first asked."""

    def __init__(self, url: str, *, answer_s: float = ANSWER_S, check_every_s: float = CHECK_EVERY_S) -> None:
        self._url = url
        self.is_cluster = _CLUSTER in url
        self._answer_s = answer_s
        self._check_every_s = check_every_s
        self._lock = threading.Lock()
        self._connecting = threading.Lock()
        self._client: Client = None
        self._process = 0
        self._askers = ThreadPoolExecutor(_ASKERS, "redis")
        self._askers_process = os.getpid()
        self.away = False

    def ask(self, what: Callable[[Client], T]) -> T | None:
        """What *what* makes of the client; None where Redis is away, which is found out in ``answer_s``."""
        if self.away and self._process == os.getpid():
            return None
        try:
            return self._ask_in_time(what) if self.is_cluster else what(self.client())
        except _AWAY as error:
            self._leave(error)
            return None

    def client(self) -> Client:
        """This process's client. Raises one of ``_AWAY`` where there is none."""
        if self._process != os.getpid():  # sockets are not inherited
            with self._connecting:
                if self._process != os.getpid():
                    self._client = self._connect()
                    self.away = False
                    self._process = os.getpid()
        if self._client is None:
            raise RedisConnectionError("Somebody has just found it away.")
        return self._client

    def close(self) -> None:
        """Close the connections of this process."""
        if self._client and self._process == os.getpid():
            self._client.close()
        self._client, self._process = None, 0

    def _ask_in_time(self, what: Callable[[Client], T]) -> T:
        if self._askers_process != os.getpid():  # nor are threads
            with self._lock:
                if self._askers_process != os.getpid():
                    self._askers, self._askers_process = ThreadPoolExecutor(_ASKERS, "redis"), os.getpid()
        asked = self._askers.submit(lambda: what(self.client()))
        try:
            return asked.result(self._answer_s)
        finally:
            asked.cancel()  # where nobody has begun with it

    def _connect(self) -> Client:
        times: dict[str, Any] = {"socket_timeout": self._answer_s, "socket_connect_timeout": self._answer_s}
        if self.is_cluster:
            return RedisCluster.from_url(self._url.replace(_CLUSTER, ""), **times, retry=Retry(NoBackoff(), 1))
        return Redis.from_url(self._url, **times, retry=Retry(NoBackoff(), 0))

    def _leave(self, error: Exception) -> None:
        with self._lock:
            if self.away:
                return
            self.away = True
            self._process = os.getpid()
        log.warning("shared.away", extra={"why": type(error).__name__})
        threading.Thread(target=_ask_after, args=(weakref.ref(self), self._check_every_s), daemon=True, name="redis").start()

    def _is_back(self) -> bool:
        try:
            if self._client is None:
                self._client = self._connect()
            if self.is_cluster:  # whoever took a dead node's place must be known, and each must answer
                self._client.nodes_manager.initialize()
                self._client.ping(target_nodes=RedisCluster.PRIMARIES)
            else:
                self._client.ping()
        except _AWAY:
            return False
        self.away = False
        log.warning("shared.back")
        return True


def _ask_after(shared: weakref.ref[SharedRedis], every_s: float) -> None:
    pause = threading.Event()
    while not pause.wait(every_s):
        if (one := shared()) is None or one._is_back():
            return
        del one
