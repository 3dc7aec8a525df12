"""A batch's days as iCalendar: what RFC 5545 asks, whatever the titles hold, and nothing of the clock."""
from __future__ import annotations

import re
from datetime import date
from uuid import UUID

import pytest

from builder.catalog.model import Batch, Card, Link
from builder.pages.schedule import LINE_BYTES, schedule
from tests.site import SITE, Built, fill

SITE_UUID = UUID(int=1)
BATCH = Batch(1, "batch", "Batch", "", "plain", None, date(2024, 9, 2), date(2024, 12, 20), False, None, 1, "course", "Course",
              namesakes=0, videos=1, total_s=0, timed=0, first_on=None, last_on=None)


def _card(title: str, *names: str) -> Card:
    return Card(7, "lecture", title, 60, date(2024, 9, 30), "en", None, 1, tuple(Link(n, f"t-{n}", name) for n, name in enumerate(names)))


def _events(text: str) -> list[dict[str, str]]:
    """Events by property, unfolded and unescaped as RFC 5545 3.1 and 3.3.11 say."""
    assert text.endswith("\r\n")
    assert "\n" not in text.replace("\r\n", "")
    assert all(len(line.encode()) <= LINE_BYTES for line in text.split("\r\n"))
    lines = text.replace("\r\n ", "").split("\r\n")[:-1]
    assert [lines[0], lines[-1]] == ["BEGIN:VCALENDAR", "END:VCALENDAR"]
    events: list[dict[str, str]] = []
    for line in lines:
        name, value = line.split(":", 1)
        if line == "BEGIN:VEVENT":
            events.append({})
        elif events:
            events[-1][name] = re.sub(r"\\(.)", r"\1", value)
    return events


def test_a_batch_s_run_and_its_dated_lectures_are_events_of_whole_days() -> None:
    run, lecture = _events(schedule(BATCH, [_card("Limits", "Ada Lovelace", "Emmy Noether"), _card("x")._replace(recorded_on=None)],
                                    SITE, SITE_UUID))
    assert (run["DTSTART;VALUE=DATE"], run["DTEND;VALUE=DATE"], run["SUMMARY"]) == ("20240902", "20241221", "Batch")
    assert (lecture["DTSTART;VALUE=DATE"], lecture["DTEND;VALUE=DATE"]) == ("20240930", "20241001")
    assert (lecture["SUMMARY"], lecture["DESCRIPTION"]) == ("Limits", "Ada Lovelace, Emmy Noether")
    assert lecture["URL"] == "https://lectures.example/videos/lecture/"
    assert lecture["DTSTAMP"] == "20240930T000000Z"
    assert run["UID"] != lecture["UID"]


@pytest.mark.parametrize("title", [
    "END:VEVENT\r\nBEGIN:VEVENT\r\nSUMMARY:another", "a;b,c\\n\\d:e", "\u0000\u0007\u001b", "line\u2028para\u2029next\u0085\u000b\u000c",
    "संख्यात्मक विधियों का परिचय " * 9, "深度学习" * 60, "👩‍👩‍👧‍👦" * 30, "é" * 500, "x" * 75, "\ud800", "", "\\", "a" * 66 + "é",
])
def test_whatever_a_title_holds_is_one_value_of_one_event(title: str) -> None:
    _, lecture = _events(schedule(BATCH._replace(title=title), [_card(title, title)], SITE, SITE_UUID))
    expected = " ".join(re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", " ", title).split())
    assert lecture["SUMMARY"] == expected


def test_an_event_keeps_its_uid_whatever_is_mended(site: Built) -> None:
    fill(site)
    site.build()
    before = [event["UID"] for event in _events(site.text("/batches/batch/batch.ics"))]
    site.sql("UPDATE catalog.video SET title = 'Another', slug = slug || '-x'")
    site.build()
    events = _events(site.text("/batches/batch/batch.ics"))
    assert [event["UID"] for event in events] == before
    assert {event["SUMMARY"] for event in events} == {"Another"}
    assert len(set(before)) == 3


def test_a_calendar_comes_and_leaves_with_the_days_and_the_page_says_so(site: Built) -> None:
    fill(site)
    site.sql("UPDATE catalog.video SET recorded_on = NULL")
    site.build()
    assert "/batches/batch/batch.ics" not in site.objects()
    assert "batch.ics" not in site.text("/batches/batch/")
    site.sql("UPDATE catalog.batch SET starts_on = '2024-09-02'")
    site.build()
    assert 'href="/batches/batch/batch.ics"' in site.text("/batches/batch/")
    thing = site.objects()["/batches/batch/batch.ics"]
    assert (thing.content_type, thing.cache_control) == (
        "text/calendar; charset=utf-8", "public, max-age=60, must-revalidate, s-maxage=3600")
    site.sql("UPDATE catalog.batch SET starts_on = NULL")
    site.build()
    assert "batch.ics" not in site.text("/batches/batch/")
    assert site.objects()["/batches/batch/batch.ics"].status == 410


def test_a_lecture_that_is_not_published_is_in_no_calendar(site: Built) -> None:
    fill(site)
    site.sql("UPDATE catalog.video SET title = 'Zebrafish', status = 'scheduled', publish_at = '2999-01-01' WHERE id = 2")
    site.build()
    assert "Zebrafish" not in site.text("/batches/batch/batch.ics")
    assert len(_events(site.text("/batches/batch/batch.ics"))) == 2
