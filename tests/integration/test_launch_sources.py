"""A launch is found where its run left it, and every choice is explained."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from rp_finalizer import LaunchFinalizer, Outcome
from rp_finalizer.answer import LaunchQuery
from rp_finalizer.deadline import Deadline
from rp_finalizer.launch_lines import LaunchFinder
from rp_finalizer.outcome import Source, Verdict
from rp_finalizer.reportportal.launch_sources import PrintedLaunches, read_output
from rp_finalizer.wiring import Search
from tests.support.reporting import QUICK, connected, finishes, now_ms, start_run, status_of

if TYPE_CHECKING:
    from pathlib import Path

    from rp_finalizer.emulator import Emulator
    from rp_finalizer.report import Report
    from tests.support.reporting import Run

MISSING = "00000000-0000-4000-8000-000000000000"


def finalizer(emulator: Emulator, client: Any = None, **arguments: Any) -> LaunchFinalizer:
    connection = {"endpoint": emulator.url, "project": "demo", "api_key": "demo_key"}
    return LaunchFinalizer(client, **connection | QUICK | arguments)


def printed(log: Path) -> PrintedLaunches:
    return read_output(str(log), LaunchFinder())


def verdicts(report: Report) -> list[tuple[Source, str, Verdict]]:
    return [(each.source, each.value, each.verdict) for each in report.considered]


@pytest.mark.parametrize("name", ["rp-launch-uuid-{}.tmp", "rplaunch-{}.tmp", "rplaunchinprogress-smoke-{}.tmp"])
def test_the_file_of_a_javascript_agent_names_the_launch(
    emulator: Emulator, run: Run, tmp_path: Path, name: str
) -> None:
    """The uuid in the name of an agent's temporary file is enough to finish its launch."""
    tmp_path.joinpath(name.format(run.uuid)).touch()
    report = finalizer(emulator, search=Search(agent_files=tmp_path)).finish()
    assert report.outcome is Outcome.FINISHED
    assert verdicts(report) == [(Source.AGENT_FILE, run.uuid, Verdict.TAKEN)]


def test_the_content_of_an_agents_file_names_the_launch(emulator: Emulator, run: Run, tmp_path: Path) -> None:
    """A file whose name holds no uuid is read."""
    tmp_path.joinpath("rplaunchinprogress-smoke-k3x9.tmp").write_text(run.uuid, encoding="utf-8")
    assert finalizer(emulator, search=Search(agent_files=tmp_path)).finish().outcome is Outcome.FINISHED


def test_a_bad_file_hides_no_good_one(emulator: Emulator, run: Run, tmp_path: Path) -> None:
    """A dangling link, a pipe and a folder beside an agent's file are told, and the file is used."""
    tmp_path.joinpath("rplaunch-link.tmp").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "rplaunch-pipe.tmp")
    tmp_path.joinpath("rplaunch-folder.tmp").mkdir()
    tmp_path.joinpath(f"rp-launch-uuid-{run.uuid}.tmp").touch()
    report = finalizer(emulator, search=Search(agent_files=tmp_path)).finish()
    assert report.outcome is Outcome.FINISHED
    assert sorted(verdict for _, _, verdict in verdicts(report)) == ["refused", "refused", "refused", "taken"]


@pytest.mark.parametrize("content", ["\ufeff{}\r\n", "  {}  \nmore", "{}"], ids=["marked", "padded", "bare"])
def test_the_launch_file_is_read_as_editors_write_it(
    emulator: Emulator, run: Run, tmp_path: Path, content: str
) -> None:
    """A byte order mark, blanks and further lines do not hide the launch."""
    tmp_path.joinpath("launch").write_text(content.format(run.uuid), encoding="utf-8")
    assert finalizer(emulator, launch_file=tmp_path / "launch").finish().outcome is Outcome.FINISHED


def test_a_launch_file_that_is_a_pipe_keeps_nobody(emulator: Emulator, tmp_path: Path) -> None:
    """What might never give a line is not read; it is told."""
    os.mkfifo(tmp_path / "launch")
    report = finalizer(emulator, launch_file=tmp_path / "launch").finish()
    assert report.outcome is Outcome.NOT_STARTED
    assert report.error is not None
    assert "no regular file" in report.error.message


