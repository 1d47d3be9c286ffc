"""Finishing a launch by a block, with every kind of client, and with the settings that there are."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock
from uuid import UUID, uuid4

import pytest

from rp_finalizer import (
    ErrorKind,
    FinalizationFailed,
    LaunchFinalizer,
    Outcome,
    Pending,
    Report,
    SettingsError,
    Step,
    finalizing,
)
from rp_finalizer.emulator import CallKind, Fault
from tests.support.reporting import FINISH, QUICK, connected, finishes, logged, start_run, status_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reportportal_client import RPClient

    from rp_finalizer.emulator import Emulator
    from tests.support.reporting import Run


class Recorder:
    """A client of somebody's own making: it notes what is called, and has the members it is given."""

    def __init__(self, *methods: str, **members: Any) -> None:
        self.called: list[str] = []
        self.arguments: list[dict[str, Any]] = []
        for name in methods:
            setattr(self, name, self._noting(name))
        for name, value in members.items():
            setattr(self, name, value)

    def _noting(self, name: str) -> Callable[..., None]:
        def note(**arguments: Any) -> None:
            self.called.append(name)
            self.arguments.append(arguments)

        return note


class Broken:
    """A client that raises at whatever it is asked."""

    def __getattr__(self, name: str) -> Any:
        raise OSError(f"no {name} today")


def connection(emulator: Emulator, key: str = "demo_key") -> dict[str, Any]:
    return {"endpoint": emulator.url, "project": "demo", "api_key": key}


def leave_block(run: Run, error: BaseException, **settings: Any) -> None:
    with finalizing(run.client, **settings, **QUICK):
        raise error


