"""Asks an HTTP interface outside, a CDN's or a hub's: kept connections, a time limit on each call, failures as OwedError."""
from __future__ import annotations

import http.client
import threading
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from edge.errors import OwedError

ANSWER_S = 10.0
"""What is sent is acknowledged in far less; whoever takes longer is asked again later."""

MOST_BYTES = 1 << 20  # of an answer, which has some hundred; the rest of a longer one is not read
_HTTP_ERROR = (OSError, http.client.HTTPException, UnicodeError)  # the last: of a host that is no name
_Fails = TypeVar("_Fails", bound=OwedError)


class Answer(NamedTuple):
    """What was said. Header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def retry_after_s(self) -> float | None:
        """The seconds of Retry-After (RFC 9110 10.2.3), a date among them; None where there is none."""
        text = self.headers.get("retry-after", "").strip()
        if text.isascii() and text.isdigit():
            return float(text)
        try:
            then, now = parsedate_to_datetime(text), parsedate_to_datetime(self.headers["date"])
            return max(0.0, (then - now).total_seconds())
        except (KeyError, ValueError, TypeError):  # no date, or one without a zone
            return None


class Caller:
    """Calls one server. Connections are kept between calls, since a TLS handshake costs more than a purge."""

    def __init__(self, name: str, url: str, fails: type[OwedError], *, answer_s: float = ANSWER_S) -> None:
        """*name* is whom people know there; *fails* is raised where nobody answers."""
        parts = urlsplit(url)
        self._https, self._host, self._port = parts.scheme == "https", parts.hostname or "", parts.port
        self._prefix = parts.path.rstrip("/")
        self._answer_s = answer_s
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()
        self._fails = fails
        self.who = f"{name} at {parts.hostname}" + (f":{parts.port}" if parts.port else "")

    def ask(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """One call. Raises what *fails* says where no answer came.

        A kept connection may have been closed meanwhile, which shows only when it is used: then one new
        one is tried. What is sent is idempotent, so asking twice does no harm.
        """
        with self._lock:
            kept = self._idle.pop() if self._idle else None
        if kept is not None:
            try:
                return self._on(kept, method, target, headers, body)
            except TimeoutError as error:
                raise self._silent(error) from error
            except _HTTP_ERROR:
                pass
        try:
            return self._on(self._connection(), method, target, headers, body)
        except _HTTP_ERROR as error:
            raise self._silent(error) from error

    def close(self) -> None:
        """Give the connections back."""
        with self._lock:
            for connection in self._idle:
                connection.close()
            self._idle.clear()

    def _connection(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._https else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=self._answer_s)

    def _on(self, connection: http.client.HTTPConnection, method: str, target: str, headers: Mapping[str, str],
            body: bytes) -> Answer:
        try:
            connection.request(method, self._prefix + target, body or None, dict(headers))
            response = connection.getresponse()
            answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read(MOST_BYTES))
        except BaseException:
            connection.close()
            raise
        if response.will_close or not response.isclosed():
            connection.close()
        else:
            with self._lock:
                self._idle.append(connection)
        return answer

    def _silent(self, error: Exception) -> OwedError:
        return self._fails(f"{self.who} gave no answer ({error or type(error).__name__}): the {self._fails.noun} stays owed and is sent "
                           "again.")


def refusal(fails: type[_Fails], who: str, answer: Answer, *, setting: str, said: str = "") -> _Fails:
    """The error for an answer that is no acknowledgement. *setting* names what to mend where access is refused."""
    said = f": {said}" if said else ""
    if answer.status in (401, 403, 404):
        return fails(f"{who} refused the {fails.noun} with {answer.status}{said}. Look at {setting}.")
    if answer.status in (408, 429) or answer.status >= 500:
        return fails(f"{who} answered {answer.status}{said}: the {fails.noun} stays owed and is sent again.",
                     retry_after_s=answer.retry_after_s)
    return fails(f"{who} did not take the {fails.noun} ({answer.status}){said}.", lasting=answer.status in (400, 413, 414, 422, 431))
