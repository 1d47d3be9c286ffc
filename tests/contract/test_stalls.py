"""A client that is bounded keeps a test run for a bounded time, whatever does not answer."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import socket
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from reportportal_client import RPClient
from reportportal_client._internal.services import statistics
from reportportal_client.aio.client import AsyncRPClient, BatchedRPClient, ThreadedRPClient

from rp_finalizer import LaunchFinalizer, Outcome
from rp_finalizer.emulator import CallKind, Fault
from rp_finalizer.reportportal.stalls import bound, bounded_statistics
from tests.support.fault_proxy import BlackHole
from tests.support.reporting import QUICK, now_ms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rp_finalizer.emulator import Emulator
    from tests.support.fault_proxy import FaultProxy

KINDS = (RPClient, ThreadedRPClient, BatchedRPClient, AsyncRPClient)
SHORT = 0.4
SOON = 15.0
"""Seconds: far more than a bounded call takes (older sync clients take 10 s whatever is set), far less than one that is
not."""
LOGS = 50
"""So many that they take far longer than SOON when each waits on its own."""

pytestmark = [
    pytest.mark.leaves_clients,
    pytest.mark.timeout(60),
]


@pytest.fixture
def silent_service(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Put a service that listens and never answers where the statistics go."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        monkeypatch.setattr(statistics, "ENDPOINT", f"http://127.0.0.1:{listening.getsockname()[1]}/collect")
        monkeypatch.delenv("AGENT_NO_ANALYTICS")
        yield listening


def test_statistics_that_nobody_takes_keep_no_launch_from_starting(
    emulator: Emulator, silent_service: socket.socket
) -> None:
    """The launch starts at once, and the statistics were sent all the same."""
    client = RPClient(emulator.url, "demo", api_key="demo_key")
    begun = time.monotonic()
    with bounded_statistics():
        uuid = client.start_launch("smoke", now_ms())
    assert time.monotonic() - begun < SOON
    assert emulator.launch(str(uuid)) is not None
    silent_service.settimeout(10)
    asked, _ = silent_service.accept()
    with asked:
        assert asked.recv(4) == b"POST"
    client.session.close()


def test_whoever_wants_no_statistics_sends_none(
    emulator: Emulator, silent_service: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AGENT_NO_ANALYTICS holds."""
    monkeypatch.setenv("AGENT_NO_ANALYTICS", "1")
    client = RPClient(emulator.url, "demo", api_key="demo_key")
    with bounded_statistics():
        client.start_launch("smoke", now_ms())
    silent_service.setblocking(False)  # noqa: FBT003  the socket's own argument
    with pytest.raises(BlockingIOError):
        silent_service.accept()
    client.session.close()