class TestBlock:
    def test_exception_finishes_with_the_wanted_status(self, emulator: Emulator, run: Run) -> None:
        """An exception that leaves the block finishes the launch with status_on_error, and goes on unchanged."""
        error = ValueError("the run is broken")
        with pytest.raises(ValueError, match="the run is broken") as caught:
            leave_block(run, error, status_on_error="failed")
        assert caught.value is error
        assert status_of(emulator, run.uuid) == "FAILED"

    def test_exception_alone_sends_no_status(self, emulator: Emulator, run: Run) -> None:
        """Unless a status is wanted for it, an exception leaves the status to the server."""
        with pytest.raises(ValueError, match="broken"):
            leave_block(run, ValueError("broken"))
        assert "status" not in finishes(emulator)[0].body
        assert status_of(emulator, run.uuid) == "PASSED"

    def test_status_on_error_is_for_errors(self, emulator: Emulator, client: RPClient) -> None:
        """A block that ends well sends no status, whatever was wanted for errors."""
        with finalizing(client, status_on_error="failed", **QUICK):
            run = start_run(client)
        assert status_of(emulator, run.uuid) == "PASSED"

    def test_sys_exit_finishes_the_launch(self, emulator: Emulator, run: Run) -> None:
        """A script that exits in the middle leaves a finished launch, its last logs, and its own exit code."""
        messages = run.log()
        with pytest.raises(SystemExit) as caught:
            leave_block(run, SystemExit(3))
        assert caught.value.code == 3
        assert logged(emulator, run.uuid) == messages
        assert status_of(emulator, run.uuid) == "PASSED"

    def test_keyboard_interrupt_finishes_the_launch(self, emulator: Emulator, run: Run) -> None:
        """A run that is broken off leaves a finished launch, and what was open in it as interrupted."""
        run.start_item()
        with pytest.raises(KeyboardInterrupt):
            leave_block(run, KeyboardInterrupt())
        assert [item.status for item in emulator.items(run.uuid)] == ["INTERRUPTED"]
        assert status_of(emulator, run.uuid) == "FAILED"

    def test_trouble_raises_nothing(self, emulator: Emulator, client: RPClient) -> None:
        """A launch that cannot be finished is told in the report, and nowhere else."""
        emulator.add_fault(Fault(FINISH, status=401))
        with finalizing(client, **QUICK) as finalizer:
            start_run(client)
        assert finalizer.report is not None
        assert finalizer.report.outcome is Outcome.FAILED

    def test_strict_raises_with_the_report(self, emulator: Emulator, client: RPClient) -> None:
        """With strict a launch left unfinished raises, and the error carries the report and says it in words."""
        emulator.add_fault(Fault(FINISH, status=401))
        with pytest.raises(FinalizationFailed) as caught, finalizing(client, strict=True, **QUICK) as finalizer:
            run = start_run(client)
        assert caught.value.report is finalizer.report
        assert caught.value.report.error is not None
        assert caught.value.report.error.kind is ErrorKind.UNAUTHORIZED
        assert run.uuid in str(caught.value)
        assert "RP_API_KEY" in str(caught.value)

    def test_strict_does_not_hide_an_exception(self, emulator: Emulator, run: Run) -> None:
        """An exception that is on its way is not replaced by ours."""
        emulator.add_fault(Fault(FINISH, status=401))
        with pytest.raises(ValueError, match="the run is broken"):
            leave_block(run, ValueError("the run is broken"), strict=True)
        assert status_of(emulator, run.uuid) == "IN_PROGRESS"

    def test_strict_is_content_with_a_finished_launch(self, client: RPClient) -> None:
        """With strict a launch that is finished raises nothing."""
        with finalizing(client, strict=True, **QUICK) as finalizer:
            start_run(client)
        assert finalizer.report is not None
        assert finalizer.report.outcome is Outcome.FINISHED

    def test_report_is_written_to_a_file(self, client: RPClient, tmp_path: Path) -> None:
        """The report file holds the last report, and is read back as the same, its folder being made on the way."""
        path = tmp_path / "reports" / "launch.json"
        with finalizing(client, report_file=path, **QUICK) as finalizer:
            start_run(client)
        report = Report.from_json(path.read_text(encoding="utf-8"))
        assert finalizer.report is not None
        assert report.to_dict() == finalizer.report.to_dict()
        assert (report.outcome, report.step(Step.TERMINATE).result) == (Outcome.FINISHED, "ok")
        assert [entry.name for entry in path.parent.iterdir()] == ["launch.json"]

    def test_report_file_that_cannot_be_written_is_told(
        self, emulator: Emulator, client: RPClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A report file in an impossible place is told in the log, and changes nothing else."""
        (tmp_path / "a file").touch()
        with finalizing(client, report_file=tmp_path / "a file" / "launch.json", **QUICK):
            run = start_run(client)
        assert status_of(emulator, run.uuid) == "PASSED"
        assert "launch.json cannot be written" in caplog.text

    def test_fork_leaves_the_launch_to_its_parent(self, emulator: Emulator) -> None:
        """A forked child that leaves the block sends neither finish nor logs; the parent's arrive once."""
        answer = subprocess.run(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKING, emulator.url],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "AGENT_NO_ANALYTICS": "1"},
        )
        assert answer.returncode == 0, answer.stderr
        child, between, parent = answer.stdout.split()
        assert (child, between, parent) == ("not-owned", "IN_PROGRESS", "finished")
        assert len(finishes(emulator)) == 1
        assert logged(emulator, emulator.launches()[0].uuid) == ["written before the fork"]


FORKING = """
import os, sys, requests
from reportportal_client import RPClient
from rp_finalizer import finalizing

url = sys.argv[1]
client = RPClient(url, "demo", api_key="demo_key", http_timeout=10)
with finalizing(client, timeout=5) as finalizer:
    uuid = client.start_launch("forking", "1700000000000")
    client.log("1700000000001", "written before the fork")
    child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] == 0
        key = {"Authorization": "Bearer demo_key"}
        print(requests.get(f"{url}/api/v1/demo/launch/uuid/{uuid}", headers=key, timeout=10).json()["status"])
print(finalizer.report.outcome, flush=True)
if not child:
    os._exit(0)
"""


