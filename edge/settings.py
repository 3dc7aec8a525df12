"""Settings: the environment and a ``.env`` file become one frozen object (12-factor names)."""
from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from edge.cdn.settings import NAMES as CDN_NAMES
from edge.cdn.settings import Cdns, read_cdns
from edge.dotenv import dotenv_values
from edge.errors import SettingsError
from edge.media import NAMES as MEDIA_NAMES
from edge.media import Media, read_media
from edge.ping.settings import NAMES as PING_NAMES
from edge.ping.settings import Pings, read_pings
from edge.store import SPELT, is_spelt
from edge.tiers import PROFILES

NAMES: dict[str, str] = {
    "LECTERN_DATA": "folder of the embedded database and the store; default .lectern",
    "LECTERN_STORE": f"where objects live: {SPELT}",
    **CDN_NAMES,
    **MEDIA_NAMES,
    **PING_NAMES,
    "LECTERN_BASE_URL": "the site's public address, scheme and host; default http://127.0.0.1:PORT",
    "LECTERN_PROFILE": "traffic size: 100k, 500k or 1m; default 100k",
    "LECTERN_PORT": "port of `serve`, 1 to 65535; default 8000",
    "LECTERN_LISTEN": "address that `serve` and metrics listen on, IPv4 or IPv6; default 127.0.0.1",
    "LECTERN_MAIL_FROM": "address that mail to students comes from; default lectern@ and the site's host",
    "LECTERN_OIDC_PROVIDERS": "who else may log students in: NAME=https://CLIENT_ID:CLIENT_SECRET@ISSUER, comma-separated",
    "LECTERN_TRUSTED_PROXIES": "how many proxies stand before the API and write X-Forwarded-For, 0 to 8; default 0",
    "LECTERN_CORS_ORIGINS": "other origins whose scripts may ask the API, exact, comma-separated",
    "LECTERN_API_PROCESSES": "worker processes of one API instance, which share its pool, cache and limits; default 1",
    "LECTERN_METRICS_PORT": "port of the API's Prometheus metrics on LECTERN_LISTEN; default none",
    "LECTERN_WORKER_METRICS_PORT": "port of the worker's Prometheus metrics on LECTERN_LISTEN; default none",
    "LECTERN_DESK": "yes or no: whether there is an editors' desk, its pages and its API; default no",
    "LECTERN_DESK_HOOK_SECRET": "secret of the desk's webhook, 24 bytes or more in base64, after whsec_ or alone; without it there is none",
    "LECTERN_SITE_NAME": "what the site calls itself; default Lectern",
    "LECTERN_LANGUAGE": "language of the site's own words, one of templates/languages; default en",
    "LECTERN_LOGO": "an SVG file, in place of the mark beside the site's name and as its icon",
    "LECTERN_IMPRINT": "a Markdown file that becomes /imprint/; default no such page",
    "LECTERN_PRIVACY": "a Markdown file that becomes /privacy/; default no such page",
    "LECTERN_SECURITY_CONTACT": "whom to tell of a weakness: mailto:, https: or tel: addresses, comma-separated; makes security.txt",
    "LECTERN_SECURITY_EXPIRES": "the day, such as 2027-06-30, until which that contact holds",
    "LECTERN_ACCENT_HUE": "hue of the site's accent colour, 0 to 360; default 255",
    "LECTERN_FRAME_HOSTS": "further hosts whose players may be framed, such as a PeerTube, comma-separated",
    "LECTERN_OFFLINE": "yes or no: whether browsers keep pages to read without a network; no withdraws the worker; default yes",
    "LECTERN_COPY_THUMBNAILS": "yes or no: whether `refresh` keeps copies of the providers' pictures; default yes",
    "LECTERN_YOUTUBE_KEY": "key of the YouTube Data API, for `refresh`; without it YouTube tells no lengths",
    "LECTERN_YOUTUBE_QUOTA": "units of that API that `refresh` may spend a day; default 10000",
    "LECTERN_VIMEO_TOKEN": "access token of the Vimeo API, for `refresh`; without it Vimeo's oEmbed is asked",
    "LECTERN_REFRESH_BUDGET_S": "seconds that one `refresh` may take before it builds; default 600",
    "LECTERN_REFRESH_PRIVATE_HOSTS": "hosts of a private network that `refresh` may ask all the same, comma-separated",
}
"""Every LECTERN_ name that any room reads, with its meaning: one environment serves all processes,
so a room's own name must be known here, or the others would call it a mistake."""

LOOPBACK = "127.0.0.1"

_LABEL = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}(?::|$)){_LABEL}(?:\.{_LABEL})+(?::[0-9]{{1,5}})?")
_ANY_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]+\])(?::[0-9]{{1,5}})?")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-(?:[A-Z]{2}|[0-9]{3}))?")  # RFC 5646: language, script, region
_CONTACT = re.compile(r"mailto:[!-~]+@[!-~]+|https://[!-~]+|tel:\+?[0-9-]{3,20}")
_SITE_NAME_LETTERS = 80  # it ends every page title


