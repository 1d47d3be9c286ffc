"""A rerun takes up a launch that was finished, under the same uuid, and is finished for itself."""

from __future__ import annotations

import asyncio
import inspect
import threading
from typing import TYPE_CHECKING, Any

import pytest
from reportportal_client import RPClient
from reportportal_client.aio.client import AsyncRPClient, BatchedRPClient, ThreadedRPClient

from rp_finalizer import LaunchFinalizer, Outcome, Report, finalizing
from rp_finalizer.emulator import CallKind, Fault
from tests.support.reporting import FINISH, QUICK, finishes, now_ms, status_of, when_told

if TYPE_CHECKING:
    from rp_finalizer.emulator import Emulator

KINDS = (RPClient, ThreadedRPClient, BatchedRPClient)

pytestmark = [
    pytest.mark.leaves_clients,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:rp_finalizer.*"),
]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def old(emulator: Emulator) -> str:
    """Give a launch with one item that another process has finished."""
    client = RPClient(emulator.url, "demo", api_key="demo_key")
    with finalizing(client, **QUICK):
        uuid = str(client.start_launch("smoke", now_ms(-60)))
        item = client.start_test_item("the first", now_ms(-59), "STEP")
        client.finish_test_item(item, now_ms(-58), status="PASSED")
    assert status_of(emulator, uuid) == "PASSED"
    return uuid


def client_of(kind: Any, emulator: Emulator) -> Any:
    return kind(emulator.url, "demo", api_key="demo_key")


def rerun(client: Any, uuid: str) -> None:
    client.start_launch("smoke", now_ms(), rerun=True, rerun_of=uuid)
    item = client.start_test_item("the second", now_ms(), "STEP")
    client.finish_test_item(item, now_ms(), status="PASSED")


def assert_finished_by_us(report: Report | None, emulator: Emulator, uuid: str, items: int = 2) -> None:
    assert report is not None
    assert report.outcome is Outcome.FINISHED, report
    assert report.launch is not None
    assert report.launch.uuid == uuid
    launch = emulator.launch(uuid)
    assert launch is not None
    assert (launch.status.value, launch.rerun) == ("PASSED", True)
    assert [item.status.value for item in emulator.items(uuid)] == ["PASSED"] * items


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "plain"])
def test_a_rerun_on_the_same_client_is_finished_for_itself(emulator: Emulator, kind: Any, guarded: bool) -> None:  # noqa: FBT001
    """The second finish of one uuid is sent and confirmed, with an end time of its own, and not the first's report."""
    client = client_of(kind, emulator)
    finalizer = LaunchFinalizer(client, **QUICK)
    if guarded:
        finalizer.guard()
    client.start_launch("smoke", now_ms())
    first = finalizer.finish()
    assert first.launch is not None
    uuid = str(first.launch.uuid)
    first_end = emulator.launches()[0].end_ms
    rerun(client, uuid)
    second = finalizer.finish()
    assert second is not first
    assert_finished_by_us(second, emulator, uuid, items=1)
    assert len(finishes(emulator)) == 2
    assert emulator.launches()[0].end_ms != first_end
    assert finalizer.finish() is second
    assert len(finishes(emulator)) == 2
    finalizer.terminate()


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "plain"])
def test_the_old_end_is_not_taken_for_the_reruns(emulator: Emulator, old: str, kind: Any, guarded: bool) -> None:  # noqa: FBT001
    """While the start of a rerun waits in the server's queue, the launch's old end is no end of the rerun."""
    client = client_of(kind, emulator)
    waits = threading.Event()

    def tell(_sentence: str) -> None:
        waits.set()
        emulator.queue.resume()

    finalizer = LaunchFinalizer(client, **QUICK | {"timeout": 10.0}, telling=tell)
    if guarded:
        finalizer.guard()
    emulator.queue.pause()
    rerun(client, old)
    report = finalizer.terminate()
    assert waits.is_set()
    assert_finished_by_us(report, emulator, old)


def test_a_block_sees_a_rerun(emulator: Emulator, old: str) -> None:
    """`finalizing` alone, without anything said about it, knows a rerun from an end of somebody else's."""
    client = client_of(RPClient, emulator)
    tell = when_told(emulator.queue.resume)
    with finalizing(client, **QUICK | {"timeout": 10.0}, telling=tell) as finalizer:
        emulator.queue.pause()
        rerun(client, old)
    assert_finished_by_us(finalizer.report, emulator, old)


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "plain"])
def test_a_rerun_that_is_awaited(emulator: Emulator, old: str, guarded: bool) -> None:  # noqa: FBT001
    """The client whose calls are awaited gets the same."""

    async def run() -> Report:
        client = client_of(AsyncRPClient, emulator)
        settings = QUICK | {"timeout": 10.0}
        finalizer = LaunchFinalizer(client, **settings, telling=when_told(emulator.queue.resume))
        if guarded:
            finalizer.guard()
        emulator.queue.pause()
        started = client.start_launch("smoke", now_ms(), rerun=True, rerun_of=old)
        assert inspect.isawaitable(started)
        assert await started == old
        return await finalizer.aterminate()

    assert_finished_by_us(asyncio.run(run()), emulator, old, items=1)


