"""A pasted address as a video's fields: what its provider tells."""
from __future__ import annotations

import re

from builder.catalog import sources
from builder.catalog.providers.pace import HostDown
from builder.catalog.providers.port import Ask
from builder.catalog.providers.web import Unreachable
from builder.catalog.text import clean
from builder.desk.means import Answer, Means, Question, UnanswerableError

_URL = re.compile(r'https?://[^\s\x00-\x1f\x7f-\x9f<>"\ufffe\uffff]+')  # as catalog.web_url


def fill(means: Means, question: Question) -> Answer:
    """``{"source": {"kind", "url", "start_s"}, "provider", "outcome", "why", "title", "duration_s", "picture_url"}``. *outcome* is
    found, missing or failed, as the provider said. A private address is never asked. Raises UnanswerableError for what is none."""
    url = str(question.asked["url"]).strip()
    if not _URL.fullmatch(url) or len(url.encode()) > 2048:
        raise UnanswerableError("This is no address of a recording: paste one that begins with https:// or http://.")
    source = sources.parse(url)
    told = {"source": source._asdict(), "provider": sources.provider(source.kind, source.url), "title": "",
            "duration_s": None, "picture_url": None}
    try:
        answers = means.providers()[source.kind].ask(means.web, [Ask(source.url)])
    except (Unreachable, HostDown) as error:
        return {**told, "outcome": "failed", "why": f"{error}"}
    if not answers:
        return {**told, "outcome": "failed", "why": "its quota is spent for today"}
    answer = answers[0]
    return {**told, "outcome": answer.outcome, "why": answer.why, "title": answer.title, "duration_s": answer.duration_s,
            "picture_url": answer.picture_url}


def markdown(means: Means, question: Question) -> Answer:
    """``{"html", "plain", "note"}``: a description as its page would show it, by the very sanitiser."""
    return clean(question.asked["text"], question.asked["markup"])._asdict()
