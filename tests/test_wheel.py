"""The wheel: everything that runs needs, no build.py, and the same commands."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("source")
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "build.py"):
        shutil.copy(TOP / name, source)
    for room in ("builder", "api", "edge", "templates"):
        shutil.copytree(TOP / room, source / room, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", "dist", "."]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (wheel,) = (source / "dist").glob("lectern-*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(source / "unpacked")
    return source / "unpacked"


def test_it_holds_every_file_of_the_product_and_no_build_py(unpacked: Path) -> None:
    held = {str(f.relative_to(unpacked)) for f in unpacked.rglob("*") if f.is_file() and ".dist-info" not in str(f)}
    product = {
        str(f.relative_to(TOP))
        for room in ("builder", "api", "edge", "templates")
        for f in (TOP / room).rglob("*")
        if f.is_file() and "__pycache__" not in f.parts
    }
    assert held == product


def test_its_command_lectern_has_the_commands_of_build_py(unpacked: Path) -> None:
    def commands(start: str, folder: Path) -> list[str]:
        show = "import sys; sys.argv = ['lectern', '--help']; " + start
        command = [sys.executable, "-P", "-c", show]
        environ = {**os.environ, "PYTHONPATH": str(folder)}
        done = subprocess.run(command, cwd=unpacked, env=environ, capture_output=True, text=True, check=True)
        return done.stdout.partition("Commands:")[2].split()

    ours = commands("from edge.command_line import main; main()", unpacked)
    assert "build" in ours
    assert ours == commands("from build import main; main()", TOP)


def test_help_and_sentences_name_the_command_that_is_there(unpacked: Path) -> None:
    show = "import sys; sys.argv = ['lectern', *sys.argv[1:]]; from edge.command_line import main; main()"
    environ = {**os.environ, "PYTHONPATH": str(unpacked), "LECTERN_DATA": str(unpacked / "data")}

    def said(*arguments: str) -> str:
        done = subprocess.run([sys.executable, "-P", "-c", show, *arguments], cwd=unpacked, env=environ, capture_output=True, text=True)
        return done.stdout + done.stderr

    for command in ((), ("build",), ("status",)):
        text = said(*command, "--help")
        assert f"Example: lectern {' '.join(command)}" in text
        assert "build.py" not in text


def test_the_sdist_holds_every_file_of_the_repository(tmp_path: Path) -> None:
    made = ("__pycache__", ".git", ".venv", ".lectern", "dist", "build", "node_modules", "results", "screenshots", ".mypy_cache",
            ".ruff_cache", ".pytest_cache", ".hypothesis", "*.egg-info", ".env", "*.pyc")
    shutil.copytree(TOP, tmp_path / "source", ignore=shutil.ignore_patterns(*made), symlinks=True)
    command = [sys.executable, "-P", "-c", "from setuptools import build_meta; build_meta.build_sdist('dist')"]
    subprocess.run(command, cwd=tmp_path / "source", check=True, capture_output=True)
    (sdist,) = (tmp_path / "source" / "dist").glob("lectern-*.tar.gz")
    with tarfile.open(sdist) as file:
        held = {name.partition("/")[2] for name in file.getnames()}
    ours = {str(file.relative_to(TOP)) for file in _files(TOP, shutil.ignore_patterns(*made))}
    assert ours - held == set()


def _files(folder: Path, ignore: Callable[[str, list[str]], set[str]]) -> Iterator[Path]:
    left = ignore(str(folder), sorted(os.listdir(folder)))
    for path in sorted(folder.iterdir()):
        if path.name in left:
            continue
        if path.is_dir():
            yield from _files(path, ignore)
        else:
            yield path
