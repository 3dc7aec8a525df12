"""Mail: owed as rows, written when sent, taken by a real SMTP server, tried again when it was not."""
from __future__ import annotations

import re
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg2
import pytest

from api.auth import background, lanes, mail_queue, mail_texts
from api.auth.background import sender_of
from api.auth.mail_queue import TRIES, Sender
from api.auth.settings import read_mail_from, read_mail_server
from api.auth.smtp import message
from api.settings import read_api_settings
from edge.errors import SettingsError
from tests.api.auth import post_office
from tests.api.auth.accounts import add, rows_of
from tests.api.auth.post_office import SECRET, USER, Office, deliver
from tests.edge.servers import free_port, wait_until

ADA = "ada@school.example"


@pytest.fixture
def office() -> Iterator[Office]:
    with post_office.running() as office:
        yield office


def owe(dsn: str, kind: mail_queue.Kind = "password", recipient: str = ADA) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        mail_queue.owe(cursor, kind, recipient)


def test_a_server_takes_what_is_owed_and_nothing_is_owed_after(office: Office, dsn: str, tmp_path: Path) -> None:
    add(dsn)
    owe(dsn)
    owe(dsn, "deleted", "ida@school.example")
    assert deliver(dsn, tmp_path, SMTP_URL=f"smtp://127.0.0.1:{office.port}", LECTERN_MAIL_FROM="us@school.example") == 2
    assert rows_of(dsn, "SELECT count(*) FROM student.mail") == [(0,)]
    first = office.taken[0]
    assert (first["From"], first["To"]) == ("us@school.example", ADA)
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["Message-ID"].endswith("@school.example>")
    assert first.get_content_type() == "text/plain"
    assert "http://127.0.0.1:8000/account/password/#" in first.get_content()


def test_a_secret_is_there_when_its_mail_arrives_and_ends_the_one_before(office: Office, dsn: str, tmp_path: Path) -> None:
    add(dsn)
    for _ in range(2):
        owe(dsn)
        deliver(dsn, tmp_path, SMTP_URL=f"smtp://127.0.0.1:{office.port}")
    tokens = [taken.get_content().split("#")[1].split()[0] for taken in office.taken]
    assert rows_of(dsn, "SELECT hash = sha256(%s) FROM student.secret", tokens[1].encode()) == [(True,)]


