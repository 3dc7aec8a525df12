"""How refresh asks: never into a private network, bounded in time, bytes and hops; many hosts at once, each at its own pace."""
from __future__ import annotations

import gzip
import ssl
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from builder.catalog.providers.pace import Done, HostDown, Job, Pace, work
from builder.catalog.providers.web import HOPS, Unreachable, Web, is_public
from tests.catalog.stand_ins import Providers, Said, running


@pytest.mark.parametrize("address", [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1", "255.255.255.255",
    "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
    "2002:7f00:1::", "192.0.2.1"])
def test_a_private_address_is_none_of_the_public_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"])
def test_a_public_address_may_be_asked(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://[::1]:{port}/", "http://2130706433:{port}/",
                                 "http://0x7f.1:{port}/", "http://user@127.0.0.1:{port}/"])
def test_a_request_never_reaches_this_machine(talkers: Providers, url: str) -> None:
    with pytest.raises(Unreachable):
        Web("tests").fetch(url.format(port=talkers.port))
    assert talkers.asked == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/", "gopher://example.org/", "http:///x", "http://[::1", "//x", "",
                                 "http://example.org:99999/", "http://exa mple.org/", "http://" + "a" * 300 + ".example/"])
def test_what_is_no_address_of_the_web_is_not_asked(url: str) -> None:
    def resolve(host: str, port: int) -> Sequence[str]:
        raise OSError("nobody is asked")

    with pytest.raises(Unreachable):
        Web("tests", resolve=resolve).fetch(url)


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    web = Web("tests", resolve=lambda host, port: ["93.184.216.34", "10.0.0.1"])
    with pytest.raises(Unreachable, match="private network"):
        web.fetch("http://example.org/")


def test_a_redirect_into_a_private_network_is_not_followed(talkers: Providers) -> None:
    """The first host is allowed, the second is the same machine under a name that is not."""
    talkers.at["/"] = Said(302, b"", {"Location": f"http://elsewhere.example:{talkers.port}/secret"})
    web = Web("tests", private_hosts=[talkers.host], resolve=lambda host, port: ["127.0.0.1"])
    with pytest.raises(Unreachable, match="private network"):
        web.fetch(f"{talkers.base}/")
    assert talkers.paths() == ["/"]


def test_each_hop_is_resolved_anew_and_the_checked_address_is_the_one_connected_to(talkers: Providers) -> None:
    seen: list[str] = []

    def resolve(host: str, port: int) -> Sequence[str]:
        seen.append(host)
        return ["127.0.0.1"]

    talkers.at["/a"] = Said(301, b"", {"Location": f"http://b.example:{talkers.port}/b"})
    talkers.at["/b"] = Said(200, b"there")
    web = Web("tests", private_hosts=["a.example", f"b.example:{talkers.port}"], resolve=resolve)
    reply = web.fetch(f"http://a.example:{talkers.port}/a", headers={"Authorization": "bearer secret"})
    assert (reply.body, seen) == (b"there", ["a.example", "b.example"])
    assert [request.headers["host"] for request in talkers.asked] == [f"a.example:{talkers.port}", f"b.example:{talkers.port}"]
    assert [("authorization" in request.headers) for request in talkers.asked] == [True, False]


def test_redirects_bytes_and_lies_about_length_are_bounded(talkers: Providers) -> None:
    web = Web("tests", private_hosts=[talkers.host])
    talkers.at["/loop"] = Said(302, b"", {"Location": "/loop"})
    with pytest.raises(Unreachable, match="redirects"):
        web.fetch(f"{talkers.base}/loop")
    assert len(talkers.asked) == HOPS + 1
    talkers.at["/long"] = Said(200, b"x" * 100_000)
    with pytest.raises(Unreachable, match="longer"):
        web.fetch(f"{talkers.base}/long", most_bytes=99_999)
    talkers.at["/short"] = Said(200, b"x" * 10, {"Content-Length": "10000", "Connection": "close"})
    with pytest.raises(Unreachable):
        web.fetch(f"{talkers.base}/short")


def test_a_packed_answer_is_measured_unpacked(talkers: Providers) -> None:
    talkers.at["/bomb"] = Said(200, gzip.compress(b"\0" * 10_000_000), {"Content-Encoding": "gzip"})
    with pytest.raises(Unreachable, match="longer"):
        Web("tests", private_hosts=[talkers.host]).fetch(f"{talkers.base}/bomb", most_bytes=1_000_000)


