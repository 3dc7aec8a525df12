"""What is SQLite's own: one transaction a put, readers beside a writer, a kill at any moment."""
from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge.errors import StoreError
from edge.store import open_store
from edge.store.port import Put
from edge.store.sqlite import SQLiteStore
from tests.edge.pages import page
from tests.edge.servers import wait_until
from tests.edge.test_store_conformance import body_of, keys_of

TOP = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "site.db"


@pytest.fixture
def live(path: Path) -> Iterator[SQLiteStore]:
    """A store that was loaded and opened again."""
    first = SQLiteStore(path)
    first.put([Put(page("x", "old", 1), "")])
    first.close()
    store = SQLiteStore(path)
    yield store
    store.close()


def test_a_file_and_its_folder_are_made_and_kept(path: Path) -> None:
    store = open_store(f"sqlite:///{path}")
    store.put([Put(page("x"))])
    store.close()
    again = open_store(f"sqlite:///{path}")
    assert keys_of(again) == ["x"]
    again.close()


def test_opening_a_store_loads_no_driver_of_buckets(path: Path) -> None:
    code = (f"import sys; from edge.store import open_store; open_store('sqlite:///{path}').close(); "
            "print([m for m in ('boto3', 'obstore', 'asyncio') if m in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], cwd=TOP, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_put_is_done_whole_or_not_at_all(live: SQLiteStore) -> None:
    def broken() -> Iterator[Put]:
        for n in range(600):  # more than one batch
            yield Put(page(f"k/{n}"))
        raise LookupError("no such template")

    with pytest.raises(LookupError):
        live.put(broken())
    assert keys_of(live) == ["x"]
    live.put([Put(page("y"))])
    assert keys_of(live) == ["x", "y"]


def test_an_error_of_what_makes_the_puts_is_not_called_the_stores(live: SQLiteStore) -> None:
    def broken() -> Iterator[Put]:
        for n in range(600):
            yield Put(page(f"k/{n}"))
        raise FileNotFoundError("no such template")

    with pytest.raises(FileNotFoundError):
        live.put(broken())
    with pytest.raises(FileNotFoundError):
        live.delete(put.object.key for put in broken())
    assert keys_of(live) == ["x"]


def test_puts_are_streamed_and_not_collected(path: Path) -> None:
    store = SQLiteStore(path)
    body = os.urandom(20_000)
    tracemalloc.start()
    try:
        store.put(Put(page(f"k/{n}", gzipped=False)._replace(body=body + n.to_bytes(4, "big"))) for n in range(3000))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000  # of 60 MB
    store.close()


def test_readers_see_the_last_commit_while_the_next_is_written(live: SQLiteStore) -> None:
    begun, read = threading.Event(), threading.Event()
    seen: list[bytes] = []

    def puts() -> Iterator[Put]:
        for n in range(600):  # the first batch is written, the second is waited for
            yield Put(page(f"k/{n}"))
        yield Put(page("x", "new", 2))
        begun.set()
        assert read.wait(timeout=20)

    writer = threading.Thread(target=live.put, args=(puts(),))
    writer.start()
    assert begun.wait(timeout=20)
    seen.append(body_of(live, "x"))
    assert live.head("k/0") is None
    read.set()
    writer.join()
    seen.append(body_of(live, "x"))
    assert seen == [page("x", "old", 1).body, page("x", "new", 2).body]


def test_another_process_reads_what_this_one_wrote(live: SQLiteStore, path: Path) -> None:
    live.put([Put(page("x", "new", 2))])
    code = f"from edge.store import open_store; print(open_store('sqlite:///{path}').head('x').write_number)"
    done = subprocess.run([sys.executable, "-c", code], cwd=TOP, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "2"


def test_of_processes_that_replace_one_version_exactly_one_does_and_it_is_kept_once(live: SQLiteStore, path: Path) -> None:
    code = f"""
import sys
from edge.store import open_store
from edge.store.port import Put
from tests.edge.pages import page
store = open_store('sqlite:///{path}')
number = int(sys.argv[1])
etag = store.head('x').etag
print("ready", flush=True)
sys.stdin.readline()
put = Put(page('x', f'by {{number}}', number), etag, 'retained/old')
print([(one.why, one.head.write_number) for one in store.put([put]).refused])
"""
    processes = [subprocess.Popen([sys.executable, "-c", code, str(n)], cwd=TOP, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True) for n in (2, 3, 4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        print(file=process.stdin, flush=True)
    said = [process.communicate()[0].strip() for process in processes]
    head = live.head("x")
    assert head is not None
    assert sorted(said) == sorted(["[]", *[f"[('changed', {head.write_number})]"] * 2])
    assert said[head.write_number - 2] == "[]"
    assert body_of(live, "retained/old") == page("x", "old", 1).body


def test_what_is_undone_is_not_kept_either(live: SQLiteStore) -> None:
    def broken() -> Iterator[Put]:
        for n in range(600):  # more than one batch
            yield Put(page("x", "new", 2), None, "retained/old") if n == 0 else Put(page(f"k/{n}"))
        raise LookupError("no such template")

    with pytest.raises(LookupError):
        live.put(broken())
    assert keys_of(live) == ["x"]
    assert body_of(live, "x") == page("x", "old", 1).body


def test_a_first_load_is_seen_by_a_reader_that_was_there_before(path: Path) -> None:
    writer, reader = SQLiteStore(path), SQLiteStore(path)
    assert reader.get("x") is None
    writer.put(Put(page(key), "") for key in ("x", "y"))
    assert keys_of(reader) == ["x", "y"]
    writer.close()
    assert keys_of(reader) == ["x", "y"]
    reader.close()


@pytest.mark.parametrize("unconditional", [False, True])
def test_what_was_loaded_is_read_on_while_its_first_change_is_written(unconditional: bool, path: Path) -> None:
    store = SQLiteStore(path)
    store.put(Put(page(f"k/{n}", str(n)), "") for n in range(300))
    head = store.head("k/0")
    assert head is not None
    read: list[bytes] = []

    def puts() -> Iterator[Put]:
        yield Put(page("k/0", "new", 2), None if unconditional else head.etag)
        for n in range(3000):  # more than the page cache holds, so that it reaches the file before the commit
            yield Put(page(f"new/{n}", str(n) * 2000, gzipped=False))
        other = threading.Thread(target=lambda: read.append(body_of(store, "k/0")))
        other.start()
        other.join()

    assert store.put(puts()).refused == []
    assert read == [page("k/0", "0").body]
    store.close()


@pytest.mark.parametrize("loaded", [False, True])
def test_a_kill_in_the_middle_of_a_put_leaves_the_old_site_whole(loaded: bool, path: Path) -> None:
    store = SQLiteStore(path)
    if loaded:
        store.put([Put(page("x", "old", 1))])
    store.close()
    if not loaded:
        path.unlink()
    code = f"""
from edge.store import open_store
from edge.store.port import Put
from tests.edge.pages import page
import sys, time
def puts():
    for n in range(3000):
        yield Put(page(f"k/{{n}}", str(n) * 2000, gzipped=False))
    print("midway", flush=True)
    time.sleep(60)
open_store("sqlite:///{path}").put(puts())
"""
    process = subprocess.Popen([sys.executable, "-c", code], cwd=TOP, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "midway\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    after = SQLiteStore(path)
    assert keys_of(after) == (["x"] if loaded else [])
    after.put([Put(page("y"))])
    after.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_a_closed_store_says_so(live: SQLiteStore) -> None:
    live.close()
    with pytest.raises(StoreError, match="closed"):
        live.get("x")


def test_a_file_of_another_layout_is_refused(live: SQLiteStore, path: Path) -> None:
    live.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="layout 99"):
        SQLiteStore(path)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("dear diary " * 200)
    with pytest.raises(StoreError, match=r"notes\.txt"):
        SQLiteStore(file)
    assert file.read_text() == "dear diary " * 200


def test_a_path_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="LECTERN_STORE"):
        SQLiteStore(tmp_path / "file" / "site.db")


def test_threads_that_ended_leave_no_open_file(live: SQLiteStore) -> None:
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    for _ in range(20):
        thread = threading.Thread(target=live.get, args=("x",))
        thread.start()
        thread.join()
    live.close()
    wait_until(lambda: before == 0 or len(os.listdir("/proc/self/fd")) <= before, what="closing")


def test_a_part_is_of_the_version_asked_for_whoever_wrote_between_two(tmp_path: Path) -> None:
    first, second = (page("film.mp4", text, n, gzipped=False) for n, text in ((1, "a" * 100_000), (2, "b" * 100_000)))
    with closing(SQLiteStore(tmp_path / "site.db")) as store, closing(SQLiteStore(tmp_path / "site.db")) as other:
        store.put([Put(first)])
        old, new = (store.etag(one.digest, one.write_number) for one in (first, second))
        assert store.part("film.mp4", old, 50_000, 50_003) == b"aaaa"
        other.put([Put(page("elsewhere", "x"))])
        assert store.part("film.mp4", old, 50_000, 50_003) == b"aaaa"
        other.put([Put(second)])
        assert store.part("film.mp4", old, 50_000, 50_003) is None
        assert store.part("film.mp4", new, 50_000, 50_003) == b"bbbb"
        store.put([Put(first._replace(write_number=3))])
        assert store.part("film.mp4", new, 50_000, 50_003) is None
