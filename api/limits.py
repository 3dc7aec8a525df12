"""How often a client may ask: one window over the whole API, counted before anything else is done.

Who is asking: an address, an IPv6 network of 64 bits being one; or the student of a session that holds,
under a far higher ceiling by address, since a school is many clients behind one. Whether a session holds is
read by this process once in a window, before its first request is counted: else a school's first ones would
spend its address's count, on each process of each instance, and who is refused could never prove it. What
strangers make up is read as well, within the ceiling, and counts by address. Of what goes to
auth only what fails, or sends a mail, counts against the auth limit, by address and by account; and an
account that strangers have spent still opens from where its owner logged in before.

All is counted here, on flask-limiter's strategy and a storage of ours, not by its decorators: those give
each endpoint a count of its own, never see an unknown path or a wrong method, and let a key that raises
pass for a storage that is away.
"""
from __future__ import annotations

import logging
import math
import time
from collections import OrderedDict
from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from flask import Flask, Response, abort, current_app, g, request
from flask_limiter import Limiter
from limits import RateLimitItemPerSecond

from api.auth import session_cookie, sessions
from api.counters.memory import MemoryCounter
from api.counters.redis import RedisCounter
from api.counters.shared_memory import SharedMemoryCounter
from api.counters.window import Window
from api.errors import NoDatabaseError, ServeError, problem
from api.problems import TOO_MANY_ATTEMPTS, TOO_MANY_REQUESTS
from edge.tiers import ADDRESS_CEILING, WINDOW_S

if TYPE_CHECKING:
    from api.shared_redis import SharedRedis

EXTENSION = "lectern.limits"
EXEMPT = ("/healthz", "/readyz")  # asked by what keeps the server alive
DESK_SHARE = 5
"""How many times a client's limit who is signed in may ask the desk: it saves as one types, and looks twice a second."""

KNOWN_PLACE_S = 30 * 24 * 60 * 60
"""So long an account opens from a network where its owner logged in, whatever strangers tried elsewhere."""

_MOST_STUDENTS = 20_000  # whose sessions this process knows
_ALARM_EVERY_S = 60.0
_IPV6_NETWORK_BITS = 64  # what one subscriber holds
_SAFE = ("GET", "HEAD", "OPTIONS")
_AUTH = "/api/v1/auth/"
_DESK = "/api/v1/desk/"
_MAIL_OWED = 202

log = logging.getLogger("lectern.limits")


class _Counted(NamedTuple):
    scope: str
    amount: int
    window: Window


