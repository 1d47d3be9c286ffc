"""One behaviour over every kind of client that a synchronous test run may use."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from reportportal_client import RPClient
from reportportal_client.aio.client import AsyncRPClient, BatchedRPClient, ThreadedRPClient

from rp_finalizer import BlockedLoopError, LaunchFinalizer, Outcome, Report, Step, finalizing
from rp_finalizer.emulator import CallKind, Emulator, Fault
from tests.support.reporting import QUICK, now_ms

if TYPE_CHECKING:
    from pathlib import Path

KINDS = (RPClient, ThreadedRPClient, BatchedRPClient)
ITEMS, LOGS = 3, 9
"""What a run reports: 27 logs are one batch and a rest."""

pytestmark = pytest.mark.leaves_clients


@dataclass
class Reporter:
    """A client that reports as agents do, waiting for nothing."""

    client: Any
    emulator: Emulator

    def report(self, items: int = ITEMS, logs: int = LOGS) -> None:
        self.client.start_launch("smoke", now_ms())
        for number in range(items):
            item = self.client.start_test_item(f"test {number}", now_ms(), "STEP")
            for line in range(logs):
                self.client.log(now_ms(), f"{number}.{line}", "INFO", item_id=item)
            self.client.finish_test_item(item, now_ms(), status="PASSED")

    @property
    def uuid(self) -> str:
        return self.emulator.launches()[-1].uuid


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def reporter(request: pytest.FixtureRequest, emulator: Emulator) -> Reporter:
    """Give a client of each kind."""
    return Reporter(request.param(emulator.url, "demo", api_key="demo_key"), emulator)


def reported(client: Any, report: Any, **settings: Any) -> Report:
    with finalizing(client, **QUICK | settings) as finalizer:
        report()
    assert finalizer.report is not None
    return finalizer.report


def calls_after_the_finish(emulator: Emulator) -> list[str]:
    kinds = [call.kind for call in emulator.calls()]
    last = max(index for index, kind in enumerate(kinds) if kind is CallKind.FINISH_LAUNCH_V2)
    return [kind.value for kind in kinds[last + 1 :] if kind is not CallKind.GET_LAUNCH]


def test_everything_arrives_before_the_finish(reporter: Reporter, emulator: Emulator) -> None:
    """All items keep their status, all logs are there, and nothing is sent behind the finish."""
    report = reported(reporter.client, reporter.report)
    assert report.outcome is Outcome.FINISHED
    assert [item.status.value for item in emulator.items(reporter.uuid)] == ["PASSED"] * ITEMS
    assert len(emulator.logs(reporter.uuid)) == ITEMS * LOGS
    assert calls_after_the_finish(emulator) == []
    assert report.abandoned == type(report.abandoned)(0, 0)


def test_what_is_held_is_known_and_flushed_to_zero(reporter: Reporter, emulator: Emulator) -> None:
    """`pending()` tells requests and logs, and after a finish it is nothing."""
    finalizer = LaunchFinalizer(reporter.client, **QUICK)
    reporter.report()
    held = finalizer.pending()
    assert held.logs is not None
    assert held.requests is not None
    assert held.logs + held.requests > 0
    finalizer.finish()
    assert finalizer.pending().nothing
    assert len(emulator.logs(reporter.uuid)) == ITEMS * LOGS


def test_the_client_stays_usable_after_a_finish(reporter: Reporter, emulator: Emulator) -> None:
    """A second launch on the same client is a second finish."""
    finalizer = LaunchFinalizer(reporter.client, **QUICK)
    reporter.report()
    first = finalizer.finish()
    reporter.report()
    second = finalizer.finish()
    assert first.launch is not None
    assert second.launch is not None
    assert first.launch.uuid != second.launch.uuid
    assert [launch.status.value for launch in emulator.launches()] == ["PASSED", "PASSED"]


def test_a_launch_that_is_not_the_clients_is_flushed_and_left_open(emulator: Emulator, reporter: Reporter) -> None:
    """A client that was handed its launch delivers what it holds, and leaves the end to the owner."""
    reporter.client.start_launch("smoke", now_ms())
    assert LaunchFinalizer(reporter.client, **QUICK).preview().launch is not None
    borrower = type(reporter.client)(emulator.url, "demo", api_key="demo_key", launch_uuid=reporter.uuid)
    report = reported(borrower, lambda: borrower.log(now_ms(), "borrowed"))
    assert report.outcome is Outcome.NOT_OWNED
    assert emulator.launches()[-1].status.value == "IN_PROGRESS"
    assert [log.message for log in emulator.logs(reporter.uuid)] == ["borrowed"]


@pytest.mark.parametrize("kind", [ThreadedRPClient, BatchedRPClient])
def test_a_call_that_fails_stops_no_other(emulator: Emulator, kind: Any) -> None:
    """An item that cannot be sent costs itself, and neither the other items nor the logs nor the finish."""
    reporter = Reporter(kind(emulator.url, "demo", api_key="demo_key", retries=0), emulator)
    emulator.add_fault(Fault(CallKind.START_ITEM, status=500, times=1))
    report = reported(reporter.client, reporter.report)
    assert report.outcome is Outcome.FINISHED
    assert len(emulator.items(reporter.uuid)) == ITEMS - 1
    assert calls_after_the_finish(emulator) == []


@pytest.mark.parametrize("kind", [ThreadedRPClient, BatchedRPClient])
def test_a_call_that_hangs_costs_its_share_of_the_budget(emulator: Emulator, kind: Any) -> None:
    """What is not answered in time is cancelled and counted, and the launch is finished all the same."""
    # The batched client runs its loop within its own calls, for as long as this.
    reporter = Reporter(kind(emulator.url, "demo", api_key="demo_key", task_timeout=0.1), emulator)
    emulator.add_fault(Fault(CallKind.FINISH_ITEM, hang=True))
    report = reported(reporter.client, reporter.report, timeout=3.0, flush_timeout=1.0)
    assert report.seconds < 3.0
    assert report.outcome is Outcome.FINISHED
    assert report.abandoned.requests == ITEMS
    assert calls_after_the_finish(emulator) == []


def test_a_batched_client_is_flushed_while_another_loop_runs(emulator: Emulator) -> None:
    """Within asynchronous code, where the client's own loop cannot run, it is run on another thread."""
    reporter = Reporter(BatchedRPClient(emulator.url, "demo", api_key="demo_key", trigger_num=1000), emulator)

    async def run() -> Report:
        reporter.report()
        return LaunchFinalizer(reporter.client, **QUICK).terminate()

    report = asyncio.run(run())
    assert report.outcome is Outcome.FINISHED
    assert len(emulator.logs(reporter.uuid)) == ITEMS * LOGS


