"""What the server, or what stands before it, may answer to a finish, to the reading back, and to the last logs."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from rp_finalizer import ErrorKind, LaunchFinalizer, Outcome, Report, Step
from rp_finalizer.emulator import CallKind, Fault, ProjectRole
from tests.support.reporting import (
    FINISH,
    FINISH_NOW,
    QUICK,
    READ,
    UNSENT,
    Run,
    finishes,
    logged,
    start_run,
    status_of,
)

if TYPE_CHECKING:
    from reportportal_client import RPClient

    from rp_finalizer.emulator import Emulator

SHORT: dict[str, Any] = QUICK | {"timeout": 0.4}
"""For what ends only with the budget."""
BOTH = (FINISH, FINISH_NOW)


def own(code: int, message: str = "said the server") -> dict[str, Any]:
    return {"errorCode": code, "message": message}


PASSING: dict[str, dict[str, Any]] = {
    "302": {"status": 302},
    "404 without a code": {"status": 404},
    "404 of another service": {"status": 404, "body": {"status": 404, "error": "Not Found", "path": "/v2"}},
    "408": {"status": 408},
    "425": {"status": 425},
    "429": {"status": 429},
    "500": {"status": 500},
    "500 page": {"status": 500, "body": "<html>oops</html>", "content_type": "text/html"},
    "502 page": {"status": 502},
    "503": {"status": 503},
    "504": {"status": 504},
    "200 page": {"status": 200},
    "200 empty": {"status": 200, "body": "", "content_type": "application/json"},
    "200 list": {"status": 200, "body": [1, 2]},
    "200 of another service": {"status": 200, "body": {"hello": "world"}},
    "200 truncated": {"status": 200, "body": '{"id": "', "content_type": "application/json"},
    "200 with 2 MiB": {"status": 200, "body": {"id": "x", "padding": "y" * 2 * 1024 * 1024}},
    "200 nested too deep": {"status": 200, "body": "[" * 100_000, "content_type": "application/json"},
    "599": {"status": 599},
}
"""Answers that are not ReportPortal's own, or ask to come again: the next one may be another."""

REFUSALS: dict[str, tuple[dict[str, Any], ErrorKind]] = {
    "400": ({"status": 400, "body": own(4001)}, ErrorKind.REJECTED),
    "401": ({"status": 401}, ErrorKind.UNAUTHORIZED),
    "403": ({"status": 403, "body": own(4003)}, ErrorKind.FORBIDDEN),
    "404 project": ({"status": 404, "body": own(4040)}, ErrorKind.UNKNOWN_PROJECT),
    "406 has items": (
        {"status": 406, "body": own(40023, "Launch has items '[1]' with 'IN_PROGRESS' status")},
        ErrorKind.REJECTED,
    ),
    "406 content": ({"status": 406, "body": {"status": 406, "error": "Not Acceptable"}}, ErrorKind.REJECTED),
}
"""Answers that will not change, and what they are told as."""


def finish(client: RPClient, **settings: Any) -> Report:
    return LaunchFinalizer(client, **{**QUICK, **settings}).finish()


def kind_of(report: Report) -> ErrorKind | None:
    return report.error.kind if report.error else None


def wait_until_final(emulator: Emulator, uuid: str) -> None:
    emulator.wait_until(lambda: (launch := emulator.launch(uuid)) is not None and launch.status.final)


def message_of(report: Report) -> str:
    assert report.error is not None
    return report.error.message


