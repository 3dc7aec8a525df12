"""The documents say what there is, all of it and nothing else: commands, settings, headers, errors, make's targets, tests, links."""
from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import closing
from importlib import import_module
from inspect import isclass
from pathlib import Path

import click
import pytest

from api.app import create_app
from api.settings import read_api_settings
from build import main
from edge.errors import LecternError
from edge.settings import NAMES
from edge.store import open_store
from edge.store.port import Object, Put

TOP = Path(__file__).resolve().parents[1]
DOCS = TOP / "docs"
PAGES = sorted([TOP / "README.md", *DOCS.glob("*.md")])
PRODUCT = sorted(file for room in ("edge", "builder", "api") for file in (TOP / room).rglob("*.py"))

SITE, OTHER = "https://lectures.example", "https://learn.example"
STANDARD_NAMES = re.compile(r"(?:AWS|DATABASE|PROMETHEUS|REDIS|SMTP)_[A-Z_]+")
OTHERS_HEADERS = {
    "Key-Pair-Id": "a part of an address that CloudFront signed", "Auto-Submitted": "of a mail", "Message-ID": "of a mail",
    "Fastly-Key": "sent to Fastly's API", "YYYY-MM-DD": "a form of days",
}
"""What looks like a header of ours in the code and is none."""


def _rows(page: str) -> list[list[str]]:
    lines = [line for line in (DOCS / page).read_text().splitlines() if line.startswith("| ") and not line.startswith("| ---")]
    return [[cell.strip() for cell in line.strip().strip("|").split(" | ")] for line in lines]


def _names(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def _section(page: str, heading: str) -> str:
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", (DOCS / page).read_text(), re.M | re.S)
    assert found, f"docs/{page} has no section {heading!r}"
    return found.group(1)


def _commands() -> Iterator[tuple[str, click.Command]]:
    def below(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
        if isinstance(command, click.Group):
            for child in command.list_commands(click.Context(command)):
                inner = command.get_command(click.Context(command), child)
                assert inner is not None
                yield from below(f"{name} {child}".strip(), inner)
        else:
            yield name, command

    return below("", main)


@pytest.mark.parametrize(("name", "command"), list(_commands()), ids=lambda one: one if isinstance(one, str) else "")
def test_every_command_has_a_section_with_all_its_options(name: str, command: click.Command) -> None:
    text = _section("commands.md", name.split()[0])
    assert name in text or f"### {name}" in (DOCS / "commands.md").read_text()
    options = [word for one in command.params if isinstance(one, click.Option) for word in (*one.opts, *one.secondary_opts)]
    told = set(re.findall(r"--?[a-z][a-z-]*", text))
    assert [option for option in options if option not in told] == []


def test_commands_md_tells_of_no_command_or_option_that_is_not_there() -> None:
    commands = dict(_commands())
    headings = set(re.findall(r"^### (.+)$", (DOCS / "commands.md").read_text(), re.M))
    assert headings == {name.split()[0] for name in commands}
    options = {word for command in commands.values() for one in command.params for word in (*one.opts, *one.secondary_opts)}
    options |= {word for one in main.params for word in one.opts} | {"--help"}
    assert set(re.findall(r"`(--[a-z][a-z-]*)", (DOCS / "commands.md").read_text())) - options == set()


def test_every_command_and_setting_that_the_readme_names_is_one() -> None:
    readme = (TOP / "README.md").read_text()
    assert [name for name in main.list_commands(click.Context(main)) if f"`{name}" not in readme] == []
    assert set(re.findall(r"LECTERN_[A-Z_]+", readme)) - set(NAMES) == set()


def test_the_readme_names_each_package_that_the_tests_want() -> None:
    wanted = {name for names in re.findall(r"needs\+=\((.+)\)", (TOP / ".ci/run").read_text()) for name in names.split()}
    asked = {name for names in re.findall(r"apt install ([^`)]+)", (TOP / "README.md").read_text()) for name in names.split()}
    assert len(wanted) > 8
    assert wanted - {"python3"} - asked == set()


def test_every_setting_has_one_row_and_no_row_is_left_over() -> None:
    told = Counter(name for row in _rows("settings.md") for name in _names(row[0]))
    read = set(NAMES) | {text for file in PRODUCT for text in _strings(file) if STANDARD_NAMES.fullmatch(text)}
    assert read - set(told) == set(), "say in docs/settings.md what each of these is"
    assert {name for name in told if name.startswith("LECTERN_")} - read == set(), "nothing reads these"
    assert [name for name, rows in told.items() if rows > 1] == []


def test_every_header_of_ours_is_told() -> None:
    told = {name.lower() for row in _rows("http.md") for name in _names(row[0])}
    ours = {text for room in ("edge", "api") for file in (TOP / room).rglob("*.py") for text in _strings(file)
            if re.fullmatch(r"[A-Z][A-Za-z]*(?:-[A-Z]?[A-Za-z0-9]+)+", text)}
    made = "".join(file.read_text() for file in sorted((TOP / "edge/config").glob("*.j2")))
    ours |= set(re.findall(r"(?:(?<!un)set resp\.http\.|add_header )([A-Z][A-Za-z-]+)", made))
    assert {name for name in ours if name.lower() not in told} - set(OTHERS_HEADERS) == set(), "say in docs/http.md what each of these says"
    assert set(OTHERS_HEADERS) - ours == set(), "the code knows these no more"


def test_every_header_that_really_comes_is_told(tmp_path: Path) -> None:
    told = {name.lower() for row in _rows("http.md") for name in _names(row[0])}
    settings = read_api_settings({"LECTERN_DATA": str(tmp_path), "LECTERN_BASE_URL": SITE, "LECTERN_CORS_ORIGINS": OTHER})
    found: set[str] = set()
    with closing(open_store(settings.shared.store)) as store:
        page = Object("index.html", b"words", "text/html; charset=utf-8", "public, max-age=60", "p1 all", "00" * 16, 1, gzipped=False)
        store.put([Put(page), Put(page._replace(key="old/index.html", status=301, location="/"))])
        app = create_app(settings, store)
        paths = [re.sub(r"<(?:\w+:)?(\w+)>", "1", rule.rule) for rule in app.url_map.iter_rules()]
        for path in [*paths, "/", "/old/", "/nowhere/", "/index.html", "/api/nowhere"]:
            for method in ("GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE"):
                asked = {"Origin": OTHER, "Accept-Encoding": "gzip, br", "Range": "bytes=0-1"}
                found |= set(app.test_client().open(path, method=method, base_url=SITE, headers=asked).headers.keys())
    assert {"RateLimit", "Content-Range", "Surrogate-Key", "Access-Control-Allow-Origin", "WWW-Authenticate"} <= found
    assert {name for name in found if name.lower() not in told} == set()


def test_every_error_of_a_command_is_told_with_its_exit_code() -> None:
    told: dict[str, str] = {}
    for names, codes, *_ in (row for row in _rows("http.md") if re.fullmatch(r"\d[\d, ]*", row[1])):
        each = codes.split(", ")
        told |= dict(zip(_names(names), each if len(each) > 1 else each * len(_names(names)), strict=True))
    found = {}
    for file in PRODUCT:
        module = ".".join(file.relative_to(TOP).with_suffix("").parts).removesuffix(".__init__")
        if "Error" not in (text := file.read_text()) or not re.search(r"^class \w+\(", text, re.M):
            continue
        for one in vars(import_module(module)).values():
            if isclass(one) and issubclass(one, LecternError) and one is not LecternError and one.__module__ == module:
                name = f"explain.rehearsal.{one.__name__}" if module == "builder.explain.rehearsal" else one.__name__
                found[name] = str(one.exit_code)
    assert len(found) > 25
    assert told == found


def test_every_target_of_make_is_told_and_no_other() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (TOP / "Makefile").read_text(), re.M))
    told = set(re.findall(r"`make ([a-z-]+)", _section("commands.md", "make")))
    assert told == targets | {"help"}
    everywhere = {name for page in PAGES for name in re.findall(r"`make ([a-z-]+)", page.read_text())}
    assert everywhere - targets - {"help"} == set()