def test_a_threaded_client_without_its_thread_is_flushed(emulator: Emulator) -> None:
    """When the thread of its loop is gone, what the client holds is run by us."""
    client = ThreadedRPClient(emulator.url, "demo", api_key="demo_key")
    loop, thread = client._loop, client._thread
    assert loop is not None
    assert thread is not None
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    assert not thread.is_alive()
    reporter = Reporter(client, emulator)
    report = reported(client, reporter.report)
    assert report.outcome is Outcome.FINISHED
    assert len(emulator.logs(reporter.uuid)) == ITEMS * LOGS


def test_a_start_that_is_never_answered_keeps_nobody(emulator: Emulator) -> None:
    """Without a launch there is nothing to finish; the run is told so within the budget."""
    emulator.add_fault(Fault(CallKind.START_LAUNCH_V2, hang=True))
    client = ThreadedRPClient(emulator.url, "demo", api_key="demo_key")
    finalizer = LaunchFinalizer(client, **QUICK | {"timeout": 0.9})
    client.start_launch("smoke", now_ms())
    begun = time.monotonic()
    report = finalizer.finish()
    assert time.monotonic() - begun < 1.9
    assert report.outcome is Outcome.NOT_STARTED
    assert report.error is not None
    assert "start of the launch" in report.error.message


