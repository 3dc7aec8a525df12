"""Passwords: which are taken, how they are kept, and that checking them starves nobody."""
from __future__ import annotations

import os
import signal
import threading
import time
import traceback
import unicodedata
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask

from api.auth.lanes import lane
from api.auth.passwords import AT_ONCE, LANES, MEMORY_KIB, PASSES, WAIT_S, WAITING, Hashing, _nobody, commonest, fault
from api.errors import BusyError, Wrong
from api.problems import PASSWORD_COMMON, PASSWORD_LONG, PASSWORD_SHORT
from tests.api.auth.accounts import add, rows_of
from tests.api.auth.browser import PASSWORD, Browser
from tests.edge.servers import wait_until

Make = Callable[..., Flask]
RESIDENT_KIB = 100 * 1024


@pytest.mark.parametrize("good", [
    "eight8le", "x" * 50 + "yz" * 39, "correct horse battery staple", "пароль-и-слова", "密码密码甲乙丙丁", "        ten sp ",
    "UPPERCASE-ONLY", "31415926535", "with \U0001f984 in it"])
def test_any_letters_make_a_password_of_8_to_128(good: str) -> None:
    assert fault(good) is None


@pytest.mark.parametrize("bad", [
    "", "seven77", "x" * 129, "yz" * 65, "password", "PASSWORD", "12345678", "qwertyuiop", "aaaaaaaaaaaa", "abababababab"])
def test_short_endless_and_common_ones_are_refused(bad: str) -> None:
    assert fault(bad)


def test_who_is_refused_is_told_which_rule_it_is() -> None:
    assert fault("seven77") == Wrong("password", "A password has at least 8 letters.", PASSWORD_SHORT.uri, 8)
    assert fault("abc" * 43) == Wrong("password", "A password has at most 128 letters.", PASSWORD_LONG.uri, 128)
    assert fault("abc" * 42 + "ab") is None
    common = Wrong("password", "This is one of the passwords that are tried first: choose another.", PASSWORD_COMMON.uri)
    assert fault("Password") == fault("ababababab") == common


def test_the_list_of_the_commonest_is_long_and_within_the_rules() -> None:
    """ASVS 6.2.4 wants the first 3,000 that the rules would let through."""
    assert len(commonest()) >= 3000
    assert not [word for word in commonest() if not 8 <= len(word) <= 128]


def test_the_address_and_the_sites_name_are_no_passwords() -> None:
    for bad in ("ada.lovelace@school.example", "Ada.Lovelace1815", "adalovelace!", "MySchool2026", "lectern-2026"):
        assert fault(bad, "ada.lovelace@school.example", "ada.lovelace", "MySchool", "Lectern")
    assert fault("ada likes lectures", "ada@school.example", "ada", "MySchool") is None


def test_a_password_is_the_same_from_another_keyboard_and_is_never_cut(browser: Browser, dsn: str) -> None:
    long = "é" * 64 + "a" * 63 + "b"
    add(dsn, password=unicodedata.normalize("NFC", long))
    assert browser.log_in(password=unicodedata.normalize("NFD", long)).status_code == 200
    assert browser.log_in(password=long[:-1] + "c").status_code == 401
    assert browser.log_in(password=long.upper()).status_code == 401
    assert browser.log_in(password=" " + long).status_code == 401


