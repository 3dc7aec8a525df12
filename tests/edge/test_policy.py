"""One security policy: nothing inline, players may play, nobody else may do anything."""
from __future__ import annotations

import re

from edge.policy import is_part, of_parts, page_headers


def test_nothing_inline_and_nothing_unsafe_is_allowed() -> None:
    policy = dict(page_headers(https=False))["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "*" not in policy


def test_each_directive_says_what_it_should() -> None:
    policy = directives()
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["style-src"] == "'self'"
    assert policy["img-src"] == "'self' data:"
    assert policy["frame-ancestors"] == "'self'"
    assert policy["base-uri"] == "'none'"
    assert policy["form-action"] == "'self'"
    assert policy["object-src"] == "'none'"
    assert policy["connect-src"] == "'self' https:"


def test_players_of_streams_get_their_worker_and_their_blob() -> None:
    assert directives()["worker-src"] == "'self' blob:"
    assert directives()["media-src"] == "'self' https: blob:"


def test_the_known_players_and_the_configured_ones_may_be_framed() -> None:
    assert directives("tube.example", "archive.org")["frame-src"] == (
        "https://www.youtube-nocookie.com https://player.vimeo.com https://archive.org https://tube.example")


def test_players_may_go_fullscreen_and_play_protected_streams_but_not_watch_the_student() -> None:
    permissions = dict(page_headers(https=False, frame_hosts=["tube.example"]))["Permissions-Policy"]
    for name in ("fullscreen", "autoplay", "encrypted-media", "picture-in-picture"):
        allowed = re.search(rf"(?:^|, ){name}=\(([^)]*)\)", permissions)
        assert allowed is not None
        assert '"https://tube.example"' in allowed[1].split()
        assert '"https://www.youtube-nocookie.com"' in allowed[1].split()
    for name in ("camera", "microphone", "geolocation"):
        assert f"{name}=()" in permissions


def test_a_player_is_told_our_origin_since_youtube_plays_for_nobody_else() -> None:
    assert dict(page_headers(https=False))["Referrer-Policy"] == "strict-origin-when-cross-origin"


def test_browsers_are_bound_to_tls_only_where_there_is_tls() -> None:
    assert dict(page_headers(https=True))["Strict-Transport-Security"] == "max-age=31536000"
    assert "Strict-Transport-Security" not in dict(page_headers(https=False))


def test_types_are_never_guessed() -> None:
    assert dict(page_headers(https=False))["X-Content-Type-Options"] == "nosniff"


def test_a_part_of_a_page_is_told_by_its_type_and_of_scripts_only_those_that_are_no_workers() -> None:
    for content_type, path in (("text/css; charset=utf-8", "/assets/a.css"), ("image/webp", "/pictures/1/a.webp"), ("image/png", "/x"),
                               ("text/javascript; charset=utf-8", "/assets/a.js"), ("application/json", "/data/video/1.json"),
                               ("application/speculationrules+json", "/speculation-rules.json"), ("text/vtt; charset=utf-8", "/x.vtt")):
        assert is_part(content_type, path), content_type
    for content_type, path in (("text/html; charset=utf-8", "/assets/a.js"), ("text/javascript; charset=utf-8", "/sw.js"),
                               ("image/svg+xml", "/assets/favicon.svg"), ("application/atom+xml", "/feed.xml"), ("", "/assets/a.js"),
                               ("text/cssx", "/"), ("x text/css", "/"), ("application/pdf", "/assets/a.pdf")):
        assert not is_part(content_type, path), content_type


def test_a_part_bears_what_says_something_of_it() -> None:
    assert of_parts(page_headers(https=True)) == (("X-Content-Type-Options", "nosniff"), ("Strict-Transport-Security", "max-age=31536000"))


def directives(*frame_hosts: str) -> dict[str, str]:
    policy = dict(page_headers(https=True, frame_hosts=frame_hosts))["Content-Security-Policy"]
    return dict(part.split(" ", 1) for part in policy.split("; "))
