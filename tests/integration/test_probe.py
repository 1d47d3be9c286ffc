"""What the probe says of real servers: ReportPortals, other things, broken things, nothing."""

from __future__ import annotations

import json
import socket
import ssl
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING, Protocol

import pytest
import requests

from rp_finalizer.endpoint import Endpoint
from rp_finalizer.reportportal.probe import LARGEST_BODY, ProbeKind, ProbeResult, probe
from rp_finalizer.reportportal.probe_reading import read_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Answer = Callable[[socket.socket], object]

    class Serve(Protocol):
        def __call__(self, answer: Answer, context: ssl.SSLContext | None = None) -> Server: ...


TLS = Path(__file__).parent / "tls"
"""A key that is no secret, and its certificates: two until 2124, of which one is for another host, one until 2020."""
CA = str(TLS / "localhost.pem")
INFO = json.dumps({"build": {"version": "5.15.1", "name": "Service API"}})


def http(body: str, status: str = "200 OK", *headers: str, content_type: str = "application/json") -> Answer:
    head = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", f"Content-Length: {len(body)}", *headers]
    return lambda connection: connection.sendall("\r\n".join([*head, "Connection: close", "", body]).encode())


REPORTPORTAL = http(INFO)


class Server:
    """Takes connections at a port of its own; keeps what was sent to it."""

    def __init__(self, answer: Answer, context: ssl.SSLContext | None) -> None:
        self.requests: list[str] = []
        self.closing = Event()
        self._answer = answer
        self._context = context
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._threads = [Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        self.closing.set()
        # Closing alone would not wake the thread that accepts.
        with socket.create_connection(("127.0.0.1", self.port)):
            pass
        for thread in self._threads:
            thread.join(10)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            connection = self._listening.accept()[0]
            if self.closing.is_set():
                connection.close()
                return
            thread = Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain: socket.socket) -> None:
        plain.settimeout(10)
        with ExitStack() as stack:
            stack.callback(plain.close)
            try:
                connection = self._context.wrap_socket(plain, server_side=True) if self._context else plain
                stack.callback(connection.close)
                self.requests.append(connection.recv(65536).decode("latin-1"))
                self._answer(connection)
            except OSError:
                return


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[Server] = []

    def start(answer: Answer, context: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(answer, context))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def tls(certificate: str = "localhost.pem") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / certificate, TLS / "localhost.key")
    return context


def ask(address: str, *, verify_ssl: bool | str = True, timeout_seconds: float = 10) -> ProbeResult:
    return probe(Endpoint.parse(address), verify_ssl=verify_ssl, timeout_seconds=timeout_seconds)


def test_a_reportportal_is_known_by_its_build_information(serve: Serve) -> None:
    """A ReportPortal is told with its version, below a prefix too, and was asked once, at /api/info."""
    server = serve(REPORTPORTAL)
    result = ask(f"http://127.0.0.1:{server.port}/reportportal/ui/#demo")
    assert (result.kind, result.version, result.ok) == (ProbeKind.REPORTPORTAL, "5.15.1", True)
    assert [request.split("\r\n")[0] for request in server.requests] == ["GET /reportportal/api/info HTTP/1.1"]


@pytest.mark.parametrize("build", [{}, {"version": 5}, {"version": "\x1b[31m"}])
def test_a_version_that_is_none_is_not_shown(serve: Serve, build: dict[str, object]) -> None:
    """A ReportPortal with an odd version is still one; the version is unknown then."""
    result = ask(f"http://127.0.0.1:{serve(http(json.dumps({'build': build}))).port}")
    assert (result.kind, result.version) == (ProbeKind.REPORTPORTAL, None)


