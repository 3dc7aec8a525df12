"""The edits that histories are made of: each what an editor, an importer or a developer may do, on things picked by number."""
from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol

from builder.pages.page import Site

LARGE = 60  # the numbers of an edit are below this
WORDS = ("Algebra", "Algebra (2)", "Lightning Talks", "Lightning Talks (2)", "Привет", "<b>Bold</b>", "Ω & Co", "Zeta", "Lecture 1", "A")
STATUSES = ("published", "published", "withdrawn", "draft")
DAYS = ("2019-05-05", "2020-01-03", "2024-02-29", None)
TEMPLATES = (("video.html", "<article>", '<article class="x">'), ("card.html", 'class="t"', 'class="t x"'),
             ("parts.html", 'class="crumbs"', 'class="crumbs x"'), ("entry.xml", "<entry>", '<entry xml:lang="en">'),
             ("base.html", "<body>", '<body class="x">'), ("retired.html", "This page is gone", "This page has gone"),
             ("sitemapindex.xml", "<sitemap><loc>", "<sitemap ><loc>"))
ASSETS = (("assets/site.css", "Paper and ink", "Ink and paper"), ("assets/favicon.svg", "<svg xmlns", '<svg id="x" xmlns'))
LINKS = ("video_subject", "video_instructor", "source", "caption", "resource", "alias", "old_slug")
THINGS = ("course", "batch", "subject", "instructor")


class Desk(Protocol):
    """What an edit is made in."""

    guarded: bool
    site: Site
    profile: str

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]: ...
    def change_file(self, name: str, found: str, instead: str) -> None: ...
    def change_site(self, site: Site, profile: str) -> None: ...
    def flip(self) -> None: ...


Make = Callable[[Desk, int, int, int], None]