class Limits:
    """The limits of one application."""

    def __init__(self, *, requests: int, auth_attempts: int, trusted_proxies: int = 0, shared: SharedRedis | None = None,
                 together: Path | None = None) -> None:
        """*shared*: count in Redis. *together*: without it, count with all processes that name the same folder."""
        self._trusted_proxies = trusted_proxies
        # On an application of its own: it has no limits of its own, and asking after them would cost each request.
        place: str = "lectern+memory://"
        options: dict[str, Any] = {}
        if shared:
            place, options = "lectern+redis://", {"shared": shared}
        elif together:
            place, options = "lectern+shared-memory://", {"folder": together}
        self.limiter = Limiter(self.client, app=Flask(__name__), strategy="moving-window", headers_enabled=False, storage_uri=place,
                               storage_options=options)
        storage = self.limiter.storage
        assert isinstance(storage, MemoryCounter)
        self._storage: MemoryCounter | RedisCounter | SharedMemoryCounter = storage
        self._total = RateLimitItemPerSecond(requests, WINDOW_S)
        self._desk = RateLimitItemPerSecond(requests * DESK_SHARE, WINDOW_S)
        self._ceiling = RateLimitItemPerSecond(requests * ADDRESS_CEILING, WINDOW_S)
        self._auth = RateLimitItemPerSecond(auth_attempts, WINDOW_S)
        self._place = RateLimitItemPerSecond(1, KNOWN_PLACE_S)
        self._students: OrderedDict[bytes, tuple[int, float]] = OrderedDict()
        self._alarmed = -_ALARM_EVERY_S
        self._refusals = 0

    def client(self) -> str:
        """Who is asking, as far as counting goes: an IPv4 address or an IPv6 network. Never empty. Aborts with 400
        where the proxy wrote what is no address."""
        if "client" not in g:
            g.client = self._client()
        known: str = g.client
        return known

    def count(self) -> Response | None:
        """Count this request; a 429 problem where it is one too many."""
        if request.method == "OPTIONS" or request.path in EXEMPT:
            return None
        client = self.client()
        token = session_cookie.cookie()
        if not session_cookie.opens(token):
            g.counted = self._hit(self._total, "requests", client)
        elif (student := self._known(token)) is None:
            self._count_unproved(client)
        else:
            limit, scope = self._students_limit()
            window, most = self._storage.hit_all((
                (f"{scope} student {student}", limit.amount, WINDOW_S), (f"address {client}", self._ceiling.amount, WINDOW_S)))
            g.counted = _Counted(scope, limit.amount, window) if most.allowed else _Counted("address", self._ceiling.amount, most)
        if not g.counted.window.allowed:
            return self._refused(g.counted)
        if _is_auth():
            return self._refused_if_spent("auth", client)
        return None

    def tell(self, answer: Response) -> Response:
        """RateLimit fields as draft-ietf-httpapi-ratelimit-headers has them, seconds and not clock times."""
        if "counted" not in g:
            return answer
        scope, amount, window = g.counted
        answer.headers.add("RateLimit-Policy", f'"{scope}";q={amount};w={WINDOW_S}')
        answer.headers.add("RateLimit", f'"{scope}";r={window.left};t={_seconds(window)}')
        if _is_auth() and (400 <= answer.status_code < 500 or answer.status_code == _MAIL_OWED) and answer.status_code != 429:
            self._hit(self._auth, "auth", self.client())
        if "session_read" in g:
            self._learn(g.session_read)
        return answer

    def check_login(self, account: str) -> None:
        """Abort with 429 where *account*, normalised, has been tried too often, but not for a place that it knows."""
        if self._look(self._place, "place", f"{account} {self.client()}").left == 0:
            return
        if refused := self._refused_if_spent("account", account):
            abort(refused)

    def count_failed_login(self, account: str) -> None:
        """Count a wrong password for *account*; the address is counted without being asked."""
        self._hit(self._auth, "account", account)

    def count_good_login(self, account: str) -> None:
        """Remember that *account* has logged in from here."""
        self._hit(self._place, "place", f"{account} {self.client()}")

    def seen(self) -> tuple[int, int, int]:
        """How many students and sessions this process has seen in the last window, and how many requests it has refused."""
        now = time.monotonic()
        students = [account for account, until in list(self._students.values()) if until > now]
        return len(set(students)), len(students), self._refusals

    def _count_unproved(self, client: str) -> None:
        """Count who bears a session's token that this process has not read of late: anybody can invent one, and a count with it."""
        g.counted = self._hit(self._ceiling, "address", client)
        if not g.counted.window.allowed:
            return
        session = None
        try:
            with suppress(NoDatabaseError):
                session = sessions.current()
        finally:  # where the database fails, too
            if session is None:
                g.counted = self._hit(self._total, "requests", client)
        if session is not None:
            limit, scope = self._students_limit()
            g.counted = self._hit(limit, scope, f"student {session.account_id}")

    def _students_limit(self) -> tuple[RateLimitItemPerSecond, str]:
        return (self._desk, "desk") if request.path.startswith(_DESK) else (self._total, "requests")

    def _known(self, token: str) -> int | None:
        """The student of *token*, where its session held when this process read it."""
        known = self._students.get(session_cookie.hash_of(token))
        return known[0] if known and known[1] > time.monotonic() else None

    def _learn(self, session: sessions.Session | None) -> None:
        if session is None:  # it holds no more, so nobody spends its student's count with it
            self._students.pop(session_cookie.hash_of(session_cookie.cookie()), None)
            return
        self._students[session.token_hash] = session.account_id, time.monotonic() + WINDOW_S
        while len(self._students) > _MOST_STUDENTS:
            try:
                self._students.popitem(last=False)
            except KeyError:  # another thread was first
                break

    def _hit(self, limit: RateLimitItemPerSecond, scope: str, who: str) -> _Counted:
        return _Counted(scope, limit.amount, self._storage.hit(f"{scope} {who}", limit.amount, limit.get_expiry()))

    def _look(self, limit: RateLimitItemPerSecond, scope: str, who: str) -> Window:
        return self._storage.look(f"{scope} {who}", limit.amount, limit.get_expiry())

    def _refused_if_spent(self, scope: str, who: str) -> Response | None:
        window = self._look(self._auth, scope, who)
        return None if window.allowed else self._refused(_Counted(scope, self._auth.amount, window))

    def _refused(self, counted: _Counted) -> Response:
        g.counted = counted
        self._refusals += 1
        asked = counted.scope in ("requests", "desk", "address")
        what = "requests" if asked else "failed attempts"
        answer = problem(TOO_MANY_REQUESTS if asked else TOO_MANY_ATTEMPTS, f"More than {counted.amount} {what} in "
                         f"{WINDOW_S // 60} minutes: wait, then go on.")
        answer.headers["Retry-After"] = str(_seconds(counted.window))
        return answer

    def _client(self) -> str:
        given = request.remote_addr or ""
        if self._trusted_proxies:
            hops = request.headers.get("X-Forwarded-For", "").split(",")
            if len(hops) < self._trusted_proxies or not hops[-self._trusted_proxies].strip():
                self._alarm()
            else:
                given = hops[-self._trusted_proxies].strip()
                if (read := address(given)) is None:
                    g.client = "unknown"
                    abort(400, "The address that this request was forwarded for is none.")
                return read
        return address(given) or "unknown"

    def _alarm(self) -> None:
        """Everybody would be counted as the proxy: somebody must look at the setting."""
        if time.monotonic() - self._alarmed >= _ALARM_EVERY_S:
            self._alarmed = time.monotonic()
            log.error("limits.fewer_proxies_than_trusted", extra={"trusted": self._trusted_proxies})