def test_the_key_stays_at_home(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a session's key and cookies nor the passwords of a .netrc file reach a server that is only probed."""
    (tmp_path / ".netrc").write_text("default login hunter2 password hunter2\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    server = serve(REPORTPORTAL)
    with requests.Session() as session:
        session.headers["Authorization"] = "Bearer hunter2"
        session.auth = ("hunter2", "hunter2")
        session.cookies.set("hunter2", "hunter2")
        endpoint = Endpoint.parse(f"http://127.0.0.1:{server.port}")
        assert probe(endpoint, timeout_seconds=10, session=session).ok
    assert ask(str(endpoint)).ok
    assert len(server.requests) == 2
    for request in server.requests:
        assert "authorization" not in request.lower()
        assert "cookie" not in request.lower()
        assert "hunter2" not in request


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (http("<html></html>", content_type="text/html; charset=utf-8"), ProbeKind.HTML_PAGE, "200"),
        (http("<p>Welcome", content_type="TEXT/HTML"), ProbeKind.HTML_PAGE, "200"),
        (http("\n<!DOCTYPE HTML>", "404 Not Found", content_type="text/plain"), ProbeKind.HTML_PAGE, "404"),
        (http("404 page not found", "404 Not Found", content_type="text/plain"), ProbeKind.NOT_REPORTPORTAL, "404"),
        (http("{}"), ProbeKind.NOT_REPORTPORTAL, "build information"),
        (http('{"build": "5.15"}'), ProbeKind.NOT_REPORTPORTAL, "build information"),
        (http("[" * 100_000), ProbeKind.NOT_REPORTPORTAL, "build information"),
        (http(INFO, "201 Created"), ProbeKind.NOT_REPORTPORTAL, "201"),
        (http("", "204 No Content"), ProbeKind.NOT_REPORTPORTAL, "204"),
        (http("{}", "401 Unauthorized"), ProbeKind.NOT_REPORTPORTAL, "login"),
        (http("<html>", "503 Service Unavailable", content_type="text/html"), ProbeKind.SERVER_ERROR, "503"),
        (http("{}", "429 Too Many Requests"), ProbeKind.SERVER_ERROR, "429"),
        (http("not packed at all", "200 OK", "Content-Encoding: gzip"), ProbeKind.NO_ANSWER, "complete"),
        (lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n"), ProbeKind.NO_ANSWER, "complete"),
        (
            lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"),
            ProbeKind.NO_ANSWER,
            "",
        ),
        (
            lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
            ProbeKind.NO_ANSWER,
            "complete",
        ),
        (lambda _: None, ProbeKind.NO_ANSWER, "complete"),
    ],
)
def test_what_is_no_reportportal_is_told_apart(serve: Serve, answer: Answer, kind: ProbeKind, says: str) -> None:
    """Pages, other services, broken servers and gateways in trouble are told apart, each with its mend."""
    result = ask(f"http://127.0.0.1:{serve(answer).port}")
    assert result.kind is kind
    assert says in result.detail
    assert result.mend
    assert result.version is None


@pytest.mark.parametrize(
    ("location", "detail", "mend"),
    [
        ("/ui/#notfound", "'/ui/#notfound'", "wait until it has started"),
        (
            "https://rp.example.com/x/api/info?a=b",
            "'https://rp.example.com/x/api/info'",
            "write https://rp.example.com/x,",
        ),
        ("/x/api/info/", "'/x/api/info/'", "/x, if"),
        ("https://user:hunter2@login.example.com/?token=hunter2", "https://****@login.example.com/", "itself"),
        ("http://[broken/api/info", "[broken", "itself"),
        ("", "''", "itself"),
    ],
)
def test_a_redirect_is_told_and_not_followed(serve: Serve, location: str, detail: str, mend: str) -> None:
    """A redirect says where it points to, without secrets, and what to write instead; nobody goes there."""
    server = serve(http("", "302 Found", f"Location: {location}"))
    result = ask(f"http://127.0.0.1:{server.port}")
    assert result.kind is ProbeKind.REDIRECT
    assert detail in result.detail
    assert mend in result.mend
    assert "hunter2" not in repr(result)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", ["200 OK", "302 Found"])
def test_no_more_than_a_mebibyte_is_read(serve: Serve, status: str) -> None:
    """An endless answer, a redirect's included, is given up after 1 MiB; it is not a ReportPortal's."""
    given_up = Event()

    def pour(connection: socket.socket) -> None:
        connection.sendall(f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nLocation: /\r\n\r\n".encode())
        try:
            while True:
                connection.sendall(b" " * 65536)
        except OSError:
            given_up.set()

    result = ask(f"http://127.0.0.1:{serve(pour).port}")
    assert result.kind is (ProbeKind.REDIRECT if status == "302 Found" else ProbeKind.NOT_REPORTPORTAL)
    assert given_up.wait(10)
    assert LARGEST_BODY == 1024 * 1024


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_its_time_is_a_hard_bound(serve: Serve, beginning: bytes) -> None:
    """A server that answers nothing, or drips its head or its body byte by byte, costs the time that was given."""
    servers: list[Server] = []

    def drip(connection: socket.socket) -> None:
        connection.sendall(beginning)
        while not servers[0].closing.wait(0.02):
            if beginning:
                connection.sendall(b"x")

    servers.append(serve(drip))
    started = monotonic()
    result = ask(f"http://127.0.0.1:{servers[0].port}", timeout_seconds=0.5)
    assert monotonic() - started < 5
    assert result.kind is ProbeKind.TIMEOUT
    assert "0.5 s" in result.detail or "in time" in result.detail


def test_a_slow_server_has_all_of_the_time(serve: Serve) -> None:
    """A ReportPortal that answers only after the other scheme was asked, too, is one all the same."""
    asked_again = Event()

    def answer(connection: socket.socket) -> None:
        if server.requests[-1].startswith("GET "):
            asked_again.wait(10)
            REPORTPORTAL(connection)
        asked_again.set()

    server = serve(answer)
    assert ask(f"http://127.0.0.1:{server.port}", timeout_seconds=3).ok
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (requests.exceptions.ReadTimeout(), ProbeKind.TIMEOUT, "in time"),
        (requests.exceptions.ConnectTimeout(), ProbeKind.TIMEOUT, "in time"),
        (requests.exceptions.ConnectionError(TimeoutError()), ProbeKind.TIMEOUT, "in time"),
        (
            requests.exceptions.ConnectionError(OSError(113, "No route to host")),
            ProbeKind.UNREACHABLE,
            "No route to host",
        ),
        (ArithmeticError(), ProbeKind.UNREACHABLE, "ArithmeticError"),
    ],
)
def test_errors_that_no_server_here_can_cause_are_read(error: Exception, kind: ProbeKind, says: str) -> None:
    """Time-outs of a socket and missing routes are told as such; what nobody foresaw is at least named."""
    result = read_error(Endpoint.parse("https://rp.example.com"), error)
    assert result.kind is kind
    assert says in result.detail


