"""What an editor may ask for that is no edit: a takedown; and an admin: back to a release, and on again."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg2

from builder import lease, purge, takedown
from builder.desk.means import Answer, Means, Question
from builder.publishing import PURGE_WAIT_S, Publisher

LEASE_WAIT_S = 60.0  # for a release that is under way


def take_down(means: Means, question: Question) -> Answer:
    """``{"release", "paths": how many, "holds", "proof": [{"where", "encoding", "status"}]}``; what still answers comes first."""
    with _publisher(means) as (connection, publisher):
        done = takedown.take_down(means.dsn, connection, publisher, means.store, means.purgers, means.site.base_url,
                                  question.asked["kind"], question.asked["id"])
    proof = sorted(done.proof, key=lambda one: one.status in (0, 404, 410))
    return {"release": done.release, "paths": len(done.paths), "holds": done.holds, "proof": [one._asdict() for one in proof[:100]]}


def roll_back(means: Means, question: Question) -> Answer:
    """``{"release", "uploaded", "retired"}``: the site is what it was at that release, and publishing on hold."""
    with _publisher(means) as (_, publisher):
        done = publisher.back_to(question.asked["to"])
    _settle(means)
    return done._asdict()


def unhold(means: Means, question: Question) -> Answer:
    """``{"release", "uploaded"}``: the site shows the catalog again."""
    with _publisher(means) as (_, publisher):
        done = publisher.unhold()
    _settle(means)
    return {"release": done.release, "uploaded": done.uploaded}


@contextmanager
def _publisher(means: Means) -> Iterator[tuple[psycopg2.extensions.connection, Publisher]]:
    with closing(psycopg2.connect(means.dsn, connect_timeout=10)) as connection:
        publisher = Publisher(means.dsn, connection, means.store, means.site, means.profile, means.executors, means.purgers)
        with lease.held(connection, LEASE_WAIT_S):
            yield connection, publisher


def _settle(means: Means) -> None:
    if means.purgers:
        purge.settle(means.dsn, means.purgers, wait_s=PURGE_WAIT_S)
