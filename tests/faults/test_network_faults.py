"""What a network may do to a finish: refuse, reset, swallow, drip, cut, and lose the answer."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from rp_finalizer import ErrorKind, LaunchFinalizer, Outcome, Report, Step, finalizing
from rp_finalizer.emulator import CallKind, Emulator, Fault
from tests.support.fault_proxy import AnswerLost, BlackHole, Delay, Drip, Mode, Refuse, Reset, Truncate
from tests.support.reporting import (
    FINISH,
    QUICK,
    READ,
    UNSENT,
    connected,
    finishes,
    logged,
    start_run,
    status_of,
    when_told,
)

if TYPE_CHECKING:
    from tests.support.fault_proxy import FaultProxy
    from tests.support.reporting import Run

SHORT: dict[str, Any] = QUICK | {"timeout": 0.4}
"""For what ends only with the budget."""
PUT = "^PUT .*/finish"
GET = "^GET .*/launch/"
POST_LOG = "^POST .*/log"


def finish(run: Run, proxy: FaultProxy, **settings: Any) -> Report:
    """Finish over the proxy, and hold the promise that nothing outlasts its budget by more than a second."""
    settings = {**QUICK, **settings}
    begun = time.monotonic()
    report = LaunchFinalizer(run.client, endpoint=proxy.url, **settings).finish()
    assert time.monotonic() - begun < settings["timeout"] + 1
    return report


def kind_of(report: Report) -> ErrorKind | None:
    return report.error.kind if report.error else None


class TestThatPasses:
    def test_refused_then_back(self, emulator: Emulator, run: Run, fault_proxy: FaultProxy) -> None:
        """A server that nobody can connect to is tried again until it is back."""
        fault_proxy.set(Refuse())
        report = finish(run, fault_proxy, telling=when_told(fault_proxy.clear))
        assert report.outcome is Outcome.FINISHED
        assert report.step(Step.FINISH).attempts > 1
        assert len(finishes(emulator)) == 1
        assert status_of(emulator, run.uuid) == "PASSED"

    @pytest.mark.parametrize(
        "mode",
        [Reset(times=2), Reset(times=2, matching=PUT), Reset(after=60, times=2, matching=PUT)],
        ids=["on accepting", "before the request", "within the request"],
    )
    def test_reset(self, emulator: Emulator, run: Run, fault_proxy: FaultProxy, mode: Mode) -> None:
        """Connections that are reset are followed by others, and the finish arrives once."""
        fault_proxy.set(mode)
        assert finish(run, fault_proxy).outcome is Outcome.FINISHED
        assert fault_proxy.hits == 2
        assert len(finishes(emulator)) == 1
        assert status_of(emulator, run.uuid) == "PASSED"

    def test_connection_that_died_while_idle(self, emulator: Emulator, run: Run, fault_proxy: FaultProxy) -> None:
        """A kept connection that was cut between two calls costs another one, and nothing else."""
        finalizer = LaunchFinalizer(run.client, endpoint=fault_proxy.url, **QUICK)
        finalizer.finish()
        fault_proxy.cut()
        second = start_run(run.client, "second")
        assert finalizer.finish().outcome is Outcome.FINISHED
        assert status_of(emulator, second.uuid) == "PASSED"

    @pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
    def test_answer_lost(self, emulator: Emulator, run: Run, fault_proxy: FaultProxy, *, reset: bool) -> None:
        """A finish whose answer is lost behind its success is read back as ours, and not sent again."""
        fault_proxy.set(AnswerLost(matching=PUT, times=1, reset=reset))
        assert finish(run, fault_proxy).outcome is Outcome.FINISHED
        assert fault_proxy.hits == 1
        assert [call.applied for call in finishes(emulator)] == [True]

    def test_answer_lost_while_the_queue_lags(self, emulator: Emulator, run: Run, fault_proxy: FaultProxy) -> None:
        """A finish whose answer is lost and that still waits in the queue may be sent twice: it ends as one, ours."""
        emulator.queue.delay = 0.2
        fault_proxy.set(AnswerLost(matching=PUT, times=1))
        assert finish(run, fault_proxy, stable_for=2).outcome is Outcome.FINISHED
        emulator.wait_until(lambda: not emulator.queue.waiting(run.uuid))
        launch = emulator.launch(run.uuid)
        assert launch is not None
        assert launch.end_ms in {call.body["endTime"] for call in finishes(emulator)}
        assert {parked.code for parked in emulator.queue.parked} <= {40023}

    def test_answer_of_the_reading_lost(self, emulator: Emulator, run: Run, fault_proxy: FaultProxy) -> None:
        """A reading whose answer is lost is repeated; the finish is not."""
        fault_proxy.set(AnswerLost(matching=GET, times=2))
        assert finish(run, fault_proxy).outcome is Outcome.FINISHED
        assert len(finishes(emulator)) == 1

    @pytest.mark.parametrize("after", [1, 20, 150], ids=["status line", "head", "body"])
    @pytest.mark.parametrize("matching", [PUT, GET], ids=["finish", "reading"])
    def test_truncated_answer(
        self, emulator: Emulator, run: Run, fault_proxy: FaultProxy, matching: str, after: int
    ) -> None:
        """An answer that breaks off is no answer: the launch is read back, and the finish not repeated."""
        fault_proxy.set(Truncate(after=after, matching=matching, times=1))
        assert finish(run, fault_proxy).outcome is Outcome.FINISHED
        assert fault_proxy.hits == 1
        assert len(finishes(emulator)) == 1

    def test_delay(self, emulator: Emulator, run: Run, fault_proxy: FaultProxy) -> None:
        """A slow way to the server is waited for; nothing is sent twice."""
        fault_proxy.set(Delay(seconds=0.3))
        assert finish(run, fault_proxy).outcome is Outcome.FINISHED
        assert len(finishes(emulator)) == 1

    def test_swallowed_once(self, emulator: Emulator, run: Run, fault_proxy: FaultProxy) -> None:
        """A request that is swallowed is given up at read_timeout, and tried again within the budget."""
        fault_proxy.set(BlackHole(matching=PUT, times=1))
        assert finish(run, fault_proxy, read_timeout=0.2).outcome is Outcome.FINISHED
        assert len(finishes(emulator)) == 1

    def test_logs_over_a_refused_connection(self, emulator: Emulator, run: Run, fault_proxy: FaultProxy) -> None:
        """Logs that found nobody listening are sent again, and arrive once."""
        messages = run.log()
        fault_proxy.set(Refuse())
        report = finish(run, fault_proxy, telling=when_told(fault_proxy.clear))
        assert (report.outcome, report.flushed.logs) == (Outcome.FINISHED, UNSENT)
        assert logged(emulator, run.uuid) == messages

    def test_logs_whose_answer_is_lost(self, emulator: Emulator, run: Run, fault_proxy: FaultProxy) -> None:
        """Logs whose answer is lost may be stored, so that they are not doubled, and told as abandoned."""
        messages = run.log()
        fault_proxy.set(AnswerLost(matching=POST_LOG, times=1))
        report = finish(run, fault_proxy)
        assert (report.outcome, report.abandoned.logs) == (Outcome.FINISHED, UNSENT)
        assert logged(emulator, run.uuid) == messages


class TestThatStays:
    def test_refused(self, emulator: Emulator, run: Run, fault_proxy: FaultProxy) -> None:
        """A server that is away for the whole budget is told as unavailable, by its address."""
        fault_proxy.set(Refuse())
        report = finish(run, fault_proxy, **SHORT)
        assert (report.outcome, kind_of(report)) == (Outcome.FAILED, ErrorKind.UNAVAILABLE)
        assert report.error is not None
        assert f"127.0.0.1:{fault_proxy.port}" in report.error.message
        assert status_of(emulator, run.uuid) == "IN_PROGRESS"

    def test_black_hole(self, emulator: Emulator, run: Run, fault_proxy: FaultProxy) -> None:
        """A server that accepts and never answers costs the budget and at most a second, and is a time-out."""
        fault_proxy.set(BlackHole())
        report = finish(run, fault_proxy, **SHORT)
        assert (report.outcome, kind_of(report)) == (Outcome.FAILED, ErrorKind.TIMEOUT)
        assert finishes(emulator) == []

    def test_black_hole_with_logs_held(self, run: Run, fault_proxy: FaultProxy) -> None:
        """Flush, finish and the client's end share the one budget."""
        messages = run.log()
        fault_proxy.set(BlackHole())
        begun = time.monotonic()
        with finalizing(run.client, endpoint=fault_proxy.url, **SHORT) as finalizer:
            pass
        assert time.monotonic() - begun < SHORT["timeout"] + 1
        assert finalizer.report is not None
        assert (finalizer.report.outcome, finalizer.report.abandoned.logs) == (Outcome.FAILED, len(messages))

    def test_black_hole_under_the_client(self, emulator: Emulator, fault_proxy: FaultProxy) -> None:
        """A client whose own requests are swallowed does not keep its block from ending in time."""
        with connected(fault_proxy.url) as client:
            run = start_run(client)
            fault_proxy.set(BlackHole())
            begun = time.monotonic()
            with finalizing(client, **SHORT) as finalizer:
                pass
            assert time.monotonic() - begun < SHORT["timeout"] + 1
        assert kind_of(finalizer.report or Report(None)) is ErrorKind.TIMEOUT
        assert status_of(emulator, run.uuid) == "IN_PROGRESS"

    @pytest.mark.parametrize("interval", [1.0, 0.1], ids=["rarer than the budget", "oftener than the budget"])
    @pytest.mark.parametrize("after", [0, 200], ids=["head", "body"])
    @pytest.mark.parametrize("matching", [PUT, GET], ids=["finish", "reading"])
    def test_drip(
        self, emulator: Emulator, run: Run, fault_proxy: FaultProxy, interval: float, after: int, matching: str
    ) -> None:
        """An answer that comes byte by byte does not outlast the budget, however it keeps a socket from timing out."""
        fault_proxy.set(Drip(interval=interval, after=after, matching=matching))
        report = finish(run, fault_proxy, **SHORT)
        assert report.outcome is (Outcome.FAILED if matching is PUT else Outcome.ACCEPTED)
        assert kind_of(report) is ErrorKind.TIMEOUT
        assert len(finishes(emulator)) == 1

    def test_an_answer_that_drips_is_given_up_in_time_to_read_the_launch(
        self, emulator: Emulator, run: Run, fault_proxy: FaultProxy
    ) -> None:
        """A finish whose answer drips is read back, and known as ours, while there is time."""
        fault_proxy.set(Drip(interval=0.05, matching=PUT))
        report = finish(run, fault_proxy, **QUICK, connect_timeout=0.2, read_timeout=0.2)
        assert report.outcome is Outcome.FINISHED
        assert status_of(emulator, run.uuid) == "PASSED"

    def test_answers_always_lost(self, emulator: Emulator, run: Run, fault_proxy: FaultProxy) -> None:
        """A network that loses every answer ends in no success, though the server has finished the launch."""
        fault_proxy.set(AnswerLost())
        report = finish(run, fault_proxy, **SHORT)
        assert (report.outcome, kind_of(report)) == (Outcome.FAILED, ErrorKind.UNAVAILABLE)
        assert status_of(emulator, run.uuid) == "PASSED"

    def test_finish_after_lost_answers_is_ours(self, emulator: Emulator, run: Run, fault_proxy: FaultProxy) -> None:
        """When the network is back, another call reads our own finish back, and sends nothing that could do harm."""
        fault_proxy.set(AnswerLost())
        finalizer = LaunchFinalizer(run.client, endpoint=fault_proxy.url, **SHORT)
        assert finalizer.finish().outcome is Outcome.FAILED
        ended = emulator.launch(run.uuid)
        fault_proxy.clear()
        assert finalizer.finish().outcome is Outcome.FINISHED
        assert emulator.launch(run.uuid) == ended

    def test_black_hole_is_told_while_waiting(self, run: Run, fault_proxy: FaultProxy) -> None:
        """Whoever waits for a silent server is told so, once a try was given up."""
        told: list[str] = []
        fault_proxy.set(BlackHole())
        finish(run, fault_proxy, **SHORT, read_timeout=0.1, telling=told.append)
        assert told
        assert f"127.0.0.1:{fault_proxy.port}" in told[0]