@dataclass(frozen=True, slots=True)
class Settings:
    """What all rooms share. Paths are absolute; URLs have no trailing slash."""

    data: Path
    store: str
    base_url: str
    profile: str = "100k"
    port: int = 8000
    listen: str = LOOPBACK
    worker_metrics_port: int | None = None
    database_url: str | None = None  # None: the embedded server in `data`
    database_direct_url: str | None = None  # past a pooler; None where DATABASE_URL is direct already
    site_name: str = "Lectern"
    language: str = "en"  # a BCP 47 tag
    logo: Path | None = None
    imprint: Path | None = None
    privacy: Path | None = None
    security_contacts: tuple[str, ...] = ()
    security_expires: str = ""  # YYYY-MM-DD
    accent_hue: int = 255  # degrees
    frame_hosts: tuple[str, ...] = ()
    desk: bool = False
    offline: bool = True
    copy_thumbnails: bool = True
    youtube_key: str | None = field(default=None, repr=False)
    youtube_quota: int = 10_000  # units a day: what the API gives a project that asked for no more
    vimeo_token: str | None = field(default=None, repr=False)
    refresh_budget_s: int = 600
    refresh_private_hosts: tuple[str, ...] = ()  # host or host:port
    cdn: Cdns = field(default_factory=Cdns)
    media: Media = field(default_factory=Media)
    pings: Pings = field(default_factory=Pings)

    @property
    def https(self) -> bool:
        """True when readers come over TLS."""
        return self.base_url.startswith("https:")


def read_settings(environ: Mapping[str, str], dotenv_path: Path | None = None) -> Settings:
    """The settings of *environ* over those of the file *dotenv_path*, which need not exist.

    A relative LECTERN_DATA, and its default, lie beside that file, as other files do that settings name: a command means the
    same project whatever folder it is called from. Without a file's path they lie in the working folder. Raises SettingsError, naming
    the setting, for an unknown ``LECTERN_`` name or a value out of range, and naming the line for a broken file.
    """
    values = merged(environ, dotenv_path)
    port = whole_number(values, "LECTERN_PORT", 8000, least=1, most=65535)
    base_url = _base_url(values, port)
    top = Path(os.path.abspath(dotenv_path.parent if dotenv_path else Path.cwd()))
    data = _path(values, "LECTERN_DATA", top) or top / ".lectern"
    security_contacts, security_expires = _security(values)
    return Settings(
        data=data,
        store=_store(values, data),
        base_url=base_url,
        profile=_profile(values),
        port=port,
        listen=_listen(values),
        worker_metrics_port=whole_number(values, "LECTERN_WORKER_METRICS_PORT", 0, least=0, most=65535) or None,
        database_url=_database_url(values, "DATABASE_URL"),
        database_direct_url=_database_url(values, "DATABASE_DIRECT_URL"),
        site_name=_site_name(values),
        language=_language(values),
        logo=_path(values, "LECTERN_LOGO", top),
        imprint=_path(values, "LECTERN_IMPRINT", top),
        privacy=_path(values, "LECTERN_PRIVACY", top),
        security_contacts=security_contacts,
        security_expires=security_expires,
        accent_hue=whole_number(values, "LECTERN_ACCENT_HUE", 255, least=0, most=360),
        frame_hosts=_frame_hosts(values),
        desk=_yes(values, "LECTERN_DESK", "no"),
        offline=_yes(values, "LECTERN_OFFLINE", "yes"),
        copy_thumbnails=_yes(values, "LECTERN_COPY_THUMBNAILS", "yes"),
        youtube_key=values.get("LECTERN_YOUTUBE_KEY"),
        youtube_quota=whole_number(values, "LECTERN_YOUTUBE_QUOTA", 10_000, least=0, most=100_000_000),
        vimeo_token=values.get("LECTERN_VIMEO_TOKEN"),
        refresh_budget_s=whole_number(values, "LECTERN_REFRESH_BUDGET_S", 600, least=1, most=86_400),
        refresh_private_hosts=_private_hosts(values),
        cdn=read_cdns(values),
        media=read_media(values, base_url),
        pings=read_pings(values, base_url),
    )


def merged(environ: Mapping[str, str], dotenv_path: Path | None) -> dict[str, str]:
    """All names with a value, the environment's before the file's; an empty value is none.

    Raises SettingsError for a ``LECTERN_`` name that nothing reads, with the nearest that is read, and for a
    line of the file that is no setting.
    """
    values = {**(dotenv_values(dotenv_path) if dotenv_path else {}), **{k: v for k, v in environ.items() if v}}
    for name in sorted(values):
        if name.startswith("LECTERN_") and name not in NAMES:
            where = "the environment" if environ.get(name) else dotenv_path
            raise SettingsError(f"{name} is no setting of Lectern{_nearest(name)}. Mend or remove it in {where}.")
    return values


def whole_number(values: Mapping[str, str], name: str, default: int, *, least: int, most: int) -> int:
    """The setting *name* as a whole number from *least* to *most*, or *default* where there is none."""
    if (text := values.get(name)) is None:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text.strip()) or not least <= int(text) <= most:
        raise _wrong(values, name, f"it must be a whole number from {least} to {most}")
    return int(text)


