"""How quick pages were for one reader in a hundred, as histograms by page kind: no cookie, no address, no page is kept.

LCP, INP and CLS as web.dev defines them. What comes is anybody's to send, so kinds are a closed list, values have bounds, and the
limits count it as any other request. What is added up is no more than a hint, and no page or student depends on it.
"""
from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from flask import Blueprint, Flask, Response, current_app
from prometheus_client import CollectorRegistry, Histogram

from api import bodies
from api.openapi import describe
from edge.tiers import cache_control

Kind = Literal["home", "course", "batch", "subject", "instructor", "video", "list", "search", "account", "other"]
EXTENSION = "lectern.vitals"
LONGEST_MS = 60_000
WORST_CLS = 10.0
MOST_BYTES = 512
_Ms = Annotated[float, msgspec.Meta(ge=0, le=LONGEST_MS)]
# Bounds are web.dev's "good" and "poor", and steps around them.
_LCP_S = (0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0)
_INP_S = (0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0)
_CLS = (0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0)

blueprint = Blueprint("vitals", __name__, url_prefix="/api/v1")


class Seen(bodies.Body, frozen=True):
    """One page view. A browser that measures one of them not leaves it out."""

    kind: Kind
    lcp_ms: _Ms | None = None
    inp_ms: _Ms | None = None
    cls: Annotated[float, msgspec.Meta(ge=0, le=WORST_CLS)] | None = None


class Vitals:
    """What was seen, in this process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.lcp = Histogram("lectern_vital_lcp_seconds", "Largest Contentful Paint, of a sample of page views", ("kind",),
                             registry=registry, buckets=_LCP_S)
        self.inp = Histogram("lectern_vital_inp_seconds", "Interaction to Next Paint, of a sample of page views", ("kind",),
                             registry=registry, buckets=_INP_S)
        self.cls = Histogram("lectern_vital_cls", "Cumulative Layout Shift, of a sample of page views", ("kind",),
                             registry=registry, buckets=_CLS)

    def add(self, seen: Seen) -> None:
        """Count one page view."""
        for histogram, value, scale in ((self.lcp, seen.lcp_ms, 1000), (self.inp, seen.inp_ms, 1000), (self.cls, seen.cls, 1)):
            if value is not None:
                histogram.labels(seen.kind).observe(value / scale)


def init_app(app: Flask, registry: CollectorRegistry) -> None:
    """Take what readers' browsers saw into *registry*."""
    app.extensions[EXTENSION] = Vitals(registry)
    app.register_blueprint(blueprint)


@blueprint.post("/vitals")
@describe(summary="How quick one page view was: for a sample, without identity", body=Seen, answers={204: None}, anonymous=True)
def vitals() -> Response:
    seen: Vitals = current_app.extensions[EXTENSION]
    seen.add(bodies.read(Seen, most=MOST_BYTES))
    return Response(status=204, headers={"Cache-Control": cache_control("never", "100k")})
