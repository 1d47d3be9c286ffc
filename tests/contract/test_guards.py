"""A guarded client's own finish and close go through the finalizer, for every kind of client."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
from typing import TYPE_CHECKING, Any

import pytest
from reportportal_client import RPClient
from reportportal_client.aio.client import AsyncRPClient, BatchedRPClient, ThreadedRPClient

from rp_finalizer import LaunchFinalizer, Outcome, Step
from rp_finalizer.emulator import CallKind, Fault
from tests.support.reporting import OUR_AGENT, QUICK, UNSENT, finishes, now_ms

if TYPE_CHECKING:
    from rp_finalizer.emulator import Emulator

KINDS = (RPClient, ThreadedRPClient, BatchedRPClient)

pytestmark = [
    pytest.mark.leaves_clients,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:rp_finalizer.*"),
]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def client(request: pytest.FixtureRequest, emulator: Emulator) -> Any:
    """Give a client of each kind that has started a launch and holds logs back."""
    client = request.param(emulator.url, "demo", api_key="demo_key")
    client.start_launch("smoke", now_ms())
    for line in range(UNSENT):
        client.log(now_ms(), f"line {line}")
    return client


def finishes_of_ours(emulator: Emulator) -> list[Any]:
    calls = finishes(emulator)
    assert all(OUR_AGENT in str(call.user_agent) for call in calls)
    return calls


def test_the_clients_own_finish_is_ours(emulator: Emulator, client: Any) -> None:
    """`finish_launch` delivers the logs, finishes and confirms, and does not sleep: the client sends no finish."""
    finalizer = LaunchFinalizer(client, **QUICK).guard()
    given = client.finish_launch(now_ms())
    assert finalizer.report is not None
    assert finalizer.report.outcome is Outcome.FINISHED
    assert len(finishes_of_ours(emulator)) == 1
    assert len(emulator.logs(emulator.launches()[0].uuid)) == UNSENT
    if isinstance(client, RPClient):
        assert given is None
    else:
        assert given.done()
        assert given.blocking_result() is None


def test_what_the_caller_asks_for_is_honoured(emulator: Emulator, client: Any) -> None:
    """End time, status, attributes and description of the call stand on the server."""
    LaunchFinalizer(client, **QUICK).guard()
    end = now_ms(later=5)
    client.finish_launch(end, "FAILED", [{"key": "build", "value": "7"}], description="the end")
    launch = emulator.launches()[0]
    assert (launch.end_ms, launch.status.value, launch.description) == (int(end), "FAILED", "the end")
    assert [(each.key, each.value) for each in launch.attributes] == [("build", "7")]


@pytest.mark.parametrize("bad", [{"end_time": "soon"}, {"status": "splendid"}, {"attributes": 7}], ids=min)
def test_a_bad_argument_does_not_raise_into_the_callers_code(
    emulator: Emulator, client: Any, bad: dict[str, Any]
) -> None:
    """What the server would refuse is left out, and the launch is finished without it."""
    LaunchFinalizer(client, **QUICK).guard()
    client.finish_launch(**{"end_time": now_ms()} | bad)
    assert emulator.launches()[0].status.value == "PASSED"


def test_any_number_of_calls_by_anybody_is_one_finish_and_one_close(emulator: Emulator, client: Any) -> None:
    """Finish, close and terminate, each several times and from several threads, end the launch once."""
    LaunchFinalizer(client, **QUICK).guard()
    ends = [client.close, client.terminate, lambda: client.finish_launch(now_ms())] * 3
    threads = [threading.Thread(target=end) for end in ends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(finishes_of_ours(emulator)) == 1
    assert emulator.launches()[0].status.value == "PASSED"


def test_closing_alone_finishes(emulator: Emulator, client: Any) -> None:
    """A run that forgets the finish and only closes its client has its launch finished."""
    finalizer = LaunchFinalizer(client, **QUICK).guard()
    client.close()
    assert finalizer.report is not None
    assert finalizer.report.outcome is Outcome.FINISHED
    assert len(emulator.logs(emulator.launches()[0].uuid)) == UNSENT


def test_trouble_of_the_server_raises_nothing(emulator: Emulator, client: Any) -> None:
    """An agent that calls a guarded client sees no exception, whatever the server does."""
    finalizer = LaunchFinalizer(client, **QUICK | {"timeout": 0.4}).guard()
    emulator.add_fault(Fault(CallKind.FINISH_LAUNCH_V2, status=503))
    client.finish_launch(now_ms())
    client.close()
    assert finalizer.report is not None
    assert finalizer.report.outcome is Outcome.FAILED


def test_a_second_launch_is_finished_as_well(emulator: Emulator, client: Any) -> None:
    """The guard holds for every launch that the client starts."""
    LaunchFinalizer(client, **QUICK).guard()
    client.finish_launch(now_ms())
    client.start_launch("second", now_ms())
    client.finish_launch(now_ms())
    assert [launch.status.value for launch in emulator.launches()] == ["PASSED", "PASSED"]
    assert len(finishes_of_ours(emulator)) == 2


def test_a_launch_that_is_started_after_the_close_is_ended_as_well(emulator: Emulator, client: Any) -> None:
    """A client that is used again after its close has its logs delivered, and its new launch finished and closed."""
    finalizer = LaunchFinalizer(client, **QUICK).guard()
    client.close()
    first = finalizer.report
    client.start_launch("second", now_ms())
    client.log(now_ms(), "a log that waits")
    client.close()
    second = finalizer.report
    assert first is not None
    assert second is not None
    assert second.launch is not None
    assert second.launch != first.launch
    assert second.outcome is Outcome.FINISHED
    assert second.step(Step.TERMINATE).attempts == 1
    assert len(emulator.logs(str(second.launch.uuid))) == 1
    assert [launch.status.value for launch in emulator.launches()] == ["PASSED", "PASSED"]


def test_unguarding_gives_the_client_back(client: Any) -> None:
    """After `unguard` the client is of its own class, with its own methods."""
    kind = type(client)
    finalizer = LaunchFinalizer(client, **QUICK).guard()
    assert isinstance(client, kind)
    assert type(client) is not kind
    finalizer.unguard()
    assert type(client) is kind
    finalizer.terminate()


def test_guarding_twice_is_guarding_once(client: Any) -> None:
    """A second `guard` of the same finalizer changes nothing, and one `unguard` takes it off."""
    kind = type(client)
    finalizer = LaunchFinalizer(client, **QUICK).guard().guard()
    client.start_launch("again", now_ms())
    client.terminate()
    assert finalizer.report is not None
    assert finalizer.report.step(Step.TERMINATE).detail is None
    finalizer.unguard()
    assert type(client) is kind


def test_each_guard_is_taken_off_by_its_own_finalizer(client: Any) -> None:
    """Two finalizers of one client: whoever lets go of it leaves the other's guard, and copies are of the own class."""
    kind = type(client)
    first = LaunchFinalizer(client, **QUICK).guard()
    second = LaunchFinalizer(client, **QUICK).guard()
    assert type(client.clone()) is kind
    first.unguard()
    client.finish_launch(now_ms())
    assert first.report is None
    assert second.report is not None
    assert second.terminate().outcome is Outcome.FINISHED
    second.unguard()
    assert type(client) is kind


