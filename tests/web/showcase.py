"""A catalog that shows each page kind at its best and at its worst: many scripts, long titles, no picture, 1 and 500 items.

Pictures are drawn here, as a camera would have taken them: a lit stage, a screen, a speaker.
"""
from __future__ import annotations

import io
import math
import random
from collections.abc import Sequence
from contextlib import closing
from typing import NamedTuple

import psycopg2
from PIL import Image, ImageDraw, ImageFilter

from builder.catalog.refresh.pictures import Shelf, put_copy, shrunk
from edge.store.sqlite import SQLiteStore
from tests.web.serving import Served

LONG = ("How we moved forty-two interdependent services, nine hundred gigabytes of measurements and one very patient team from a "
        "weekly release train to continuous delivery without losing a single reading, and what we would never do again")
UNBROKEN = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaftsverordnungsentwurf"


class Batch(NamedTuple):
    course: str
    slug: str
    title: str
    year: int
    videos: int
    titles: tuple[tuple[str, str, str], ...] = ()  # (language, title, who) of the first ones
    about: str = ""


TALKS = (
    ("en", "Gradient descent, by hand", "Ada Okafor"), ("en", "What a matrix does to space", "Ada Okafor"),
    ("en", "Probability without dice", "Jonas Lindqvist"), ("en", LONG, "Maria del Carmen Fernández-Villaverde"),
    ("fr", "Apprendre à voir : les réseaux de convolution", "Hélène Marchand"), ("en", "Sets", "Ada Okafor"),
    ("hi", "संख्यात्मक विधियों का परिचय: न्यूटन की विधि", "अनन्या शर्मा"), ("ar", "مقدمة في الجبر الخطي للمهندسين", "ليلى حداد"),
    ("zh", "深度学习中的优化方法与数值稳定性", "王小明"), ("de", UNBROKEN, "Jürgen Groß"),
    ("en", "Reading a proof as one reads a map", "Jonas Lindqvist"), ("en", "Testing what cannot be seen", "Grace Mbeki"),
)
BATCHES = (
    Batch("Mathematics for Machines", "mathematics-2024", "Mathematics for Machines, autumn 2024", 2024, 12, TALKS,
          "Twelve evenings that go from a line through two points to a network that reads handwriting. No calculus is "
          "presumed; pencil and paper are."),
    Batch("Mathematics for Machines", "mathematics-2022", "Mathematics for Machines, autumn 2022", 2022, 9),
    Batch("Physics, First Year", "physics-2023", "Physics, First Year, 2023", 2023, 500,
          about="The whole first year as it was taught: mechanics, waves, heat, fields."),
    Batch("Open Evening", "open-evening", "Open Evening", 2021, 1),
    Batch("हिन्दी में विज्ञान", "vigyan", "हिन्दी में विज्ञान, २०२५", 2025, 8, (
        ("hi", "प्रकाश कैसे मुड़ता है", "अनन्या शर्मा"), ("hi", "ऊष्मा और कार्य", "अनन्या शर्मा"))),
    Batch("Software that Lasts", "software-2020", "Software that Lasts, spring 2020", 2020, 16),
)
TOPICS = ("Waves", "Energy", "Fields", "Heat", "Momentum", "Light", "Sound", "Orbits", "Charge", "Entropy")
SUBJECTS = ("Mathematics", "Physics", "Software", "Teaching", "Machine learning", "भौतिकी", "代数")


