"""What a client sent in vain during the run stands in the report, for every kind of client."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import inspect
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from reportportal_client import RPClient
from reportportal_client.aio.client import AsyncRPClient, BatchedRPClient, ThreadedRPClient

from rp_finalizer import LaunchFinalizer, Outcome, Report
from rp_finalizer.emulator import CallKind, Fault
from rp_finalizer.report import UNKNOWN, Count
from rp_finalizer.reportportal.call_watching import give_up_on_hangs
from tests.support.fault_proxy import AnswerLost, Refuse
from tests.support.reporting import QUICK, UNSENT, now_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rp_finalizer.emulator import Emulator
    from tests.support.fault_proxy import FaultProxy

KINDS = (RPClient, ThreadedRPClient, BatchedRPClient, AsyncRPClient)
BATCH = 20
"""Logs that make a client send them."""

pytestmark = [
    pytest.mark.leaves_clients,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:rp_finalizer.*"),
]


class Reporter:
    """One client of any kind, its calls made as by a test run, each ended before the next."""

    def __init__(self, kind: Any, url: str, **arguments: Any) -> None:
        self._runner = asyncio.Runner()
        self.client = kind(url, "demo", api_key="demo_key", **arguments)
        self.finalizer = LaunchFinalizer(self.client, **QUICK)
        self.call("start_launch", "smoke", now_ms())

    def call(self, name: str, *arguments: Any, client: Any = None, **named: Any) -> Any:
        """Call the client, or its clone, and let what it sends be answered; give None where the client raises.

        What it raises into a test run when a call fails differs by kind and version.
        """
        client = client or self.client
        method = getattr(client, name)
        with contextlib.suppress(Exception):
            if inspect.iscoroutinefunction(method):
                return self._runner.run(method(*arguments, **named))
            result = method(*arguments, **named)
            if hasattr(client, "finish_tasks"):
                client.finish_tasks()
            return result

    def item(self, client: Any = None) -> Any:
        return self.call("start_test_item", "a test", now_ms(), "STEP", client=client)

    def log(self, number: int = BATCH, client: Any = None, at: str | None = None) -> None:
        """Log, on the clients that send every call in the end by what `call` does, as one batch."""
        client = client or self.client
        log = client.log
        for line in range(number - 1):
            if inspect.iscoroutinefunction(log):
                self.call("log", now_ms(), f"line {line}", client=client)
            else:
                log(now_ms(), f"line {line}")
        self.call("log", at or now_ms(), "the last line", client=client)

    def finish(self) -> Report:
        if isinstance(self.client, AsyncRPClient):
            return self._runner.run(self.finalizer.afinish())
        return self.finalizer.finish()

    def refused(self) -> Count:
        """Finish, and give what the report tells as refused, which the finalizer tells, too."""
        report = self.finish()
        assert report.outcome is Outcome.FINISHED
        assert self.finalizer.refused() == report.refused
        return report.refused

    def close(self) -> None:
        if isinstance(self.client, AsyncRPClient):
            self._runner.run(self.finalizer.aterminate())
        else:
            self.finalizer.terminate()
        self._runner.close()


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def reporting(kind: Any, emulator: Emulator) -> Iterator[Callable[..., Reporter]]:
    """Make clients of each kind that have started a launch, and close them in the end."""
    made: list[Reporter] = []

    def make(url: str = emulator.url, **arguments: Any) -> Reporter:
        made.append(Reporter(kind, url, **arguments))
        return made[-1]

    yield make
    for reporter in made:
        reporter.close()


def test_a_healthy_run_was_refused_nothing(reporting: Callable[..., Reporter], emulator: Emulator) -> None:
    """Where everything was taken the report says so, and does not say that it does not know."""
    reporter = reporting()
    item = reporter.item()
    reporter.log()
    reporter.call("finish_test_item", item, now_ms(), status="PASSED")
    assert reporter.refused() == Count(0, 0)
    assert len(emulator.logs(emulator.launches()[0].uuid)) == BATCH


def test_refused_items_are_counted(reporting: Callable[..., Reporter], emulator: Emulator) -> None:
    """Each item that the server did not take is one request, however often the client tried."""
    reporter = reporting()
    emulator.add_fault(Fault(CallKind.START_ITEM, status=503))
    reporter.item()
    reporter.item()
    assert reporter.refused() == Count(2, 0)


def test_what_a_retry_of_the_client_mends_was_not_refused(
    reporting: Callable[..., Reporter], emulator: Emulator
) -> None:
    """The final answer counts: a finish of an item that the client repeated with success is no loss."""
    reporter = reporting(retries=2)
    item = reporter.item()
    fault = emulator.add_fault(Fault(CallKind.FINISH_ITEM, status=503, times=1))
    reporter.call("finish_test_item", item, now_ms(), status="PASSED")
    assert fault.hits == 1
    assert reporter.refused() == Count(0, 0)
    assert emulator.items(emulator.launches()[0].uuid)[0].status.value == "PASSED"


def test_every_log_of_a_refused_batch_is_counted(reporting: Callable[..., Reporter], emulator: Emulator) -> None:
    """A batch that the server refused is so many logs as were in it."""
    reporter = reporting()
    emulator.add_fault(Fault(CallKind.LOG, status=503))
    reporter.log()
    emulator.clear_faults()
    assert reporter.refused() == Count(0, BATCH)
    assert emulator.logs(emulator.launches()[0].uuid) == []


def test_a_log_refused_within_a_batch_is_counted(reporting: Callable[..., Reporter], emulator: Emulator) -> None:
    """Of a batch that was taken, those logs count that its answer names as refused."""
    reporter = reporting()
    reporter.log(at="soon")
    assert reporter.refused() == Count(0, 1)
    assert len(emulator.logs(emulator.launches()[0].uuid)) == BATCH - 1


def test_what_finds_nobody_is_counted(reporting: Callable[..., Reporter], fault_proxy: FaultProxy) -> None:
    """With the server out of reach, requests and logs are lost, and told; the launch is finished when it is back."""
    reporter = reporting(fault_proxy.url)
    fault_proxy.set(Refuse())
    reporter.item()
    reporter.log()
    fault_proxy.clear()
    assert reporter.refused() == Count(1, BATCH)


def test_an_answer_that_is_lost_is_counted(reporting: Callable[..., Reporter], fault_proxy: FaultProxy) -> None:
    """A request whose answer never came is not known to be taken."""
    reporter = reporting(fault_proxy.url, retries=0)
    fault_proxy.set(AnswerLost(matching="^POST .*/item"))
    reporter.item()
    fault_proxy.clear()
    assert reporter.refused() == Count(1, 0)


def test_a_page_in_place_of_an_answer_is_a_refusal(reporting: Callable[..., Reporter], emulator: Emulator) -> None:
    """A gateway that sends the client on to a page for people, which it gets with 200, has taken nothing."""
    reporter = reporting()
    emulator.add_fault(Fault(CallKind.START_ITEM, status=302))
    reporter.item()
    assert reporter.refused() == Count(1, 0)


def test_clones_are_counted_with_their_client(reporting: Callable[..., Reporter], emulator: Emulator) -> None:
    """What a clone, or a clone's clone, sends in vain stands in the report of its client."""
    reporter = reporting()
    clone = reporter.client.clone()
    emulator.add_fault(Fault([CallKind.START_ITEM, CallKind.LOG], status=503))
    reporter.item(clone)
    reporter.item(clone.clone())
    reporter.log(client=clone)
    emulator.clear_faults()
    assert reporter.refused() == Count(2, BATCH)
    reporter.item(clone)
    assert reporter.finalizer.refused() == Count(2, BATCH)