@lru_cache(maxsize=16_384)
def address(text: str) -> str | None:
    """An IPv4 address, or the network of an IPv6 one, of *text*, which may bear a port; None where it is neither."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return f"{IPv6Address(int(found) >> _IPV6_NETWORK_BITS << _IPV6_NETWORK_BITS)}/{_IPV6_NETWORK_BITS}"
    return str(found)


def init_app(app: Flask, limits: Limits) -> Limits:
    """Count before everything else of *app* is done: what a later step refuses counts too."""
    app.before_request_funcs.setdefault(None, []).insert(0, limits.count)
    app.after_request(limits.tell)
    app.extensions[EXTENSION] = limits
    return limits


def current() -> Limits:
    """The application's limits."""
    limits = current_app.extensions[EXTENSION]
    assert isinstance(limits, Limits)
    return limits


def check(app: Flask) -> None:
    """Raises ServeError where a route of *app* would not be counted as its address says."""
    if app.before_request_funcs.get(None, [None])[0] != app.extensions[EXTENSION].count:
        raise ServeError("Something is done before requests are counted: register the limits first.")
    for rule in app.url_map.iter_rules():
        if (rule.endpoint.partition(".")[0] == "auth") != rule.rule.startswith(_AUTH):
            raise ServeError(f"{rule.rule} would not be counted as a route of auth: put it below {_AUTH}, in its blueprint.")


def _is_auth() -> bool:
    return request.method not in _SAFE and request.path.startswith(_AUTH)


def _seconds(window: Window) -> int:
    return max(1, math.ceil(window.reset_s))
