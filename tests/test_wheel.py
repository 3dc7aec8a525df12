"""The wheel: everything that runs needs, no build.py, and the same commands."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
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

    ours = commands("from edge.door import main; main()", unpacked)
    assert "build" in ours
    assert ours == commands("from build import main; main()", TOP)