def test_no_time_is_a_mistake() -> None:
    """A time-out that is not above 0 is refused."""
    with pytest.raises(ValueError, match="above 0"):
        ask("http://127.0.0.1", timeout_seconds=0)


def test_nothing_listens_there() -> None:
    """A closed port is told as that."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    result = ask(f"http://127.0.0.1:{port}")
    assert result.kind is ProbeKind.DEAD_PORT
    assert str(port) in result.detail


def test_nobody_knows_the_host() -> None:
    """A name without an address is told as that, or, where the resolver is silent, within the time."""
    result = ask("https://rp.invalid", timeout_seconds=5)
    assert result.kind in {ProbeKind.UNKNOWN_HOST, ProbeKind.TIMEOUT}


def test_a_proxy_that_fails_is_told_as_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the environment names a proxy that is not there, it is not ReportPortal that is blamed."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
    result = ask("http://rp.example.com")
    assert result.kind is ProbeKind.PROXY_FAILURE
    assert "NO_PROXY" in result.mend


def test_a_trusted_certificate_is_accepted(serve: Serve) -> None:
    """With the CA file named, or the check turned off, a ReportPortal behind a private certificate is one."""
    address = f"https://localhost:{serve(REPORTPORTAL, tls()).port}"
    assert ask(address, verify_ssl=CA).ok
    assert ask(address, verify_ssl=False).ok


@pytest.mark.parametrize(
    ("certificate", "host", "ca", "detail", "mend"),
    [
        ("localhost.pem", "localhost", True, "self-signed", "RP_VERIFY_SSL"),
        ("localhost.pem", "127.0.0.1", CA, "not valid for", "not a number"),
        ("other-host.pem", "localhost", str(TLS / "other-host.pem"), "not valid for", "host name that"),
        ("expired.pem", "localhost", str(TLS / "expired.pem"), "expired", "renewed"),
        ("localhost.pem", "localhost", str(TLS / "localhost.key"), "TLS fails", "RP_VERIFY_SSL"),
        ("localhost.pem", "localhost", str(TLS / "absent.pem"), "not there", "RP_VERIFY_SSL"),
    ],
)
def test_a_certificate_that_is_refused_says_why(
    serve: Serve,
    certificate: str,
    host: str,
    ca: bool | str,  # noqa: FBT001  a parameter of the test
    detail: str,
    mend: str,
) -> None:
    """Self-signed, for another host, expired, or checked with a bad CA file: each is told with its own mend."""
    server = serve(REPORTPORTAL, tls(certificate))
    result = ask(f"https://{host}:{server.port}", verify_ssl=ca)
    assert result.kind is ProbeKind.TLS_FAILURE
    assert detail in result.detail.replace("self signed", "self-signed")
    assert mend in result.mend
    assert server.requests == []


def test_plain_http_on_a_tls_port_is_told(serve: Serve) -> None:
    """A server that speaks TLS and is asked in plain HTTP is told as that, with the address to write."""
    address = f"localhost:{serve(REPORTPORTAL, tls()).port}"
    for verify_ssl in (True, CA):
        result = ask(f"http://{address}", verify_ssl=verify_ssl)
        assert result.kind is ProbeKind.TLS_FAILURE
        assert "speaks TLS" in result.detail
        assert f"write https://{address}" in result.mend
        assert result.answers_at == f"https://{address}"


@pytest.mark.parametrize(
    "answer",
    [
        http("Client sent an HTTP request to an HTTPS server.\n", "400 Bad Request", content_type="text/plain"),
        http("<html>The plain HTTP request was sent to HTTPS port", "400 Bad Request", content_type="text/html"),
        lambda connection: connection.sendall(b"\x15\x03\x01\x00\x02\x02\x46"),
    ],
)
def test_servers_that_say_themselves_that_they_want_tls_are_understood(serve: Serve, answer: Answer) -> None:
    """Gateways answer a plain request on a TLS port with a page of theirs, or with an alert of TLS."""
    result = ask(f"http://127.0.0.1:{serve(answer).port}")
    assert result.kind is ProbeKind.TLS_FAILURE
    assert "speaks TLS" in result.detail


def test_tls_on_a_plain_port_is_told(serve: Serve) -> None:
    """A server that speaks plain HTTP and is asked in TLS is told as that, with the address to try."""
    answer = http("", "400 Bad Request")
    port = serve(answer).port
    result = ask(f"https://127.0.0.1:{port}")
    assert result.kind is ProbeKind.TLS_FAILURE
    assert f"http://127.0.0.1:{port}" in result.mend


def test_an_assumed_scheme_that_was_wrong_is_told(serve: Serve) -> None:
    """Where no scheme was written and the other one answers, the result says so and names that address."""
    port = serve(REPORTPORTAL, tls()).port
    result = ask(f"localhost:{port}", verify_ssl=CA)
    assert not result.ok
    assert result.answers_at == f"https://localhost:{port}"
    assert result.version == "5.15.1"
    assert "was assumed" in result.mend
    assert f"write https://localhost:{port}" in result.mend


def test_a_page_at_the_assumed_scheme_does_not_hide_the_other(serve: Serve) -> None:
    """Whatever else than a ReportPortal answers over the assumed scheme, the other scheme is asked too."""

    def both(connection: socket.socket) -> None:
        # What a gateway does that sends plain requests away: it looks at the first byte only.
        http("", "301 Moved", "Location: https://localhost/api/info")(connection)

    server = serve(both)
    result = ask(f"localhost:{server.port}")
    assert result.kind is ProbeKind.REDIRECT
    assert result.answers_at is None
    assert len(server.requests) == 2


def test_a_port_that_swallows_everything_leaves_time_for_the_other_scheme() -> None:
    """A server that never answers plain HTTP and answers TLS is found within the one time that was given."""
    context = tls()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        done = Event()

        def swallow_then_answer() -> None:
            first = listening.accept()[0]  # never answered
            second = context.wrap_socket(listening.accept()[0], server_side=True)
            with first, second:
                second.recv(65536)
                REPORTPORTAL(second)
                done.wait(10)

        thread = Thread(target=swallow_then_answer, daemon=True)
        thread.start()
        result = ask(f"http://localhost:{port}", verify_ssl=CA, timeout_seconds=2.5)
        done.set()
        thread.join(10)
    assert result.answers_at == f"https://localhost:{port}"
