"""Old and new code serve side by side over each migration: it may only add. See docs/deploy.md, Upgrades."""
from __future__ import annotations

import re

import pytest

from builder.migrate import FOLDERS

FIRST = 16
"""Migrations from this number on are held to it: those below are of 1.0.0, before which there is no code to serve beside."""

OF_THE_FIRST = {"0002.publish.sql", "0010.takedown.sql", "0011.cards.sql", "0015.pings.sql"}
"""Those below that would break it. All are read all the same: a rule that finds nothing any more is noticed by these."""

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.S)
_BODY = re.compile(r"\$(\w*)\$.*?\$\1\$", re.S)  # of a function or a DO block: it runs, or is called, by new code alone
_NAME = r"(?:ONLY\s+|IF\s+(?:NOT\s+)?EXISTS\s+)*([\w.\"]+)"
_MADE = re.compile(rf"\bCREATE\s+(?:UNLOGGED\s+)?TABLE\s+{_NAME}", re.I)
_ALTER = re.compile(rf"\bALTER\s+TABLE\s+{_NAME}\s+(.*)", re.I | re.S)
_INDEX = re.compile(r"\bCREATE\s+(?:UNIQUE\s+)?INDEX\s+(CONCURRENTLY\s+)?.*?\bON\s+(?:ONLY\s+)?([\w.\"]+)", re.I | re.S)
_LEFT = re.compile(r"DROP\s+INDEX\s+CONCURRENTLY\s+IF\s+EXISTS\s+(?:\w+\.)?(\w+)$", re.I)  # of a build of the same index that was killed
_BUILT = re.compile(r"\bCREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(\w+)", re.I)
_APART = "-- transactional: false"


def faults(text: str) -> list[str]:
    """What of a migration would break the code before it, or lock a table that it reads."""
    found = []
    bare = _BODY.sub("''", _COMMENT.sub(" ", text))
    new, built = ({name.lower() for name in kind.findall(bare)} for kind in (_MADE, _BUILT))
    for statement in filter(None, (part.strip() for part in bare.split(";"))):
        short = " ".join(statement.split())[:80]
        left = _LEFT.match(statement)
        if re.match(r"(DROP|TRUNCATE)\b", statement, re.I) and not (
                re.match(r"DROP\s+TRIGGER\b", statement, re.I) or (left and left[1].lower() in built)):
            found.append(f"takes away what the code before it reads: {short}")
        if (index := _INDEX.match(statement)) and index[2].lower() not in new:
            if not index[1]:
                found.append(f"locks a table while the index is made, CONCURRENTLY does not: {short}")
            elif _APART not in text:
                found.append(f"an index CONCURRENTLY needs the line `{_APART}`: {short}")
        if (altered := _ALTER.match(statement)) and altered[1].lower() not in new:
            for action in re.split(r",(?![^(]*\))", altered[2]):
                if why := _fault_of(" ".join(action.split())):
                    found.append(f"{why}: {short}")
        elif re.match(r"ALTER\s+\w+.*\bRENAME\b", statement, re.I | re.S):
            found.append(f"renames what the code before it reads: {short}")
    return found


def _fault_of(action: str) -> str:
    """Of one action of ALTER TABLE."""
    upper = action.upper()
    if upper.startswith("DROP") and not upper.startswith(("DROP NOT NULL", "DROP CONSTRAINT", "DROP DEFAULT")):
        return "takes away what the code before it reads"
    if "RENAME" in upper:
        return "renames what the code before it reads"
    if re.match(r"ALTER (COLUMN )?\S+ (SET DATA )?TYPE\b", upper):
        return "rewrites the table under a lock"
    if re.match(r"ALTER (COLUMN )?\S+ SET NOT NULL", upper):
        return "refuses rows that the code before it writes"
    if upper.startswith("ADD") and "NOT NULL" in upper and "DEFAULT" not in upper and "GENERATED" not in upper:
        return "refuses rows that the code before it writes"
    if re.match(r"ADD (CONSTRAINT|CHECK|FOREIGN|UNIQUE|PRIMARY)", upper) and "NOT VALID" not in upper and "USING INDEX" not in upper:
        return "reads the whole table under a lock, NOT VALID and a later VALIDATE do not"
    return ""


def test_no_migration_breaks_the_code_before_it() -> None:
    files = [file for folder in FOLDERS for file in folder.glob("*.sql") if not file.name.endswith(".rollback.sql")]
    broken = {file.name: found for file in files if (found := faults(file.read_text()))}
    assert {name: found for name, found in broken.items() if int(name[:4]) >= FIRST} == {}
    assert broken.keys() == OF_THE_FIRST, "the rules find otherwise in the migrations of 1.0.0, which nobody changes"


@pytest.mark.parametrize("statement", [
    "DROP TABLE live.site", "ALTER TABLE live.site DROP COLUMN uuid", "ALTER TABLE live.site RENAME COLUMN uuid TO id",
    "TRUNCATE live.debt",
    "ALTER TABLE live.site RENAME TO place", "ALTER TABLE catalog.video ADD COLUMN level integer NOT NULL",
    "ALTER TABLE catalog.video ADD COLUMN a text, ADD COLUMN level integer NOT NULL",
    "ALTER TABLE catalog.video ALTER COLUMN slug SET NOT NULL",
    "ALTER TABLE catalog.video ALTER COLUMN slug TYPE varchar(9)", "CREATE INDEX x ON catalog.video (slug)",
    "CREATE UNIQUE INDEX CONCURRENTLY x ON catalog.video (slug)", "DROP FUNCTION catalog.f()",
    "DROP INDEX CONCURRENTLY IF EXISTS catalog.video_slug",
    "ALTER TABLE catalog.video ADD CONSTRAINT c CHECK (length(title) < 9)"])
def test_what_the_code_before_it_could_not_live_with_is_found(statement: str) -> None:
    assert len(faults(f"-- Why.\n{statement};")) == 1


@pytest.mark.parametrize("text", [
    "CREATE TABLE live.new (id bigint NOT NULL); CREATE INDEX n ON live.new (id); ALTER TABLE live.new ADD COLUMN b text NOT NULL;",
    "ALTER TABLE catalog.video ADD COLUMN level integer NOT NULL DEFAULT 0, ADD COLUMN note text;",
    "-- transactional: false\nDROP INDEX CONCURRENTLY IF EXISTS catalog.x;\nCREATE INDEX CONCURRENTLY x ON catalog.video (slug);",
    "-- transactional: false\nCREATE INDEX CONCURRENTLY x ON catalog.video (slug);",
    "CREATE OR REPLACE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DROP TABLE x; END $$;",
    "ALTER TABLE catalog.video ADD CONSTRAINT c CHECK (length(title) < 9) NOT VALID; -- DROP TABLE x;",
    "COMMENT ON COLUMN live.site.uuid IS 'a'; GRANT SELECT ON live.site TO PUBLIC;"])
def test_what_only_adds_is_well(text: str) -> None:
    assert faults(text) == []
