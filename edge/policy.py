"""Security headers: one policy for pages and API, and the only place where it is written.

Nothing inline, nothing from another host but the players that a reader starts and the video files
that an editor links to. Sources: CSP Level 3, Permissions Policy, RFC 6797 (HSTS), the Fetch standard.
"""
from __future__ import annotations

import re
from collections.abc import Iterable

PLAYER_HOSTS = ("www.youtube-nocookie.com", "player.vimeo.com", "archive.org")

HSTS_S = 365 * 24 * 60 * 60
REFERRER = "strict-origin-when-cross-origin"
"""YouTube refuses to play (error 153) where it is told no origin."""

_PLAYERS_MAY = ("autoplay", "encrypted-media", "fullscreen", "picture-in-picture")
_NOBODY_MAY = ("accelerometer", "browsing-topics", "camera", "display-capture", "geolocation", "gyroscope",
               "magnetometer", "microphone", "midi", "payment", "usb")

SPECULATION_PATH = "/speculation-rules.json"
"""What browsers may fetch before a click (HTML, Speculation Rules): named by a header, since rules in the page would be inline."""

Headers = tuple[tuple[str, str], ...]

PART_TYPES = r"^(?:text/(?:css|vtt)|application/(?:speculationrules\+)?json|image/(?:avif|gif|jpeg|png|webp|x-icon)|font/woff2)(?:;|$)"
"""Content types that no browser opens as a document that could do anything, nor runs as a worker. SVG may hold scripts."""

SCRIPT_TYPE = r"^text/javascript(?:;|$)"
SCRIPTS = "^/assets/"
"""Where scripts lie that are no workers: a worker obeys the policy that its own file came with, so that of /sw.js has one."""

_OF_PARTS = ("X-Content-Type-Options", "Strict-Transport-Security")


def page_headers(*, https: bool, frame_hosts: Iterable[str] = ()) -> Headers:
    """The security headers of an answer that is a document, or may be one.

    *https*: readers come over TLS, so tell them to stay there. *frame_hosts*: hosts whose players
    may be framed beside the known ones, as bare names (``tube.example``).
    """
    players = [f"https://{host}" for host in dict.fromkeys((*PLAYER_HOSTS, *frame_hosts))]
    headers = [
        ("Content-Security-Policy", content_security_policy(players)),
        ("Permissions-Policy", permissions_policy(players)),
        ("Referrer-Policy", REFERRER),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "SAMEORIGIN"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Speculation-Rules", f'"{SPECULATION_PATH}"'),
    ]
    if https:
        headers.append(("Strict-Transport-Security", f"max-age={HSTS_S}"))
    return tuple(headers)


def of_parts(headers: Headers) -> Headers:
    """Those of *headers* that say something of a style, a script or a picture. The rest is for documents and workers, and is a kilobyte."""
    return tuple(header for header in headers if header[0] in _OF_PARTS)


def is_part(content_type: str, path: str) -> bool:
    """Whether an answer is only ever a part of a page; *path* is its address, such as ``/assets/site.css``."""
    return bool(re.search(PART_TYPES, content_type) or (re.search(SCRIPTS, path) and re.search(SCRIPT_TYPE, content_type)))


def content_security_policy(players: Iterable[str]) -> str:
    """The Content-Security-Policy value; *players* are origins that may be framed."""
    return "; ".join((
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "media-src 'self' https: blob:",  # blob: is what a player of streams hands to <video>
        f"frame-src {' '.join(players)}",
        # A stream's list and pieces are fetched by script, from wherever media may come: media-src says the same to the browser's
        # own player. It opens no new way out: a script of ours alone could use it, and a <video> asks any https host already.
        "connect-src 'self' https:",
        "worker-src 'self' blob:",
        "manifest-src 'self'",
        "frame-ancestors 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "object-src 'none'",
    ))


def permissions_policy(players: Iterable[str]) -> str:
    """The Permissions-Policy value: what *players* need to play, and nothing that watches a student."""
    allowed = " ".join(("self", *(f'"{origin}"' for origin in players)))
    return ", ".join([f"{name}=({allowed})" for name in _PLAYERS_MAY] + [f"{name}=()" for name in _NOBODY_MAY])