def test_the_database_keeps_argon2id_with_a_salt_of_its_own() -> None:
    hashing = Hashing()
    one, other = hashing.hash(PASSWORD), hashing.hash(PASSWORD)
    assert one != other
    assert one.startswith(f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$")


def test_a_hash_costs_what_owasp_asks_for_and_so_many_are_made_at_once() -> None:
    assert (MEMORY_KIB, PASSES, LANES) == (19_456, 2, 1)
    assert (AT_ONCE, WAITING, WAIT_S) == (2, 1, 2.0)


def test_only_the_password_itself_matches_and_of_an_absent_account_none() -> None:
    hashing = Hashing()
    encoded = hashing.hash("correct horse")
    assert hashing.matches("correct horse", encoded)
    assert not hashing.is_old(encoded)
    assert hashing.is_old("$argon2id$v=19$m=8192,t=1,p=1$c29tZXNhbHQ$iKcAwwzXYNNxaH/yvTpS1LjHwUrpPsXYJQrWUSCdwMU")
    for wrong, kept in (("correct hors", encoded), ("", encoded), ("correct horse", None), ("nobody's", None), ("x", ""), ("x", "plain"),
                        ("x", "$argon2id$v=19$m=19456,t=2,p=1$AAAA$AAAA")):
        assert not hashing.matches(wrong, kept)
    assert _nobody() == _nobody(), "made once, or an absent account would take two hashes' time"


def test_a_hash_that_cannot_begin_leaves_its_place() -> None:
    hashing = Hashing(1, 1)
    hashing._threads.shutdown()
    for _ in range(3):
        with pytest.raises(RuntimeError, match="shutdown"):
            hashing.hash("correct horse")
    assert hashing._places._value == 2


def test_a_password_that_was_kept_with_other_costs_is_kept_anew_at_the_next_log_in(browser: Browser, dsn: str) -> None:
    from argon2 import PasswordHasher

    id = add(dsn)
    rows_of(dsn, "UPDATE student.account SET password = %s WHERE id = %s", PasswordHasher(1, 8192, 1).hash(PASSWORD), id)
    assert browser.log_in().status_code == 200
    assert rows_of(dsn, "SELECT password LIKE %s FROM student.account", f"%m={MEMORY_KIB},%") == [(True,)]
    assert browser.log_in().status_code == 200


def test_a_password_that_cannot_be_read_lets_nobody_in(browser: Browser, dsn: str) -> None:
    id = add(dsn)
    for broken in ("", "$argon2id$", "plain", "$argon2id$v=19$m=19456,t=2,p=1$AAAA$AAAA", "$2b$12$abcdefghijklmnopqrstuv"):
        rows_of(dsn, "UPDATE student.account SET password = %s WHERE id = %s", broken, id)
        assert browser.log_in().status_code == 401


class Slow(Hashing):
    """Checks as long as a test wants, and counts how many it does at once."""

    def __init__(self, at_once: int, waiting: int, wait_s: float) -> None:
        super().__init__(at_once, waiting, wait_s)
        self.go = threading.Event()
        self.now = self.most = 0
        self.lock = threading.Lock()

    def _verify(self, password: str, encoded: str | None) -> bool:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.go.wait(10)
        with self.lock:
            self.now -= 1
        return True


def test_two_are_checked_at_a_time_a_few_wait_and_the_rest_are_told_to_come_back() -> None:
    hashing = Slow(2, 3, wait_s=10)
    done: list[bool] = []
    threads = [threading.Thread(target=lambda: done.append(hashing.matches("x", "y"))) for _ in range(5)]
    for thread in threads:
        thread.start()
    wait_until(lambda: hashing._places._value == 0 and hashing.now == 2)
    with pytest.raises(BusyError) as refused:
        hashing.matches("x", "y")
    assert refused.value.retry_s == 1
    hashing.go.set()
    for thread in threads:
        thread.join()
    assert (len(done), hashing.most) == (5, 2)
    assert hashing.matches("x", "y")


def test_who_has_waited_too_long_is_told_to_come_back_and_leaves_his_place() -> None:
    hashing = Slow(1, 1, wait_s=0.05)
    first = threading.Thread(target=lambda: hashing.matches("x", "y"))
    first.start()
    wait_until(lambda: hashing.now == 1)
    with pytest.raises(BusyError) as refused:
        hashing.matches("x", "y")
    assert refused.value.retry_s == 1
    hashing.go.set()
    first.join()
    wait_until(lambda: hashing._places._value == 2)


@pytest.mark.parametrize("processes", [2, 4])
def test_an_instance_checks_two_at_a_time_however_many_processes_it_has(make: Make, processes: int, tmp_path: Path) -> None:
    """Told by when each hash really began and ended."""
    hashing = make(LECTERN_API_PROCESSES=str(processes), REDIS_URL="redis://127.0.0.1:1").extensions["lectern.hashing"]
    real = hashing._hasher.hash
    times = tmp_path / "times"

    def noted(password: str) -> str:
        begun = time.monotonic()
        encoded: str = real(password)
        line = f"{begun} 1\n{time.monotonic()} -1\n".encode()
        with times.open("ab", buffering=0) as file:
            file.write(line)
        return encoded

    def work() -> None:
        hashing._hasher = SimpleNamespace(hash=noted)
        hashing._wait_s = 60
        for _ in range(5):
            hashing.hash(PASSWORD)

    working = [in_child(work) for _ in range(processes)]
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in working] == [0] * processes
    steps = [int(step) for _, step in sorted((float(at), step) for at, step in map(str.split, times.read_text().splitlines()))]
    assert len(steps) == 2 * 5 * processes
    assert max(accumulate(steps)) == AT_ONCE