def test_a_pickled_client_is_what_it_was(emulator: Emulator) -> None:
    """What pytest-xdist sends to its workers is an ordinary, unguarded client."""
    client = RPClient(emulator.url, "demo", api_key="demo_key")
    finalizer = LaunchFinalizer(client, **QUICK).guard()
    client.start_launch("smoke", now_ms())
    for duplicate in (pickle.loads(pickle.dumps(client)), copy.copy(client)):  # noqa: S301  our own
        assert type(duplicate) is RPClient
        assert duplicate.launch_uuid == client.launch_uuid
        duplicate.session.close()
    assert finalizer.finish().outcome is Outcome.FINISHED


def test_a_clone_is_harmless(emulator: Emulator, client: Any) -> None:
    """Closing a clone, as agents do per thread, finishes nothing and loses nothing."""
    finalizer = LaunchFinalizer(client, **QUICK).guard()
    LaunchFinalizer(client, **QUICK).preview()  # the start has been answered
    clone = client.clone()
    clone.finish_launch(now_ms())
    clone.close()
    assert emulator.launches()[0].status.value == "IN_PROGRESS"
    assert finalizer.finish().outcome is Outcome.FINISHED
    assert len(emulator.logs(emulator.launches()[0].uuid)) == UNSENT


def test_an_async_client_is_guarded_where_it_is_awaited(emulator: Emulator) -> None:
    """`await client.finish_launch()` and `await client.close()` go through the finalizer without blocking the loop."""

    async def run() -> tuple[LaunchFinalizer, AsyncRPClient]:
        client = AsyncRPClient(emulator.url, "demo", api_key="demo_key")
        finalizer = LaunchFinalizer(client, **QUICK).guard()
        await client.start_launch("smoke", now_ms())
        await client.log(now_ms(), "a log that waits")
        await client.finish_launch(now_ms(), status="FAILED")
        await client.close()
        assert client.client._session is None
        return finalizer, client

    finalizer, _ = asyncio.run(run())
    assert finalizer.report is not None
    assert finalizer.report.outcome is Outcome.FINISHED
    assert emulator.launches()[0].status.value == "FAILED"
    assert len(finishes_of_ours(emulator)) == 1
    assert len(emulator.logs(emulator.launches()[0].uuid)) == 1