@pytest.mark.parametrize("away", ["refuses", "silent", "greets badly"])
def test_a_server_that_is_away_is_tried_again_later_each_time_later(dsn: str, tmp_path: Path, away: str,
                                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr("api.auth.smtp.TIMEOUT_S", 0.2)
    waits = []
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = free_port() if away == "refuses" else listener.getsockname()[1]
        if away == "greets badly":
            threading.Thread(target=_greet_badly, args=(listener,), daemon=True).start()
        owe(dsn)
        owe(dsn, recipient="ida@school.example")
        for _ in range(4):
            assert deliver(dsn, tmp_path, SMTP_URL=f"smtp://127.0.0.1:{port}") == 0
            waits.append(rows_of(dsn, "SELECT extract(epoch FROM max(due_at) - now())::float8, max(tries), max(why) FROM student.mail")[0])
            rows_of(dsn, "UPDATE student.mail SET due_at = now() - interval '1 day' WHERE tries = (SELECT max(tries) FROM student.mail)")
    assert all(15 * 2**n - 2 <= wait <= 45 * 2**n for n, (wait, _, _) in enumerate(waits)), waits
    assert [tries for _, tries, _ in waits] == [1, 2, 3, 4]
    assert waits[0][2]
    assert rows_of(dsn, "SELECT count(*) FROM student.mail WHERE tries = 0") == [(1,)]  # one try tells of all


def test_a_recipient_that_is_refused_for_now_waits_and_for_good_is_given_up(office: Office, dsn: str, tmp_path: Path) -> None:
    office.refuse = lambda recipient: {"full@x.example": "452 full", "gone@x.example": "550 no such"}.get(recipient)
    for recipient in ("full@x.example", "gone@x.example", ADA):
        owe(dsn, recipient=recipient)
    assert deliver(dsn, tmp_path, SMTP_URL=f"smtp://127.0.0.1:{office.port}") == 1
    assert rows_of(dsn, "SELECT recipient, why FROM student.mail") == [("full@x.example", "refused 452")]
    assert [taken["To"] for taken in office.taken] == [ADA]


def test_a_text_that_is_refused_for_good_is_given_up_and_after_a_day_any_is(office: Office, dsn: str, tmp_path: Path) -> None:
    office.refuse_text = "554 spam"
    owe(dsn)
    deliver(dsn, tmp_path, SMTP_URL=f"smtp://127.0.0.1:{office.port}")
    assert rows_of(dsn, "SELECT count(*) FROM student.mail") == [(0,)]
    office.refuse_text = "451 later"
    owe(dsn)
    rows_of(dsn, "UPDATE student.mail SET tries = %s", TRIES - 1)
    deliver(dsn, tmp_path, SMTP_URL=f"smtp://127.0.0.1:{office.port}")
    assert rows_of(dsn, "SELECT count(*) FROM student.mail") == [(0,)]


def test_two_senders_never_send_the_same_mail(office: Office, dsn: str, tmp_path: Path) -> None:
    for number in range(30):
        owe(dsn, "deleted", f"s{number}@school.example")
    threads = [threading.Thread(target=deliver, args=(dsn, tmp_path), kwargs={"SMTP_URL": f"smtp://127.0.0.1:{office.port}"})
               for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken["To"] for taken in office.taken) == sorted(f"s{number}@school.example" for number in range(30))


def test_a_sender_that_died_over_a_mail_leaves_it_to_the_next(office: Office, dsn: str, tmp_path: Path) -> None:
    owe(dsn, "deleted")
    settings = read_api_settings({"LECTERN_DATA": str(tmp_path), "DATABASE_URL": dsn, "SMTP_URL": f"smtp://127.0.0.1:{office.port}"})
    with closing(psycopg2.connect(dsn)) as connection:
        assert sender_of(settings)._claim(connection)
    assert deliver(dsn, tmp_path, SMTP_URL=f"smtp://127.0.0.1:{office.port}") == 0
    rows_of(dsn, "UPDATE student.mail SET due_at = due_at - %s * interval '1 second'", mail_queue.HOLD_S)
    assert deliver(dsn, tmp_path, SMTP_URL=f"smtp://127.0.0.1:{office.port}") == 1


def test_a_mail_about_an_account_that_has_gone_is_not_sent(office: Office, dsn: str, tmp_path: Path) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        mail_queue.owe(cursor, "email", ADA, {"account_id": 99})
    assert deliver(dsn, tmp_path, SMTP_URL=f"smtp://127.0.0.1:{office.port}") == 0
    assert rows_of(dsn, "SELECT count(*) FROM student.mail") == [(0,)]


def test_a_password_goes_only_over_tls_off_loopback(tmp_path: Path) -> None:
    assert read_mail_server({"SMTP_URL": "smtp://u:p@mail.school.example"}).must_encrypt  # type: ignore[union-attr]
    assert not read_mail_server({"SMTP_URL": "smtp://mail.school.example"}).must_encrypt  # type: ignore[union-attr]
    assert read_mail_server({"SMTP_URL": "smtps://u:p@mail.school.example"}).tls  # type: ignore[union-attr]


def test_a_server_that_wants_tls_and_a_password_gets_both(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.auth.smtp.TIMEOUT_S", 1.0)  # after a refusal that server says no more
    context = post_office.tls(tmp_path)
    owe(dsn, "deleted")
    with post_office.running(tls_context=context, require_starttls=True, authenticator=post_office.checked, auth_required=True) as office:
        url = f"smtp://{USER.replace('@', '%40')}:{SECRET.replace(':', '%3A').replace('/', '%2F')}@127.0.0.1:{office.port}"
        assert deliver(dsn, tmp_path, SMTP_URL=url) == 0  # nobody vouches for this certificate
        rows_of(dsn, "UPDATE student.mail SET due_at = now()")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert"))
        assert deliver(dsn, tmp_path, SMTP_URL=url.replace("p%3A", "q%3A")) == 0
        rows_of(dsn, "UPDATE student.mail SET due_at = now()")
        assert deliver(dsn, tmp_path, SMTP_URL=url) == 1
        assert len(office.taken) == 1


def test_without_a_server_mails_are_files_that_only_their_owner_reads(dsn: str, tmp_path: Path) -> None:
    owe(dsn, "deleted")
    assert deliver(dsn, tmp_path / "data") == 1
    (file,) = (tmp_path / "data" / "mail").iterdir()
    assert file.suffix == ".eml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_no_header_is_smuggled_into_a_mail() -> None:
    with pytest.raises(ValueError, match="Header"):
        message("us@school.example", "ada@school.example\r\nBcc: x@y.example", mail_texts.Letter("hello", "text"))
    with pytest.raises(ValueError, match="Header"):
        message("us@school.example", ADA, mail_texts.Letter("hello\r\nBcc: x@y.example", "text"))


def test_no_letter_says_what_a_stranger_wrote(office: Office, dsn: str, tmp_path: Path) -> None:
    """Or the form would send anybody's words to anybody."""
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        mail_queue.owe(cursor, "register", ADA, {"name": "Win at http://evil.example", "password": "x"})
    deliver(dsn, tmp_path, SMTP_URL=f"smtp://127.0.0.1:{office.port}")
    assert "evil" not in office.taken[0].as_string()


def test_every_kind_of_mail_has_its_words(dsn: str) -> None:
    id = add(dsn)
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        for kind in mail_texts._WRITERS:
            facts = {"account_id": id, "provider": "https://login.school.example", "name": "", "password": "x"}
            letter = mail_texts.write(cursor, mail_texts.Site("Lectern", "https://x.example"), kind, "new@school.example", facts)
            assert letter
            assert "Lectern" in letter.subject
            assert len(letter.text) > 50


def test_every_mail_speaks_the_sites_language(dsn: str) -> None:
    id = add(dsn)
    site = mail_texts.Site("Vidya", "https://x.example", "hi")
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        for kind in mail_texts._WRITERS:
            for address in ("ada@school.example", "new@school.example"):
                facts = {"account_id": id, "provider": "https://login.school.example", "name": "", "password": "x"}
                letter = mail_texts.write(cursor, site, kind, address, facts)
                assert letter
                english = set(re.findall("[A-Za-z]{2,}", re.sub(r"https://\S+", "", letter.subject + letter.text)))
                assert english == {"Vidya"}, kind
                assert message("us@school.example", ADA, letter).get_content().replace("\r\n", "\n") == letter.text


def test_a_language_without_a_catalog_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="LECTERN_LANGUAGE"):
        sender_of(read_api_settings({"LECTERN_DATA": str(tmp_path), "LECTERN_LANGUAGE": "pt"}))


def test_an_english_site_loads_no_catalogs() -> None:
    loaded = subprocess.run([sys.executable, "-c", "import sys, api.wsgi; print('babel' in sys.modules)"], capture_output=True, text=True)
    assert loaded.stdout == "False\n", loaded.stderr


def test_the_background_sends_and_sweeps_and_outlives_its_connection(office: Office, dsn: str, tmp_path: Path,
                                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "_REST_S", 0.05)
    id = add(dsn)
    rows_of(dsn, "INSERT INTO student.session (token_hash, account_id, expires_at) VALUES ('x', %s, now())", id)
    rows_of(dsn, "INSERT INTO student.login_state (hash, kept, expires_at) VALUES ('x', '{}', now()), ('y', '{}', 'infinity')")
    rows_of(dsn, "INSERT INTO student.secret (hash, purpose, email, expires_at) VALUES ('x', 'register', 'x', now())")
    settings = read_api_settings({"LECTERN_DATA": str(tmp_path), "DATABASE_URL": dsn, "SMTP_URL": f"smtp://127.0.0.1:{office.port}"})
    with background.running(settings, poll_s=0.02):
        owe(dsn, "deleted")
        wait_until(lambda: len(office.taken) == 1)
        wait_until(lambda: rows_of(dsn, """SELECT (SELECT count(*) FROM student.session), (SELECT count(*) FROM student.login_state),
                                                  (SELECT count(*) FROM student.secret)""") == [(0, 1, 0)])
        rows_of(dsn, """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                        WHERE datname = current_database() AND pid <> pg_backend_pid()""")
        owe(dsn, "deleted")
        wait_until(lambda: len(office.taken) == 2)
    wait_until(lambda: "background" not in [thread.name for thread in threading.enumerate()])


def test_of_several_processes_one_works_in_the_background_and_the_next_takes_over(office: Office, dsn: str, tmp_path: Path,
                                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read_api_settings({"LECTERN_DATA": str(tmp_path), "DATABASE_URL": dsn, "SMTP_URL": f"smtp://127.0.0.1:{office.port}"})
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(background.running(settings, poll_s=0.02))
        owe(dsn, "deleted")
        wait_until(lambda: len(office.taken) == 1)
        asked, ask = [0], lanes.is_free

        def counted(file: int) -> bool:
            asked[0] += 1
            return ask(file)

        monkeypatch.setattr(lanes, "is_free", counted)
        second.enter_context(background.running(settings, poll_s=0.02))
        wait_until(lambda: asked[0] > 3)
        assert rows_of(dsn, """SELECT count(*) FROM pg_stat_activity
                               WHERE datname = current_database() AND pid <> pg_backend_pid()""") == [(1,)]
        first.close()
        owe(dsn, "deleted")
        wait_until(lambda: len(office.taken) == 2)


@pytest.mark.parametrize("url", ["mail.example", "http://mail.example", "smtp://", "smtp://mail.example/x", "smtp://m.example:x", "smtp://m?x"])
def test_a_wrong_mail_server_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(SettingsError, match="SMTP_URL") as refused:
        read_mail_server({"SMTP_URL": url.replace("://", "://user:hunter2@") if "://" in url else url})
    assert "hunter2" not in str(refused.value)


def test_the_sender_is_an_address_and_by_itself_the_sites_own() -> None:
    assert read_mail_from({}, "https://lectures.example") == "lectern@lectures.example"
    for wrong in ("nobody", "a@b@c", "Ada <ada@x.example>", "a@x.example\r\nBcc: y@z.example", "@x.example"):
        with pytest.raises(SettingsError, match="LECTERN_MAIL_FROM"):
            read_mail_from({"LECTERN_MAIL_FROM": wrong}, "https://lectures.example")


def test_chance_spreads_what_failed_together(dsn: str, tmp_path: Path) -> None:
    owe(dsn, "deleted")
    made = []
    server = read_mail_server({"SMTP_URL": f"smtp://127.0.0.1:{free_port()}"})
    for chance in ([0.0], [1.0]):
        sender = Sender(mail_texts.Site("x", "https://x.example"), "us@x.example", server, tmp_path, chance=chance.pop)
        rows_of(dsn, "UPDATE student.mail SET due_at = now(), tries = 0")
        with closing(psycopg2.connect(dsn)) as connection:
            sender.send_due(connection)
        made.append(rows_of(dsn, "SELECT round(extract(epoch FROM due_at - now())) FROM student.mail")[0][0])
    assert made == [15, 45]


def _greet_badly(listener: object) -> None:
    import socket

    assert isinstance(listener, socket.socket)
    while True:
        try:
            caller, _ = listener.accept()
        except OSError:
            return
        caller.sendall(b"421 go away\r\n")
        caller.close()