class TestFinish:
    @pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
    def test_passing_trouble_is_waited_out(self, emulator: Emulator, run: Run, fault: dict[str, Any]) -> None:
        """An answer that says nothing of the launch is followed by another try, which finishes it."""
        emulator.add_fault(Fault(FINISH, times=1, **fault))
        report = finish(run.client)
        assert report.outcome is Outcome.FINISHED
        assert [call.applied for call in finishes(emulator)] == [False, True]
        assert status_of(emulator, run.uuid) == "PASSED"

    @pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
    def test_success_behind_a_false_answer_is_read_back(
        self, emulator: Emulator, run: Run, fault: dict[str, Any]
    ) -> None:
        """A finish that was done although its answer says otherwise is read back, and not sent again."""
        emulator.add_fault(Fault(FINISH, apply=True, times=1, **fault))
        report = finish(run.client)
        assert report.outcome is Outcome.FINISHED
        assert len(finishes(emulator)) == 1

    @pytest.mark.parametrize(("fault", "kind"), REFUSALS.values(), ids=REFUSALS.keys())
    def test_refusal_is_told(self, emulator: Emulator, run: Run, fault: dict[str, Any], kind: ErrorKind) -> None:
        """A refusal for good ends at once as failed, with its kind, its status and what to do, and stays so."""
        emulator.add_fault(Fault(BOTH, **fault))
        finalizer = LaunchFinalizer(run.client, **QUICK)
        report = finalizer.finish()
        assert report.outcome is Outcome.FAILED
        assert report.error is not None
        assert (report.error.kind, report.error.status) == (kind, fault["status"])
        assert report.error.hint
        assert [call.kind for call in finishes(emulator)] in ([FINISH], [FINISH, FINISH_NOW])
        assert finalizer.finish() is report

    @pytest.mark.parametrize("name", ["400", "406 has items", "406 content"])
    def test_refusing_queue_is_passed(self, emulator: Emulator, run: Run, name: str) -> None:
        """Where only v2 refuses, v1 finishes the launch."""
        emulator.add_fault(Fault(FINISH, **REFUSALS[name][0]))
        report = finish(run.client)
        assert report.outcome is Outcome.FINISHED
        assert report.step(Step.FALLBACK).result == "ok"
        assert status_of(emulator, run.uuid) == "PASSED"

    def test_broken_queue_is_passed(self, emulator: Emulator, run: Run) -> None:
        """Where ReportPortal itself cannot take a v2 finish, its broker being down, v1 finishes the launch."""
        emulator.add_fault(Fault(FINISH, status=500))
        report = finish(run.client)
        assert report.outcome is Outcome.FINISHED
        assert [call.kind for call in finishes(emulator) if call.applied] == [FINISH_NOW]

    def test_end_before_start_by_word_of_the_server(self, emulator: Emulator, run: Run) -> None:
        """A server that calls our end too early gets another one, and the launch is finished."""
        emulator.add_fault(Fault(FINISH, status=406, body=own(40021), times=1))
        assert finish(run.client).outcome is Outcome.FINISHED

    def test_finished_already_by_word_of_the_server(self, emulator: Emulator, run: Run) -> None:
        """A 406 that calls the launch finished is no proof: what is read back decides."""
        emulator.add_fault(Fault(FINISH, status=406, body=own(40023, "already finished"), times=1))
        report = finish(run.client)
        assert status_of(emulator, run.uuid) == "PASSED"
        assert report.outcome is Outcome.FINISHED

    def test_launch_unknown_for_a_moment(self, emulator: Emulator, run: Run) -> None:
        """A finish to which the server does not know the launch yet is followed until it does."""
        emulator.add_fault(Fault(FINISH, status=404, body=own(4041), times=1))
        assert finish(run.client).outcome is Outcome.FINISHED
        assert status_of(emulator, run.uuid) == "PASSED"

    @pytest.mark.parametrize("form", ["seconds", "date"])
    def test_retry_after_is_honoured(self, emulator: Emulator, run: Run, form: str) -> None:
        """The server's own word when to come again is kept, in both of its forms."""
        until = datetime.now(UTC) + timedelta(seconds=2)
        value = "1" if form == "seconds" else format_datetime(until, usegmt=True)
        emulator.add_fault(Fault(FINISH, status=429, headers={"Retry-After": value}, times=1))
        assert finish(run.client).outcome is Outcome.FINISHED
        first, second = finishes(emulator)
        if form == "seconds":
            assert second.at - first.at >= 1
        else:
            # A date is in whole seconds.
            assert time.time() >= until.timestamp() - 1

    def test_retry_after_beyond_the_budget_is_not_waited_for(self, emulator: Emulator, run: Run) -> None:
        """A server that asks to come again after the budget is told of at once, and not asked again."""
        emulator.add_fault(Fault(FINISH, status=503, headers={"Retry-After": "3600"}))
        report = finish(run.client)
        assert report.outcome is Outcome.FAILED
        assert kind_of(report) is ErrorKind.UNAVAILABLE
        assert "3600" in message_of(report)
        assert len(finishes(emulator)) == 1

    @pytest.mark.parametrize("status", [302, 404, 429, 502, 503, 504])
    def test_trouble_that_stays_is_told(self, emulator: Emulator, run: Run, status: int) -> None:
        """A server out of order for the whole budget is tried until its end, and told as unavailable."""
        emulator.add_fault(Fault(BOTH, status=status))
        begun = time.monotonic()
        report = finish(run.client, **SHORT)
        assert time.monotonic() - begun < SHORT["timeout"] + 1
        assert (report.outcome, kind_of(report)) == (Outcome.FAILED, ErrorKind.UNAVAILABLE)
        assert report.error is not None
        assert report.error.status == status
        assert run.uuid in report.error.hint or "RP_ENDPOINT" in report.error.hint
        assert str(status) in str(report.step(Step.FINISH).detail)
        # The last try may find no time left to send anything.
        assert 1 < len(finishes(emulator)) <= report.step(Step.FINISH).attempts
        assert status_of(emulator, run.uuid) == "IN_PROGRESS"

    def test_silent_server_is_left(self, emulator: Emulator, run: Run) -> None:
        """A server that never answers a finish costs the budget and at most a second, and is told as a time-out."""
        fault = emulator.add_fault(Fault(BOTH, hang=True))
        begun = time.monotonic()
        report = finish(run.client, **SHORT)
        assert time.monotonic() - begun < SHORT["timeout"] + 1
        assert (report.outcome, kind_of(report)) == (Outcome.FAILED, ErrorKind.TIMEOUT)
        fault.release()

    def test_last_try_does_not_hide_what_the_server_said(self, emulator: Emulator, run: Run) -> None:
        """A last try that the end of the budget cut off tells nothing: the answer before it is the one reported."""
        emulator.add_fault(Fault(BOTH, status=503, times=1))
        fault = emulator.add_fault(Fault(BOTH, hang=True))
        report = finish(run.client, **SHORT)
        assert report.error is not None
        assert (report.error.kind, report.error.status) == (ErrorKind.UNAVAILABLE, 503)
        fault.release()

    def test_number_of_attempts_is_a_limit(self, emulator: Emulator, run: Run) -> None:
        """retry_attempts ends the trying before the budget does, and is named."""
        emulator.add_fault(Fault(FINISH, status=503))
        report = finish(run.client, retry_attempts=3)
        assert len(finishes(emulator)) == 3
        assert "retry_attempts is 3" in message_of(report)

    def test_key_in_an_error_page_is_hidden(self, emulator: Emulator, run: Run) -> None:
        """A gateway that shows the request in its error page does not bring the key into the report."""
        emulator.add_fault(Fault(BOTH, status=400, body=own(4001, "Authorization: Bearer demo_key")))
        report = finish(run.client)
        assert "demo_key" not in report.to_json()
        assert "Bearer ****" in message_of(report)

    def test_controls_in_an_error_do_not_reach_the_terminal(self, emulator: Emulator, run: Run) -> None:
        """What a server says steers no terminal and floods no log."""
        emulator.add_fault(Fault(BOTH, status=400, body=own(4001, "\x1b[2J\r\nboo " * 500)))
        message = message_of(finish(run.client))
        assert "boo" in message
        assert all(character.isprintable() for character in message)
        assert len(message) < 500


