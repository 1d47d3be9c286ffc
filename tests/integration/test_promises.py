"""What finishing a launch promises, one test for each promise."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from rp_finalizer import LaunchFinalizer, Outcome, Pending, Settings, Step, finalizing
from rp_finalizer.emulator import CallKind, Fault
from rp_finalizer.system_clock import SystemClock
from tests.support.reporting import (
    FINISH,
    OUR_AGENT,
    QUICK,
    UNSENT,
    Run,
    connected,
    finishes,
    logged,
    now_ms,
    start_run,
    status_of,
)

if TYPE_CHECKING:
    from reportportal_client import RPClient

    from rp_finalizer.emulator import Emulator

SPELLINGS = (
    "",
    "/",
    "/api",
    "/api/",
    "/api/v1",
    "/api/v2",
    "/ui",
    "/ui/#demo/launches/all",
    "/ui/#demo/launches/all/7",
)


def test_finish_is_sent_though_the_queue_was_never_flushed(emulator: Emulator, run: Run) -> None:
    """Logs that the client still holds arrive before the finish, and the finish is sent."""
    messages = run.log()
    report = LaunchFinalizer(run.client, **QUICK).finish()
    assert report.outcome is Outcome.FINISHED
    assert (report.flushed.logs, report.abandoned.logs) == (UNSENT, 0)
    assert logged(emulator, run.uuid) == messages
    assert [call.kind for call in emulator.calls() if call.kind in {CallKind.LOG, FINISH}] == [CallKind.LOG, FINISH]
    assert status_of(emulator, run.uuid) == "PASSED"


def test_state_of_the_queue_is_known(run: Run) -> None:
    """What the client holds back is counted, before and after it is flushed."""
    finalizer = LaunchFinalizer(run.client, **QUICK)
    assert finalizer.pending() == Pending(requests=0, logs=0)
    run.log()
    assert finalizer.pending() == Pending(requests=0, logs=UNSENT)
    finalizer.finish()
    assert finalizer.pending().nothing


def test_failing_terminate_still_ends_in_a_finished_launch(
    emulator: Emulator, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that raises while it is closed has its launch finished all the same, and the report tells."""

    def close() -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(run.client, "close", close)
    report = LaunchFinalizer(run.client, **QUICK).terminate()
    assert report.outcome is Outcome.FINISHED
    assert report.step(Step.TERMINATE).detail == "OSError: the disk is gone"
    assert status_of(emulator, run.uuid) == "PASSED"