class TestServerThatStops:
    def test_after_the_finish(self) -> None:
        """A server that stops between taking the finish and showing it leaves it accepted, not finished."""
        with Emulator() as server, connected(server.url) as client:
            run = start_run(client)
            server.add_fault(Fault(READ, hang=True))
            report = stop_when(server, READ, lambda: LaunchFinalizer(client, **QUICK | {"timeout": 0.8}).finish())
            assert (report.outcome, kind_of(report)) == (Outcome.ACCEPTED, ErrorKind.TIMEOUT)
            assert status_of(server, run.uuid) == "PASSED"

    def test_before_the_finish(self) -> None:
        """A server that stops before it has taken the finish leaves it failed, as unavailable."""
        with Emulator() as server, connected(server.url) as client:
            run = start_run(client)
            server.add_fault(Fault(FINISH, hang=True))
            report = stop_when(server, FINISH, lambda: LaunchFinalizer(client, **QUICK | {"timeout": 0.8}).finish())
            assert (report.outcome, kind_of(report)) == (Outcome.FAILED, ErrorKind.UNAVAILABLE)
            assert status_of(server, run.uuid) == "IN_PROGRESS"

    def test_within_the_run(self) -> None:
        """A server that stops while the client reports keeps the block from nothing but its success."""
        with Emulator() as server, connected(server.url) as client:
            with finalizing(client, **SHORT) as finalizer:
                start_run(client).log()
                server.__exit__(None, None, None)
            assert finalizer.report is not None
            assert (finalizer.report.outcome, kind_of(finalizer.report)) == (Outcome.FAILED, ErrorKind.UNAVAILABLE)
            assert finalizer.report.abandoned.logs == UNSENT


def stop_when(server: Emulator, kind: CallKind, action: Any) -> Report:
    """Do something, and stop the server when the first call of that kind has arrived."""
    reports: list[Report] = []
    thread = threading.Thread(target=lambda: reports.append(action()))
    thread.start()
    server.wait_until(lambda: server.calls(kind))
    server.__exit__(None, None, None)
    thread.join(10)
    return reports[0]