class TestConfirm:
    @pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
    def test_passing_trouble_is_waited_out(self, emulator: Emulator, run: Run, fault: dict[str, Any]) -> None:
        """A reading that tells nothing is followed by another one; the finish is sent once."""
        emulator.add_fault(Fault(READ, times=2, **fault))
        report = finish(run.client)
        assert report.outcome is Outcome.FINISHED
        assert report.step(Step.CONFIRM).attempts == 3
        assert len(finishes(emulator)) == 1

    def test_trouble_that_stays_is_told(self, emulator: Emulator, run: Run) -> None:
        """A finish that was taken and cannot be read back is no success, and no failure: it was accepted."""
        emulator.add_fault(Fault(READ, status=503))
        report = finish(run.client, **SHORT)
        assert (report.outcome, kind_of(report)) == (Outcome.ACCEPTED, ErrorKind.TIMEOUT)
        assert report.error is not None
        assert f"rp-finalize status {run.uuid}" in report.error.hint
        assert report.step(Step.CONFIRM).result == "timed-out"

    def test_silent_server_is_left(self, emulator: Emulator, run: Run) -> None:
        """A server that takes the finish and is silent from then on costs the budget and at most a second."""
        fault = emulator.add_fault(Fault(READ, hang=True))
        begun = time.monotonic()
        report = finish(run.client, **SHORT)
        assert time.monotonic() - begun < SHORT["timeout"] + 1
        assert report.outcome is Outcome.ACCEPTED
        fault.release()

    @pytest.mark.parametrize("name", ["400", "401", "403", "404 project"])
    def test_refused_reading_is_told(self, emulator: Emulator, run: Run, name: str) -> None:
        """A launch that may not be read is not called finished."""
        fault, kind = REFUSALS[name]
        emulator.add_fault(Fault(READ, **fault))
        report = finish(run.client)
        assert report.outcome is Outcome.FAILED
        assert kind_of(report) is kind

    def test_retry_after_beyond_the_budget_is_not_waited_for(self, emulator: Emulator, run: Run) -> None:
        """A server that asks not to be read before the budget is over is left at once."""
        emulator.add_fault(Fault(READ, status=429, headers={"Retry-After": "3600"}))
        report = finish(run.client)
        assert report.outcome is Outcome.ACCEPTED
        assert len(emulator.calls(READ)) == 1


