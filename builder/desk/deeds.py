"""What an editor may ask for that is no edit: a takedown; and an admin: back to a release, and on again."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg2

from builder import lease, purge, takedown
from builder.desk.means import Answer, Means, Question, UnanswerableError
from builder.publishing import PURGE_WAIT_S, Publisher

LEASE_WAIT_S = 60.0  # for a release that is under way


def take_down(means: Means, question: Question) -> Answer:
    """``{"release", "paths": how many, "holds", "owed", "proof": [{"where", "encoding", "status"}]}``; what still answers comes first,
    then who was silent. The proof is asked for when the lease is given back: no publish waits for it."""
    with _opened(means) as (connection, publisher):
        try:
            done = takedown.take_down(means.dsn, connection, publisher, means.store, means.purgers, means.site.base_url,
                                      question.asked["kind"], question.asked["id"], lambda: lease.held(connection, LEASE_WAIT_S))
        except lease.LeaseHeld as error:
            raise UnanswerableError("It is out of the catalog, and goes as soon as the builder that is at work is done; whether it is gone "
                                    "was not asked: ask for it once more.") from error
    said = sorted(done.proof, key=lambda one: (one.gone, not one.status))
    return {"release": done.release, "paths": len(done.paths), "holds": done.holds, "owed": done.owed,
            "proof": [one._asdict() for one in said[:100]]}


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
    with _opened(means) as (connection, publisher), lease.held(connection, LEASE_WAIT_S):
        yield connection, publisher


@contextmanager
def _opened(means: Means) -> Iterator[tuple[psycopg2.extensions.connection, Publisher]]:
    with closing(psycopg2.connect(means.dsn, connect_timeout=10)) as connection:
        yield connection, Publisher(means.dsn, connection, means.store, means.site, means.profile, means.executors, means.purgers)


def _settle(means: Means) -> None:
    if means.purgers:
        purge.settle(means.dsn, means.purgers, wait_s=PURGE_WAIT_S)
