"""The code of before: of a git revision, or this tree's own as another version."""
from __future__ import annotations

import io
import shutil
import subprocess
import zipfile
from pathlib import Path

from builder.migrate import FOLDERS

TOP = Path(__file__).parents[2]
PRODUCT = ("build.py", "api", "builder", "edge", "templates", "setup.cfg", "README.md")


class NoSuchRevision(Exception):
    """Git knows no such revision here, or there is no git."""


def of_revision(revision: str, folder: Path) -> Path:
    """The code of *revision*, unpacked into *folder*. Raises NoSuchRevision."""
    with zipfile.ZipFile(io.BytesIO(_git("archive", "--format=zip", revision))) as archive:
        archive.extractall(folder)
    return folder


def before_newest_migration() -> str:
    """The revision that was last without the newest migration. Raises NoSuchRevision, as where the history was not fetched."""
    files = [file for place in FOLDERS for file in place.glob("*.sql") if not file.name.endswith(".rollback.sql")]
    newest = max(files, key=lambda file: file.name)
    added = _git("log", "-1", "--diff-filter=A", "--format=%H", "--", str(newest.relative_to(TOP))).decode().strip()
    return _git("rev-parse", "--verify", "--quiet", f"{added}~1").decode().strip()


def another_version(folder: Path) -> Path:
    """A copy of this tree in *folder*, whose pages differ by a word: what stands beside it renders them anew."""
    for name in PRODUCT:
        if (TOP / name).is_dir():
            shutil.copytree(TOP / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(TOP / name, folder / name)
    layout = folder / "templates" / "base.html"
    layout.write_text(layout.read_text().replace("</body>", "<!-- the version before --></body>"))
    return folder


def _git(*command: str) -> bytes:
    try:
        done = subprocess.run(["git", *command], cwd=TOP, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise NoSuchRevision("git is not installed") from error
    if done.returncode:
        raise NoSuchRevision(f"git {' '.join(command)}: {done.stderr.decode().strip() or 'nothing'}")
    return done.stdout
