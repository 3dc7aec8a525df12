"""The address that says where a video plays."""
from __future__ import annotations

import time
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, request

from api import bodies, pool, vary
from api.auth.sessions import mine, signed_in
from api.ids import take_ids
from api.openapi import describe
from api.playback import current
from api.playback.service import Playback, playback
from api.playback.signing import VALID_S
from edge.tiers import cache_control

blueprint = take_ids(Blueprint("playback", __name__, url_prefix="/api/v1/playback"))


@blueprint.get("/<id:video>")
@describe(summary="Where a video plays, for who is enrolled in its batch", answers={200: Playback, 403: None, 404: None}, session=True)
@signed_in
def sources(video: int) -> Response:
    found, signed = playback(pool.current(), current(), mine().account_id, video, time.time())
    answer = bodies.say(found, Cache_Control=cache_control("never", "100k"))
    vary.add(answer, "Cookie")
    for one in signed:
        if urlsplit(one.url).netloc == request.host:
            for name, value in one.cookies.items():
                answer.set_cookie(name, value, max_age=VALID_S, path=one.path, secure=current_app.config["LECTERN_HTTPS"],
                                  httponly=True, samesite="Lax")
    return answer
