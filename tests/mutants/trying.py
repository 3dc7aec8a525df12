"""Runs tests in forks of this process, against a module as it is or as a mutant has it; nothing is written to the source.

A fork has the libraries imported already and a database server ready: so one run costs what the tests cost, not the second
that a new process takes.
"""
from __future__ import annotations

import gc
import importlib
import os
import select
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple, NoReturn

import pytest
from hypothesis import settings

from tests.conftest import migrated, running
from tests.mutants.modules import ROOT, Module

_ROOMS = ("api", "builder", "edge", "templates", "tests", "build")
_FIRST_S = 300.0
_SPARE = 4.0
_SPARE_S = 5.0
"""A mutant may take so many times as long as the module as it is, and so much more, before it counts as caught: it loops."""


class BaselineError(Exception):
    """The tests fail without any mutant; the message holds what they say."""


class Ran(NamedTuple):
    """What came of one run. Without a code it took too long."""

    code: int | None
    took_s: float


class Stand:
    """Where tests run; made by `stand`."""

    def __init__(self, folder: Path, fixtures: dict[str, Any]) -> None:
        self._said, self._imported, self._temp = folder / "said", folder / "imported", folder / "temp"
        self._fixtures = fixtures
        self._limit_s = _FIRST_S

    def warm(self, module: Module) -> float:
        """Run the tests of *module* as it is, keep what libraries they import, and take the time. Raises BaselineError."""
        self._limit_s = _FIRST_S
        for _ in range(2):
            ran = self._run(module, None)
            for name in self._imported.read_text().split():
                with suppress(Exception):  # some can only be imported by others
                    importlib.import_module(name)
        if ran.code != 0:
            raise BaselineError(f"{' '.join(module.tests)} fail as they are ({ran.code}): {self._said.read_text()[-3000:]}")
        self._limit_s = ran.took_s * _SPARE + _SPARE_S
        return ran.took_s

    def catches(self, module: Module, code: str) -> bool:
        """Whether the tests of *module* fail where its source is *code*."""
        return self._run(module, code).code != 0

    def _run(self, module: Module, code: str | None) -> Ran:
        begun = time.monotonic()
        gc.freeze()
        pid = os.fork()
        if not pid:
            self._be_a_run(module, code)
        watched = os.pidfd_open(pid)
        try:
            ended = bool(select.select([watched], [], [], self._limit_s)[0])
        finally:
            os.close(watched)
            with suppress(ProcessLookupError):  # what it started leaves with it
                os.killpg(pid, signal.SIGKILL)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            status = os.waitpid(pid, 0)[1]
        return Ran(os.waitstatus_to_exitcode(status) if ended else None, time.monotonic() - begun)

    def _be_a_run(self, module: Module, code: str | None) -> NoReturn:
        result = 99
        try:
            os.setsid()
            with self._said.open("w") as out:
                os.dup2(out.fileno(), 1)
                os.dup2(out.fileno(), 2)
            for name in [name for name in sys.modules if name.partition(".")[0] in _ROOMS]:
                del sys.modules[name]
            if code is not None:
                sys.meta_path.insert(0, _Finder(module, code))
            result = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:unraisableexception", "--basetemp",
                                      str(self._temp), *module.tests], plugins=[_Chosen(self._fixtures, database=module.database)]))
            sys.stdout.flush()
            if code is None:
                self._imported.write_text("\n".join(name for name in sys.modules if name.partition(".")[0] not in _ROOMS))
        finally:
            os._exit(result)


@contextmanager
def stand(folder: Path) -> Iterator[Stand]:
    """Where tests run, with a database server of its own; *folder* takes what they write."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    settings.register_profile("mutants", derandomize=True, database=None, deadline=None)  # one score, however often it is asked
    settings.load_profile("mutants")
    sys.dont_write_bytecode = False  # compiling what has not changed would be half of a run
    os.chdir(ROOT)
    with running() as server:
        yield Stand(folder, {"server": server, "_migrated": migrated(server)})


class _Chosen:
    """Runs those tests that need no database, or gives them what was made of one for all runs."""

    def __init__(self, fixtures: dict[str, Any], *, database: bool) -> None:
        self._fixtures = fixtures
        self._database = database

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if self._database or not self._fixtures.keys() & {*getattr(item, "fixturenames", ())}]

    @pytest.hookimpl(tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: pytest.FixtureRequest) -> object:
        if fixturedef.argname not in self._fixtures:
            return None
        value = self._fixtures[fixturedef.argname]
        fixturedef.cached_result = (value, fixturedef.cache_key(request), None)
        return value


class _Finder:
    """Imports one module from other source than its file's."""

    def __init__(self, module: Module, code: str) -> None:
        self._name, self._file, self._code = module.name, str(ROOT / module.path), code

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        if name != self._name:
            return None
        return spec_from_file_location(name, self._file, loader=_Loader(name, self._file, self._code))


class _Loader(SourceFileLoader):
    def __init__(self, name: str, file: str, code: str) -> None:
        super().__init__(name, file)
        self._code = code

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._code, self.path, "exec", dont_inherit=True)
