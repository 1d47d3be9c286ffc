"""What `rp-finalize doctor` says of broken set-ups, and of a healthy one: real processes, real servers."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from rp_finalizer.emulator import CallKind, Fault, ProjectRole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rp_finalizer.emulator import Emulator

KEY = "marked_key_7d1f0c"
"""Must never be seen in what is printed."""
PASSWORD = "marked-password-93"
ROOT = Path(__file__).parents[2]
TLS = Path(__file__).parent / "tls"
INFO = json.dumps({"build": {"version": "5.15.1"}})


@dataclass(frozen=True)
class Said:
    """What one run of the doctor said."""

    code: int
    checks: list[dict[str, Any]]
    seconds: float

    def failed(self) -> dict[str, dict[str, Any]]:
        return {check["name"]: check for check in self.checks if check["ok"] is False}

    def check(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(check for check in self.checks if check["name"] == name)
        return found

    def fails_only(self, name: str, detail: str, mend: str) -> None:
        """Demand exit code 1, for one reason, told with its mend."""
        assert self.code == 1
        assert list(self.failed()) == [name], self.checks
        assert detail in self.failed()[name]["detail"]
        assert mend in self.failed()[name]["mend"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the folder that the doctor is started in."""
    return tmp_path


def run_doctor(folder: Path, environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command with that environment alone; whatever it says, it must not hold a secret."""
    plain = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TMPDIR") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "rp_finalizer", "doctor", *arguments],
        cwd=folder,
        env={**plain, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", **environ},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    for secret in (KEY, PASSWORD):
        assert secret not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def ask_doctor(folder: Path, environ: dict[str, str], *arguments: str) -> Said:
    started = time.monotonic()
    done = run_doctor(folder, environ, "--json", *arguments)
    document = json.loads(done.stdout)
    assert document.keys() == {"schema", "checks"}
    assert document["schema"] == 1
    for check in document["checks"]:
        assert list(check) == ["name", "ok", "detail", "mend"]
        assert (check["mend"] is not None) == (check["ok"] is False)
    return Said(done.returncode, document["checks"], time.monotonic() - started)


@pytest.fixture
def whole(emulator: Emulator) -> dict[str, str]:
    """Give the environment of a healthy set-up: a member of the project `demo`, with the key that may not be shown."""
    emulator.add_user("jane", KEY, {"demo": ProjectRole.MEMBER}, password=PASSWORD)
    return at(emulator.url)


def at(url: str) -> dict[str, str]:
    return {"RP_ENDPOINT": url, "RP_PROJECT": "demo", "RP_API_KEY": KEY}


class Page(BaseHTTPRequestHandler):
    """Answers every GET as its server is told to."""

    server: PageServer

    def do_GET(self) -> None:
        self.server.authorizations.append(self.headers.get("Authorization"))
        # The base class would send a date of its own.
        self.send_response_only(self.server.status)
        self.send_header("Date", formatdate(time.time() + self.server.ahead, usegmt=True))
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        """Say nothing."""


class PageServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, body: str, status: int, ahead: float, headers: dict[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), Page)
        self.body, self.status, self.ahead, self.headers = body.encode(), status, ahead, headers
        self.authorizations: list[str | None] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that end a connection early are what is tested."""


@contextmanager
def serving(
    body: str = INFO, status: int = 200, *, headers: dict[str, str] | None = None, ahead: float = 0, tls: bool = False
) -> Iterator[PageServer]:
    """Answer everything alike, with a clock so many seconds ahead."""
    with PageServer(body, status, ahead, headers or {}) as server:
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(TLS / "localhost.pem", TLS / "localhost.key")
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(10)


@contextmanager
def silent() -> Iterator[int]:
    """Take connections at a port and never answer."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def dead_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def test_a_healthy_set_up_fails_nowhere(emulator: Emulator, whole: dict[str, str], folder: Path) -> None:
    """With all in order every check passes, the exit code is 0, and nothing on the server was changed."""
    said = ask_doctor(folder, whole)
    assert said.code == 0
    assert {check["ok"] for check in said.checks} == {True}
    assert [check["name"] for check in said.checks] == [
        *("settings", "sources", "endpoint", "proxy", "dns", "port", "tls", "reportportal"),
        *("version", "clock", "key", "project", "role", "software", "agent", "launch-id"),
        *("sqlite", "outbox"),
    ]
    assert "api_key = ****  (environment variable RP_API_KEY)" in said.check("sources")["detail"]
    assert "of the user jane" in said.check("key")["detail"]
    assert "MEMBER" in said.check("role")["detail"]
    assert {call.method for call in emulator.calls()} == {"GET"}


def test_a_password_grant_is_as_good_as_a_key(emulator: Emulator, whole: dict[str, str], folder: Path) -> None:
    """With user and password in place of a key the token is got and told by its user; a wrong password is told."""
    oauth = {
        "RP_OAUTH_URI": f"{emulator.url}/uat/sso/oauth/token",
        "RP_OAUTH_USERNAME": "jane",
        "RP_OAUTH_PASSWORD": PASSWORD,
        "RP_OAUTH_CLIENT_ID": "ui",
        "RP_OAUTH_CLIENT_SECRET": "uiman",
    }
    environ = {name: value for name, value in whole.items() if name != "RP_API_KEY"} | oauth
    assert ask_doctor(folder, environ).code == 0
    said = ask_doctor(folder, environ | {"RP_OAUTH_PASSWORD": "another"})
    said.fails_only("key", "environment variable RP_OAUTH_PASSWORD", "RP_OAUTH_PASSWORD")


def test_nothing_set_names_all_three(folder: Path) -> None:
    """Without any setting each that is needed is told, with every way to set it."""
    said = ask_doctor(folder, {})
    assert said.code == 1
    told = [(check["detail"], check["mend"]) for check in said.checks if check["ok"] is False]
    assert [detail for detail, _ in told] == ["endpoint is not set", "project is not set", "api_key is not set"]
    for (_, mend), variable in zip(told, ("RP_ENDPOINT", "RP_PROJECT", "RP_API_KEY"), strict=True):
        assert variable in mend


def test_a_misspelled_setting_is_told_beside_all_else(whole: dict[str, str], folder: Path) -> None:
    """A variable that is no setting fails with the nearest name, and the rest is checked all the same."""
    said = ask_doctor(folder, whole | {"RP_FINALIZER_TIMEOTU": "9"})
    said.fails_only("settings", "RP_FINALIZER_TIMEOTU", "did you mean RP_FINALIZER_TIMEOUT?")
    assert said.check("role")["ok"]


def test_a_wrong_value_is_told_beside_all_else(whole: dict[str, str], folder: Path) -> None:
    """A value out of range and a file that is not there are told together, and the rest is checked all the same."""
    said = ask_doctor(folder, whole | {"RP_FINALIZER_GRACE": "never"}, "--config", "absent.toml")
    assert said.code == 1
    told = [check["detail"] for check in said.checks if check["ok"] is False]
    assert len(told) == 2
    assert "absent.toml cannot be read" in told[0]
    assert "environment variable RP_FINALIZER_GRACE" in told[1]
    assert said.check("role")["ok"]


def test_an_unset_key_variable_is_told(whole: dict[str, str], folder: Path) -> None:
    """A variable named for the key that is not set fails; server and clock are checked without it."""
    environ = {name: value for name, value in whole.items() if name != "RP_API_KEY"}
    said = ask_doctor(folder, environ, "--api-key-env", "CI_KEY")
    said.fails_only("settings", "CI_KEY", "put the key there")
    assert said.check("clock")["ok"]
    assert said.check("key")["ok"] is None
    assert ask_doctor(folder, environ | {"CI_KEY": KEY}, "--api-key-env", "CI_KEY").code == 0


def test_an_endpoint_with_user_info_is_refused(folder: Path) -> None:
    """User and password in the address are refused, not shown, and nothing is asked."""
    said = ask_doctor(folder, at(f"https://jane:{PASSWORD}@rp.example.com"))
    said.fails_only("settings", "it holds user info", "leave out all up to the @")
    assert said.check("dns")["ok"] is None


def test_an_unknown_host_is_told(folder: Path) -> None:
    """A name without an address fails as that, or, where the resolver is silent, within the time."""
    said = ask_doctor(folder, at("https://rp.invalid") | {"RP_CONNECT_TIMEOUT": "3"})
    said.fails_only("dns", "rp.invalid", "check")
    assert said.check("port")["ok"] is None


def test_a_dead_port_is_told(folder: Path) -> None:
    """A port at which nothing listens fails; what needs it was not tried."""
    port = dead_port()
    said = ask_doctor(folder, at(f"http://127.0.0.1:{port}"))
    said.fails_only("port", str(port), "check host and port")
    assert said.check("reportportal")["ok"] is None


def test_a_web_page_is_no_reportportal_and_gets_no_key(folder: Path) -> None:
    """An HTML page fails with the address to write instead; the key is not sent there."""
    with serving("<!doctype html>", headers={"Content-Type": "text/html"}) as server:
        said = ask_doctor(folder, at(f"http://127.0.0.1:{server.server_port}"))
    said.fails_only("reportportal", "a web page answers", "before /ui in the browser")
    assert server.authorizations
    assert set(server.authorizations) == {None}


def test_a_redirect_is_told_and_gets_no_key(folder: Path) -> None:
    """A redirect fails with the address that it means; neither is it followed, nor the key sent."""
    with serving("", 301, headers={"Location": "https://rp.example.com/api/info"}) as server:
        said = ask_doctor(folder, at(f"http://127.0.0.1:{server.server_port}"))
    said.fails_only("reportportal", "which is not followed", "write https://rp.example.com")
    assert server.authorizations == [None]


def test_a_self_signed_certificate_is_told(folder: Path) -> None:
    """A certificate that nobody vouches for fails with the setting that names its CA; with that the date is told."""
    with serving(tls=True) as server:
        environ = at(f"https://localhost:{server.server_port}")
        refused = ask_doctor(folder, environ)
        trusted = ask_doctor(folder, environ, "--verify-ssl", str(TLS / "localhost.pem"))
        unchecked = ask_doctor(folder, environ, "--verify-ssl", "false")
    refused.fails_only("tls", "its certificate is refused: self", "RP_VERIFY_SSL")
    assert refused.check("key")["ok"] is None
    assert "until 2124" in trusted.check("tls")["detail"]
    assert "not checked" in unchecked.check("tls")["detail"]
    assert trusted.check("reportportal")["ok"]
    assert unchecked.check("reportportal")["ok"]


def test_the_wrong_scheme_is_told(whole: dict[str, str], folder: Path) -> None:
    """Plain HTTP where TLS is asked for fails with the address to try, and so does the reverse."""
    said = ask_doctor(folder, {**whole, "RP_ENDPOINT": whole["RP_ENDPOINT"].replace("http://", "https://")})
    said.fails_only("tls", "speaks no TLS", f"try {whole['RP_ENDPOINT']}")
    with serving(tls=True) as server:
        said = ask_doctor(folder, at(f"http://localhost:{server.server_port}"))
    said.fails_only("reportportal", "speaks TLS", f"write https://localhost:{server.server_port}")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_silent_server_costs_the_timeout(folder: Path, scheme: str) -> None:
    """A server that takes connections and never answers ends within the one timeout, and is told as that."""
    with silent() as port:
        said = ask_doctor(folder, at(f"{scheme}://127.0.0.1:{port}"), "--timeout", "1.5")
    name = "tls" if scheme == "https" else "reportportal"
    said.fails_only(name, "in time" if scheme == "https" else "no complete answer", "check")
    assert said.seconds < 15


def test_a_server_that_hangs_at_a_later_call_costs_the_timeout(
    emulator: Emulator, whole: dict[str, str], folder: Path
) -> None:
    """A server that stops answering once the key is asked for ends within the one timeout, too."""
    fault = emulator.add_fault(Fault(CallKind.USERS, hang=True))
    said = ask_doctor(folder, whole, "--timeout", "3")
    fault.remove()
    said.fails_only("key", "no answer", "try again")
    assert said.check("clock")["ok"]
    assert said.seconds < 15


def test_a_wrong_key_is_told(emulator: Emulator, whole: dict[str, str], folder: Path) -> None:
    """A key that the server does not know fails with where it was set and where to get one."""
    emulator.remove_key(KEY)
    said = ask_doctor(folder, whole)
    said.fails_only("key", "environment variable RP_API_KEY", "make a new API key in your profile")
    assert said.check("role")["ok"] is None


def test_an_unknown_project_is_told_with_the_known_ones(whole: dict[str, str], folder: Path) -> None:
    """A project that is not there fails with those that the user is in."""
    said = ask_doctor(folder, whole, "--project", "dmeo")
    said.fails_only("project", "there is no project dmeo", "the user is in: demo")


def test_somebody_elses_project_is_told(emulator: Emulator, whole: dict[str, str], folder: Path) -> None:
    """A project that is there, and not the user's, fails as that."""
    emulator.add_project("secret")
    said = ask_doctor(folder, whole, "--project", "secret")
    said.fails_only("project", "jane is not in the project secret", "have jane assigned to it")


def test_an_operator_may_not_finish(emulator: Emulator, whole: dict[str, str], folder: Path) -> None:
    """A role that may only look fails with the role to ask for."""
    emulator.add_user("jane", KEY, {"demo": ProjectRole.OPERATOR})
    ask_doctor(folder, whole).fails_only("role", "OPERATOR", "make jane a MEMBER of demo")


def test_a_clock_an_hour_off_is_told(folder: Path) -> None:
    """A server whose clock is an hour ahead fails with what that does to a finish."""
    with serving(ahead=3600) as server:
        said = ask_doctor(folder, at(f"http://127.0.0.1:{server.server_port}"))
    clock = said.failed()["clock"]
    assert "60 min behind the server: the server refuses an end before" in clock["detail"]
    assert "NTP" in clock["mend"]


def test_a_dead_proxy_is_told(whole: dict[str, str], folder: Path) -> None:
    """A proxy in the environment that is not there fails, its password hidden; NO_PROXY heals it."""
    environ = whole | {"HTTP_PROXY": f"http://jane:{PASSWORD}@127.0.0.1:{dead_port()}"}
    said = ask_doctor(folder, environ)
    said.fails_only("proxy", "from HTTP_PROXY: nothing listens there", "name 127.0.0.1 in NO_PROXY")
    assert "****@" in said.check("proxy")["detail"]
    assert said.check("reportportal")["ok"] is None
    healed = ask_doctor(folder, environ | {"NO_PROXY": "127.0.0.1"})
    assert healed.code == 0
    assert "NO_PROXY" in healed.check("proxy")["detail"]


def test_a_proxy_that_refuses_is_told(whole: dict[str, str], folder: Path) -> None:
    """What a proxy answers in place of a ReportPortal is told as that."""
    with serving("<html>denied", 403, headers={"Content-Type": "text/html"}) as proxy:
        said = ask_doctor(folder, whole | {"HTTP_PROXY": f"http://127.0.0.1:{proxy.server_port}"})
    said.fails_only("reportportal", "a web page answers, with status 403", "before /ui")
    assert said.check("proxy")["ok"]
    assert set(proxy.authorizations) == {None}


def test_a_contradicting_pytest_ini_is_told(whole: dict[str, str], folder: Path) -> None:
    """An agent that is told another ReportPortal than ours fails; its key is not shown."""
    ini = f"[pytest]\nrp_endpoint = https://old.example.com\nrp_project = demo\nrp_api_key = {KEY}\n"
    (folder / "pytest.ini").write_text(ini, encoding="utf-8")
    said = ask_doctor(folder, whole)
    said.fails_only("agent", "rp_endpoint is another one than http://127.0.0.1", "pytest.ini")
    assert "rp_api_key = ****" in said.check("agent")["detail"]


def test_a_launch_left_in_the_environment_is_told(whole: dict[str, str], folder: Path) -> None:
    """A launch id from an earlier run is no failure, and is told with what it does to an agent."""
    said = ask_doctor(folder, whole | {"RP_LAUNCH_UUID": "4e92d837-b2ae-4e8c-9d64-a1f0eaec626f"})
    assert said.code == 0
    assert "reports into that launch" in said.check("launch-id")["detail"]


def test_people_get_a_mark_a_detail_and_the_mend(whole: dict[str, str], folder: Path) -> None:
    """The page has a line for each check, the mend below what fails, and the count; no line is too wide."""
    done = run_doctor(folder, whole | {"COLUMNS": "70"}, "--project", "dmeo")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert "✓ port" in done.stdout
    failed = next(number for number, line in enumerate(lines) if line.startswith("✗ project"))
    assert lines[failed + 1].strip() == "→ correct RP_PROJECT; the user is in: demo"
    assert lines[failed + 2].startswith("– role")  # noqa: RUF001  the dash is meant
    assert lines[-1] == "1 failed, 16 passed, 1 not tried"
    assert max(len(line) for line in lines) < 70
    assert done.stderr == ""


def test_a_poor_terminal_gets_ascii(whole: dict[str, str], folder: Path) -> None:
    """Where the terminal has no such letters the marks are plain, and nothing breaks over a name."""
    (folder / "pytest.ini").write_text("[pytest]\nrp_launch = Prüfung ✓\n", encoding="utf-8")
    done = run_doctor(folder, whole | {"PYTHONIOENCODING": "ascii"}, "--project", "dmeo")
    assert done.returncode == 1
    assert "NO project" in done.stdout
    assert "-> correct RP_PROJECT" in done.stdout
    assert "Pr\\xfcfung" in done.stdout


def test_quiet_tells_only_what_fails(whole: dict[str, str], folder: Path) -> None:
    """With -q a healthy set-up says nothing, and a broken one only what is broken."""
    healthy = run_doctor(folder, whole, "-q")
    assert (healthy.returncode, healthy.stdout, healthy.stderr) == (0, "", "")
    broken = run_doctor(folder, whole, "-q", "--project", "dmeo")
    assert broken.returncode == 1
    assert [line[:1] for line in broken.stdout.splitlines()] == ["✗", " "]


def test_wrong_usage_is_exit_code_2(folder: Path) -> None:
    """An option that does not exist keeps the doctor from running."""
    assert run_doctor(folder, {}, "--cure").returncode == 2