# One statement each; {video a} is the id of a lecture picked by the number a, {word b} one of the words, {c} the number c itself.
_PLAIN = {
    "retitle": "UPDATE catalog.video SET title = {word b} WHERE id = {video a}",
    "retitle_all": "UPDATE catalog.video SET title = {word b} WHERE id %% 4 = {c} %% 4",
    "retitle_as_another": """UPDATE catalog.video SET title = (SELECT title FROM catalog.video WHERE id = {video b})
        || (ARRAY['', ' (2)', ' (3)'])[1 + {c} %% 3] WHERE id = {video a}""",
    "describe": "UPDATE catalog.video SET description = repeat({word b} || ' words. ', {c} %% 3 * 500 + 1) WHERE id = {video a}",
    "describe_as": """UPDATE catalog.video SET description_markup = (ARRAY['plain', 'html', 'rst'])[1 + {b} %% 3]
        WHERE id = {video a}""",
    "move": "UPDATE catalog.video SET batch_id = {batch b} WHERE id = {video a}",
    "move_many": "UPDATE catalog.video SET batch_id = {batch b} WHERE batch_id = {batch a} AND id %% 3 <> {c} %% 4",
    "reorder": "UPDATE catalog.video SET position = CASE WHEN {c} %% 4 > 0 THEN {b} END WHERE id = {video a}",
    "reverse": "UPDATE catalog.video SET position = {b} - id WHERE batch_id = {batch a}",
    "swap": """UPDATE catalog.video v SET position = w.position FROM catalog.video w
        WHERE (v.id, w.id) IN (({video a}, {video b}), ({video b}, {video a}))""",
    "reslug_back": """UPDATE catalog.video v SET slug = o.slug FROM catalog.old_slug o WHERE o.kind = 'video' AND o.owner_id = v.id
        AND o.slug = (SELECT min(slug) FROM catalog.old_slug WHERE kind = 'video' AND owner_id = {video a})""",
    "status": """UPDATE catalog.video SET status = (ARRAY['published', 'published', 'withdrawn', 'draft'])[1 + {b} %% 4]
        WHERE id = {video a}""",
    "withdraw": "UPDATE catalog.video SET status = 'withdrawn' WHERE id = {video a}",
    "withdraw_many": "UPDATE catalog.video SET status = 'withdrawn' WHERE batch_id = {batch a} AND id %% 2 <> {b} %% 3",
    "publish": """UPDATE catalog.video SET status = 'published' WHERE id IN (
        SELECT id FROM catalog.video WHERE status <> 'published' ORDER BY id LIMIT 1 + {a} %% 3)""",
    "schedule": """UPDATE catalog.video SET status = 'scheduled', publish_at = (ARRAY['2020-01-01', '2999-01-01']::timestamptz[])[
        1 + {b} %% 2] WHERE id = {video a}""",
    "delete": "DELETE FROM catalog.video WHERE id = {video a}",
    "tag": "INSERT INTO catalog.video_subject VALUES ({video a}, {subject b}) ON CONFLICT DO NOTHING",
    "untag": "DELETE FROM catalog.video_subject WHERE video_id = {video a}",
    "retag": "UPDATE catalog.video_subject SET subject_id = {subject b} WHERE video_id = {video a} AND subject_id <> {c} %% 5",
    "tag_many": """INSERT INTO catalog.video_subject SELECT id, {subject a} FROM catalog.video WHERE id %% 3 = {b} %% 3
        ON CONFLICT DO NOTHING""",
    "empty_subject": "DELETE FROM catalog.video_subject WHERE subject_id = {subject a}",
    "teach": """INSERT INTO catalog.video_instructor VALUES ({video a}, {instructor b}, {c} %% 3)
        ON CONFLICT (video_id, instructor_id) DO UPDATE SET position = EXCLUDED.position""",
    "unteach": "DELETE FROM catalog.video_instructor WHERE video_id = {video a}",
    "empty_instructor": "DELETE FROM catalog.video_instructor WHERE instructor_id = {instructor a}",
    "source_of_another": """INSERT INTO catalog.source (video_id, position, kind, url, start_s)
        VALUES ({video a}, {c} %% 2, 'youtube', 'https://www.youtube.com/watch?v=' || lpad({video b}::text, 11, '0'), {b} %% 2)
        ON CONFLICT (video_id, position) DO UPDATE SET kind = EXCLUDED.kind, url = EXCLUDED.url, start_s = EXCLUDED.start_s""",
    "source": """INSERT INTO catalog.source (video_id, position, kind, url)
        VALUES ({video a}, {c} %% 2, 'file', 'https://files.example/' || {b} %% 3 || '.mp4')
        ON CONFLICT (video_id, position) DO UPDATE SET kind = EXCLUDED.kind, url = EXCLUDED.url""",
    "source_less": "DELETE FROM catalog.source WHERE video_id = {video a}",
    "source_moves": "UPDATE catalog.source SET video_id = {video a}, position = 7 WHERE id = {source b}",
    "resource": """INSERT INTO catalog.resource (video_id, position, label, url)
        VALUES ({video a}, {b} %% 2, {word c}, 'https://slides.example/')
        ON CONFLICT (video_id, position) DO UPDATE SET label = EXCLUDED.label""",
    "resource_less": "DELETE FROM catalog.resource WHERE id = {resource a}",
    "caption": """INSERT INTO catalog.caption (video_id, kind, language, body)
        VALUES ({video a}, (ARRAY['captions', 'transcript'])[1 + {b} %% 2], (ARRAY['en', 'hi'])[1 + {c} %% 2], 'WEBVTT ' || {c})
        ON CONFLICT (video_id, language, kind) DO UPDATE SET body = EXCLUDED.body""",
    "caption_less": "DELETE FROM catalog.caption WHERE id = {caption a}",
    "caption_moves": "UPDATE catalog.caption SET video_id = {video b} WHERE id = {caption a}",
    "alias": """INSERT INTO catalog.alias VALUES (
        (ARRAY['/talk', '/talk/1', '/talk/', '/t%%61lk', '/videos/hidden'])[1 + {b} %% 5], {video a})
        ON CONFLICT (path) DO UPDATE SET video_id = EXCLUDED.video_id""",
    "alias_less": "DELETE FROM catalog.alias WHERE path = (SELECT path FROM catalog.alias ORDER BY path LIMIT 1 OFFSET {a} %% 3)",
    "forget_slug": """DELETE FROM catalog.old_slug WHERE (kind, slug) = (
        SELECT kind, slug FROM catalog.old_slug ORDER BY kind, slug LIMIT 1 OFFSET {a} %% 3)""",
    "move_batch": "UPDATE catalog.batch SET course_id = {course b} WHERE id = {batch a}",
    "gate": "UPDATE catalog.batch SET gated = NOT gated WHERE id = {batch a}",
    "address_batch": "UPDATE catalog.batch SET url = 'https://run.example/' || {b} WHERE id = {batch a}",
    "date_batch": "UPDATE catalog.batch SET starts_on = date '2000-01-01' + {b}, ends_on = date '2030-01-01' + {c} WHERE id = {batch a}",
    "describe_batch": "UPDATE catalog.batch SET description = {word c} WHERE id = {batch a}",
    "describe_course": "UPDATE catalog.course SET description = {word c}, description_markup = 'plain' WHERE id = {course a}",
}
_SLOT = re.compile(r"{(?:(\w+) )?([abc])}")