def test_what_we_send_ourselves_is_told_elsewhere(reporting: Callable[..., Reporter], emulator: Emulator) -> None:
    """Logs that the finalizer could not deliver are abandoned, and not refused as well."""
    reporter = reporting()
    if isinstance(reporter.client, AsyncRPClient):
        reporter.log(UNSENT)
    else:
        for line in range(UNSENT):
            reporter.client.log(now_ms(), f"line {line}")
    emulator.add_fault(Fault(CallKind.LOG, status=400, body={"errorCode": 4001, "message": "no"}))
    report = reporter.finish()
    assert report.abandoned.logs == UNSENT
    assert report.refused == Count(0, 0)
    assert report.flushed.logs == 0


@pytest.mark.parametrize("kind", [ThreadedRPClient, BatchedRPClient], indirect=True)
def test_a_call_that_is_refused_while_we_flush_is_not_delivered(
    reporting: Callable[..., Reporter], emulator: Emulator
) -> None:
    """What still waited within the client, and then was refused, counts as refused, and as nothing else."""
    reporter = reporting(retries=0)
    emulator.add_fault(Fault(CallKind.START_ITEM, status=503))
    reporter.client.start_test_item("a test", now_ms(), "STEP")
    report = reporter.finish()
    assert (report.refused, report.abandoned) == (Count(1, 0), Count(0, 0))
    assert report.flushed.requests == 0


def test_two_finalizers_of_a_client_count_once(reporting: Callable[..., Reporter], emulator: Emulator) -> None:
    """Whoever made another finalizer for the same client before, a refusal is one refusal."""
    reporter = reporting()
    other = LaunchFinalizer(reporter.client, **QUICK)
    emulator.add_fault(Fault(CallKind.START_ITEM, status=503))
    reporter.item()
    assert reporter.refused() == other.refused() == Count(1, 0)