def test_eight_threads_report_and_lose_nothing(reporter: Reporter, emulator: Emulator) -> None:
    """What several threads log arrives whole, before the finish."""
    if isinstance(reporter.client, BatchedRPClient):
        reporter.client._task_list = type(reporter.client._task_list)(10**6, 10**6)  # it runs its loop on no thread

    def log(number: int) -> None:
        for line in range(25):
            reporter.client.log(now_ms(), f"{number}.{line}")

    def report_all() -> None:
        reporter.client.start_launch("smoke", now_ms())
        threads = [threading.Thread(target=log, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    report = reported(reporter.client, report_all)
    assert report.outcome is Outcome.FINISHED
    assert len(emulator.logs(reporter.uuid)) == 8 * 25
    assert calls_after_the_finish(emulator) == []


async def _report_async(client: AsyncRPClient) -> None:
    await client.start_launch("smoke", now_ms())
    item = await client.start_test_item("a test", now_ms(), "STEP")
    for line in range(27):
        await client.log(now_ms(), f"line {line}", item_id=item)
    await client.finish_test_item(str(item), now_ms(), status="PASSED")


def test_an_async_client_is_finished_without_blocking_its_loop(emulator: Emulator) -> None:
    """`async with` delivers the last logs, finishes and closes, while the loop goes on with other work."""
    ticks: list[float] = []

    async def tick() -> None:
        while True:
            ticks.append(time.monotonic())
            await asyncio.sleep(0.01)

    async def run() -> Report:
        ticking = asyncio.create_task(tick())
        client = AsyncRPClient(emulator.url, "demo", api_key="demo_key")
        async with finalizing(client, **QUICK) as finalizer:
            await _report_async(client)
            emulator.latency = 0.1
        ticking.cancel()
        assert client.client._session is None
        assert finalizer.report is not None
        return finalizer.report

    report = asyncio.run(run())
    emulator.latency = 0.0
    assert report.outcome is Outcome.FINISHED
    assert report.flushed.logs == 7
    assert len(emulator.logs(emulator.launches()[-1].uuid)) == 27
    assert calls_after_the_finish(emulator) == []
    assert max(later - earlier for earlier, later in pairwise(ticks)) < 0.09


def test_an_async_client_is_not_waited_for_on_its_own_loop(emulator: Emulator) -> None:
    """A blocking call on the loop's thread is refused, and names the one to await."""

    async def run() -> Report:
        client = AsyncRPClient(emulator.url, "demo", api_key="demo_key")
        finalizer = LaunchFinalizer(client, **QUICK)
        await _report_async(client)
        with pytest.raises(BlockedLoopError, match="afinish"):
            finalizer.finish()
        with pytest.raises(BlockedLoopError, match="aterminate"):
            finalizer.terminate()
        report = await finalizer.afinish(status="failed")
        await finalizer.aterminate()
        return report

    assert asyncio.run(run()).outcome is Outcome.FINISHED
    assert emulator.launches()[-1].status.value == "FAILED"


def test_the_launch_file_names_the_launch_while_the_run_reports(reporter: Reporter, tmp_path: Path) -> None:
    """Whoever has to finish the launch of a run that died finds its uuid there, not an earlier run's."""
    path = tmp_path / "launch"
    path.write_text("12345678-1234-1234-1234-123456789abc\n", encoding="utf-8")
    read: list[str] = []

    def report() -> None:
        reporter.report()
        answered = getattr(reporter.client.launch_uuid, "blocking_result", None)
        if answered is not None:
            answered()
        read.append(path.read_text(encoding="utf-8"))

    told = reported(reporter.client, report, launch_file=path)
    assert read == [f"{reporter.uuid}\n"]
    assert told.outcome is Outcome.FINISHED
    assert told.step(Step.RESOLVE).detail is None, "no conflict with what an earlier run left"


def test_a_launch_file_that_cannot_be_written_harms_no_run(reporter: Reporter, tmp_path: Path) -> None:
    """The run reports and is finished as without one."""
    (tmp_path / "folder").mkdir()
    report = reported(reporter.client, reporter.report, launch_file=tmp_path / "folder")
    assert report.outcome is Outcome.FINISHED
