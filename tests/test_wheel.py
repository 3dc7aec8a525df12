"""The wheel and the sdist: all that runs needs, the same commands, no build.py in the wheel; both install where no repository is."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import urllib.request
import venv
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import open_folder
from tests.edge.servers import free_port

TOP = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("source")
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "build.py"):
        shutil.copy(TOP / name, source)
    for room in ("builder", "api", "edge", "templates"):
        shutil.copytree(TOP / room, source / room, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", "dist", "."]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (made,) = (source / "dist").glob("lectern-*.whl")
    return made


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder)
    return folder


MADE = ("__pycache__", ".git", ".venv", ".lectern", "dist", "build", "node_modules", "results", "screenshots", ".mypy_cache",
        ".ruff_cache", ".pytest_cache", ".hypothesis", "*.egg-info", ".env", "*.pyc")


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("whole") / "source"
    shutil.copytree(TOP, source, ignore=shutil.ignore_patterns(*MADE), symlinks=True)
    command = [sys.executable, "-P", "-c", "from setuptools import build_meta; build_meta.build_sdist('dist')"]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (made,) = (source / "dist").glob("lectern-*.tar.gz")
    return made


class Installed:
    """A virtualenv outside the repository into which pip installed *package*; what it depends on is lent from this one."""

    def __init__(self, package: Path, folder: Path) -> None:
        self.folder = folder / "empty"
        self.folder.mkdir()
        self._place = folder / "venv"
        venv.create(self._place, with_pip=False)
        (own,) = self._place.glob("lib/python3*/site-packages")
        (own / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
        others = ("PYTHON", "LECTERN_", "DATABASE_", "MAKE")
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith(others)}
        subprocess.run([sys.executable, "-m", "pip", "--python", self._place, "install", "--quiet", "--no-deps", "--no-build-isolation",
                        "--no-index", "--disable-pip-version-check", package], cwd=folder, env=self.environ, check=True,
                       capture_output=True)

    @property
    def command(self) -> str:
        """The program that pip made."""
        return str(self._place / "bin" / "lectern")

    def said(self, *command: str) -> str:
        """What a command prints in an empty folder; it must be well."""
        done = subprocess.run(command, cwd=self.folder, env=self.environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def must_be_its_own(self) -> None:
        """It runs what was installed, not what lies in the repository, and holds every file of the product."""
        show = "import api, builder, edge; print(api.__file__, builder.__file__, edge.__file__)"
        assert all(Path(file).is_relative_to(self._place) for file in self.said(str(self._place / "bin" / "python"), "-c", show).split())
        (own,) = self._place.glob("lib/python3*/site-packages")
        assert sorted(str(f.relative_to(TOP)) for f in _product() if not (own / f.relative_to(TOP)).is_file()) == []
        assert not (own / "tests").exists()


def _product() -> Iterator[Path]:
    return (f for room in ("builder", "api", "edge", "templates") for f in (TOP / room).rglob("*")
            if f.is_file() and "__pycache__" not in f.parts)


def test_it_holds_every_file_of_the_product_and_no_build_py(unpacked: Path) -> None:
    held = {str(f.relative_to(unpacked)) for f in unpacked.rglob("*") if f.is_file() and ".dist-info" not in str(f)}
    assert held == {str(f.relative_to(TOP)) for f in _product()}


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


def test_the_sdist_holds_every_file_of_the_repository(sdist: Path) -> None:
    with tarfile.open(sdist) as file:
        held = {name.partition("/")[2] for name in file.getnames()}
    ours = {str(file.relative_to(TOP)) for file in _files(TOP, shutil.ignore_patterns(*MADE))}
    assert ours - held == set()


def test_pip_installs_the_sdist_and_the_command_is_there(sdist: Path, tmp_path: Path) -> None:
    installed = Installed(sdist, tmp_path)
    installed.must_be_its_own()
    assert "Example: lectern build" in installed.said(installed.command, "build", "--help")


def test_pip_installs_the_wheel_and_the_demo_runs_from_an_empty_folder(wheel: Path) -> None:
    with open_folder("lectern-wheel-") as folder:
        installed = Installed(wheel, folder)
        installed.must_be_its_own()
        assert "Commands:" in installed.said(installed.command, "--help")
        port = free_port()
        with subprocess.Popen([installed.command, "demo"], cwd=installed.folder, env={**installed.environ, "LECTERN_PORT": str(port)},
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline() == f"ready http://127.0.0.1:{port}/\n", process.stderr and process.stderr.read()
                with closing(urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10)) as answer:
                    assert b"<title>" in answer.read()
            finally:
                process.terminate()
                process.communicate(timeout=20)
        assert process.returncode == 0
        assert [thing.name for thing in installed.folder.iterdir()] == [".lectern"]


def _files(folder: Path, ignore: Callable[[str, list[str]], set[str]]) -> Iterator[Path]:
    left = ignore(str(folder), sorted(os.listdir(folder)))
    for path in sorted(folder.iterdir()):
        if path.name in left:
            continue
        if path.is_dir():
            yield from _files(path, ignore)
        else:
            yield path