def test_statistics_that_fail_are_nobodys_trouble(
    emulator: Emulator, silent_service: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the sending raises, the launch starts, and the client has its own function back behind the block."""
    silent_service.listen()
    module = inspect.getmodule(RPClient)
    asked: list[str] = []

    def send_event(*arguments: Any) -> None:
        asked.extend(arguments[:1])
        raise RuntimeError("no statistics here")

    monkeypatch.setattr(module, "send_event", send_event)
    client = RPClient(emulator.url, "demo", api_key="demo_key")
    with bounded_statistics(), bounded_statistics():
        assert client.start_launch("smoke", now_ms())
    assert getattr(module, "send_event", None) is send_event
    client.session.close()


def call(client: Any, name: str, *arguments: Any) -> float:
    """Call the client, wait for what it sends, and give the seconds it took."""
    begun = time.monotonic()
    method = getattr(client, name)
    with contextlib.suppress(OSError):  # which some versions raise when a call is not answered
        if inspect.iscoroutinefunction(method):
            asyncio.run(method(*arguments))
        else:
            result = method(*arguments)
            if hasattr(result, "blocking_result"):
                result.blocking_result()
    return time.monotonic() - begun


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cloned", [False, True], ids=["itself", "a clone"])
def test_a_call_ends_although_the_server_never_answers(fault_proxy: FaultProxy, kind: Any, cloned: bool) -> None:  # noqa: FBT001
    """What was to wait for ever, as pytest-reportportal makes its client, waits for the time that is set."""
    client = kind(fault_proxy.url, "demo", api_key="demo_key", http_timeout=None, retries=0)
    bound(client, SHORT)
    if not cloned:
        fault_proxy.set(BlackHole())
        assert call(client, "start_launch", "smoke", now_ms()) < SOON
        return
    # Some versions cannot be cloned before they have a launch.
    call(client, "start_launch", "smoke", now_ms())
    clone = client.clone()
    fault_proxy.set(BlackHole())
    assert call(clone, "start_test_item", "a test", now_ms(), "STEP") < SOON


@pytest.mark.parametrize("kind", KINDS)
def test_a_connection_that_was_open_before_is_bounded_too(fault_proxy: FaultProxy, kind: Any) -> None:
    """A client that has asked for something already, as newer ones do at once, is bounded from then on."""
    client = kind(fault_proxy.url, "demo", api_key="demo_key", http_timeout=None, retries=0)
    if kind is AsyncRPClient:

        async def run() -> float:
            await client.start_launch("smoke", now_ms())
            bound(client, SHORT)
            fault_proxy.set(BlackHole())
            begun = time.monotonic()
            with contextlib.suppress(OSError):
                await client.start_test_item("a test", now_ms(), "STEP")
            return time.monotonic() - begun

        assert asyncio.run(run()) < SOON
        return
    call(client, "start_launch", "smoke", now_ms())
    bound(client, SHORT)
    fault_proxy.set(BlackHole())
    assert call(client, "start_test_item", "a test", now_ms(), "STEP") < SOON


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("own", [7.0, (3, 5)])
def test_the_users_own_time_stays(emulator: Emulator, kind: Any, own: Any) -> None:
    """Whoever set `http_timeout` keeps it."""
    client = kind(emulator.url, "demo", api_key="demo_key", http_timeout=own)
    bound(client, SHORT)
    assert (client if kind is RPClient else client.client).http_timeout == own


@pytest.mark.parametrize("kind", [ThreadedRPClient, BatchedRPClient])
def test_a_task_is_waited_for_as_long_as_its_call_may_take(emulator: Emulator, kind: Any) -> None:
    """`task_timeout` fits the calls' own time, unless the user set it, or set times that need more."""
    connection = {"api_key": "demo_key", "http_timeout": None}
    client = kind(emulator.url, "demo", **connection)
    bound(client, 5.0)
    call(client, "start_launch", "smoke", now_ms())
    assert client.task_timeout == client.clone().task_timeout == 11.0
    own = kind(emulator.url, "demo", **connection, task_timeout=33.0)
    bound(own, 5.0)
    assert own.task_timeout == 33.0
    patient = kind(emulator.url, "demo", api_key="demo_key", http_timeout=40.0)
    bound(patient, 5.0)
    assert patient.task_timeout == 60.0


@pytest.mark.parametrize("kind", [ThreadedRPClient, BatchedRPClient])
def test_a_server_that_hides_its_version_keeps_and_breaks_no_test(emulator: Emulator, kind: Any) -> None:
    """A log with a datetime goes on without the version, raises nothing, and arrives."""
    if not hasattr(kind, "use_microseconds"):
        pytest.skip("this version of the client takes no datetime")
    emulator.add_fault(Fault(CallKind.INFO, hang=True))
    client = kind(emulator.url, "demo", api_key="demo_key", http_timeout=None)
    bound(client, SHORT)
    client.start_launch("smoke", now_ms())
    begun = time.monotonic()
    client.log(datetime.now(UTC), "a message")
    assert time.monotonic() - begun < SOON
    begun = time.monotonic()
    for _ in range(LOGS):
        client.log(datetime.now(UTC), "another message")
    assert time.monotonic() - begun < SOON
    assert LaunchFinalizer(client, **QUICK).terminate().outcome is Outcome.FINISHED
    [launch] = emulator.launches()
    assert len(emulator.logs(launch.uuid)) == 1 + LOGS