def _plain(statement: str) -> Make:
    def make(at: Desk, a: int, b: int, c: int) -> None:
        values: list[object] = []
        for table, number in _SLOT.findall(statement):
            n = {"a": a, "b": b, "c": c}[number]
            values.append(n if not table else word(n) if table == "word" else pick(at, table, n))
        at.sql(_SLOT.sub("%s", statement), *values)

    return make


def pick(at: Desk, table: str, n: int) -> int:
    """The id of one row, 0 where there is none; the newest is 0's."""
    rows = at.sql(f"SELECT id FROM catalog.{table} ORDER BY id DESC")
    return int(rows[n % len(rows)][0]) if rows else 0


def word(n: int) -> str:
    return WORDS[n % len(WORDS)]


def _slug(at: Desk, table: str, n: int) -> str:
    """One of few, so that slugs come back, to their thing or another; or an old one of any thing's."""
    rows = at.sql("SELECT slug FROM catalog.old_slug WHERE kind = %s ORDER BY slug", table)
    return str(rows[n % len(rows)][0]) if rows and n % 2 else ("page", "letter", "s-2", "s-3", "s-4")[n % 5]


def _name(table: str) -> str:
    return "name" if table == "instructor" else "title"


def create(at: Desk, a: int, b: int, c: int) -> None:
    """One to three lectures, some under an id that was used before."""
    for n in range(a % 3 + 1):
        ((id,),) = at.sql("SELECT coalesce(CASE WHEN %s %% 2 = 0 THEN (SELECT min(n) FROM generate_series(1, 99) n WHERE NOT EXISTS ("
                          "SELECT FROM catalog.video v WHERE v.id = n)) END, max(id) + 1, 1) FROM catalog.video", b)
        at.sql("INSERT INTO catalog.video (id, slug, title, status, batch_id, recorded_on, duration_s) VALUES (%s, %s, %s, %s, %s, %s, %s)",
               id, f"new-{id}-{c}", word(b + n), STATUSES[c % 4], pick(at, "batch", a), DAYS[a % 4], 60 * c + 1 if c % 3 else None)
        if b % 3:
            at.sql("INSERT INTO catalog.video_subject VALUES (%s, %s)", id, pick(at, "subject", b))
        if c % 3:
            at.sql("INSERT INTO catalog.video_instructor VALUES (%s, %s)", id, pick(at, "instructor", c))


def facts(at: Desk, a: int, b: int, c: int) -> None:
    """One column of a lecture."""
    column, value = (
        ("duration_s", c * 60 + 1), ("duration_s", None), ("recorded_on", DAYS[c % 4]), ("language", ("hi", "en", None)[c % 3]),
        ("licence", word(c)), ("picture_url", f"https://p.example/{c}.png"), ("picture", f"pictures/{c}.jpg"),
        ("unavailable_since", f"2024-01-{c % 28 + 1:02}"), ("card", f"pictures/card-{c}.png"))[b % 9]
    at.sql(f"UPDATE catalog.video SET {column} = %s WHERE id = %s", value, pick(at, "video", a))


def reslug(at: Desk, a: int, b: int, c: int) -> None:
    """Of a lecture, mostly; else of a thing."""
    table = ("video", "video", *THINGS)[c % 6]
    at.sql(f"UPDATE catalog.{table} SET slug = %s WHERE id = %s", _slug(at, table, b), pick(at, table, a))


def swap_slugs(at: Desk, a: int, b: int, c: int) -> None:
    """Two things of a kind change addresses."""
    table = ("video", *THINGS)[c % 5]
    one, two = pick(at, table, a), pick(at, table, b)
    if one != two:
        ((first,), (second,)) = at.sql(f"SELECT slug FROM catalog.{table} WHERE id IN (%s, %s) ORDER BY id = %s", one, two, two)
        for id, now in ((one, "between"), (two, first), (one, second)):
            at.sql(f"UPDATE catalog.{table} SET slug = %s WHERE id = %s", now, id)


