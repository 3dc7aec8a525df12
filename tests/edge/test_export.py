"""A store becomes a plain tree that a web server can serve, whole or not at all."""
from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.errors import ExportError
from edge.store.export import MARK, export_tree
from edge.store.port import Put
from edge.store.sqlite import SQLiteStore
from tests.edge.pages import page


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore(tmp_path / "site.db")
    store.put(Put(o) for o in (
        page("index.html", "home"), page("videos/na\u00efve/index.html", "a video"), page("a+b c/%/x.json", "{}"),
        page("cards/1.png", "\x89PNG", gzipped=False), page("old/index.html", "moved", status=301, location="/"),
        *(page(f"many/{n}/index.html", str(n)) for n in range(200))))
    yield store
    store.close()


def test_each_object_is_a_file_and_text_has_its_gzip_beside(store: SQLiteStore, tmp_path: Path) -> None:
    www = tmp_path / "deep" / "www"
    written = export_tree(store, www)
    assert files(www) == sorted(
        path for head in store.list() for path in ([head.key] if head.key.endswith(".png") else [
            head.key, f"{head.key}.gz"]))
    assert written == len(files(www))
    assert (www / "videos/na\u00efve/index.html").read_text() == "a video"
    assert gzip.decompress((www / "videos/na\u00efve/index.html.gz").read_bytes()) == b"a video"
    assert (www / "cards/1.png").read_bytes() == "\x89PNG".encode()


def test_a_web_server_of_another_account_may_read_it(store: SQLiteStore, tmp_path: Path) -> None:
    export_tree(store, tmp_path / "www")
    assert (tmp_path / "www").stat().st_mode & 0o555 == 0o555
    assert (tmp_path / "www/index.html").stat().st_mode & 0o444 == 0o444


def test_a_second_export_takes_the_place_of_the_first(store: SQLiteStore, tmp_path: Path) -> None:
    www = tmp_path / "www"
    export_tree(store, www)
    store.delete([f"many/{n}/index.html" for n in range(200)])
    store.put([Put(page("index.html", "new home", 2))])
    export_tree(store, www)
    assert (www / "index.html").read_text() == "new home"
    assert not (www / "many").exists()
    assert sorted(os.listdir(tmp_path)) == sorted(["site.db", "www", *(n for n in os.listdir(tmp_path) if "-" in n)])
    assert not list(tmp_path.glob(".www*"))


def test_what_is_kept_for_a_rollback_is_not_exported(store: SQLiteStore, tmp_path: Path) -> None:
    store.put([Put(page("index.html", "new home", 2), None, "retained/0a.1"), Put(page("retained-x/index.html"))])
    export_tree(store, tmp_path / "www")
    assert not (tmp_path / "www/retained").exists()
    assert (tmp_path / "www/retained-x/index.html").exists()


def test_what_only_a_signature_opens_is_not_exported(store: SQLiteStore, tmp_path: Path) -> None:
    store.put([Put(page("protected/b1/1.ts", "a segment")), Put(page("protected-x/index.html"))])
    export_tree(store, tmp_path / "www")
    assert not (tmp_path / "www/protected").exists()
    assert (tmp_path / "www/protected-x/index.html").exists()


def test_an_empty_folder_is_taken(store: SQLiteStore, tmp_path: Path) -> None:
    (tmp_path / "www").mkdir()
    assert export_tree(store, tmp_path / "www") > 0


def test_a_folder_with_files_of_somebody_else_is_refused_and_left_alone(store: SQLiteStore, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("ten years")
    with pytest.raises(ExportError, match="not ours"):
        export_tree(store, tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "ten years"
    with pytest.raises(ExportError, match="no folder"):
        export_tree(store, tmp_path / "thesis.tex")


def test_what_fails_leaves_the_old_tree_and_nothing_beside_it(store: SQLiteStore, tmp_path: Path) -> None:
    www = tmp_path / "www"
    export_tree(store, www)
    before = files(www)
    store.put([Put(page("index.html/x", "a page below a file"))])
    with pytest.raises(ExportError, match="index\\.html"):
        export_tree(store, www)
    assert files(www) == before
    assert not list(tmp_path.glob(".www*"))


def test_an_empty_store_takes_no_ones_place(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "empty.db")
    with pytest.raises(ExportError, match="build"):
        export_tree(store, tmp_path / "www")
    assert not (tmp_path / "www").exists()
    store.close()


def test_what_a_killed_export_left_is_removed_by_the_next(store: SQLiteStore, tmp_path: Path) -> None:
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True,
                          check=True).stdout.strip()
    left, alive = tmp_path / f".www.lectern-{dead}-new", tmp_path / f".www.lectern-{os.getppid()}-new"
    for folder in (left, alive):
        (folder / "videos").mkdir(parents=True)
    export_tree(store, tmp_path / "www")
    assert not left.exists()
    assert alive.exists()


def test_a_link_to_a_folder_stays_a_link(store: SQLiteStore, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "www").symlink_to(tmp_path / "real")
    export_tree(store, tmp_path / "www")
    assert (tmp_path / "www").is_symlink()
    assert (tmp_path / "real/index.html").read_text() == "home"


def files(root: Path) -> list[str]:
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file() and p.name != MARK)