class _Duck:
    def __init__(self, url: str, uuid: str) -> None:
        self.endpoint, self.project, self.token, self.launch_uuid = url, "demo", "demo_key", uuid
        self.closed = 0

    def finish_launch(self, **arguments: Any) -> None:
        raise AssertionError(f"the client's own finish was called with {arguments}")

    def terminate(self) -> None:
        self.close()

    def close(self) -> None:
        self.closed += 1


def test_a_client_known_by_its_methods_is_guarded(emulator: Emulator, client: Any) -> None:
    """Whatever has the methods is guarded; its own close is called once, also when it calls itself another method."""
    LaunchFinalizer(client, **QUICK).preview()
    duck = _Duck(emulator.url, emulator.launches()[0].uuid)
    finalizer = LaunchFinalizer(duck, **QUICK).guard()
    duck.finish_launch(end_time=now_ms())
    duck.terminate()
    duck.close()
    assert duck.closed == 1
    assert finalizer.report is not None
    assert finalizer.report.outcome is Outcome.FINISHED


class _SlowDuck(_Duck):
    """Stays in its own close until it is let go."""

    def __init__(self, url: str, uuid: str) -> None:
        super().__init__(url, uuid)
        self.entered, self.released = threading.Event(), threading.Event()

    def close(self) -> None:
        self.entered.set()
        assert self.released.wait(10)
        super().close()


def test_a_finish_while_another_thread_closes_is_not_the_clients_own(emulator: Emulator, client: Any) -> None:
    """Only what the closing itself calls is the client's own method; other threads' calls stay guarded."""
    LaunchFinalizer(client, **QUICK).preview()
    duck = _SlowDuck(emulator.url, emulator.launches()[0].uuid)
    LaunchFinalizer(duck, **QUICK).guard()
    closing = threading.Thread(target=duck.close)
    closing.start()
    assert duck.entered.wait(10)
    try:
        duck.finish_launch(end_time=now_ms())
    finally:
        duck.released.set()
        closing.join(10)
    assert len(finishes_of_ours(emulator)) == 1
