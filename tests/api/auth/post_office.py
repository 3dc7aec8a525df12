"""A real SMTP server on loopback (aiosmtpd) that keeps what it takes, and refuses what a test asks it to."""
from __future__ import annotations

import re
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import psycopg2
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from api.auth.background import sender_of
from api.settings import read_api_settings
from tests.edge.servers import free_port

USER, SECRET = "lectern@school.example", "p:w/d"


class Office:
    """What came in; ``refuse`` gives an answer other than "taken" for a recipient."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.refuse: Callable[[str], str | None] = lambda recipient: None
        self.refuse_text: str | None = None
        self.port = 0

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if refused := self.refuse(address):
            return refused
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.refuse_text:
            return self.refuse_text
        content = envelope.content
        assert isinstance(content, bytes)
        read = message_from_bytes(content, policy=default)
        assert isinstance(read, EmailMessage)
        assert read["To"] == envelope.rcpt_tos[0]
        self.taken.append(read)
        return "250 OK"


@contextmanager
def running(**more: Any) -> Iterator[Office]:
    """A server on a free port while the block runs."""
    office = Office()
    office.port = free_port()
    controller = Controller(office, hostname="127.0.0.1", port=office.port, enable_SMTPUTF8=True, **more)
    controller.start()
    try:
        yield office
    finally:
        controller.stop()


def tls(folder: Path) -> ssl.SSLContext:
    """What a server with a certificate of nobody's needs."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "key", "-out", folder / "cert",
                    "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert", folder / "key")
    return context


def checked(server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: LoginPassword) -> AuthResult:
    return AuthResult(success=(given.login, given.password) == (USER.encode(), SECRET.encode()))


def deliver(dsn: str, data: Path, **more: str) -> int:
    """Sends what is due as the background would; how many mails were taken."""
    settings = read_api_settings({"LECTERN_DATA": str(data), "DATABASE_URL": dsn, **more})
    with closing(psycopg2.connect(dsn)) as connection:
        return sender_of(settings).send_due(connection)


class Mailbox:
    """The mails of a test that has no server: they become files."""

    def __init__(self, dsn: str, data: Path) -> None:
        self.dsn = dsn
        self.data = data
        self._read: set[Path] = set()

    def new(self) -> list[EmailMessage]:
        """The mails since the last time, the oldest first."""
        deliver(self.dsn, self.data)
        files = sorted(set((self.data / "mail").glob("*.eml")) - self._read, key=lambda file: file.stat().st_mtime_ns)
        self._read.update(files)
        made = [message_from_bytes(file.read_bytes(), policy=default) for file in files]
        return [message for message in made if isinstance(message, EmailMessage)]

    def link(self, page: str) -> str:
        """The secret of the one new mail, which must lead to *page*."""
        mails = self.new()
        assert len(mails) == 1
        found = re.search(rf"^http://127\.0\.0\.1:8000/account/{page}/#(\S+)\r?$", mails[0].get_content(), re.MULTILINE)
        assert found, mails[0].get_content()
        return found[1]
