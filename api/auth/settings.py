"""Settings of accounts: the mail server, and the OpenID providers that may log students in."""
from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from urllib.parse import unquote, urlsplit

from edge.errors import SettingsError

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_MAIL_PORTS = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over. *tls* from the first byte; else STARTTLS, which *user* makes a must off loopback."""

    host: str
    port: int
    tls: bool
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def must_encrypt(self) -> bool:
        """Whether nothing may be said before STARTTLS."""
        return bool(self.user) and not self.tls and self.host not in _LOOPBACK


@dataclass(frozen=True, slots=True)
class Provider:
    """An OpenID provider: *name* stands in addresses, *issuer* is its exact identifier."""

    name: str
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)


def read_mail_server(values: Mapping[str, str]) -> MailServer | None:
    """SMTP_URL. Raises SettingsError, which never shows it: it may hold a password."""
    if (url := values.get("SMTP_URL")) is None:
        return None
    parts = urlsplit(url.strip())
    try:
        port = parts.port or _MAIL_PORTS.get(parts.scheme, 0)
    except ValueError:
        port = 0
    if parts.scheme not in _MAIL_PORTS or not parts.hostname or not port or parts.path.strip("/") or parts.query or parts.fragment:
        raise SettingsError("SMTP_URL is no mail server's address: write smtp://USER:PASSWORD@HOST:587, or smtps:// for TLS from the "
                            "first byte; percent-encode what is neither letter nor digit in user and password.")
    return MailServer(parts.hostname, port, parts.scheme == "smtps", unquote(parts.username or ""), unquote(parts.password or ""))


def read_mail_from(values: Mapping[str, str], base_url: str) -> str:
    """LECTERN_MAIL_FROM, or an address at the site's own host. Raises SettingsError."""
    text = values.get("LECTERN_MAIL_FROM", f"lectern@{urlsplit(base_url).hostname or 'localhost'}").strip()
    try:
        address = Address(addr_spec=text)
    except (MessageError, ValueError, IndexError):
        address = Address()
    if not address.username or not address.domain:
        raise SettingsError(f"LECTERN_MAIL_FROM is {text!r}: write one e-mail address, such as lectures@school.example.")
    return text


def read_providers(values: Mapping[str, str]) -> tuple[Provider, ...]:
    """LECTERN_OIDC_PROVIDERS. Raises SettingsError, which never shows it: it holds secrets."""
    found = tuple(_provider(text.strip()) for text in values.get("LECTERN_OIDC_PROVIDERS", "").split(",") if text.strip())
    if len({provider.name for provider in found}) < len(found):
        raise SettingsError("LECTERN_OIDC_PROVIDERS names a provider twice: give each a name of its own.")
    return found


def _provider(text: str) -> Provider:
    name, _, url = text.partition("=")
    parts = urlsplit(url)
    issuer = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not _NAME.fullmatch(name) or not safe or not parts.hostname or not parts.username or not parts.password or parts.query \
            or parts.fragment:
        raise SettingsError("LECTERN_OIDC_PROVIDERS must list NAME=https://CLIENT_ID:CLIENT_SECRET@ISSUER, comma-separated; NAME of "
                            "small letters, digits and -; percent-encode what is neither letter nor digit in id and secret.")
    return Provider(name, issuer, unquote(parts.username), unquote(parts.password))
