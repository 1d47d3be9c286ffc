"""The running server: its addresses, its start and its end, the gateway around the API, the control API."""

from __future__ import annotations

import contextlib
import http.client
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from rp_finalizer.emulator import Emulator, Fault, serve
from tests.support.rp_api import START, RpApi, error_code

if TYPE_CHECKING:
    from tests.integration.emulator.conftest import Callers

ROOT = Path(__file__).parents[3]
FOREGROUND = (
    "from rp_finalizer.emulator import serve; print('ended by', serve(listening=lambda e: print(e.url, flush=True)))"
)


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/v1/demo/launch", "/reportportal/api/info"])
def test_outside_the_api(emulator: Emulator, method: str, path: str) -> None:
    """Whatever is not under /api is redirected to a page, whatever the method."""
    answer = requests.request(method, f"{emulator.url}{path}", allow_redirects=False, timeout=5)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/ui/#notfound")


def test_a_followed_redirect_looks_like_success(emulator: Emulator) -> None:
    """Who follows the redirect of a PUT ends at 200 with HTML."""
    answer = requests.put(f"{emulator.url}/v1/demo/launch/x/finish", json={}, timeout=5)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert emulator.calls() == []


def test_prefix() -> None:
    """An installation under a path has everything but the control calls there, and links that say so."""
    with Emulator(prefix="/reportportal") as emulator:
        api = RpApi(emulator.url)
        answer = api.finish(api.start())
        assert answer.json()["link"].startswith(f"http://127.0.0.1:{emulator.port}/reportportal/ui/#demo/")
        bare = f"http://127.0.0.1:{emulator.port}"
        assert requests.get(f"{bare}/api/info", allow_redirects=False, timeout=5).status_code == 302
        assert requests.get(f"{bare}/control/state", timeout=5).status_code == 200
        api.close()


def test_links_follow_the_gateway(api: RpApi) -> None:
    """Behind a proxy the link is built from what the proxy says of the request."""
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "rp.example.com"}
    body = {"endTime": START + 1}
    link = api.call("PUT", f"/v1/demo/launch/{api.start()}/finish", body, headers=headers).json()["link"]
    assert link == "https://rp.example.com/ui/#demo/launches/all/1"


