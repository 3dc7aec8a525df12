"""docs/deploy.md's files for one Debian server, as the programs that they are for read them; its log-ins, on a real PostgreSQL."""
from __future__ import annotations

import os
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPSConnection
from pathlib import Path
from wsgiref.types import StartResponse, WSGIEnvironment

import psycopg2
import pytest

from builder.embedded import Server
from builder.migrate import migrate, state
from tests.conftest import database
from tests.edge.fakes.varnish import varnish
from tests.edge.servers import free_port, listening, wait_until

TOP = Path(__file__).resolve().parents[3]
DOC = (TOP / "docs" / "deploy.md").read_text()
HOST = "lectures.example"


def _block(beginning: str) -> str:
    """The one block of code that has a line of this beginning; blocks may stand deeper in lists."""
    blocks = (match[2] for match in re.finditer(r"^( *)```\n(.*?)^\1```$", DOC, re.M | re.S))
    (found,) = (text for text in blocks if re.search(rf"^ *{beginning}", text, re.M))
    return found


def _program(name: str, package: str) -> str:
    if not (binary := shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")):
        pytest.skip(f"{name} is not here: apt install {package}")
    return binary


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What certbot's hook makes: certificate and key in one file."""
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run([_program("openssl", "openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out",
                    "cert.pem", "-days", "1", "-subj", f"/CN={HOST}"], cwd=folder, check=True, capture_output=True)
    both = folder / "lectures.pem"
    both.write_text((folder / "cert.pem").read_text() + (folder / "key.pem").read_text())
    return both


def _hitch(certificate: Path, **ports: int) -> str:
    """hitch.conf as the page has it, where its file and these ports lie elsewhere; an ordinary user changes to none."""
    text = _block("frontend = ").replace("/etc/hitch/lectures.pem", str(certificate))
    for name, port in ports.items():
        text, count = re.subn(rf'^({name} = "\[[^]]*\]):\d+"', rf'\1:{port}"', text, flags=re.M)
        assert count == 1
    return text if os.geteuid() == 0 else re.sub(r"^(user|group) = .*\n", "", text, flags=re.M)


def test_hitch_takes_its_file_and_would_not_take_a_mistake(certificate: Path, tmp_path: Path) -> None:
    hitch = _program("hitch", "hitch")
    for text, code in ((_hitch(certificate), 0), (_hitch(certificate).replace("write-proxy-v2", "write-proxy-v3"), 1)):
        (tmp_path / "hitch.conf").write_text(text)
        done = subprocess.run([hitch, "--test", f"--config={tmp_path / 'hitch.conf'}"], capture_output=True, text=True)
        assert done.returncode == code, done.stderr


def test_a_reader_who_comes_by_tls_is_told_to_the_origin_by_the_own_address(certificate: Path, tmp_path: Path) -> None:
    hitch = _program("hitch", "hitch")
    seen: list[str] = []

    def origin(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        if environ["PATH_INFO"].startswith("/api/"):
            seen.append(environ.get("HTTP_X_FORWARDED_FOR", ""))
        start_response("200 OK", [("Content-Type", "text/html"), ("Cache-Control", "no-store")])
        return [b"A page"]

    with varnish(origin, HOST) as edge:
        port = free_port()
        (tmp_path / "hitch.conf").write_text(_hitch(certificate, frontend=port, backend=edge.proxied_port))
        process = subprocess.Popen([hitch, f"--config={tmp_path / 'hitch.conf'}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: listening(port), what="hitch")
            trusted = ssl.create_default_context(cafile=str(certificate))
            trusted.check_hostname = False  # asked by its address
            said = {"Host": HOST, "X-Forwarded-For": "192.0.2.1"}
            with closing(HTTPSConnection("127.0.0.2", port, source_address=("127.0.0.3", 0), context=trusted, timeout=20)) as reader:
                reader.request("GET", "/api/v1/session", headers=said)
                assert reader.getresponse().read() == b"A page"
        finally:
            process.terminate()
            process.wait(10)
    assert "LECTERN_TRUSTED_PROXIES=1\n" in DOC, "so the last of them counts, and not what the reader says"
    assert seen == ["192.0.2.1, 127.0.0.3"]


def test_varnish_opens_the_doors_that_hitch_and_the_settings_name(tmp_path: Path) -> None:
    unit = _block(r"ExecStart=/usr/sbin/varnishd")
    doors = re.findall(r" -a (127\.0\.0\.1:\d+)(,PROXY)?", unit)
    (backend,) = re.findall(r'^backend = "\[(.*)\]:(\d+)"', _block("frontend = "), re.M)
    (purged,) = re.findall(r"^LECTERN_VARNISH_URL=http://(.*)$", DOC, re.M)
    assert doors == [(purged, ""), (":".join(backend), ",PROXY")]
    place = Path("/lib/systemd/system/varnish.service")
    if not place.exists():
        pytest.skip("no unit of Varnish is here: apt install varnish")
    analyze = _program("systemd-analyze", "systemd")
    shutil.copy(place, tmp_path)
    (tmp_path / "varnish.service.d").mkdir()
    for text, well in ((unit, True), (unit.replace("ExecStart=\n", ""), False)):
        (tmp_path / "varnish.service.d" / "override.conf").write_text(text)
        done = subprocess.run([analyze, "verify", "--man=no", str(tmp_path / "varnish.service")], capture_output=True, text=True)
        assert ("varnish.service" not in done.stderr) is well, done.stderr


def test_nginx_takes_the_server_on_port_80(tmp_path: Path) -> None:
    nginx = _program("nginx", "nginx")
    server = _block("server {")
    assert "return 301 https://lectures.example$request_uri;" in server
    (tmp_path / "logs").mkdir()
    for text, code in ((server, 0), (server.replace("return 301", "retrun 301"), 1)):
        (tmp_path / "nginx.conf").write_text(
            f"pid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n"
            + "".join(f"{kind}_temp_path {tmp_path}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
            + text.replace("listen 80 ", f"listen 127.0.0.1:{free_port()} ") + "}\n")
        done = subprocess.run([nginx, "-t", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")], capture_output=True, text=True)
        assert done.returncode == code, done.stderr


@pytest.fixture
def owned(server: Server) -> Iterator[str]:
    """A migrated database as the page has it made: of a log-in that is no superuser, which may make roles."""
    made = _block("sudo -u postgres createuser")
    assert "createuser --pwprompt --createrole lectern\n" in made
    assert "createdb --owner lectern lectern\n" in made
    with database(server, "") as dsn:
        name = dsn.partition("?")[0].rpartition("/")[2]
        owner = f"{name}_owner"
        _do(dsn, f"CREATE ROLE {owner} LOGIN CREATEROLE; ALTER DATABASE {name} OWNER TO {owner}")
        migrate(_as(dsn, owner))
        try:
            yield dsn
        finally:
            groups = ", ".join(f"{name}_{group}" for group in ("api", "desk", "builder"))
            _do(dsn, f"DROP OWNED BY {groups}, {owner} CASCADE; DROP ROLE {groups}")
            _do(dsn, f"ALTER DATABASE {name} OWNER TO postgres; DROP ROLE {owner}")


def test_the_log_ins_of_the_page_may_do_what_they_are_for_and_no_more(owned: str) -> None:
    name = owned.partition("?")[0].rpartition("/")[2]
    owner = f"{name}_owner"
    log_ins = ("web", "editors", "worker")
    statements = re.sub(r"\blectern_", f"{name}_", _block("CREATE ROLE web"))
    for one in log_ins:
        statements = re.sub(rf"CREATE ROLE {one}\b", f"CREATE ROLE {name}_{one}", statements)
    _do(_as(owned, owner), statements)
    try:
        may = {one: {what: _may(_as(owned, f"{name}_{one}"), statement) for what, statement in {
            "read a student": "SELECT email FROM student.account",
            "edit": "UPDATE catalog.video SET title = title",
            "keep an edit": "SELECT * FROM desk.edit",
            "publish": "UPDATE live.site SET held_at = held_at",
            "change the schema": "ALTER TABLE live.site ADD COLUMN mine text",
        }.items()} for one in log_ins}
        assert {one: sorted(what for what, yes in rights.items() if yes) for one, rights in may.items()} == {
            "web": ["read a student"], "editors": ["edit", "keep an edit", "read a student"], "worker": ["keep an edit", "publish"]}
        assert state(_as(owned, f"{name}_worker")) == "current"
    finally:
        _do(_as(owned, owner), "; ".join(f"DROP ROLE {name}_{one}" for one in log_ins))


def _as(dsn: str, user: str) -> str:
    return dsn.replace("postgres@", f"{user}@", 1) if "postgres@" in dsn else f"{dsn}&user={user}"


def _do(dsn: str, statements: str) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statements)


def _may(dsn: str, statement: str) -> bool:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        try:
            cursor.execute(statement)
        except psycopg2.errors.InsufficientPrivilege:
            return False
        return True