class TestRealClient:
    def test_second_launch_gets_a_second_finish(self, emulator: Emulator, client: RPClient) -> None:
        """A client that starts another launch gets another finish for it."""
        with finalizing(client, **QUICK) as finalizer:
            first = start_run(client, "first")
            one = finalizer.finish()
            second = start_run(client, "second")
        assert finalizer.report is not one
        assert [call.launch_uuid for call in finishes(emulator)] == [first.uuid, second.uuid]
        assert {status_of(emulator, run.uuid) for run in (first, second)} == {"PASSED"}

    def test_borrowed_launch_is_left_open(self, emulator: Emulator, run: Run) -> None:
        """A client that was handed its launch has its logs flushed, and the launch is left to whoever opened it."""
        with connected(emulator.url, launch_uuid=run.uuid) as borrower:
            with finalizing(borrower, **QUICK) as finalizer:
                borrower.log("1700000000001", "from a worker")
            assert finalizer.report is not None
            assert finalizer.report.outcome is Outcome.NOT_OWNED
            assert finalizer.report.flushed.logs == 1
        assert finishes(emulator) == []
        assert logged(emulator, run.uuid) == ["from a worker"]
        assert status_of(emulator, run.uuid) == "IN_PROGRESS"

    def test_borrowed_launch_is_finished_when_wanted(self, emulator: Emulator, run: Run) -> None:
        """With finish_borrowed a launch that somebody else opened is finished, too."""
        with (
            connected(emulator.url, launch_uuid=run.uuid) as borrower,
            finalizing(borrower, finish_borrowed=True, **QUICK),
        ):
            pass
        assert status_of(emulator, run.uuid) == "PASSED"

    def test_argument_makes_a_launch_ours(self, emulator: Emulator, run: Run) -> None:
        """Whoever names the launch means it: it is finished, though the client was handed it."""
        with connected(emulator.url, launch_uuid=run.uuid) as borrower:
            report = LaunchFinalizer(borrower, launch=run.uuid, **QUICK).finish()
        assert report.outcome is Outcome.FINISHED

    def test_client_stays_usable_after_finish(self, emulator: Emulator, run: Run) -> None:
        """After finish the client goes on reporting, and what it reports until it is closed arrives."""
        finalizer = LaunchFinalizer(run.client, **QUICK)
        finalizer.finish()
        messages = run.log()
        report = finalizer.terminate()
        assert logged(emulator, run.uuid) == messages
        assert (report.flushed.logs, report.abandoned.logs) == (len(messages), 0)
        assert len(finishes(emulator)) == 1

    def test_logs_delivered_late_are_told_as_delivered(self, emulator: Emulator, run: Run) -> None:
        """Logs that could not be delivered before the finish, and are when the client is closed, end as flushed."""
        messages = run.log()
        refused = emulator.add_fault(Fault(CallKind.LOG, status=503))
        finalizer = LaunchFinalizer(run.client, flush_timeout=0.1, **QUICK)
        first = finalizer.finish()
        assert (first.outcome, first.abandoned.logs) == (Outcome.FINISHED, len(messages))
        refused.remove()
        report = finalizer.terminate()
        assert logged(emulator, run.uuid) == messages
        assert (report.flushed.logs, report.abandoned.logs) == (len(messages), 0)

    def test_logs_are_abandoned_once(self, emulator: Emulator, run: Run) -> None:
        """Logs that can be delivered neither before the finish nor at the client's end are counted once."""
        messages = run.log()
        emulator.add_fault(Fault(CallKind.LOG, status=503))
        report = LaunchFinalizer(run.client, flush_timeout=0.1, **QUICK | {"timeout": 1}).terminate()
        assert report.outcome is Outcome.FINISHED
        assert (report.flushed.logs, report.abandoned.logs) == (0, len(messages))

    def test_attachments_arrive(self, emulator: Emulator, run: Run) -> None:
        """A file that hangs on an unsent log arrives with it, though the first attempt to send it fails."""
        emulator.add_fault(Fault(CallKind.LOG, status=503, times=1))
        attachment = {"name": "shot.png", "data": b"\x89PNG", "mime": "image/png"}
        run.client.log("1700000000001", "a picture", attachment=attachment)
        report = LaunchFinalizer(run.client, **QUICK).finish()
        assert report.flushed.logs == 1
        assert [(log.file_name, log.content) for log in emulator.logs(run.uuid)] == [("shot.png", b"\x89PNG")]

    def test_key_of_the_call_wins_over_the_clients(self, emulator: Emulator, run: Run) -> None:
        """What is given by name wins over what the client tells."""
        report = LaunchFinalizer(run.client, api_key="no_such_key", **QUICK).finish()
        assert report.error is not None
        assert report.error.kind is ErrorKind.UNAUTHORIZED
        assert status_of(emulator, run.uuid) == "IN_PROGRESS"