class TestFlush:
    @pytest.mark.parametrize(
        "name", ["302", "404 without a code", "425", "429", "500", "500 page", "503", "404 of another service"]
    )
    def test_passing_trouble_is_waited_out(self, emulator: Emulator, run: Run, name: str) -> None:
        """Logs that were surely not stored are sent again, and arrive once and before the finish."""
        messages = run.log()
        emulator.add_fault(Fault(CallKind.LOG, times=1, **PASSING[name]))
        report = finish(run.client)
        assert report.outcome is Outcome.FINISHED
        assert (report.flushed.logs, report.abandoned.logs) == (UNSENT, 0)
        assert logged(emulator, run.uuid) == messages
        kinds = [call.kind for call in emulator.calls() if call.kind in {CallKind.LOG, FINISH}]
        assert kinds == [CallKind.LOG, CallKind.LOG, FINISH]

    @pytest.mark.parametrize("name", ["408", "502 page", "504", "200 page", "200 truncated"])
    @pytest.mark.parametrize("apply", [True, False])
    def test_logs_are_never_doubled(self, emulator: Emulator, run: Run, name: str, *, apply: bool) -> None:
        """Logs that may have been stored are not sent again: nobody can ask, so they count as abandoned."""
        messages = run.log()
        emulator.add_fault(Fault(CallKind.LOG, times=1, apply=apply, **PASSING[name]))
        report = finish(run.client)
        assert report.outcome is Outcome.FINISHED
        assert (report.flushed.logs, report.abandoned.logs) == (0, UNSENT)
        assert logged(emulator, run.uuid) == (messages if apply else [])

    @pytest.mark.parametrize("name", ["400", "401", "403", "404 project"])
    def test_refusal_is_told(self, emulator: Emulator, run: Run, name: str) -> None:
        """Logs that are refused for good are told as abandoned, and the finish is sent all the same."""
        run.log()
        emulator.add_fault(Fault(CallKind.LOG, **REFUSALS[name][0]))
        report = finish(run.client)
        assert report.outcome is Outcome.FINISHED
        assert report.abandoned.logs == UNSENT
        assert report.step(Step.FLUSH).result == "failed"
        assert len(emulator.calls(CallKind.LOG)) == 1

    def test_partly_refused_batch_is_counted(self, emulator: Emulator, run: Run) -> None:
        """Of a batch that is taken, the logs refused in it are told."""
        run.log()
        members = [{"id": str(number)} for number in range(UNSENT - 2)] + [{"message": "no"}, {"message": "no"}]
        emulator.add_fault(Fault(CallKind.LOG, status=201, body={"responses": members}))
        report = finish(run.client)
        assert (report.flushed.logs, report.abandoned.logs) == (UNSENT - 2, 2)
        assert report.step(Step.FLUSH).detail == "the server refused 2 logs"

    @pytest.mark.parametrize("trouble", [{"status": 503}, {"hang": True}], ids=["refusing", "silent"])
    def test_time_is_kept_for_the_finish(self, emulator: Emulator, run: Run, trouble: dict[str, Any]) -> None:
        """Logs that cannot be delivered do not use up the time that the finish needs."""
        run.log()
        fault = emulator.add_fault(Fault(CallKind.LOG, **trouble))
        begun = time.monotonic()
        report = finish(run.client, **SHORT)
        assert time.monotonic() - begun < SHORT["timeout"] + 1
        assert report.outcome is Outcome.FINISHED
        assert report.abandoned.logs == UNSENT
        fault.remove()

    def test_retry_after_is_honoured(self, emulator: Emulator, run: Run) -> None:
        """Logs, too, are sent again when the server says, and not before."""
        run.log()
        emulator.add_fault(Fault(CallKind.LOG, status=429, headers={"Retry-After": "1"}, times=1))
        assert finish(run.client).flushed.logs == UNSENT
        first, second = emulator.calls(CallKind.LOG)
        assert second.at - first.at >= 1