def test_what_other_processes_counted_is_added(reporting: Callable[..., Reporter], emulator: Emulator) -> None:
    """Counts that workers hand over stand in the report's sum; an unknown one makes its part of the sum unknown."""
    reporter = reporting()
    emulator.add_fault(Fault(CallKind.START_ITEM, status=503))
    reporter.item()
    reporter.finalizer.add_refused(Count(2, 30))
    assert reporter.refused() == Count(3, 30)
    reporter.finalizer.add_refused(Count(1, None))
    assert reporter.finalizer.refused() == Count(4, None)


@pytest.mark.parametrize("kind", KINDS)
def test_a_counted_client_is_pickled_as_before(emulator: Emulator, kind: Any) -> None:
    """Nothing of the counting goes along with a pickled or copied client, nor makes its pickling fail."""
    client = kind(emulator.url, "demo", api_key="demo_key")
    connection = client if kind is RPClient else client.client
    if answered := getattr(connection, "_api_info_prefetched", None):  # as newer ones ask, and keep what they hear
        answered.wait(10)
    plain = pickle.dumps(connection.__getstate__())
    finalizer = LaunchFinalizer(client, **QUICK)
    assert finalizer.refused() == Count(0, 0)
    assert pickle.dumps(connection.__getstate__()) == plain
    for duplicate in (pickle.loads(pickle.dumps(connection)), copy.copy(connection)):  # noqa: S301  our own
        assert type(duplicate) is type(connection)
        assert LaunchFinalizer(duplicate, **QUICK).refused() == (Count(0, 0) if kind is RPClient else UNKNOWN)


@pytest.mark.parametrize("kind", [RPClient])
def test_a_pickled_client_works_and_counts_for_itself(emulator: Emulator, kind: Any) -> None:
    """The copy that another process gets reports as the original does, and what it loses is its own."""
    reporter = Reporter(kind, emulator.url)
    duplicate = pickle.loads(pickle.dumps(reporter.client))  # noqa: S301  our own
    emulator.add_fault(Fault(CallKind.START_ITEM, status=503, times=1))
    assert not duplicate.start_test_item("lost", now_ms(), "STEP")
    assert duplicate.start_test_item("a test", now_ms(), "STEP")
    assert reporter.refused() == Count(0, 0)
    duplicate.session.close()
    reporter.close()


def test_a_client_known_by_its_methods_only_tells_nothing() -> None:
    """Where the calls cannot be seen, what was refused is unknown, whatever others hand over."""

    class Duck:
        launch_uuid = None

    finalizer = LaunchFinalizer(Duck(), **QUICK)
    finalizer.add_refused(Count(1, 1))
    assert finalizer.refused() == UNKNOWN
    assert finalizer.preview().refused == UNKNOWN


def test_a_mock_in_place_of_a_session_is_not_disturbed(emulator: Emulator) -> None:
    """A test of an agent that puts a mock where the client's session was gets what the mock gives; nothing is known."""
    client = RPClient(emulator.url, "demo", api_key="demo_key")
    client.session.close()
    sent: list[str] = []

    class Session:
        def post(self, url: str, **_: Any) -> Any:
            sent.append(url)
            return self

        put = post

        def json(self) -> Any:
            return {"id": "a uuid"}

    client.session = Session()  # type: ignore[assignment]  # as a mock would
    finalizer = LaunchFinalizer(client, **QUICK)
    assert client.start_launch("smoke", now_ms()) == "a uuid"
    assert len(sent) == 1
    assert finalizer.refused() == UNKNOWN


def test_a_hanging_server_is_not_waited_for_again_and_again(
    reporting: Callable[..., Reporter], emulator: Emulator
) -> None:
    """After a few calls that timed out the next ones fail at once, unsent; the end of the launch is none of them."""
    reporter = reporting(http_timeout=0.2, retries=0)
    give_up_on_hangs(reporter.client)
    fault = emulator.add_fault(Fault(CallKind.START_ITEM, hang=True))
    for _ in range(8):
        reporter.item()
    assert fault.hits == 3
    emulator.clear_faults()
    assert reporter.refused() == Count(8, 0)


def test_one_slow_answer_is_no_hang(reporting: Callable[..., Reporter], emulator: Emulator) -> None:
    """Between answers, however bad they are, calls may time out: all are sent."""
    reporter = reporting(http_timeout=0.2, retries=0)
    give_up_on_hangs(reporter.client)
    for _ in range(2):
        emulator.add_fault(Fault(CallKind.START_ITEM, hang=True, times=2))
        emulator.add_fault(Fault(CallKind.START_ITEM, status=500, times=1))
    for _ in range(6):
        reporter.item()
    emulator.clear_faults()
    assert reporter.item() is not None
    assert reporter.refused() == Count(6, 0)