def test_a_finish_refused_for_the_old_end_is_sent_again(emulator: Emulator, old: str) -> None:
    """406/40023 while the start of a rerun waits proves nothing: once it is applied, the finish is repeated."""
    client = client_of(RPClient, emulator)
    body = {"errorCode": 40023, "message": "Finish launch is not allowed. Launch '1' already finished"}
    fault = emulator.add_fault(Fault(FINISH, status=406, body=body, times=1))
    finalizer = LaunchFinalizer(client, **QUICK | {"timeout": 10.0}, telling=when_told(emulator.queue.resume))
    emulator.queue.pause()
    rerun(client, old)
    report = finalizer.terminate()
    assert fault.hits == 1
    assert_finished_by_us(report, emulator, old)


def test_a_forced_stop_waits_for_the_rerun(emulator: Emulator, old: str) -> None:
    """The stop call, too, is for the rerun, and not spared because of the old end."""
    client = client_of(RPClient, emulator)
    finalizer = LaunchFinalizer(client, **QUICK | {"timeout": 10.0}, telling=when_told(emulator.queue.resume))
    emulator.queue.pause()
    rerun(client, old)
    assert finalizer.finish(force_stop=True).outcome is Outcome.FINISHED
    assert status_of(emulator, old) == "STOPPED"
    finalizer.terminate()


def test_an_end_that_stays_is_believed_in_the_end(emulator: Emulator, old: str) -> None:
    """Where the rerun's start never shows, `confirm_timeout` ends the doubt: it is somebody else's end."""
    client = client_of(RPClient, emulator)
    finalizer = LaunchFinalizer(client, **QUICK | {"confirm_timeout": 0.3})
    emulator.queue.drop(CallKind.START_LAUNCH_V2)
    emulator.queue.drop(FINISH)
    rerun(client, old)
    report = finalizer.terminate()
    assert report.outcome is Outcome.ALREADY_FINISHED
    assert report.seconds >= 0.2


def test_an_end_of_somebody_elses_needs_no_waiting(emulator: Emulator) -> None:
    """Without a rerun, a launch that somebody else has finished is told as such at once."""
    client = client_of(RPClient, emulator)
    finalizer = LaunchFinalizer(client, **QUICK | {"timeout": 10.0})
    uuid = str(client.start_launch("smoke", now_ms(-60)))
    other = LaunchFinalizer(launch=uuid, endpoint=emulator.url, project="demo", api_key="demo_key", **QUICK)
    assert other.finish(end_time=now_ms(-1)).outcome is Outcome.FINISHED
    report = finalizer.terminate()
    assert report.outcome is Outcome.ALREADY_FINISHED
    assert report.seconds < 2


class _Duck:
    """A client by its methods only: what it starts is seen by its guard alone."""

    def __init__(self, client: RPClient) -> None:
        self.endpoint, self.project, self.token = client.endpoint, "demo", "demo_key"
        self._client = client

    @property
    def launch_uuid(self) -> str | None:
        return self._client.launch_uuid

    def start_launch(self, *positional: Any, **named: Any) -> Any:
        return self._client.start_launch(*positional, **named)

    def close(self) -> None:
        self._client.session.close()


@pytest.mark.parametrize("by_name", [True, False])
def test_a_guard_sees_the_rerun_of_a_client_known_by_its_methods(emulator: Emulator, old: str, by_name: bool) -> None:  # noqa: FBT001
    """The guard takes note of `start_launch`, its arguments given by name or by place, and of what it gives back."""
    duck = _Duck(client_of(RPClient, emulator))
    finalizer = LaunchFinalizer(duck, **QUICK | {"timeout": 10.0}, telling=when_told(emulator.queue.resume)).guard()
    emulator.queue.pause()
    given: dict[str, Any] = {"rerun": True, "rerun_of": old}
    places = (None, None, True, old)
    start = duck.start_launch("smoke", now_ms(), **given) if by_name else duck.start_launch("smoke", now_ms(), *places)
    assert start == old
    assert_finished_by_us(finalizer.terminate(), emulator, old, items=1)
    duck.start_launch("smoke", now_ms(), **given)
    assert finalizer.terminate().outcome is Outcome.FINISHED
    assert len(finishes(emulator)) == 3