class TestQueue:
    def test_lost_finish_is_sent_past_the_queue(self, emulator: Emulator, run: Run) -> None:
        """A v2 finish that the server takes and loses is made up for over v1 when nothing is open or moving."""
        run.report_item(status="FAILED")
        emulator.queue.drop(FINISH)
        report = finish(run.client)
        assert report.outcome is Outcome.FINISHED
        assert [call.kind for call in finishes(emulator)] == [FINISH, FINISH_NOW]
        assert status_of(emulator, run.uuid) == "FAILED"

    def test_lost_finish_is_left_where_an_item_is_open(self, emulator: Emulator, run: Run) -> None:
        """With an item open, nobody can tell a lost finish from a queue that lags: v1 is not used."""
        run.start_item()
        emulator.queue.drop(FINISH)
        report = finish(run.client, **SHORT)
        assert (report.outcome, kind_of(report)) == (Outcome.ACCEPTED, ErrorKind.TIMEOUT)
        assert "1 items in progress" in message_of(report)
        assert [call.kind for call in finishes(emulator)] == [FINISH]
        assert status_of(emulator, run.uuid) == "IN_PROGRESS"

    def test_lost_finish_is_left_until_the_launch_stood_still(self, emulator: Emulator, run: Run) -> None:
        """Before the launch has stood still for stable_for, the queue is given its time."""
        emulator.queue.drop(FINISH)
        report = finish(run.client, **SHORT | {"stable_for": 5})
        assert report.outcome is Outcome.ACCEPTED
        assert [call.kind for call in finishes(emulator)] == [FINISH]

    def test_lagging_queue_keeps_every_items_own_status(self, emulator: Emulator, run: Run) -> None:
        """A queue that lags longer than the whole budget loses nothing: no item is closed over its own end."""
        wanted = {"one": "PASSED", "two": "FAILED", "three": "SKIPPED"}
        items = {name: run.start_item(name) for name in wanted}
        emulator.queue.pause()
        for name, status in wanted.items():
            run.finish_item(items[name], status)
        report = finish(run.client, **SHORT)
        assert (report.outcome, kind_of(report)) == (Outcome.ACCEPTED, ErrorKind.TIMEOUT)
        assert [call.kind for call in finishes(emulator)] == [FINISH]
        emulator.queue.resume()
        wait_until_final(emulator, run.uuid)
        assert {item.name: item.status.value for item in emulator.items(run.uuid)} == wanted
        assert status_of(emulator, run.uuid) == "FAILED"
        assert emulator.queue.parked == []

    @pytest.mark.parametrize("form", ["uuid", "number"])
    def test_accepted_finish_is_confirmed_later(self, emulator: Emulator, run: Run, form: str) -> None:
        """After accepted, another call confirms as ours what the queue did in the meantime with our first finish."""
        run.start_item()
        emulator.queue.pause()
        launch = emulator.launch(run.uuid)
        assert launch is not None
        finalizer = LaunchFinalizer(run.client, launch=launch.id if form == "number" else None, **SHORT)
        assert finalizer.finish().outcome is Outcome.ACCEPTED
        emulator.queue.resume()
        wait_until_final(emulator, run.uuid)
        assert finalizer.finish().outcome is Outcome.FINISHED

    def test_start_that_waits_in_the_queue_is_waited_for(self, emulator: Emulator, client: RPClient) -> None:
        """A launch that the server does not know yet, its start being queued, is finished in the end."""
        emulator.queue.first_delay = 0.5
        run = start_run(client)
        assert emulator.launch(run.uuid) is None
        assert finish(client).outcome is Outcome.FINISHED
        assert status_of(emulator, run.uuid) == "PASSED"

    def test_start_that_waits_too_long_is_told(self, emulator: Emulator, client: RPClient) -> None:
        """A launch whose start waits for longer than the budget is told as unknown so far, and finished afterwards."""
        emulator.queue.pause()
        run = start_run(client)
        report = finish(client, **SHORT)
        assert (report.outcome, kind_of(report)) == (Outcome.FAILED, ErrorKind.UNKNOWN_LAUNCH)
        assert report.error is not None
        assert "queue" in report.error.hint
        emulator.queue.resume()
        wait_until_final(emulator, run.uuid)

    def test_doubled_finish_does_no_harm(self, emulator: Emulator, run: Run) -> None:
        """A finish that the server's queue delivers twice ends as one."""
        emulator.queue.duplicate(FINISH)
        assert finish(run.client).outcome is Outcome.FINISHED
        assert [parked.code for parked in emulator.queue.parked] == [40023]


