"""The API's settings: what all rooms share, and what only this one reads."""
from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from api.auth.settings import MailServer, Provider, read_mail_from, read_mail_server, read_providers
from edge.errors import SettingsError
from edge.settings import Settings, merged, read_settings, whole_number
from edge.tiers import PROFILES

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
MOST_PROXIES = 8
HOOK_SECRET_BYTES = 24  # the least of Standard Webhooks
_ORIGIN = re.compile(r"https?://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """What the API is made from."""

    shared: Settings
    requests_per_window: int  # a client, in edge.tiers.WINDOW_S
    trusted_hosts: tuple[str, ...]  # names that a request's Host may bear, without ports
    auth_attempts_per_window: int = 50
    trusted_proxies: int = 0  # how many stand before the API and write X-Forwarded-For
    cors_origins: tuple[str, ...] = ()  # exact: scheme, host, port
    processes: int = 1  # worker processes of this instance: pool and cache are divided among them, limits counted together
    metrics_port: int | None = None
    replica_url: str | None = field(default=None, repr=False)
    redis_url: str | None = field(default=None, repr=False)
    mail_server: MailServer | None = None  # None: mail becomes files in the data folder
    mail_from: str = "lectern@localhost"
    providers: tuple[Provider, ...] = ()
    hook_secret: bytes | None = field(default=None, repr=False)  # None: no webhook

    @property
    def listen(self) -> str:
        """The address that the server and its metrics listen on."""
        return self.shared.listen

    @property
    def connections(self) -> int:
        """This process's share of the instance's connections."""
        return max(1, PROFILES[self.shared.profile].pool_per_instance // self.processes)

    @property
    def user_s(self) -> int:
        """How long an answer about one student may be kept."""
        return PROFILES[self.shared.profile].user_s


def read_api_settings(environ: Mapping[str, str], dotenv_path: Path | None = None) -> ApiSettings:
    """The API's settings from *environ* over the file. Raises SettingsError, naming the setting."""
    shared = read_settings(environ, dotenv_path)
    values = merged(environ, dotenv_path)
    profile = PROFILES[shared.profile]
    host = urlsplit(shared.base_url).hostname or LOOPBACK[0]
    processes = whole_number(values, "LECTERN_API_PROCESSES", 1, least=1, most=64)
    return ApiSettings(
        shared,
        profile.requests_per_window,
        tuple(dict.fromkeys((host, *LOOPBACK))),
        auth_attempts_per_window=profile.auth_attempts_per_window,
        trusted_proxies=whole_number(values, "LECTERN_TRUSTED_PROXIES", 0, least=0, most=MOST_PROXIES),
        cors_origins=_origins(values),
        processes=processes,
        metrics_port=whole_number(values, "LECTERN_METRICS_PORT", 0, least=0, most=65535) or None,
        replica_url=_url(values, "DATABASE_REPLICA_URL", ("postgresql", "postgres")),
        redis_url=_url(values, "REDIS_URL", ("redis", "rediss", "redis+cluster", "rediss+cluster")),
        mail_server=read_mail_server(values),
        mail_from=read_mail_from(values, shared.base_url),
        providers=read_providers(values),
        hook_secret=_hook_secret(values),
    )


def _hook_secret(values: Mapping[str, str]) -> bytes | None:
    """As Standard Webhooks writes secrets: base64, which ``whsec_`` may stand before."""
    if (text := values.get("LECTERN_DESK_HOOK_SECRET")) is None:
        return None
    try:
        secret = base64.b64decode(text.strip().removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) < HOOK_SECRET_BYTES:
        raise SettingsError(f"LECTERN_DESK_HOOK_SECRET must be the base64 of {HOOK_SECRET_BYTES} bytes or more of chance, such as "
                            "`openssl rand -base64 32` gives.")  # it is not shown: it is a secret
    return secret


def _origins(values: Mapping[str, str]) -> tuple[str, ...]:
    """Exact ones only: a pattern lets in whoever finds a name that fits it."""
    origins = [text.strip().rstrip("/").lower() for text in values.get("LECTERN_CORS_ORIGINS", "").split(",") if text.strip()]
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise SettingsError(f"LECTERN_CORS_ORIGINS has {origin!r}: write whole origins, such as "
                                "https://learn.example, without a path or a pattern.")
    return tuple(dict.fromkeys(origins))


def _url(values: Mapping[str, str], name: str, schemes: tuple[str, ...]) -> str | None:
    url = values.get(name)
    if url is not None and url.partition("://")[0] not in schemes:
        raise SettingsError(f"{name} must begin with one of {', '.join(f'{s}://' for s in schemes)}.")  # it may hold a password
    return url
