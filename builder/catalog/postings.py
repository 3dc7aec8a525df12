"""Which lectures each term leads to, kept beside the catalog, so that an edit reads and writes its own terms and no others.

A small release brings them up within its own transaction, for what it touches. A large one looks at all of it before its
snapshot is taken, as for numbers of lists; an import makes them ahead, as it does clean texts.
"""
from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, cast

from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from builder.catalog import terms, text
from builder.catalog.queries import queries
from builder.catalog.reads import Catalog
from builder.catalog.terms import Words

TOGETHER = 4_000  # lectures whose words are in memory at once
_PLACES = 64  # an upper-case letter and where a term stands: A for 1
_PIECE, _WHERE, _LONG_NUMBER = re.compile("([0-9a-z]*)([@-_])"), re.compile("[@-_]"), re.compile("[0-9a-z]{2,}")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_STEPS = bytes(int(chr(n), 36) if chr(n) in _DIGITS else 1 for n in range(256))
_STRETCH = 256  # letters that are read at once


def refresh(connection: Connection) -> None:
    """Make the terms of all lectures right, however they came to be wrong. The caller commits.

    In a READ COMMITTED transaction a release may commit between two statements, so it is kept away; in any other one, who
    wrote less recently gets SerializationFailure.
    """
    if not stale(connection):
        return
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE live.search_video, live.search_term IN SHARE ROW EXCLUSIVE MODE")
    catalog = Catalog(connection)
    for segment in _cut(stale(connection)):
        update(connection, catalog, segment)


def stale(connection: Connection) -> list[int]:
    """The lectures whose terms are not what they should be, ascending."""
    with connection.cursor() as cursor:
        cursor.execute(queries("postings")["stale"], {"salt": terms.salt()})
        return [row[0] for row in cursor]


def update(connection: Connection, catalog: Catalog, ids: Sequence[int]) -> set[int]:
    """Bring up the terms of lectures *ids*, shown or not, in the transaction that *catalog* reads. Returns the units whose files are
    others now."""
    sql = queries("postings")
    wanted: dict[int, dict[str, int]] = {}
    for n in range(0, len(ids), TOGETHER):
        wanted.update((words.id, terms.of(words)) for words in _words(catalog, ids[n : n + TOGETHER]))
    had = {id: dict(zip(found, places, strict=True)) for id, found, places in catalog.ask(sql["had"], {"ids": list(ids)})}
    with connection.cursor() as cursor:
        changes: dict[tuple[int, str], dict[int, int]] = {}
        for id in ids:
            new, old = wanted.get(id, {}), had.get(id, {})
            for term in {*new, *old}:
                if new.get(term) != old.get(term):
                    changes.setdefault((terms.unit_of(id, terms.file_of(term)), term), {})[id] = new.get(term, -1)
        _change(cursor, catalog, changes)
        cursor.execute(sql["drop_videos"], {"ids": [id for id in had if id not in wanted]})
        made = catalog.ask(sql["made_of"], {"ids": list(wanted), "salt": terms.salt()})
        execute_values(cursor, """INSERT INTO live.search_video (video_id, made_of, terms, places) VALUES %s
            ON CONFLICT (video_id) DO UPDATE SET made_of = EXCLUDED.made_of, terms = EXCLUDED.terms, places = EXCLUDED.places""",
            [(id, made_of, list(wanted[id]), list(wanted[id].values())) for id, made_of in made],
            template="(%s, %s, %s::text[], %s::smallint[])")
    return {unit for unit, _ in changes}


def wrong(connection: Connection) -> list[str]:
    """What of the kept terms is not what they would be if all were made anew, for people to read; reads everything."""
    anew: dict[tuple[int, str], dict[int, int]] = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM catalog.video WHERE status = 'published'")
        for words in _words(Catalog(connection), [row[0] for row in cursor.fetchall()]):
            for term, where in terms.of(words).items():
                anew.setdefault((terms.unit_of(words.id, terms.file_of(term)), term), {})[words.id] = where
        cursor.execute("SELECT unit, term, postings FROM live.search_term")
        kept = {(unit, term): written for unit, term, written in cursor}
    made = {at: encoded(at[0], found) for at, found in anew.items()}
    return [f"{terms.name_of(at[0])} {at[1]}: {kept.get(at)} for {made.get(at)}"
            for at in sorted({*made, *kept}) if made.get(at) != kept.get(at)]