def uuid_of(run: Run) -> str:
    return run.uuid


def number_of(run: Run, emulator: Emulator) -> int:
    launch = emulator.launch(run.uuid)
    assert launch is not None
    return launch.id


class TestDuckTypedClient:
    @pytest.mark.parametrize("member", ["launch_uuid", "launch_id"])
    @pytest.mark.parametrize("form", ["text", "uuid", "callable", "future", "callable-future", "number"])
    def test_launch_in_every_form(self, emulator: Emulator, run: Run, member: str, form: str) -> None:
        """Whatever a client says its launch by, a text, a call, a future or a number, the launch is found."""
        future: Future[str] = Future()
        future.set_result(run.uuid)
        forms: dict[str, Any] = {
            "text": run.uuid,
            "uuid": UUID(run.uuid),
            "callable": lambda: run.uuid,
            "future": future,
            "callable-future": lambda: future,
            "number": number_of(run, emulator),
        }
        client = Recorder(**{member: forms[form]}, **connection(emulator))
        report = LaunchFinalizer(client, **QUICK).finish()
        assert report.outcome is Outcome.FINISHED
        assert report.launch is not None
        assert (report.launch.uuid, report.launch.source) == (run.uuid, "client")
        assert status_of(emulator, run.uuid) == "PASSED"

    def test_future_that_settles_late_is_waited_for(self, emulator: Emulator, run: Run) -> None:
        """A launch that is still being started is waited for, within the budget."""
        future: Future[str] = Future()
        client = Recorder(launch_uuid=future, **connection(emulator))
        timer = threading.Timer(0.05, future.set_result, [run.uuid])
        timer.start()
        assert LaunchFinalizer(client, **QUICK).finish().outcome is Outcome.FINISHED
        timer.join()

    def test_future_that_never_settles_is_left(self, emulator: Emulator) -> None:
        """A launch that is never known costs the budget and at most a second, and the client is closed."""
        client = Recorder("terminate", launch_uuid=Future(), **connection(emulator))
        begun = time.monotonic()
        report = LaunchFinalizer(client, timeout=0.3).terminate()
        assert time.monotonic() - begun < 1.3
        assert report.outcome is Outcome.NOT_STARTED
        assert client.called == ["terminate"]

    @pytest.mark.parametrize("name", ["terminate", "close"])
    def test_only_way_to_end_a_client_is_used(self, emulator: Emulator, run: Run, name: str) -> None:
        """A client that has only one of terminate and close is ended by that, once, after its launch."""
        client = Recorder(name, launch_uuid=run.uuid, **connection(emulator))
        finalizer = LaunchFinalizer(client, **QUICK)
        assert finalizer.terminate().outcome is Outcome.FINISHED
        finalizer.terminate()
        assert client.called == [name]
        assert status_of(emulator, run.uuid) == "PASSED"

    def test_terminate_goes_before_close(self, emulator: Emulator, run: Run) -> None:
        """Of a client that has both, terminate is called: it is the one that flushes."""
        client = Recorder("terminate", "close", "finish_launch", launch_uuid=run.uuid, **connection(emulator))
        LaunchFinalizer(client, **QUICK).terminate()
        assert client.called == ["terminate"]

    def test_token_is_a_key(self, emulator: Emulator, run: Run) -> None:
        """A client that calls its key a token is understood."""
        client = Recorder(launch_uuid=run.uuid, endpoint=emulator.url, project="demo", token="demo_key")
        assert LaunchFinalizer(client, **QUICK).finish().outcome is Outcome.FINISHED

    def test_what_it_holds_is_unknown(self, emulator: Emulator) -> None:
        """Of a client that cannot be looked into nothing is claimed."""
        client = Recorder(**connection(emulator))
        assert LaunchFinalizer(client, **QUICK).pending() == Pending(requests=None, logs=None)

    def test_without_a_connection_its_own_finish_is_called(self) -> None:
        """A client without a connection finishes its launch itself; as nobody can see how, that is told as failed."""
        client = Recorder("finish_launch", "terminate", launch_uuid=str(uuid4()))
        report = LaunchFinalizer(client, **QUICK).terminate(status="failed")
        assert client.called == ["finish_launch", "terminate"]
        assert client.arguments[0]["status"] == "failed"
        assert int(client.arguments[0]["end_time"]) > 0
        assert (report.outcome, report.step(Step.FINISH).result) == (Outcome.FAILED, "ok")
        assert report.error is not None
        assert report.error.kind is ErrorKind.SETTINGS
        for missing in ("RP_ENDPOINT", "RP_PROJECT", "RP_API_KEY"):
            assert missing in report.error.hint

    def test_missing_half_of_the_connection_is_named(self, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
        """What neither the client nor the settings tell is named, and nothing else."""
        monkeypatch.setenv("RP_PROJECT", "demo")
        client = Recorder("finish_launch", launch_uuid=str(uuid4()), endpoint=emulator.url)
        report = LaunchFinalizer(client, **QUICK).finish()
        assert report.error is not None
        assert "RP_API_KEY" in report.error.hint
        assert "RP_ENDPOINT" not in report.error.hint
        assert "RP_PROJECT" not in report.error.hint

    def test_finish_that_raises_is_told(self) -> None:
        """What a client's own finish raises stands in the report, and nowhere else."""
        client = Recorder(launch_uuid=str(uuid4()), finish_launch=Broken().__getattr__)
        report = LaunchFinalizer(client, **QUICK).finish()
        assert report.outcome is Outcome.FAILED
        assert report.step(Step.FINISH).result == "failed"

    @pytest.mark.parametrize("how", ["raises", "future-raises"])
    def test_launch_that_cannot_be_told(self, emulator: Emulator, how: str) -> None:
        """A client that raises when it is asked for its launch has none, and the report says what it raised."""
        failed: Future[str] = Future()
        failed.set_exception(OSError("no launch today"))
        ask = Broken().__getattr__ if how == "raises" else failed
        client = Recorder("terminate", launch_uuid=(lambda: ask("launch")) if callable(ask) else ask)
        report = LaunchFinalizer(client, **connection(emulator), **QUICK).terminate()
        assert report.outcome is Outcome.NOT_STARTED
        assert report.error is not None
        assert "no launch today" in report.error.message
        assert client.called == ["terminate"]

    def test_client_that_raises_at_everything(self, emulator: Emulator, run: Run) -> None:
        """Whatever a client raises, the launch that is named beside it is finished, and nothing reaches the caller."""
        finalizer = LaunchFinalizer(Broken(), launch=run.uuid, **connection(emulator), **QUICK)
        assert finalizer.terminate().outcome is Outcome.FINISHED
        assert status_of(emulator, run.uuid) == "PASSED"

    def test_client_that_raises_at_everything_and_no_launch(self, emulator: Emulator) -> None:
        """A client that raises at everything has no launch, and that is what is told."""
        report = LaunchFinalizer(Broken(), **connection(emulator), **QUICK).terminate()
        assert report.outcome is Outcome.NOT_STARTED

    def test_client_that_exits_is_left(self, emulator: Emulator, run: Run) -> None:
        """A terminate that calls sys.exit ends neither the run nor the wait for it."""
        client = Recorder(launch_uuid=run.uuid, terminate=sys.exit, **connection(emulator))
        report = LaunchFinalizer(client, **QUICK).terminate()
        assert report.outcome is Outcome.FINISHED
        assert "SystemExit" in str(report.step(Step.TERMINATE).detail)

    def test_client_that_hangs_is_left(self, emulator: Emulator, run: Run) -> None:
        """A terminate that never returns is left behind when the budget is over, its launch being finished."""
        never = threading.Event()
        client = Recorder(launch_uuid=run.uuid, terminate=never.wait, **connection(emulator))
        report = LaunchFinalizer(client, timeout=0.5).terminate()
        never.set()
        assert report.outcome is Outcome.FINISHED
        assert report.step(Step.TERMINATE).detail == "it did not return in time"

    def test_mock_is_no_client(self, emulator: Emulator) -> None:
        """A mock, which answers everything with another mock, has no launch."""
        report = LaunchFinalizer(MagicMock(), **connection(emulator), **QUICK).terminate()
        assert report.outcome is Outcome.NOT_STARTED
        assert finishes(emulator) == []

    @pytest.mark.parametrize("name", ["use_own_launch", "own_launch"])
    def test_borrowed_launch_is_left_open(self, emulator: Emulator, run: Run, name: str) -> None:
        """A client that says, by either name, that its launch is another's has it left open."""
        client = Recorder(launch_uuid=run.uuid, **{name: False}, **connection(emulator))
        assert LaunchFinalizer(client, **QUICK).finish().outcome is Outcome.NOT_OWNED
        assert status_of(emulator, run.uuid) == "IN_PROGRESS"

    def test_launch_of_the_environment_is_borrowed(
        self, emulator: Emulator, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A client without a launch of its own, in a process that was handed one, leaves that open."""
        monkeypatch.setenv("RP_LAUNCH_UUID", run.uuid)
        assert LaunchFinalizer(Recorder(), **connection(emulator), **QUICK).finish().outcome is Outcome.NOT_OWNED
        assert status_of(emulator, run.uuid) == "IN_PROGRESS"


class TestWithoutClient:
    @pytest.mark.parametrize("form", ["uuid", "uuid-object", "upper-case", "bare", "number", "number-text"])
    def test_argument(self, emulator: Emulator, run: Run, form: str) -> None:
        """A launch is finished by any way to write its uuid or its number."""
        number = number_of(run, emulator)
        launch = {
            "uuid": run.uuid,
            "uuid-object": UUID(run.uuid),
            "upper-case": run.uuid.upper(),
            "bare": run.uuid.replace("-", ""),
            "number": number,
            "number-text": f" {number}\n",
        }[form]
        report = LaunchFinalizer(launch=launch, **connection(emulator), **QUICK).finish()
        assert report.outcome is Outcome.FINISHED
        assert report.launch is not None
        assert (report.launch.uuid, report.launch.id) == (run.uuid, number)
        assert status_of(emulator, run.uuid) == "PASSED"

    @pytest.mark.parametrize("variable", ["RP_LAUNCH_UUID", "RP_LAUNCH_ID", "LAUNCH_UUID"])
    @pytest.mark.parametrize("form", ["uuid", "number"])
    def test_environment(
        self, emulator: Emulator, run: Run, monkeypatch: pytest.MonkeyPatch, variable: str, form: str
    ) -> None:
        """Each variable may name the launch, and each may hold a uuid or a number, whatever it is called."""
        monkeypatch.setenv(variable, run.uuid if form == "uuid" else str(number_of(run, emulator)))
        report = LaunchFinalizer(**connection(emulator), **QUICK).finish()
        assert report.outcome is Outcome.FINISHED
        assert report.launch is not None
        assert (report.launch.uuid, report.launch.source) == (run.uuid, "environment")

    def test_launch_file(self, emulator: Emulator, run: Run, tmp_path: Path) -> None:
        """The launch file names the launch when nothing before it does."""
        path = tmp_path / "launch"
        path.write_text(f"{run.uuid}\n", encoding="utf-8")
        report = LaunchFinalizer(launch_file=path, **connection(emulator), **QUICK).finish()
        assert report.outcome is Outcome.FINISHED
        assert report.launch is not None
        assert (report.launch.uuid, report.launch.source) == (run.uuid, "launch-file")

    def test_nothing_names_a_launch(self, emulator: Emulator, tmp_path: Path) -> None:
        """Where nothing names a launch there is none to finish, and nobody is asked."""
        report = LaunchFinalizer(launch_file=tmp_path / "none", **connection(emulator), **QUICK).finish()
        assert report.outcome is Outcome.NOT_STARTED
        assert emulator.calls() == []

    @pytest.mark.parametrize("name", ["smoke", "0", "-1", "12345678-1234", "../../etc", "9223372036854775808"])
    def test_malformed_name_is_told(self, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        """What names no launch is told with where it stands and what would, and nothing is sent."""
        monkeypatch.setenv("RP_LAUNCH_UUID", name)
        report = LaunchFinalizer(**connection(emulator), **QUICK).finish()
        assert report.outcome is Outcome.NOT_STARTED
        assert report.error is not None
        assert report.error.kind is ErrorKind.SETTINGS
        assert "RP_LAUNCH_UUID" in report.error.message
        assert name in report.error.message
        assert emulator.calls() == []

    @pytest.mark.parametrize("launch", ["3f2b8c1e-0000-4000-8000-000000000000", 4711])
    def test_unknown_launch_is_told(self, emulator: Emulator, launch: str | int) -> None:
        """A launch that the server does not know ends as failed, with its answer."""
        report = LaunchFinalizer(launch=launch, **connection(emulator), **QUICK | {"timeout": 0.5}).finish()
        assert report.outcome is Outcome.FAILED
        assert report.error is not None
        assert (report.error.kind, report.error.status, report.error.code) == ("unknown-launch", 404, 4041)
        assert str(launch) in report.error.message

    def test_conflict_is_settled_by_order_and_told(
        self, emulator: Emulator, client: RPClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Where two places name two launches the first place wins, the other is left alone, and both are named."""
        meant, other = start_run(client, "meant"), start_run(client, "other")
        monkeypatch.setenv("RP_LAUNCH_ID", meant.uuid)
        monkeypatch.setenv("LAUNCH_UUID", other.uuid)
        report = LaunchFinalizer(**connection(emulator), **QUICK).finish()
        assert report.launch is not None
        assert report.launch.uuid == meant.uuid
        assert [(each.value, each.verdict) for each in report.considered] == [
            (meant.uuid, "taken"),
            (other.uuid, "conflict"),
        ]
        assert (status_of(emulator, meant.uuid), status_of(emulator, other.uuid)) == ("PASSED", "IN_PROGRESS")
        for named in (meant.uuid, other.uuid, "RP_LAUNCH_ID", "LAUNCH_UUID"):
            assert named in caplog.text

    def test_same_launch_by_two_names_is_no_conflict(
        self, emulator: Emulator, run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A launch named by its uuid in one place and by its number in another is one launch."""
        monkeypatch.setenv("RP_LAUNCH_UUID", run.uuid)
        monkeypatch.setenv("RP_LAUNCH_ID", str(number_of(run, emulator)))
        report = LaunchFinalizer(**connection(emulator), **QUICK).finish()
        assert report.outcome is Outcome.FINISHED
        assert [each.verdict for each in report.considered] == ["taken", "not-tried"]
        assert caplog.records == []

    def test_name_that_the_server_does_not_know_gives_way(
        self, emulator: Emulator, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where places disagree, one whose launch does not exist gives way to the next."""
        monkeypatch.setenv("RP_LAUNCH_UUID", str(uuid4()))
        monkeypatch.setenv("RP_LAUNCH_ID", run.uuid)
        report = LaunchFinalizer(**connection(emulator), **QUICK).finish()
        assert report.outcome is Outcome.FINISHED
        assert [each.verdict for each in report.considered] == ["unknown", "taken"]
        assert status_of(emulator, run.uuid) == "PASSED"

    def test_what_our_client_says_is_not_doubted(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A client's own launch wins over the environment's, which is told as a conflict."""
        monkeypatch.setenv("RP_LAUNCH_UUID", str(uuid4()))
        report = LaunchFinalizer(run.client, **QUICK).finish()
        assert report.outcome is Outcome.FINISHED
        assert [(each.source, each.verdict) for each in report.considered] == [
            ("client", "taken"),
            ("environment", "conflict"),
        ]
        assert "RP_LAUNCH_UUID" in caplog.text

    def test_preview_sends_nothing(self, emulator: Emulator, run: Run) -> None:
        """A preview says which launch it would be, and leaves it as it is."""
        report = LaunchFinalizer(launch=run.uuid, **connection(emulator), **QUICK).preview()
        assert report.outcome is None
        assert report.launch is not None
        assert (report.launch.uuid, report.launch.status) == (run.uuid, "IN_PROGRESS")
        assert finishes(emulator) == []
        assert status_of(emulator, run.uuid) == "IN_PROGRESS"


class TestSettings:
    @pytest.mark.parametrize(
        ("wrong", "told"),
        [
            ({"timeout": "soon"}, ("timeout 'soon'", "argument timeout", "number of seconds")),
            ({"timeout": 0}, ("timeout 0", "argument timeout", "above 0")),
            ({"retry_attempts": 1.5}, ("retry_attempts 1.5", "argument retry_attempts", "whole number")),
            ({"status_on_error": "broken"}, ("status_on_error 'broken'", "argument status_on_error", "failed")),
            ({"timeout": 5, "confirm_timeout": 6}, ("confirm_timeout 6", "timeout 5", "argument confirm_timeout")),
            ({"endpoint": "ftp://rp.example.com"}, ("ftp", "argument endpoint", "https://")),
            ({"time_out": 5}, ("argument time_out", "did you mean timeout?")),
        ],
    )
    def test_wrong_argument_names_itself(
        self, emulator: Emulator, wrong: dict[str, Any], told: tuple[str, ...]
    ) -> None:
        """A setting of a wrong type, out of range or against another is refused with its place and what is right."""
        with pytest.raises(SettingsError) as caught:
            LaunchFinalizer(launch=str(uuid4()), **{**connection(emulator), **wrong})
        for words in told:
            assert words in str(caught.value)

    def test_wrong_variable_names_itself(self, client: RPClient, monkeypatch: pytest.MonkeyPatch) -> None:
        """A wrong value in the environment is refused with the variable's name, before anything runs."""
        monkeypatch.setenv("RP_FINALIZER_TIMEOUT", "-1")
        with pytest.raises(SettingsError, match=r"timeout '-1' \(from environment variable RP_FINALIZER_TIMEOUT\)"):
            finalizing(client)

    def test_wrong_line_of_the_file_names_itself(
        self, client: RPClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A wrong value in pyproject.toml is refused with the file's name."""
        (tmp_path / "pyproject.toml").write_text("[tool.rp_finalizer]\nstrict = 'perhaps'\n", encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        with pytest.raises(SettingsError, match=r"strict 'perhaps' \(from .*pyproject.toml"):
            finalizing(client)

    def test_all_that_is_wrong_is_told_together(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Two mistakes in two places are told in one error."""
        monkeypatch.setenv("RP_FINALIZER_GRACE", "never")
        with pytest.raises(SettingsError) as caught:
            LaunchFinalizer(launch=str(uuid4()), timeout="soon")
        assert "RP_FINALIZER_GRACE" in str(caught.value)
        assert "argument timeout" in str(caught.value)

    def test_argument_outdoes_a_wrong_variable(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        """A wrong value that something before it outdoes keeps nobody from finishing."""
        monkeypatch.setenv("RP_FINALIZER_TIMEOUT", "never")
        assert LaunchFinalizer(run.client, **QUICK).finish().outcome is Outcome.FINISHED

    def test_missing_connection_is_told_together(self) -> None:
        """Without a client, a missing endpoint, project and key are told in one error, each with what sets it."""
        with pytest.raises(SettingsError) as caught:
            LaunchFinalizer(launch=str(uuid4()))
        assert [problem.partition(" is not set")[0] for problem in caught.value.problems] == [
            "endpoint",
            "project",
            "api_key",
        ]
        for variable in ("RP_ENDPOINT", "RP_PROJECT", "RP_API_KEY"):
            assert variable in str(caught.value)

    def test_wrong_status_is_refused_before_anything_is_sent(self, emulator: Emulator, run: Run) -> None:
        """A status that the server would refuse is refused here, and the launch can still be finished."""
        finalizer = LaunchFinalizer(run.client, **QUICK)
        with pytest.raises(ValueError, match="status='great'"):
            finalizer.finish(status="great")
        assert finishes(emulator) == []
        assert finalizer.finish().outcome is Outcome.FINISHED