def test_a_host_whose_first_address_takes_no_connection_is_asked_at_the_next(talkers: Providers) -> None:
    talkers.at["/"] = Said(200, b"there")
    web = Web("tests", private_hosts=["two.example"], resolve=lambda host, port: ["127.0.0.2", "127.0.0.1"])
    assert web.fetch(f"http://two.example:{talkers.port}/").body == b"there"


def test_a_certificate_must_be_the_hosts_though_the_connection_goes_to_an_address(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = _authority("films.example", tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with running(tmp_path / "unused", context) as safe:
        safe.at["/"] = Said(200, b"there")

        def fetch(host: str) -> bytes:
            return Web("tests", private_hosts=[host], resolve=lambda host, port: ["127.0.0.1"]).fetch(f"https://{host}:{safe.port}/").body

        with pytest.raises(Unreachable, match="certificate"):
            fetch("films.example")
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        assert fetch("films.example") == b"there"
        with pytest.raises(Unreachable, match="certificate"):
            fetch("other.example")


def _authority(host: str, folder: Path) -> Path:
    """Write key.pem and cert.pem of *host*, and return the file of the authority that signed: itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    cert = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
            .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256()))
    (folder / "key.pem").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    (folder / "cert.pem").write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    return folder / "cert.pem"


def test_letters_of_any_script_reach_the_server_encoded(talkers: Providers) -> None:
    web = Web("tests", private_hosts=["xn--mnchen-3ya.example"], resolve=lambda host, port: ["127.0.0.1"])
    talkers.at["/vidéo/हि.mp4"] = Said(200, b"film")
    assert web.fetch(f"http://münchen.example:{talkers.port}/vidéo/%E0%A4%B9%E0%A4%BF.mp4").body == b"film"
    assert talkers.asked[0].headers["host"] == f"xn--mnchen-3ya.example:{talkers.port}"


def test_a_host_that_is_not_there_is_said_so_without_the_query(talkers: Providers) -> None:
    web = Web("tests", private_hosts=["127.0.0.1:1"])
    with pytest.raises(Unreachable) as error:
        web.fetch("http://127.0.0.1:1/?key=secret")
    assert "secret" not in str(error.value)


def failing(error: Exception) -> str:
    raise error


def test_a_host_that_is_down_is_left_and_the_others_go_on() -> None:
    jobs = [Job("a", lambda: failing(HostDown("it answers 429", 60))), *[Job("a", lambda: "never")] * 3, *[Job("b", lambda: "well")] * 3]
    done = list(work(jobs, Pace(per_host=1, gap_s=0), time.monotonic() + 60))
    assert sorted(d.result or str(d.error) for d in done) == ["it answers 429", "well", "well", "well"]


def test_three_failures_in_a_row_stop_a_host() -> None:
    jobs = [Job("a", lambda: failing(Unreachable("no"))) for _ in range(10)]
    done: list[Done[str]] = list(work(jobs, Pace(per_host=1, gap_s=0), time.monotonic() + 60))
    assert [type(d.error).__name__ for d in done] == ["Unreachable"] * 3 + ["HostDown"]
    assert str(done[-1].error) == "3 failures in a row, the last: no"


def test_a_host_is_asked_by_no_more_than_its_share_at_once() -> None:
    lock, now, most = threading.Lock(), {"a": 0}, {"a": 0}
    both = threading.Barrier(2, timeout=30)

    def do() -> str:
        with lock:
            now["a"] += 1
            most["a"] = max(most["a"], now["a"])
        both.wait()
        with lock:
            now["a"] -= 1
        return ""

    assert len(list(work([Job("a", do) for _ in range(6)], Pace(per_host=2, gap_s=0), time.monotonic() + 60))) == 6
    assert most == {"a": 2}


def test_requests_to_a_host_keep_their_distance() -> None:
    at: list[float] = []
    jobs = [Job("a", lambda: at.append(time.monotonic())) for _ in range(4)]
    list(work(jobs, Pace(gap_s=0.05), time.monotonic() + 60))
    assert all(later - sooner >= 0.04 for sooner, later in pairwise(at))


def test_nothing_is_begun_after_the_deadline() -> None:
    assert list(work([Job("a", lambda: "late")], Pace(), time.monotonic() - 1)) == []