def _listen(values: Mapping[str, str]) -> str:
    text = values.get("LECTERN_LISTEN", LOOPBACK).strip().strip("[]")
    try:
        return str(ip_address(text))
    except ValueError as error:
        raise _wrong(values, "LECTERN_LISTEN", "write an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all") from error


def _store(values: Mapping[str, str], data: Path) -> str:
    url = values.get("LECTERN_STORE", f"sqlite:///{data}/site.db")
    if not is_spelt(url):
        raise _wrong(values, "LECTERN_STORE", f"write {SPELT}")
    return url


def _base_url(values: Mapping[str, str], port: int) -> str:
    url = values.get("LECTERN_BASE_URL", f"http://127.0.0.1:{port}").rstrip("/")
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and url.isascii() and parts.port != 0
    except ValueError:  # a port that is none, or half an IPv6 address
        good = False
    if not good or parts.path or parts.query or parts.fragment or "@" in parts.netloc or url != url.strip():
        raise _wrong(values, "LECTERN_BASE_URL", "write scheme and host only, such as https://lectures.example")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _profile(values: Mapping[str, str]) -> str:
    name = values.get("LECTERN_PROFILE", "100k")
    if name not in PROFILES:
        raise _wrong(values, "LECTERN_PROFILE", f"it must be one of {', '.join(PROFILES)}")
    return name


def _database_url(values: Mapping[str, str], name: str) -> str | None:
    url = values.get(name)
    if url is not None and not url.startswith(("postgresql://", "postgres://")):
        raise SettingsError(f"{name} is no PostgreSQL address: write postgresql://USER@HOST/DATABASE.")
    return url  # not shown in the message: it may hold a password


def _site_name(values: Mapping[str, str]) -> str:
    name = values.get("LECTERN_SITE_NAME", "Lectern").strip()
    if not name or len(name) > _SITE_NAME_LETTERS or not name.isprintable():
        raise _wrong(values, "LECTERN_SITE_NAME", f"it must be 1 to {_SITE_NAME_LETTERS} printable letters")
    return name


def _language(values: Mapping[str, str]) -> str:
    code = values.get("LECTERN_LANGUAGE", "en").strip()
    if not _LANGUAGE.fullmatch(code):
        raise _wrong(values, "LECTERN_LANGUAGE", "write a language's tag such as en, hi or pt-BR")
    return code


def _path(values: Mapping[str, str], name: str, top: Path) -> Path | None:
    return Path(os.path.abspath(top / Path(values[name]).expanduser())) if name in values else None


def _security(values: Mapping[str, str]) -> tuple[tuple[str, ...], str]:
    """What RFC 9116 asks for: who, and until when that is so. Both or neither."""
    contacts = tuple(dict.fromkeys(one.strip() for one in values.get("LECTERN_SECURITY_CONTACT", "").split(",") if one.strip()))
    for contact in contacts:
        if not _CONTACT.fullmatch(contact):
            raise _wrong(values, "LECTERN_SECURITY_CONTACT", f"{contact!r} is no address such as mailto:security@lectures.example")
    expires = values.get("LECTERN_SECURITY_EXPIRES", "").strip()
    if bool(contacts) != bool(expires):
        raise SettingsError("LECTERN_SECURITY_CONTACT and LECTERN_SECURITY_EXPIRES go together: set both, or neither.")
    try:
        good = not expires or date.fromisoformat(expires).isoformat() == expires
    except ValueError:
        good = False
    if not good:
        raise _wrong(values, "LECTERN_SECURITY_EXPIRES", "write a day such as 2027-06-30")
    return contacts, expires


def _frame_hosts(values: Mapping[str, str]) -> tuple[str, ...]:
    hosts = [host.strip().lower() for host in values.get("LECTERN_FRAME_HOSTS", "").split(",") if host.strip()]
    for host in hosts:
        # A name goes into a security header as it is: nothing but a host and a port may pass.
        if not _HOST.fullmatch(host):
            raise _wrong(values, "LECTERN_FRAME_HOSTS", f"{host!r} is no host name such as tube.example")
    return tuple(dict.fromkeys(hosts))


def _yes(values: Mapping[str, str], name: str, default: str) -> bool:
    if (text := values.get(name, default).strip().lower()) not in ("yes", "no"):
        raise _wrong(values, name, "write yes or no")
    return text == "yes"


def _private_hosts(values: Mapping[str, str]) -> tuple[str, ...]:
    name = "LECTERN_REFRESH_PRIVATE_HOSTS"
    hosts = [host.strip().lower() for host in values.get(name, "").split(",") if host.strip()]
    for host in hosts:
        if not _ANY_HOST.fullmatch(host):
            raise _wrong(values, name, f"{host!r} is no host such as media.school.internal or 10.0.0.5:8080")
    return tuple(dict.fromkeys(hosts))


def _wrong(values: Mapping[str, str], name: str, mend: str) -> SettingsError:
    return SettingsError(f"{name} is {values.get(name, '')!r}: {mend}.")


def _nearest(name: str) -> str:
    import difflib  # only on the way to an error

    near = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.75)
    return f" (did you mean {near[0]}?)" if near else ""
