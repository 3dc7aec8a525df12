"""The webhook's address. No session and no form's token: the signature says who asks."""
from __future__ import annotations

import time

from flask import Blueprint, Response

from api import bodies, pool
from api.desk import shapes, webhook
from api.openapi import describe

blueprint = Blueprint("delivered", __name__)
HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


@blueprint.post("/hooks/publish")
@describe(summary="Publish what another system has written, signed as Standard Webhooks has it; each delivery once", body=webhook.Hook,
          answers={200: webhook.Hooked, 401: None, 404: None, 409: None, 422: None}, signed=HEADERS)
def deliver() -> Response:
    raw = bodies.read_raw(shapes.EDIT_BYTES)
    delivery = webhook.must_be_signed(raw)
    with pool.current().transaction() as cursor:
        told = webhook.deliver(cursor, delivery, raw, time.time())
    return bodies.say(told, Cache_Control="no-store")