def test_the_newest_of_several_agents_files_counts(emulator: Emulator, run: Run, tmp_path: Path) -> None:
    """A file of an earlier run, and one that names nothing, are passed over and told."""
    with connected(emulator.url) as client:
        earlier = start_run(client, "earlier")
    for age, name in enumerate([f"rp-launch-uuid-{run.uuid}.tmp", f"rplaunch-{earlier.uuid}.tmp", "rplaunch-x.tmp"]):
        path = tmp_path / name
        path.touch()
        os.utime(path, (1_700_000_000 - age, 1_700_000_000 - age))
    report = finalizer(emulator, search=Search(agent_files=tmp_path)).finish()
    assert verdicts(report) == [
        (Source.AGENT_FILE, run.uuid, Verdict.TAKEN),
        (Source.AGENT_FILE, earlier.uuid, Verdict.CONFLICT),
        (Source.AGENT_FILE, "rplaunch-x.tmp", Verdict.REFUSED),
    ]
    assert status_of(emulator, earlier.uuid) == "IN_PROGRESS"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_the_last_launch_in_a_log_is_finished(emulator: Emulator, run: Run, tmp_path: Path, encoding: str) -> None:
    """Of several launches in a log the last one is meant; logs of PowerShell are read, too."""
    log = tmp_path / "run.log"
    text = f"ReportPortal Launch UUID: {MISSING}\n...\nReport Portal Launch UUID: {run.uuid}\n"
    log.write_text(text, encoding=encoding)
    report = finalizer(emulator, search=Search(log=printed(log))).finish()
    assert report.outcome is Outcome.FINISHED
    assert verdicts(report) == [
        (Source.LOG, run.uuid, Verdict.TAKEN),
        (Source.LOG, MISSING, Verdict.CONFLICT),
    ]


def test_a_log_of_bytes_that_are_no_text_is_read(emulator: Emulator, run: Run, tmp_path: Path) -> None:
    """Binary output in a log hides no launch."""
    log = tmp_path / "run.log"
    log.write_bytes(b"\xff\xfe\x00\x80"[2:] * 99 + f"\nReportPortal Launch UUID: {run.uuid}\n".encode() + b"\xc3")
    assert finalizer(emulator, search=Search(log=printed(log))).finish().outcome is Outcome.FINISHED


def test_the_only_launch_in_progress_of_a_name_is_found_on_the_server(emulator: Emulator, run: Run) -> None:
    """A name is enough where one launch in progress has it; finished ones of the same name do not count."""
    with connected(emulator.url) as client:
        start_run(client, "another name")
        over = start_run(client)
    finalizer(emulator, launch=over.uuid).finish()
    report = finalizer(emulator, search=Search(name="smoke")).finish()
    assert report.outcome is Outcome.FINISHED
    assert verdicts(report) == [(Source.SERVER, run.uuid, Verdict.TAKEN)]


def test_a_debug_launch_is_found_by_its_name(emulator: Emulator) -> None:
    """Launches in debug mode stand in a list of their own, which is looked through as well."""
    with connected(emulator.url, mode="DEBUG") as client:
        run = start_run(client)
    report = finalizer(emulator, search=Search(name="smoke")).finish()
    assert report.outcome is Outcome.FINISHED
    assert report.launch is not None
    assert report.launch.uuid == run.uuid
    assert "/userdebug/" in str(report.launch.url)


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        (LaunchQuery(attributes=(("build", "7"),)), True),
        (LaunchQuery(attributes=(("build", "7"), (None, "nightly"))), True),
        (LaunchQuery(attributes=(("build", "8"),)), False),
        (LaunchQuery(owner="default"), True),
        (LaunchQuery(owner="somebody"), False),
        (LaunchQuery(started_before_ms=4_000_000_000_000), True),
        (LaunchQuery(started_before_ms=1_000_000_000_000), False),
        (LaunchQuery(name="smoke", owner="default", attributes=((None, "nightly"),)), True),
    ],
    ids=["attribute", "attributes", "other attribute", "owner", "other owner", "older", "not older", "all"],
)
def test_a_launch_is_found_by_attributes_age_and_owner(emulator: Emulator, query: LaunchQuery, *, fits: bool) -> None:
    """Every part of a description narrows what the server is asked for."""
    with connected(emulator.url) as client:
        attributes = [{"key": "build", "value": "7"}, {"value": "nightly"}]
        uuid = client.start_launch("smoke", now_ms(), attributes=attributes)
    target = finalizer(emulator)._finalizer.target
    assert target is not None
    answer = target.api.open_launches(query, Deadline.after(5.0, time.monotonic()), debug=False, page=1)
    assert [launch.uuid for launch in answer.launches] == ([uuid] if fits else [])


