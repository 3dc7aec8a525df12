"""Handing a mail over: to an SMTP server, or to a folder where none is set."""
from __future__ import annotations

import os
import smtplib
import ssl
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from pathlib import Path

from api.auth.mail_texts import Letter
from api.auth.settings import MailServer

TIMEOUT_S = 10.0
Post = Callable[[EmailMessage], None]
"""Hands one message over; raises PostError."""


class PostError(Exception):
    """A message was not taken. *final*: it never will be, for it is this message or its recipient that is refused."""

    def __init__(self, why: str, *, final: bool = False) -> None:
        super().__init__(why)
        self.final = final


def message(sender: str, recipient: str, letter: Letter) -> EmailMessage:
    """The message as it is sent. Headers cannot be smuggled in: this class refuses line ends in them (ASVS 1.3.11)."""
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"], made["Subject"] = sender, recipient, letter.subject
    made["Date"] = formatdate()
    made["Message-ID"] = make_msgid(domain=sender.partition("@")[2])
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    made.set_content(letter.text)
    return made


@contextmanager
def opened(server: MailServer | None, folder: Path) -> Iterator[Post]:
    """What hands messages over while the block runs: one connection to *server*, or files in *folder*. Raises PostError."""
    if server is None:
        yield lambda made: _write(folder, made)
        return
    try:
        with _connected(server) as smtp:
            yield lambda made: _send(smtp, made)
    except (smtplib.SMTPException, OSError) as error:
        raise PostError(type(error).__name__) from error  # what a server says may hold an address


@contextmanager
def _connected(server: MailServer) -> Iterator[smtplib.SMTP]:
    context = ssl.create_default_context()
    plain = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S) if not server.tls else \
        smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_S, context=context)
    with plain as smtp:
        smtp.ehlo_or_helo_if_needed()
        if not server.tls and (server.must_encrypt or smtp.has_extn("starttls")):
            smtp.starttls(context=context)
        if server.user:
            smtp.login(server.user, server.password)
        yield smtp


def _send(smtp: smtplib.SMTP, made: EmailMessage) -> None:
    try:
        smtp.send_message(made)
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        raise PostError(f"refused {codes[0]}", final=all(500 <= code < 600 for code in codes)) from error
    except smtplib.SMTPDataError as error:
        raise PostError(f"refused {error.smtp_code}", final=500 <= error.smtp_code < 600) from error
    except smtplib.SMTPNotSupportedError as error:
        raise PostError("the server takes no such address", final=True) from error


def _write(folder: Path, made: EmailMessage) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / f".{uuid.uuid4().hex}"
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(made.as_bytes())
    draft.rename(folder / f"{formatdate()[5:25].replace(' ', '-').replace(':', '')}-{draft.name[1:9]}.eml")