class TestOthers:
    @pytest.mark.parametrize("form", ["uuid", "number"])
    def test_unknown_launch(self, emulator: Emulator, form: str) -> None:
        """A launch that the server never heard of is told as unknown, by either of its names."""
        launch = str(uuid4()) if form == "uuid" else 4711
        settings = {**SHORT, "endpoint": emulator.url, "project": "demo", "api_key": "demo_key"}
        report = LaunchFinalizer(launch=launch, **settings).finish()
        assert (report.outcome, kind_of(report)) == (Outcome.FAILED, ErrorKind.UNKNOWN_LAUNCH)

    def test_finished_already_by_somebody_else(self, emulator: Emulator, run: Run) -> None:
        """A launch that somebody else finished is told as such, with the status that they gave it."""
        end = int(time.time() * 1000) + 60_000
        body = {"endTime": end, "status": "stopped"}
        run.client.session.put(f"{emulator.url}/api/v1/demo/launch/{run.uuid}/finish", json=body)
        report = finish(run.client)
        assert report.outcome is Outcome.ALREADY_FINISHED
        assert report.launch is not None
        assert report.launch.status == "STOPPED"
        launch = emulator.launch(run.uuid)
        assert launch is not None
        assert launch.end_ms == end

    def test_interrupted_by_the_server(self, emulator: Emulator, run: Run) -> None:
        """A launch that the server's own clean-up ended is told as already finished, as INTERRUPTED."""
        emulator.add_project("demo", interrupt_after=0)
        emulator.wait_until(emulator.run_inactivity_job)
        report = finish(run.client)
        assert report.outcome is Outcome.ALREADY_FINISHED
        assert report.launch is not None
        assert report.launch.status == "INTERRUPTED"

    @pytest.mark.parametrize("name", ["uuid", "number"])
    def test_launch_that_vanishes(self, emulator: Emulator, run: Run, name: str) -> None:
        """A launch that is deleted between two calls is told as vanished."""
        emulator.queue.drop(FINISH)
        gone = emulator.add_fault(Fault(READ, skip=1, status=404, body=own(4041)))
        launch = emulator.launch(run.uuid)
        assert launch is not None
        report = LaunchFinalizer(run.client, launch=run.uuid if name == "uuid" else launch.id, **QUICK).finish()
        assert gone.hits
        assert (report.outcome, kind_of(report)) == (Outcome.FAILED, ErrorKind.UNKNOWN_LAUNCH)
        assert "vanished" in message_of(report)

    def test_clock_behind_the_servers(self, emulator: Emulator, client: RPClient) -> None:
        """A launch that began after our end of it, which v2 refuses without a word, ends 1 ms after its start."""
        run = start_run(client, later=3600)
        report = finish(client)
        assert report.outcome is Outcome.FINISHED
        launch = emulator.launch(run.uuid)
        assert launch is not None
        assert launch.end_ms == launch.start_ms + 1
        assert [call.kind for call in finishes(emulator)] == [FINISH, FINISH]
        assert [parked.code for parked in emulator.queue.parked] == [40021]

    def test_clock_behind_and_the_queue_lagging(self, emulator: Emulator, client: RPClient) -> None:
        """An end that was moved behind the start, and was applied only after accepted, is known as ours."""
        run = start_run(client, later=3600)
        run.start_item(later=3601)
        emulator.queue.pause()
        finalizer = LaunchFinalizer(client, **SHORT)
        assert finalizer.finish().outcome is Outcome.ACCEPTED
        emulator.queue.resume()
        wait_until_final(emulator, run.uuid)
        assert finalizer.finish().outcome is Outcome.FINISHED

    def test_clock_behind_and_the_queue_lost(self, emulator: Emulator, client: RPClient) -> None:
        """The same end after the start is sent past a queue that does nothing."""
        emulator.queue.drop(FINISH)
        run = start_run(client, later=3600)
        assert finish(client).outcome is Outcome.FINISHED
        launch = emulator.launch(run.uuid)
        assert launch is not None
        assert launch.end_ms == launch.start_ms + 1

    @pytest.mark.parametrize("offset", [-86400.0, 86400.0])
    def test_servers_clock_does_not_matter(self, emulator: Emulator, client: RPClient, offset: float) -> None:
        """A server whose clock is a day off finishes launches like another."""
        emulator.clock_offset = offset
        run = start_run(client)
        assert finish(client).outcome is Outcome.FINISHED
        assert status_of(emulator, run.uuid) == "PASSED"

    @pytest.mark.parametrize("key", ["member_key", "customer_key", "operator_key", "stranger_key"])
    def test_wrong_role_or_owner(self, emulator: Emulator, run: Run, key: str) -> None:
        """A user who may not finish the launch is told so, and whose key would do."""
        emulator.add_user("stranger", "stranger_key", {"elsewhere": ProjectRole.PROJECT_MANAGER})
        report = finish(run.client, api_key=key)
        assert (report.outcome, kind_of(report)) == (Outcome.FAILED, ErrorKind.FORBIDDEN)
        assert report.error is not None
        assert "owner" in report.error.hint
        assert status_of(emulator, run.uuid) == "IN_PROGRESS"

    def test_administrator_may(self, emulator: Emulator, run: Run) -> None:
        """An administrator finishes any launch."""
        assert finish(run.client, api_key="admin_key").outcome is Outcome.FINISHED
        assert status_of(emulator, run.uuid) == "PASSED"

    def test_unknown_project(self, run: Run) -> None:
        """A project that does not exist is told by its name."""
        report = finish(run.client, api_key="admin_key", project="nowhere")
        assert kind_of(report) is ErrorKind.UNKNOWN_PROJECT
        assert "nowhere" in message_of(report)

    def test_revoked_key(self, emulator: Emulator, run: Run) -> None:
        """A key that was revoked during the run is told as such, and asked for once."""
        emulator.remove_key("demo_key")
        report = finish(run.client)
        assert (report.outcome, kind_of(report)) == (Outcome.FAILED, ErrorKind.UNAUTHORIZED)
        assert len(finishes(emulator)) == 1

    def test_waiting_is_told(self, emulator: Emulator, run: Run) -> None:
        """Whoever waits is told what for, in a sentence that names the server's answer."""
        told: list[str] = []
        fault = emulator.add_fault(Fault(FINISH, status=503))

        def tell(sentence: str) -> None:
            told.append(sentence)
            fault.remove()

        LaunchFinalizer(run.client, telling=tell, **QUICK).finish()
        assert "503" in told[0]
        assert status_of(emulator, run.uuid) == "PASSED"