def merge(at: Desk, a: int, b: int, c: int) -> None:
    """Two subjects, or two instructors, become one."""
    table = THINGS[2 + c % 2]
    one, two = pick(at, table, a), pick(at, table, b)
    if one != two:
        at.sql(f"UPDATE catalog.video_{table} l SET {table}_id = %s WHERE {table}_id = %s AND NOT EXISTS ("
               f"SELECT FROM catalog.video_{table} o WHERE o.video_id = l.video_id AND o.{table}_id = %s)", two, one, two)
        at.sql(f"DELETE FROM catalog.{table} WHERE id = %s", one)


def create_thing(at: Desk, a: int, b: int, c: int) -> None:
    """A course, batch, subject or instructor, with or without something in it."""
    table = THINGS[a % 4]
    ((id,),) = at.sql(f"SELECT coalesce(max(id), 0) + 1 FROM catalog.{table}")
    column, value = (", course_id", f", {pick(at, 'course', b)}") if table == "batch" else ("", "")
    at.sql(f"INSERT INTO catalog.{table} (id, slug, {_name(table)}{column}) VALUES (%s, %s, %s{value})", id, f"made-{id}-{c}", word(c))
    if b % 3 and table == "batch":
        at.sql("UPDATE catalog.video SET batch_id = %s WHERE id = %s", id, pick(at, "video", c))
    elif b % 3 and table == "course":
        at.sql("UPDATE catalog.batch SET course_id = %s WHERE id = %s", id, pick(at, "batch", c))
    elif b % 3:
        at.sql(f"INSERT INTO catalog.video_{table} (video_id, {table}_id) SELECT id, %s FROM catalog.video WHERE id %% 5 = %s", id, c % 5)


def rename_thing(at: Desk, a: int, b: int, c: int) -> None:
    table = THINGS[a % 4]
    at.sql(f"UPDATE catalog.{table} SET {_name(table)} = %s WHERE id = %s", word(c), pick(at, table, b))


def rename_things(at: Desk, a: int, b: int, c: int) -> None:
    table = THINGS[a % 4]
    at.sql(f"UPDATE catalog.{table} SET {_name(table)} = %s WHERE id %% 2 = %s", word(c), b % 2)


def delete_thing(at: Desk, a: int, b: int, c: int) -> None:
    table = THINGS[a % 4]
    at.sql(f"DELETE FROM catalog.{table} WHERE id = %s", pick(at, table, b))


def truncate(at: Desk, a: int, b: int, c: int) -> None:
    """More leaves at once than any change names: an operator lets it pass."""
    at.guarded = False
    at.sql(f"TRUNCATE catalog.{LINKS[a % len(LINKS)]}")


def flip(at: Desk, a: int, b: int, c: int) -> None:
    at.flip()


def template(at: Desk, a: int, b: int, c: int) -> None:
    at.change_file(*TEMPLATES[a % len(TEMPLATES)])


def asset(at: Desk, a: int, b: int, c: int) -> None:
    at.change_file(*ASSETS[a % len(ASSETS)])


def setting(at: Desk, a: int, b: int, c: int) -> None:
    site = at.site
    at.change_site((
        site._replace(name=("Lectern", "Another & name")[b % 2]), site._replace(hue=(255, 9)[b % 2]),
        site._replace(base_url=("https://lectures.example", "https://other.example")[b % 2]),
        site._replace(frame_hosts=((), ("tube.example",))[b % 2]))[a % 4], at.profile)


def profile(at: Desk, a: int, b: int, c: int) -> None:
    at.change_site(at.site, ("100k", "500k", "1m")[a % 3])


_SURFACE: dict[str, Make] = {make.__name__: make for make in (template, asset, setting, profile)}
_CATALOG: dict[str, Make] = {name: _plain(statement) for name, statement in _PLAIN.items()} | {
    make.__name__: make for make in (create, facts, reslug, swap_slugs, merge, create_thing, rename_thing, rename_things, delete_thing,
                                     truncate, flip)}
EDITS = _CATALOG | _SURFACE
NAMES = (*_CATALOG, *_CATALOG, *_CATALOG, *_CATALOG, "create", "publish", "publish", *_SURFACE)
"""To choose from: of what pages are made with less often, since templates are compiled anew."""
