"""Finishing over TLS and through proxies, as they are set for requests."""

from __future__ import annotations

import os
import threading
import time
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from rp_finalizer import LaunchFinalizer, Outcome
from rp_finalizer.emulator import CallKind, Fault
from tests.support.fault_proxy import BlackHole
from tests.support.reporting import QUICK, finishes, status_of
from tests.support.tls_front import CA, TlsFront

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rp_finalizer import Report
    from rp_finalizer.emulator import Emulator
    from tests.support.fault_proxy import FaultProxy
    from tests.support.reporting import Run

PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the proxies of whoever runs the tests out of them."""
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def tls(emulator: Emulator) -> Iterator[TlsFront]:
    with TlsFront(emulator.port) as front:
        yield front


def finish(url: str, run: Run, **settings: Any) -> Report:
    connection = {"endpoint": url, "project": "demo", "api_key": "demo_key"}
    return LaunchFinalizer(launch=run.uuid, **QUICK | connection | settings).finish()


def test_a_certificate_of_ones_own_is_trusted_by_its_ca_file(tls: TlsFront, run: Run) -> None:
    """`verify_ssl` names the CA file that a private certificate is checked against."""
    assert finish(tls.url, run, verify_ssl=str(CA)).outcome is Outcome.FINISHED


def test_checking_the_certificate_can_be_left_out(tls: TlsFront, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """`verify_ssl=false` holds, also where a CA bundle is set for the machine."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CA.with_name("other-host.pem")))
    with pytest.warns(match="Unverified HTTPS request"):
        assert finish(tls.url, run, verify_ssl=False).outcome is Outcome.FINISHED


def test_the_machines_ca_bundle_is_used(tls: TlsFront, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables that requests reads hold for us as well."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CA))
    assert finish(tls.url, run).outcome is Outcome.FINISHED


def test_a_certificate_that_is_not_trusted_gets_no_key(emulator: Emulator, tls: TlsFront, run: Run) -> None:
    """Nothing is sent to a server that cannot prove who it is, and the hint names the setting."""
    report = finish(tls.url, run, timeout=0.5)
    assert report.outcome is Outcome.FAILED
    assert report.error is not None
    assert "TLS" in report.error.message
    assert "RP_VERIFY_SSL" in report.error.hint
    assert not finishes(emulator)


def test_a_server_behind_tls_that_hangs_keeps_nobody(emulator: Emulator, tls: TlsFront, run: Run) -> None:
    """The budget holds over TLS, too: the connection is cut, not waited for."""
    emulator.add_fault(Fault(CallKind.FINISH_LAUNCH_V2, hang=True))
    begun = time.monotonic()
    report = finish(tls.url, run, verify_ssl=str(CA), timeout=0.5)
    assert time.monotonic() - begun < 1.5
    assert report.outcome is Outcome.FAILED
    assert report.error is not None
    assert report.error.kind == "timeout"


class _ForwardProxy(BaseHTTPRequestHandler):
    """A proxy that finds every host on one port of this machine."""

    protocol_version = "HTTP/1.1"
    upstream = 0
    asked: ClassVar[list[str]] = []

    def _forward(self) -> None:
        self.asked.append(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        upstream = HTTPConnection("127.0.0.1", self.upstream, timeout=10)
        upstream.request(self.command, self.path.partition("example.test")[2], body, dict(self.headers))
        answer = upstream.getresponse()
        content = answer.read()
        upstream.close()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = _forward  # noqa: N815  the names that the server looks for

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  the server's name
        """Keep quiet."""


@pytest.fixture
def forward_proxy(emulator: Emulator) -> Iterator[str]:
    _ForwardProxy.upstream = emulator.port
    _ForwardProxy.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), _ForwardProxy) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_proxy_that_is_set_is_used(
    emulator: Emulator, forward_proxy: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that only the proxy of the environment can reach is finished on."""
    monkeypatch.setenv("HTTP_PROXY", forward_proxy)
    assert finish("http://rp.example.test", run).outcome is Outcome.FINISHED
    assert status_of(emulator, run.uuid) == "PASSED"
    assert all(url.startswith("http://rp.example.test/api/") for url in _ForwardProxy.asked)


def test_a_host_that_needs_no_proxy_is_asked_directly(
    emulator: Emulator, fault_proxy: FaultProxy, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NO_PROXY keeps requests away from the proxy."""
    fault_proxy.set(BlackHole())
    monkeypatch.setenv("HTTP_PROXY", fault_proxy.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert finish(emulator.url, run).outcome is Outcome.FINISHED
    assert fault_proxy.connections == 0


def test_a_dead_proxy_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the proxy is what fails, it is the proxy that the hint tells to look at."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    report = finish("http://rp.example.test", run, timeout=0.5)
    assert report.outcome is Outcome.FAILED
    assert report.error is not None
    assert "proxy" in report.error.message
    assert "HTTP_PROXY" in report.error.hint


def test_a_password_file_does_not_take_the_keys_place(
    emulator: Emulator, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A .netrc entry for the host is not sent in place of the API key."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n", encoding="utf-8")
    netrc.chmod(0o600)
    monkeypatch.setitem(os.environ, "NETRC", str(netrc))
    assert finish(emulator.url, run).outcome is Outcome.FINISHED
