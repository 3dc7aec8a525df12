"""To which ports the pods may speak: those of the addresses that settings name, beside the usual ones.

Addresses with secrets are looked at for their port alone, where the environment of `config kubernetes` has them.
"""
from __future__ import annotations

import re
from collections.abc import Mapping

_POSTGRESQL, _HTTPS, _HTTP, _SMTPS, _SUBMISSION = 5432, 443, 80, 465, 587

_DATABASE = ("DATABASE_URL", "DATABASE_DIRECT_URL", "DATABASE_REPLICA_URL")
_STORE = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")
_OF_THE_API = ("SMTP_URL", "LECTERN_OIDC_PROVIDERS")
_OF_THE_WORKER = ("LECTERN_VARNISH_URL", "LECTERN_NGINX_URL", "LECTERN_WEBSUB_HUB", "LECTERN_BASE_URL", "LECTERN_REFRESH_PRIVATE_HOSTS")

# A port ends a host: after an @ where there is one, since a password may hold a colon; a setting may name several, by commas.
_PORT = re.compile(r"(?:^|[@/,])(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})(?=[/,?#\s]|$)")


def database(values: Mapping[str, str]) -> list[int]:
    """Where PgBouncer finds the database."""
    return _of(values, _DATABASE, _POSTGRESQL)


def web(values: Mapping[str, str]) -> list[int]:
    """Where the API finds others: the bucket, mail servers, OpenID providers, and a replica of the database."""
    return _of(values, (*_DATABASE, *_STORE, *_OF_THE_API), _POSTGRESQL, _HTTPS, _SMTPS, _SUBMISSION)


def worker(values: Mapping[str, str]) -> list[int]:
    """Where the worker and the clock's jobs find others: database, bucket, CDNs and caches of your own, providers, the site itself."""
    return _of(values, (*_DATABASE, *_STORE, *_OF_THE_WORKER), _POSTGRESQL, _HTTPS, _HTTP)


def _of(values: Mapping[str, str], names: tuple[str, ...], *usual: int) -> list[int]:
    named = {int(port) for name in names for port in _PORT.findall(values.get(name, ""))}
    return sorted({*usual, *(port for port in named if 0 < port < 2**16)})
