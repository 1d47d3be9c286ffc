"""Runs that are ended without a chance to act, and launches that were left behind."""

from __future__ import annotations

import os
import time
from pathlib import Path
from signal import SIGKILL
from typing import TYPE_CHECKING

import pytest

from rp_finalizer.emulator import Fault
from rp_finalizer.entries import EntryState
from rp_finalizer.outbox.sqlite import SqliteOutbox
from tests.support.commands import Commands
from tests.support.plugin_suite import SUITE, block_of
from tests.support.polling import until
from tests.support.reporting import FINISH, FINISH_NOW, READ, finishes, status_of
from tests.support.slow_cases import slow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rp_finalizer.emulator import Emulator
    from rp_finalizer.entries import Entry
    from tests.support.pytest_runs import PytestRuns

WAITING = """
    import pathlib
    import time

    def test_waits():
        pathlib.Path(__file__).with_name("marks").write_text("waiting\\n")
        time.sleep(60)
"""
EXITING = """
    import os

    def test_exits():
        os._exit(3)
"""
CRASHING = """
    import ctypes

    def test_crashes():
        ctypes.string_at(0)
"""
AWAY = Fault((FINISH, FINISH_NOW, READ), status=503)
PATIENCE = 20.0


@pytest.fixture
def outbox() -> Iterator[SqliteOutbox]:
    """Give the outbox that runs use when nothing is configured."""
    outbox = SqliteOutbox(Path(os.environ["XDG_STATE_HOME"], "rp-finalizer", "outbox.db"))
    yield outbox
    outbox.close()


def only(outbox: SqliteOutbox) -> Entry:
    [entry] = outbox.entries()
    return entry


def expect_interrupted(emulator: Emulator) -> None:
    """Wait for the launch's end, with the test that was cut off as INTERRUPTED; the server calls that launch FAILED."""
    [launch] = emulator.launches()
    emulator.wait_until(lambda: status_of(emulator, launch.uuid) == "FAILED", PATIENCE)
    [test] = [item for item in emulator.items(launch.uuid) if item.type == "STEP"]
    assert test.status.value == "INTERRUPTED"


def wait_for_state(outbox: SqliteOutbox, state: EntryState) -> Entry:
    end = time.monotonic() + PATIENCE
    while only(outbox).state is not state and time.monotonic() < end:
        time.sleep(0.05)
    assert only(outbox).state is state
    return only(outbox)


@pytest.mark.parametrize("arguments", [pytest.param((), id="plain"), slow(("-n", "2"), id="xdist")])
def test_a_killed_run_has_its_launch_finished(
    emulator: Emulator, runs: PytestRuns, outbox: SqliteOutbox, arguments: tuple[str, ...]
) -> None:
    """SIGKILL leaves the process no chance; the launch is finished within seconds, and is owed by nobody."""
    with runs.write(test_it=WAITING).started(*arguments) as live:
        live.wait_for("waiting")
        live.signal(SIGKILL)
        expect_interrupted(emulator)
    done = wait_for_state(outbox, EntryState.DONE)
    assert done.report is not None
    assert sum(call.applied for call in finishes(emulator)) == 1


@pytest.mark.parametrize(
    ("suite", "code"), [pytest.param(EXITING, 3, id="os._exit"), slow(CRASHING, -11, id="segfault")]
)
def test_a_run_that_skips_its_end_has_its_launch_finished(
    emulator: Emulator, runs: PytestRuns, outbox: SqliteOutbox, suite: str, code: int
) -> None:
    """`os._exit` and crashes, too."""
    ended = runs.write(test_it=suite).run("-p", "no:faulthandler")
    assert ended.code == code
    expect_interrupted(emulator)
    wait_for_state(outbox, EntryState.DONE)


def test_a_run_killed_while_the_server_is_away_is_owed(
    emulator: Emulator, runs: PytestRuns, outbox: SqliteOutbox, tmp_path: Path
) -> None:
    """What outlives the run leaves the launch in the outbox, and `drain` finishes it when the server is back."""
    fault = emulator.add_fault(AWAY)
    short = runs.write(test_it=WAITING).with_ini(rp_finalizer_timeout="1")
    with short.started() as live:
        live.wait_for("waiting")
        live.signal(SIGKILL)
        entry = wait_for_state(outbox, EntryState.READY)
    assert entry.last_error is not None
    assert entry.last_error.status == 503
    fault.remove()
    connection = {"RP_ENDPOINT": emulator.url, "RP_PROJECT": "demo", "RP_API_KEY": "demo_key"}
    drained = Commands(tmp_path, connection).run("drain")
    assert drained.code == 0, drained
    expect_interrupted(emulator)
    assert only(outbox).state is EntryState.DONE


def test_without_a_guardian_a_killed_run_is_drained(
    emulator: Emulator, runs: PytestRuns, outbox: SqliteOutbox, tmp_path: Path
) -> None:
    """The intent to finish is on disk before the first test; `drain` sees that the run is dead, lease or not."""
    with runs.write(test_it=WAITING).with_ini(rp_finalizer_guardian="false").started() as live:
        live.wait_for("waiting")
        connection = {"RP_ENDPOINT": emulator.url, "RP_PROJECT": "demo", "RP_API_KEY": "demo_key"}
        commands = Commands(tmp_path, connection)
        assert commands.run("drain").code == 3, "a living run is not to be finished by others"
        live.signal(SIGKILL)
        live.ended()
    [launch] = emulator.launches()
    assert (launch.status.value, only(outbox).state) == ("IN_PROGRESS", EntryState.OPEN)
    assert commands.run("drain").code == 0
    expect_interrupted(emulator)
    assert only(outbox).state is EntryState.DONE


@pytest.mark.parametrize("number", [pytest.param("5", id="some"), slow("0", id="none")])
def test_a_later_run_works_off_what_is_left(
    emulator: Emulator, runs: PytestRuns, outbox: SqliteOutbox, number: str
) -> None:
    """A run that reaches the server finishes, and tells, what earlier ones had to leave behind."""
    fault = emulator.add_fault(AWAY)
    suite = runs.write(test_it=SUITE).with_ini(rp_finalizer_timeout="1")
    suite.run()
    fault.remove()
    until(lambda: outbox.next_due() == 0.0)
    ended = suite.with_ini(rp_finalizer_timeout="20", rp_finalizer_work_off=number).run()
    worked_off = number != "0"
    assert ("1 launch of earlier runs finished" in block_of(ended)) is worked_off
    [left, own] = emulator.launches()
    assert (left.status.final, own.status.final) == (worked_off, True)
    assert outbox.statistics().owed == (0 if worked_off else 1)