def test_connections_are_kept_alive(emulator: Emulator) -> None:
    """Several calls go over one connection."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=5)) as connection:
        connection.connect()
        opened = connection.sock
        for _ in range(3):
            connection.request("GET", "/api/info")
            assert connection.getresponse().read()
            assert connection.sock is opened


def test_starts_again_on_its_port() -> None:
    """An emulator that was stopped can be entered again, on the same port, and still knows what it knew."""
    emulator = Emulator()
    with emulator:
        port = emulator.port
        RpApi(emulator.url).start()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{port}/api/info", timeout=5)
    with emulator:
        assert emulator.port == port
        assert len(emulator.launches()) == 1
        assert requests.get(f"{emulator.url}/api/info", timeout=5).status_code == 200


def test_taken_port(emulator: Emulator) -> None:
    """A port that is taken is an OSError, told at once."""
    with pytest.raises(OSError, match="in use"), Emulator(port=emulator.port):
        pass


@pytest.mark.parametrize("host", ["0.0.0.0", "example.com", "192.168.0.1", ""])  # noqa: S104  refused
def test_loopback_only(host: str) -> None:
    """Other addresses than loopback are refused."""
    with pytest.raises(ValueError, match="loopback"):
        Emulator(host=host)
    with pytest.raises(ValueError, match="loopback"):
        serve(host, 0)


def test_stops_promptly_whatever_hangs() -> None:
    """Stopping waits for no call: those that hang or are delayed are cut off."""
    with Emulator() as emulator:
        emulator.add_fault(Fault("info", hang=True))
        emulator.latency = 0.05
        failures: list[requests.RequestException] = []

        def call() -> None:
            try:
                requests.get(f"{emulator.url}/api/info", timeout=30)
            except requests.RequestException as error:
                failures.append(error)

        callers = [threading.Thread(target=call) for _ in range(3)]
        for caller in callers:
            caller.start()
        emulator.wait_until(lambda: len(emulator.calls("info")) == 3, timeout=5)
        begun = time.monotonic()
    assert time.monotonic() - begun < 5
    for caller in callers:
        caller.join(5)
    assert len(failures) == 3


def test_wait_until_gives_up(emulator: Emulator) -> None:
    """Waiting for what does not come ends with TimeoutError; what is there already is given at once."""
    with pytest.raises(TimeoutError):
        emulator.wait_until(emulator.launches, timeout=0.05)
    assert emulator.wait_until(lambda: "there", timeout=0) == "there"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_foreground(number: signal.Signals) -> None:
    """In the foreground it serves until a signal, ends in order even with a call that hangs, and prints nothing."""
    command = [sys.executable, "-c", FOREGROUND]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        requests.post(f"{url}/control/faults", json={"kind": "health", "hang": True}, timeout=5)
        with pytest.raises(requests.ReadTimeout):
            requests.get(f"{url}/api/health", timeout=0.1)
        process.send_signal(number)
        output, errors = process.communicate(timeout=10)
    assert (process.returncode, output, errors) == (0, f"ended by {int(number)}\n", "")


def test_control_faults(emulator: Emulator, api: RpApi) -> None:
    """Faults are added, listed, released and removed over HTTP."""
    control = f"{emulator.url}/control/faults"
    added = requests.post(control, json={"kind": ["info"], "status": 503, "times": 1}, timeout=5).json()
    assert [api.call("GET", "/info").status_code for _ in range(2)] == [503, 200]
    (listed,) = requests.get(control, timeout=5).json()
    assert (listed["id"], listed["hits"], listed["kind"]) == (added["id"], 1, ["info"])
    assert requests.post(f"{control}/{added['id']}/release", timeout=5).status_code == 200
    assert requests.delete(f"{control}/{added['id']}", timeout=5).status_code == 200
    assert requests.delete(f"{control}/{added['id']}", timeout=5).status_code == 404
    assert requests.post(control, json={"kind": "finish-lunch"}, timeout=5).status_code == 422
    assert requests.post(control, json={"colour": "red"}, timeout=5).status_code == 422
    requests.post(control, json={"kind": "info", "cut": True, "times": 1}, timeout=5)
    with pytest.raises(requests.ConnectionError):
        api.call("GET", "/info")
    requests.post(control, json={"status": 502}, timeout=5)
    requests.delete(control, timeout=5)
    assert requests.get(control, timeout=5).json() == []


def test_control_queue_and_state(emulator: Emulator, api: RpApi) -> None:
    """The queue is set, and the state and what arrived are read, over HTTP."""
    control = f"{emulator.url}/control"
    requests.put(f"{control}/queue", json={"paused": True, "retry_factor": 0.5}, timeout=5)
    uuid = api.start("v2")
    assert requests.get(f"{control}/queue", timeout=5).json()["waiting"] == 1
    requests.post(f"{control}/queue/drop", json={"kind": "start-item", "times": 1}, timeout=5)
    api.start_item(uuid, version="v2")
    requests.put(f"{control}/queue", json={"paused": False}, timeout=5)
    emulator.wait_until(lambda: emulator.launch(uuid), timeout=5)
    state = requests.get(f"{control}/state", timeout=5).json()
    assert [launch["uuid"] for launch in state["launches"]] == [uuid]
    assert state["queue"]["dropped"] == [{"kind": "start-item", "launch_uuid": uuid}]
    calls = requests.get(f"{control}/calls?kind=start-launch-v2", timeout=5).json()
    assert [call["body"]["name"] for call in calls] == ["smoke"]
    assert requests.post(f"{control}/queue/duplicate", json={"kind": "info"}, timeout=5).status_code == 422


def test_control_server(emulator: Emulator, callers: Callers) -> None:
    """Users, projects, the clock, the job and the reset are there over HTTP, too."""
    control = f"{emulator.url}/control"
    user = {"login": "new", "key": "new_key", "projects": {"fresh": "MEMBER"}}
    assert requests.post(f"{control}/users", json=user, timeout=5).status_code == 200
    assert requests.post(f"{control}/users", json={**user, "projects": {"a": "KING"}}, timeout=5).status_code == 422
    uuid = callers("new_key", project="fresh").start()
    requests.post(f"{control}/projects", json={"name": "fresh", "interrupt_after": 60}, timeout=5)
    server = requests.put(f"{control}/server", json={"clock_offset": -5}, timeout=5).json()
    assert (server["clock_offset"], server["latency"]) == (-5, 0)
    assert requests.post(f"{control}/inactivity-job", timeout=5).json() == {"interrupted": [uuid]}
    requests.post(f"{control}/reset", timeout=5)
    assert emulator.launches() == []
    assert callers("new_key").call("GET", "/users").status_code == 401
    assert error_code(callers().launch(uuid)) == (404, 4041)
