"""How far open edits would reach before they are published, and what is doubtful about them."""
from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, NamedTuple

from psycopg2.extensions import connection as Connection

from builder.catalog.providers.web import Unreachable
from builder.desk.drafts import Draft, apply
from builder.desk.means import Answer, Means, Question
from builder.explain import impact as reach
from builder.explain.rehearsal import undone

LINKS_ASKED = 8
LINKS_S = 8.0
"""For all of them: an editor waits."""

_DEAD = (404, 410)
_URL = re.compile(r"https?://[^\s<>\"')\]]+")
# Purpose: published videos of the same title in a batch.
_NAMESAKES = "SELECT count(*) FROM catalog.video WHERE batch_id = %s AND title = %s AND id <> %s AND status = 'published'"
_SAME_NAME = {
    "course": "SELECT count(*) FROM catalog.course WHERE title = %s AND id <> %s",
    "batch": "SELECT count(*) FROM catalog.batch WHERE title = %s AND id <> %s",
    "subject": "SELECT count(*) FROM catalog.subject WHERE lower(title) = lower(%s) AND id <> %s",
    "instructor": "SELECT count(*) FROM catalog.instructor WHERE lower(name) = lower(%s) AND id <> %s",
}
_PICTURE = "SELECT picture IS NOT NULL, unavailable_since IS NOT NULL FROM catalog.video WHERE id = %s"
_MISSING = "SELECT url FROM live.refresh_source WHERE url = ANY(%s) AND missing_runs > 0"


class Doubt(NamedTuple):
    """Something that an editor may want to look at first."""

    edit: int
    field: str
    kind: str  # slug, title, picture, source, dead_link
    text: str


def impact(means: Means, question: Question) -> Answer:
    """``{"pages": {kind: n}, "objects", "purges": {cdn: {"names", "usd"}}, "seconds", "warnings": [{"edit", "field", "kind",
    "text"}]}``."""
    found, drafts, warnings = undone(means.dsn, lambda connection: _measured(means, connection, question.asked["edits"]))
    warnings += _dead_links(means, drafts)
    return {"pages": found.pages, "objects": found.objects, "seconds": found.seconds,
            "purges": {cdn: cost._asdict() for cdn, cost in found.purges.items()}, "warnings": [one._asdict() for one in warnings]}


def _measured(means: Means, connection: Connection, edits: Sequence[int]) -> tuple[reach.Impact, list[Draft], list[Doubt]]:
    applied = apply(connection, edits)
    found = reach.within(connection, means.site, means.purgers, applied.keys)
    return found, applied.drafts, [one for draft in applied.drafts for one in _doubts(connection, draft)]


def _doubts(connection: Connection, draft: Draft) -> Iterator[Doubt]:
    after, before = draft.after, draft.before
    if after is None:
        return
    if before and before["slug"] != after["slug"]:
        yield Doubt(draft.edit, "slug", "slug", f"The address changes from {before['slug']} to {after['slug']}; the old one leads on.")
    with connection.cursor() as cursor:
        if draft.kind == "video":
            cursor.execute(_NAMESAKES, (after["batch"], after["title"], draft.thing))
        else:
            cursor.execute(_SAME_NAME[draft.kind], (after["title"], draft.thing))
        ((namesakes,),) = cursor.fetchall()
        if namesakes:
            yield Doubt(draft.edit, "title", "title", f"{namesakes} others bear this title already: it will be numbered.")
        if draft.kind != "video":
            return
        cursor.execute(_PICTURE, (draft.thing,))
        ((pictured, gone),) = cursor.fetchall()
        if not pictured and not after["picture_url"]:
            yield Doubt(draft.edit, "picture_url", "picture", "There is no picture: a drawn pattern stands in for it.")
        if not after["sources"]:
            yield Doubt(draft.edit, "sources", "source", "There is nothing to watch: add a recording's address.")
        cursor.execute(_MISSING, ([source["url"] for source in after["sources"]],))
        missing = [url for (url,) in cursor.fetchall()]
        if missing or (gone and before and before["sources"] == after["sources"]):
            yield Doubt(draft.edit, "sources", "dead_link",
                           f"Its provider says that this recording is gone: {', '.join(missing) or 'all'}.")


def _dead_links(means: Means, drafts: Sequence[Draft]) -> list[Doubt]:
    """What the links that the edits bring in answer; asked outside any transaction, a few, and not for long."""
    found, ends = [], monotonic() + LINKS_S
    for edit, field, url in list(dict.fromkeys(link for draft in drafts for link in _new_links(draft)))[:LINKS_ASKED]:
        if monotonic() > ends:
            break
        with suppress(Unreachable):
            if means.web.fetch(url, method="HEAD").status in _DEAD:
                found.append(Doubt(edit, field, "dead_link", f"This link is dead: {url[:200]}"))
    return found


def _new_links(draft: Draft) -> Iterator[tuple[int, str, str]]:
    after, before = draft.after or {}, draft.before or {}
    old = set(_links(before))
    for field, url in _links(after):
        if (field, url) not in old:
            yield draft.edit, field, url


def _links(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for link in values.get("resources", ()):
        yield "resources", link["url"]
    for source in values.get("sources", ()):
        if source["kind"] in ("link", "file", "hls"):
            yield "sources", source["url"]
    for url in _URL.findall(values.get("description", "")):
        yield "description", url.rstrip(".,;:!?")