def encoded(unit: int, found: dict[int, int]) -> str:
    """Postings as a file has them: see ``live.search_term.postings``. *found*: where the term stands, by lecture."""
    pieces: list[str] = []
    _write(pieces, found, _first(unit) - 1)
    return "".join(pieces)


def spliced(unit: int, postings: str, now: Mapping[int, int]) -> str:
    """*postings* with *now* in them: where the term stands, by lecture, -1 for nowhere. What `encoded` would make of all of it, without
    reading all of it piece by piece: one lecture's word may be the word of thirty thousand.
    """
    changed = sorted(now)
    read = written = _first(unit) - 1  # the lectures up to which *postings* are read, and the last one that is written
    done: list[str] = []
    n = at = 0
    while at < len(postings) and (n < len(changed) or read != written):
        end = _piece_end(postings, at + _STRETCH)
        stretch, at = postings[at:end], end
        last = read + _span(stretch)
        upto = bisect_right(changed, last, n)
        if n == upto and read == written:
            done.append(stretch)
            written = last
        else:
            found = {**_decoded(stretch, read), **{id: now[id] for id in changed[n:upto]}}
            written = _write(done, found, written)
        n, read = upto, last
    done.append(postings[at:])
    _write(done, {id: now[id] for id in changed[n:]}, written)
    return "".join(done)


def _change(cursor: Any, catalog: Catalog, changes: dict[tuple[int, str], dict[int, int]]) -> None:
    """Write *changes*: by file and term where it stands now in each lecture, -1 for nowhere."""
    if not changes:
        return
    sql = queries("postings")
    units, named = (list(column) for column in zip(*changes, strict=True))
    kept = {(unit, term): written for unit, term, written in catalog.ask(sql["postings"], {"units": units, "terms": named})}
    write: list[tuple[int, str, str]] = []
    drop: list[tuple[int, str]] = []
    for at, now in sorted(changes.items(), key=itemgetter(0)):  # what is read together is written together
        if found := spliced(at[0], kept.get(at, ""), now):
            write.append((*at, found))
        elif at in kept:
            drop.append(at)
    for name, rows in (("keep_postings", write), ("drop_postings", drop)):
        if rows:
            columns = [list(column) for column in zip(*cast("list[tuple[Any, ...]]", rows), strict=True)]
            cursor.execute(sql[name], dict(zip(("units", "terms", "postings"), columns, strict=False)))


def _words(catalog: Catalog, ids: Sequence[int]) -> Iterator[Words]:
    people: dict[int, list[str]] = {}
    for video, _, _, name in catalog.rows("video_instructors", ids=list(ids)):
        people.setdefault(video, []).append(name)
    subjects = catalog.subjects_of(list(ids))
    rows = catalog.ask(queries("postings")["words"], {"ids": list(ids), "clean": text.SALT})
    for id, title, batch, plain, language, year, source, markup in rows:
        if source:
            plain = text.clean(source, markup).plain
        yield Words(id, title, batch, people.get(id, []), [(s.title, s.slug) for s in subjects.get(id, [])], plain or "", language, year)


def _first(unit: int) -> int:
    return terms.name_of(unit)[0] * terms.SEGMENT


def _piece_end(postings: str, start: int) -> int:
    """Where the piece ends that *start* is in; the end of all where that is beyond it."""
    found = _WHERE.search(postings, start)
    return found.end() if found else len(postings)


def _span(stretch: str) -> int:
    """How many ids whole pieces go on by: a step of one for each letter, and all that the numbers say."""
    long: list[str] = _LONG_NUMBER.findall(stretch)
    return sum(stretch.encode().translate(_STEPS)) + sum(int(number, 36) - sum(number.encode().translate(_STEPS)) for number in long)


def _decoded(pieces: str, last: int) -> dict[int, int]:
    """Where the term stands, by lecture, of *pieces* after lecture *last*."""
    found = {}
    for number, letter in _PIECE.findall(pieces):
        last += int(number or "0", 36) + 1
        found[last] = ord(letter) - _PLACES
    return found


def _write(pieces: list[str], found: Mapping[int, int], last: int) -> int:
    """Append to *pieces*, after lecture *last*, where the term stands, by lecture. Returns the last lecture then."""
    for id in sorted(found):
        if found[id] >= 0:
            pieces.append(f"{_base36(id - last - 1)}{chr(_PLACES + found[id])}")
            last = id
    return last


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    return digits


def _cut(ids: Sequence[int]) -> Iterator[list[int]]:
    """*ids*, ascending, segment by segment."""
    for _, piece in groupby(ids, lambda id: id // terms.SEGMENT):
        yield list(piece)