def fill(site: Served) -> None:
    """Fill the site's empty catalog, pictures and all."""
    chance = random.Random(4)
    _insert(site, "subject", [(n, f"subject-{n}", name) for n, name in enumerate(SUBJECTS, 1)], "id, slug, title")
    courses: dict[str, int] = {}
    people: dict[str, int] = {}
    id = 0
    for number, batch in enumerate(BATCHES, 1):
        if batch.course not in courses:
            courses[batch.course] = len(courses) + 1
            site.sql("INSERT INTO catalog.course (id, slug, title, description, description_markup) VALUES (%s, %s, %s, %s, 'plain')",
                     courses[batch.course], f"course-{courses[batch.course]}", batch.course,
                     batch.about)
        site.sql("""INSERT INTO catalog.batch (id, course_id, slug, title, description, description_markup, starts_on, ends_on)
            VALUES (%s, %s, %s, %s, %s, 'plain', make_date(%s, 9, 2), make_date(%s, 12, 20))""",
                 number, courses[batch.course], batch.slug, batch.title, batch.about, batch.year, batch.year)
        rows, taught, about, sources = [], [], [], []
        for place in range(batch.videos):
            id += 1
            language, title, who = batch.titles[place] if place < len(batch.titles) else (
                "en", f"{TOPICS[place % 10]}, part {place // 10 + 1}", f"Teacher {chr(65 + place % 7)}. Example")
            people.setdefault(who, len(people) + 1)
            rows.append((id, f"lecture-{id}", title, "published", number, language, f"{batch.year}-09-{1 + place % 28:02}",
                         None if place % 11 == 10 else 300 + chance.randrange(5400), place + 1,
                         "" if place % 9 == 8 else f"{title}: what it is for, how it came to be, and three exercises to take home.\n\n"
                         "Bring paper. The slides and the exercises are linked below, with answers for every other one.",
                         "CC BY 4.0"))
            taught.append((id, people[who], 0))
            about.append((id, 1 + (number + place) % len(SUBJECTS)))
            sources.append((id, 0, "youtube", f"https://www.youtube.com/watch?v={id:011}"))
        _insert(site, "video", rows, "id, slug, title, status, batch_id, language, recorded_on, duration_s, position, description, licence")
        _insert(site, "instructor", [(n, f"teacher-{n}", name) for name, n in people.items()], "id, slug, name",
                "ON CONFLICT DO NOTHING")
        _insert(site, "video_instructor", taught, "video_id, instructor_id, position")
        _insert(site, "video_subject", about, "video_id, subject_id")
        _insert(site, "source", sources, "video_id, position, kind, url")
    site.sql("INSERT INTO catalog.resource (video_id, position, label, url) VALUES (1, 0, 'Slides', 'https://slides.example/1.pdf')")
    _pictures(site, [id for (id,) in site.sql("SELECT id FROM catalog.video WHERE id % 4 <> 3 AND (id < 40 OR id > 500)")])


def _insert(site: Served, table: str, rows: Sequence[tuple[object, ...]], columns: str, ending: str = "") -> None:
    marks = ", ".join(f"({', '.join(['%s'] * len(row))})" for row in rows)
    site.sql(f"INSERT INTO catalog.{table} ({columns}) VALUES {marks} {ending}", *(value for row in rows for value in row))


def _pictures(site: Served, ids: list[int]) -> None:
    with closing(SQLiteStore(site.file)) as store, closing(psycopg2.connect(site.dsn)) as connection:
        connection.autocommit = True
        for id in ids:
            key = put_copy(connection, Shelf(store, "100k"), id, shrunk(stage(id)))
            site.sql("UPDATE catalog.video SET picture = %s WHERE id = %s", key, id)


def stage(id: int) -> bytes:
    """A JPEG of 1280 by 720 as a recording's still: a dark hall, a bright screen with lines on it, somebody before it."""
    chance = random.Random(id)
    picture = Image.new("RGB", (1280, 720), tuple(chance.randrange(18, 60) for _ in range(3)))
    draw = ImageDraw.Draw(picture)
    left = chance.choice((120, 380))
    light = tuple(chance.randrange(190, 250) for _ in range(3))
    draw.rectangle((left, 70, left + 760, 498), light)
    for line in range(chance.randrange(3, 7)):
        draw.rectangle((left + 60, 130 + line * 56, left + 60 + chance.randrange(240, 600), 150 + line * 56), (70, 74, 90))
    if id % 3 == 0:
        draw.line([(left + 60 + x, 420 - 90 * math.sin(x / 70 + id)) for x in range(0, 640, 8)], (160, 40, 50), 8)
    body = 250 if left > 200 else 1020
    draw.ellipse((body - 46, 300, body + 46, 402), (196, 150, 120))
    draw.rounded_rectangle((body - 96, 400, body + 96, 720), 60, tuple(chance.randrange(40, 150) for _ in range(3)))
    out = io.BytesIO()
    picture.filter(ImageFilter.GaussianBlur(1.2)).save(out, "JPEG", quality=88)
    return out.getvalue()