def test_a_process_that_is_killed_while_it_checks_leaves_its_lane(tmp_path: Path) -> None:
    def hold() -> None:
        with lane(tmp_path, AT_ONCE, 0), lane(tmp_path, AT_ONCE, 0):
            (tmp_path / "holds both").touch()
            time.sleep(60)

    holder = in_child(hold)
    wait_until((tmp_path / "holds both").exists)
    with pytest.raises(BusyError) as refused:
        Hashing(1, wait_s=0.05, lanes=tmp_path).hash(PASSWORD)
    assert refused.value.retry_s == 1
    os.kill(holder, signal.SIGKILL)
    os.waitpid(holder, 0)
    assert Hashing(1, wait_s=10, lanes=tmp_path).hash(PASSWORD)


def test_a_folder_that_takes_no_locks_lets_nobody_wait(tmp_path: Path) -> None:
    assert Hashing(1, lanes=tmp_path / "nowhere").hash(PASSWORD)


def in_child(what: Callable[[], None]) -> int:
    """The process id of a forked child that does *what*; its exit code is 0 where that went well."""
    if child := os.fork():
        return child
    code = 1
    try:
        what()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def test_a_thread_is_always_left_for_who_does_not_log_in() -> None:
    from api.server import THREADS

    assert AT_ONCE + WAITING < THREADS


def test_a_full_queue_is_503_with_a_time_to_come_back(browser: Browser, app: Flask, dsn: str) -> None:
    add(dsn)
    app.extensions["lectern.hashing"] = Slow(1, 0, wait_s=0.01)
    app.extensions["lectern.hashing"]._places.acquire()
    browser.get("/session")
    for path, body in (("/login", {"email": "ada@school.example", "password": PASSWORD}),
                       ("/register", {"email": "eve@school.example", "password": PASSWORD})):
        answer = browser.post(path, body)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert rows_of(dsn, "SELECT count(*) FROM student.session") == [(0,)]


def test_a_storm_of_right_log_ins_all_get_in_while_others_are_served_and_memory_stays(app: Flask, dsn: str) -> None:
    """A class of 60 behind one address at nine o'clock, each coming back as it is told to."""
    for number in range(60):
        add(dsn, f"s{number}@school.example")
    known = Browser(app)
    known.log_in("s0@school.example")
    before = resident_kib()
    got_in: list[bool] = []
    ended = threading.Event()

    def log_in(number: int) -> None:
        browser = Browser(app)
        browser.get("/session")
        answer = browser.log_in(f"s{number}@school.example")
        while answer.status_code == 503:
            ended.wait(0.2 + number / 200)  # as a page's script does, though sooner than the second that it is told
            answer = browser.log_in(f"s{number}@school.example")
        got_in.append(answer.status_code == 200)

    threads = [threading.Thread(target=log_in, args=(number,)) for number in range(60)]
    for thread in threads:
        thread.start()
    served = 0
    while any(thread.is_alive() for thread in threads):
        assert known.get("/sessions").status_code == 200
        served += 1
        ended.wait(0.05)  # a storm on a slow machine lasts long: no reader asks a thousand times meanwhile
    for thread in threads:
        thread.join()
    assert got_in == [True] * 60
    assert served >= 10
    assert resident_kib() - before < RESIDENT_KIB


def resident_kib() -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))
