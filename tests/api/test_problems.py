"""Problems of the API have types: each is told of in the docs and the description, and the site's pages say it in their language."""
from __future__ import annotations

import re
from pathlib import Path

import pytest

from api import problems
from api.problems import FIELD_TYPES, TYPES, ProblemType
from edge.language import Language

TOP = Path(__file__).resolve().parents[2]
ALL = (*TYPES, *FIELD_TYPES)
SCRIPTS = TOP / "templates" / "assets"
UNSAID = {
    # Told by the place where they come: beside each field, or by a dialog, a waiting page, a page of its own.
    "invalid-fields", "busy", "not-ready", "enrolments-full", "batch-gated", "not-enrolled", "provider-unverified",
    # No reader causes them: a script of ours would have to be wrong.
    "not-json", "form-token", "version-needed", "no-kind", "no-account",
    # Asked by programs alone.
    "no-webhook", "signature-wrong", "delivery-old", "delivery-reused"}


def sentences() -> dict[str, str]:
    """What the pages' scripts say of each type, in English."""
    table = (SCRIPTS / "problems.js").read_text().partition("const SENTENCES = {")[2].partition("\n};")[0]
    return dict(re.findall(r'^  "([a-z-]+)": _\("((?:[^"\\]|\\.)*)"\),$', table, re.MULTILINE))


def test_a_name_means_one_problem_and_may_stand_in_an_address() -> None:
    names = [one.name for one in ALL]
    assert len(names) == len(set(names))
    assert all(re.fullmatch("[a-z]+(-[a-z]+)*", name) for name in names)


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_each_type_is_answered_somewhere_and_stands_in_the_docs_as_the_code_has_it(one: ProblemType) -> None:
    constant = next(name for name, value in vars(problems).items() if value is one)
    users = [file for file in (TOP / "api").rglob("*.py") if re.search(rf"\b{constant}\b", file.read_text())]
    assert len(users) > 1, f"nobody answers {one.name}"
    assert f"| `{one.name}` | {one.status} | {one.meaning} | {one.remedy} |" in (TOP / "docs" / "problems.md").read_text().split("\n")


def test_the_docs_tell_of_no_other_type() -> None:
    told = re.findall(r"^\| `([a-z-]+)` \| \d", (TOP / "docs" / "problems.md").read_text(), re.MULTILINE)
    assert told == [one.name for one in ALL]


def test_the_pages_say_every_problem_that_a_reader_can_cause_in_each_language() -> None:
    assert sentences().keys() | UNSAID == {one.name for one in ALL}
    assert sentences().keys() & UNSAID == set()
    hindi = Language("hi")
    assert [said for said in sentences().values() if hindi.gettext(said) == said] == []


def test_a_script_names_no_type_that_is_none() -> None:
    uris = {one.uri for one in ALL}
    named = {(file.name, uri) for file in SCRIPTS.glob("*.js") for uri in re.findall(rf"{problems.PAGE}#[a-z-]+", file.read_text())}
    assert {uri for _, uri in named} <= uris
    assert named, "the scripts know an old form's token by its type"


def test_no_code_spells_a_status_where_a_type_is_meant() -> None:
    """A bare status is for what says no more than that."""
    bare = {int(status) for file in (TOP / "api").rglob("*.py") for status in re.findall(r"problem\(([0-9]{3}),", file.read_text())}
    assert bare <= {413, 415, 500}


def test_every_status_of_a_problem_is_told() -> None:
    told = {int(status) for row in re.findall(r"^\| ([45]\d\d(?:, [45]\d\d)*) \|", (TOP / "docs" / "http.md").read_text(), re.MULTILINE)
            for status in row.split(", ")}
    assert {one.status for one in TYPES} <= told