def test_every_test_that_reliability_md_names_is_there_and_each_row_is_answered() -> None:
    there = Counter(name for file in (TOP / "tests").rglob("test_*.py")
                    for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text("utf-8"), re.M))
    rows = [row for row in _rows("reliability.md") if row[1] != "held by"]
    assert len(rows) > 150
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row[1])
        assert named, f"no test: {row[0]}"
        assert [name for name in named if not there[name]] == [], row[0]


def test_every_direct_dependency_has_its_row_and_no_row_is_left_over() -> None:
    config = ConfigParser()
    config.read(TOP / "setup.cfg")
    lines = [config["options"]["install_requires"], *config["options.extras_require"].values()]
    declared = {found.group().lower() for text in lines for line in text.splitlines() if (found := re.match(r"[\w.-]+", line))}
    told = {name.lower() for row in _rows("dependencies.md") if len(row) > 4 for name in _names(row[0])}
    assert declared - told == set(), "say in docs/dependencies.md why we want each of these"
    assert told - declared == set(), "nothing asks for these any more"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", _without_code(page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in _anchors(file), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_is_named_is_there(page: Path) -> None:
    named = re.findall(r"`(?!templates/languages/)((?:api|builder|edge|templates|tests|docs)/[\w./*-]*)", page.read_text())
    assert [name for name in named if not list(TOP.glob(name.rstrip("/")))] == []
    there = {file.name for room in ("api", "builder", "edge", "tests") for file in (TOP / room).rglob("*.py")} | {"build.py"}
    assert set(re.findall(r"`(\w+\.py)`", page.read_text())) - there == set()


def _strings(file: Path) -> set[str]:
    return {node.value for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def _without_code(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)


def _anchors(page: Path) -> set[str]:
    """As GitHub and Python-Markdown make them of headings: small letters, words joined by hyphens."""
    headings = re.findall(r"^#+ (.+)$", _without_code(page.read_text()), re.M)
    return {re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", heading.lower()).strip()) for heading in headings}
