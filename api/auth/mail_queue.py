"""Mail is owed as a row, and written when it is sent; a failure is tried again, each time later."""
from __future__ import annotations

import logging
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from api.auth import mail_texts
from api.auth.settings import MailServer
from api.auth.smtp import PostError, message, opened
from api.queries import queries

Kind = Literal["register", "password", "email", "password_changed", "email_changed", "linked", "deleted"]

HOLD_S = 120
"""A claimed mail falls due again after this: longer than a server may take over one."""

FIRST_WAIT_S, LONGEST_WAIT_S = 30, 4 * 60 * 60
TRIES = 12
"""With the waits between, about a day: no student waits longer for a link."""

_SQL = queries(Path(__file__).parent, "mail")
_log = logging.getLogger("lectern.mail")


def owe(cursor: Cursor, kind: Kind, recipient: str, facts: dict[str, Any] | None = None) -> None:
    """A mail of *kind* to *recipient*, owed from the moment that the transaction holds."""
    cursor.execute(_SQL["owe"], {"recipient": recipient, "kind": kind, "facts": Json(facts or {})})


class Sender:
    """Sends what is owed: to *server*, or into *folder* where there is none. *chance* draws from 0 to 1."""

    def __init__(self, site: mail_texts.Site, sender: str, server: MailServer | None, folder: Path,
                 chance: Callable[[], float] = random.random) -> None:
        self.site = site
        self.sender = sender
        self.server = server
        self.folder = folder
        self.chance = chance

    def send_due(self, connection: Connection) -> int:
        """Sends each mail that is due, through one connection to the server; how many it took.

        A mail's secret is there before the server has the mail; and a sender that dies between the two sends it
        again, with a new secret.
        """
        taken = 0
        claimed = self._claim(connection)
        while claimed:
            try:
                with opened(self.server, self.folder) as post:
                    while claimed:
                        number, recipient, letter, tries = claimed
                        try:
                            post(message(self.sender, recipient, letter))
                        except PostError as error:
                            self._failed(connection, number, tries, error)
                        else:
                            self._done(connection, number)
                            taken += 1
                        claimed = self._claim(connection)
            except PostError as error:  # the server is away: the others would fare alike
                if claimed:
                    self._failed(connection, claimed[0], claimed[3], error)
                break
        return taken

    def _claim(self, connection: Connection) -> tuple[int, str, mail_texts.Letter, int] | None:
        while True:
            with connection, connection.cursor() as cursor:
                cursor.execute(_SQL["claim"], {"hold_s": HOLD_S})
                row = cursor.fetchone()
                if row is None:
                    return None
                number, recipient, kind, facts, tries = row
                if letter := mail_texts.write(cursor, self.site, kind, recipient, facts):
                    return number, recipient, letter, tries
                cursor.execute(_SQL["sent"], {"id": number})

    def _done(self, connection: Connection, number: int) -> None:
        with connection, connection.cursor() as cursor:
            cursor.execute(_SQL["sent"], {"id": number})
        _log.info("mail.sent", extra={"mail": number})

    def _failed(self, connection: Connection, number: int, tries: int, error: PostError) -> None:
        final = error.final or tries >= TRIES
        wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (tries - 1)) * (0.5 + self.chance())
        with connection, connection.cursor() as cursor:
            if final:
                cursor.execute(_SQL["sent"], {"id": number})
            else:
                cursor.execute(_SQL["failed"], {"id": number, "why": str(error), "wait_s": wait_s})
        _log.warning("mail.given_up" if final else "mail.failed", extra={"mail": number, "tries": tries, "why": str(error)})