def test_of_several_launches_of_a_name_none_is_finished(emulator: Emulator, run: Run) -> None:
    """Where several fit, all are named and nothing is sent."""
    with connected(emulator.url) as client:
        other = start_run(client)
    report = finalizer(emulator, search=Search(name="smoke")).finish()
    assert report.outcome is Outcome.NOT_STARTED
    assert report.error is not None
    assert run.uuid in report.error.message
    assert other.uuid in report.error.message
    assert {verdict for _, _, verdict in verdicts(report)} == {Verdict.CONFLICT}
    assert not finishes(emulator)


def test_a_server_that_cannot_be_asked_is_told_as_such(emulator: Emulator) -> None:
    """A name that cannot be looked up is no missing launch."""
    emulator.remove_key("demo_key")
    report = finalizer(emulator, search=Search(name="smoke")).finish()
    assert report.outcome is Outcome.FAILED
    assert report.error is not None
    assert report.error.kind == "unauthorized"


def test_sources_of_last_resort_are_not_asked_while_something_names_the_launch(
    emulator: Emulator, run: Run, tmp_path: Path
) -> None:
    """What was asked for beside a launch that is named is told as not looked at; a stale file is not even that."""
    tmp_path.joinpath(f"rplaunch-{MISSING}.tmp").touch()
    search = Search(agent_files=tmp_path, log=PrintedLaunches("run.log", (MISSING,)), name="smoke")
    report = finalizer(emulator, launch=run.uuid, search=search).finish()
    assert report.outcome is Outcome.FINISHED
    assert verdicts(report) == [
        (Source.ARGUMENT, run.uuid, Verdict.TAKEN),
        (Source.LOG, "run.log", Verdict.NOT_TRIED),
        (Source.SERVER, "smoke", Verdict.NOT_TRIED),
    ]


class _Task:
    """Has the methods of the threaded client's tasks: a result that comes later, waited for without a limit."""

    def __init__(self) -> None:
        self.settled = threading.Event()
        self.uuid = ""

    def done(self) -> bool:
        return self.settled.is_set()

    def result(self) -> str:
        if not self.done():
            raise RuntimeError("Result is not ready")
        return self.uuid


class _LateClient:
    def __init__(self, task: _Task) -> None:
        self.launch_uuid = task


def test_a_launch_that_is_not_known_yet_is_waited_for(emulator: Emulator, run: Run) -> None:
    """A client whose launch is a task that ends a little later has its launch finished."""
    task = _Task()
    task.uuid = run.uuid
    threading.Timer(0.2, task.settled.set).start()
    report = finalizer(emulator, _LateClient(task)).finish()
    assert report.outcome is Outcome.FINISHED
    assert verdicts(report) == [(Source.CLIENT, run.uuid, Verdict.TAKEN)]


def test_a_launch_that_is_never_known_keeps_nobody(emulator: Emulator) -> None:
    """A task that never ends costs its share of the budget, and is told."""
    report = finalizer(emulator, _LateClient(_Task()), timeout=1.0).finish()
    assert report.outcome is Outcome.NOT_STARTED
    assert report.seconds < 1.0
    assert report.error is not None
    assert "launch_uuid" in report.error.message


def test_a_launch_is_stopped_when_that_is_asked_for(emulator: Emulator, run: Run) -> None:
    """The stop call ends the launch as STOPPED, interrupts what is open, and is read back."""
    run.start_item()
    report = finalizer(emulator, launch=run.uuid).finish(force_stop=True)
    assert report.outcome is Outcome.FINISHED
    assert status_of(emulator, run.uuid) == "STOPPED"
    assert [item.status.value for item in emulator.items(run.uuid)] == ["INTERRUPTED"]
    assert [call.kind.value for call in finishes(emulator)] == ["stop-launch"]


def test_a_launch_that_is_over_is_not_stopped(emulator: Emulator, run: Run) -> None:
    """A stop changes no launch that ended before."""
    finalizer(emulator, launch=run.uuid).finish()
    report = finalizer(emulator, launch=run.uuid).finish(force_stop=True)
    assert report.outcome is Outcome.ALREADY_FINISHED
    assert status_of(emulator, run.uuid) == "PASSED"