def test_repeated_terminate_finishes_and_closes_once(
    emulator: Emulator, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often terminate is called, one finish is sent and the client closed once."""
    closed: list[None] = []
    monkeypatch.setattr(run.client, "close", lambda: closed.append(None))
    finalizer = LaunchFinalizer(run.client, **QUICK)
    first = finalizer.terminate()
    assert all(finalizer.terminate() is first for _ in range(3))
    assert len(closed) == 1
    assert len(finishes(emulator)) == 1
    assert status_of(emulator, run.uuid) == "PASSED"


def test_terminate_goes_on_where_an_earlier_one_was_broken_off(
    emulator: Emulator, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminate that was struck by an exception before it sent anything leaves the launch to the next one."""
    finalizer = LaunchFinalizer(run.client, **QUICK)
    batcher = run.client._log_batcher
    flush = batcher.flush

    def struck() -> None:
        monkeypatch.setattr(batcher, "flush", flush)
        raise KeyboardInterrupt

    monkeypatch.setattr(batcher, "flush", struck)
    with pytest.raises(KeyboardInterrupt):
        finalizer.terminate()
    assert finishes(emulator) == []
    assert finalizer.terminate().outcome is Outcome.FINISHED
    assert status_of(emulator, run.uuid) == "PASSED"


def test_double_finish_sends_one(emulator: Emulator, run: Run) -> None:
    """A second finish gives the same report, and nothing is sent."""
    finalizer = LaunchFinalizer(run.client, **QUICK)
    report = finalizer.finish()
    before = len(emulator.calls())
    assert finalizer.finish() is report
    assert len(emulator.calls()) == before
    assert len(finishes(emulator)) == 1


def test_finish_that_failed_elsewhere_is_tried_again(emulator: Emulator, run: Run) -> None:
    """The client's own finish, refused without a word, leaves nothing behind that keeps ours from being sent."""
    with_fault = emulator.add_fault(Fault(FINISH, status=503))
    run.client.session.put(f"{emulator.url}/api/v2/demo/launch/{run.uuid}/finish", json={"endTime": now_ms()})
    assert with_fault.hits == 1
    with_fault.remove()
    assert LaunchFinalizer(run.client, **QUICK).finish().outcome is Outcome.FINISHED
    assert status_of(emulator, run.uuid) == "PASSED"


def test_finish_that_failed_is_tried_again(emulator: Emulator, run: Run) -> None:
    """After a finish that the server's trouble kept from succeeding, another call tries with a fresh budget."""
    fault = emulator.add_fault(Fault(status=503))
    finalizer = LaunchFinalizer(run.client, **QUICK)
    first = finalizer.finish(timeout=0.3)
    assert (first.outcome, status_of(emulator, run.uuid)) == (Outcome.FAILED, "IN_PROGRESS")
    fault.remove()
    assert finalizer.finish().outcome is Outcome.FINISHED
    assert status_of(emulator, run.uuid) == "PASSED"


def test_missing_launch_id_is_reported(emulator: Emulator, client: RPClient) -> None:
    """A client that never started its launch is told of as such, and nothing is sent."""
    report = LaunchFinalizer(client, **QUICK).finish()
    assert report.outcome is Outcome.NOT_STARTED
    assert report.launch is None
    assert finishes(emulator) == []


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_endpoint_in_another_format_works(emulator: Emulator, run: Run, spelling: str) -> None:
    """Whatever an address is copied from, it leads to the same server."""
    report = LaunchFinalizer(run.client, endpoint=emulator.url + spelling, **QUICK).finish()
    assert (report.outcome, report.endpoint) == (Outcome.FINISHED, emulator.url)
    assert status_of(emulator, run.uuid) == "PASSED"


def test_endpoint_without_a_scheme_works(emulator: Emulator, run: Run) -> None:
    """A loopback address without a scheme means http."""
    report = LaunchFinalizer(run.client, endpoint=emulator.url.removeprefix("http://"), **QUICK).finish()
    assert report.outcome is Outcome.FINISHED


@pytest.mark.parametrize("spelling", ["", "/", "/api/v1", "/ui/#demo/launches/all"])
def test_endpoint_below_a_path_works(spelling: str) -> None:
    """The path that an installation lies under is kept, whatever follows it."""
    from rp_finalizer.emulator import Emulator  # noqa: PLC0415

    with Emulator(prefix="/reportportal") as emulator, connected(emulator.url) as client:
        run = start_run(client)
        report = LaunchFinalizer(client, endpoint=emulator.url + spelling, **QUICK).finish()
        assert report.outcome is Outcome.FINISHED
        assert report.launch is not None
        assert report.launch.url == f"{emulator.url}/ui/#demo/launches/all/{report.launch.id}"
        assert status_of(emulator, run.uuid) == "PASSED"


@pytest.mark.parametrize("status", ["failed", "STOPPED", "interrupted", "cancelled", "skipped", "warn", "info"])
def test_wanted_status_is_sent(emulator: Emulator, run: Run, status: str) -> None:
    """The status that is asked for is the one that the launch gets."""
    run.report_item(status="PASSED")
    report = LaunchFinalizer(run.client, **QUICK).finish(status=status)
    assert report.launch is not None
    assert report.launch.status == status.upper()
    assert status_of(emulator, run.uuid) == status.upper()


def test_no_status_is_sent_unless_wanted(emulator: Emulator, run: Run) -> None:
    """Without a wanted status the server computes it from the items."""
    run.report_item(status="FAILED")
    LaunchFinalizer(run.client, **QUICK).finish()
    assert "status" not in finishes(emulator)[0].body
    assert status_of(emulator, run.uuid) == "FAILED"


def test_end_time_description_and_attributes_are_sent(emulator: Emulator, run: Run) -> None:
    """What is said of the launch's end stands in the launch."""
    end = int(now_ms(60))
    LaunchFinalizer(run.client, **QUICK).finish(end_time=end, description="nightly", attributes={"build": 7})
    launch = emulator.launch(run.uuid)
    assert launch is not None
    assert (launch.end_ms, launch.description) == (end, "nightly")
    assert [(each.key, each.value) for each in launch.attributes] == [("build", "7")]


def test_nothing_is_swallowed(emulator: Emulator, run: Run) -> None:
    """Logs that the server refuses are told as abandoned, with the reason, and the launch is finished all the same."""
    run.log()
    refusal = {"errorCode": 4001, "message": "Incorrect Request. [no logs today]"}
    emulator.add_fault(Fault(CallKind.LOG, status=400, body=refusal))
    report = LaunchFinalizer(run.client, **QUICK).terminate()
    assert report.outcome is Outcome.FINISHED
    assert (report.flushed.logs, report.abandoned.logs) == (0, UNSENT)
    assert report.step(Step.FLUSH).result == "failed"
    assert "no logs today" in str(report.step(Step.FLUSH).detail)


def test_refused_finish_is_not_taken_for_a_success(emulator: Emulator, run: Run) -> None:
    """A finish that the server refuses ends as failed, with its words, its codes and what to do."""
    refusal = {"errorCode": 4001, "message": "Incorrect Request. [Field 'endTime' is odd.]"}
    emulator.add_fault(Fault({FINISH, CallKind.FINISH_LAUNCH_V1}, status=400, body=refusal))
    report = LaunchFinalizer(run.client, **QUICK).finish()
    assert report.outcome is Outcome.FAILED
    assert report.error is not None
    assert (report.error.kind, report.error.status, report.error.code) == ("rejected", 400, 4001)
    assert "endTime' is odd" in report.error.message
    assert report.error.hint


class _RecordingClock(SystemClock):
    """The real time, and every wait that somebody asked it for."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def wait(self, seconds: float, wakes: threading.Event) -> bool:
        self.waits.append(seconds)
        return super().wait(seconds, wakes)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _RecordingClock:
    """Have every finalizer of the test ask this clock."""
    clock = _RecordingClock()
    monkeypatch.setattr("rp_finalizer.wiring.SystemClock", lambda: clock)
    return clock


def _waits_of_a_healthy_end(run: Run, clock: _RecordingClock, **settings: float) -> list[float]:
    assert LaunchFinalizer(run.client, **QUICK | settings).terminate().outcome is Outcome.FINISHED
    return [seconds for seconds in clock.waits if seconds]


def test_nothing_waits_a_fixed_time(emulator: Emulator, run: Run, clock: _RecordingClock) -> None:
    """A healthy end asks for no wait, and is not the client's own, which sleeps 3 s before it sends anything."""
    assert _waits_of_a_healthy_end(run, clock) == []
    assert [call.user_agent for call in finishes(emulator)] == [OUR_AGENT]


def test_a_fixed_wait_that_is_wanted_is_made(run: Run, clock: _RecordingClock) -> None:
    """The waits before and after the end, and for the server to settle, are those that were set."""
    wanted = {"settle": 0.03, "delay_before_terminate": 0.01, "delay_after_terminate": 0.02}
    assert _waits_of_a_healthy_end(run, clock, **wanted) == list(wanted.values())


def test_fixed_delays_are_nothing_unless_wanted() -> None:
    """Every fixed wait that there is in the settings is 0 by default."""
    settings = Settings.load(environ={})
    assert (settings.delay_before_terminate, settings.delay_after_terminate, settings.settle) == (0, 0, 0)


def test_transient_failures_are_retried(emulator: Emulator, run: Run) -> None:
    """A finish that meets a server out of order for a while arrives once it is back, once."""
    emulator.add_fault(Fault(FINISH, status=503, times=2))
    report = LaunchFinalizer(run.client, **QUICK).finish()
    assert report.outcome is Outcome.FINISHED
    assert report.step(Step.FINISH).attempts == 3
    assert [call.applied for call in finishes(emulator)] == [False, False, True]


def test_success_is_read_back(emulator: Emulator, run: Run) -> None:
    """Finished means that the server shows the launch as final, with the end time that we sent."""
    report = LaunchFinalizer(run.client, **QUICK).finish()
    launch = emulator.launch(run.uuid)
    assert launch is not None
    assert launch.end_ms == finishes(emulator)[0].body["endTime"]
    assert emulator.calls(CallKind.GET_LAUNCH)
    assert report.launch is not None
    assert (report.launch.id, report.launch.number, report.launch.name) == (launch.id, launch.number, "smoke")


def test_finish_is_shared_by_all_threads(emulator: Emulator, run: Run) -> None:
    """From eight threads at once one finish is sent, and all get its report."""
    finalizer = LaunchFinalizer(run.client, **QUICK)
    barrier, reports = threading.Barrier(8), []

    def finish() -> None:
        barrier.wait(5)
        reports.append(finalizer.finish())

    threads = [threading.Thread(target=finish) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(finishes(emulator)) == 1
    assert len(reports) == 8
    assert all(report is reports[0] for report in reports)


def test_block_finishes_and_closes(emulator: Emulator, client: RPClient) -> None:
    """A block around the run needs nothing more: at its end the launch is finished and the logs are there."""
    with finalizing(client, **QUICK) as finalizer:
        run = start_run(client)
        messages = run.log()
        before = finalizer.report
    assert before is None
    assert finalizer.report is not None
    assert finalizer.report.outcome is Outcome.FINISHED
    assert logged(emulator, run.uuid) == messages
