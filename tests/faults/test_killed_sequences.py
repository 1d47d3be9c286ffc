"""Runs that are killed at each step of the end of their launch, and who finishes it then."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from rp_finalizer.emulator import CallKind, Fault
from rp_finalizer.entries import EntryState
from rp_finalizer.outbox.sqlite import SqliteOutbox
from tests.support.commands import Commands
from tests.support.guarded_runs import KEY, OUTBOX, WAITING, eventually, guarded
from tests.support.reporting import FINISH, READ, finishes
from tests.support.slow_cases import slow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rp_finalizer.emulator import Emulator
    from rp_finalizer.entries import Entry

HOLDING = f"for number in range(7): client.log(now(), f'line {{number}}')\n{WAITING}"
"""What a run does that has something to flush at its end."""

ON, OFF = True, False
WITH_AND_WITHOUT = pytest.mark.parametrize("guardian", [pytest.param(ON, id="guardian"), slow(OFF, id="drain")])


@dataclass(frozen=True, slots=True)
class Boundary:
    """Where in the sequence the run is killed: when the server has a call, before or after doing what it says."""

    call: CallKind
    applied: bool


BOUNDARIES = {
    "flush, not done": Boundary(CallKind.LOG, applied=False),
    "flush, done and not answered": Boundary(CallKind.LOG, applied=True),
    "finish, not done": Boundary(FINISH, applied=False),
    "finish, done and not answered": Boundary(FINISH, applied=True),
    "confirm": Boundary(READ, applied=True),
}


def entry_of(folder: Path) -> Entry:
    [entry] = SqliteOutbox(folder / OUTBOX).entries()
    return entry


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the outbox so that nobody writes to it."""
    database = sqlite3.connect(folder / OUTBOX, isolation_level=None, timeout=10)
    try:
        database.execute("BEGIN IMMEDIATE")
        yield
    finally:
        database.close()


def expect_finished(emulator: Emulator, folder: Path, *, guardian: bool) -> None:
    """Wait until the launch has its one end, and nothing is owed any more."""
    if not guardian:
        connection = {"RP_ENDPOINT": emulator.url, "RP_PROJECT": "demo", "RP_API_KEY": KEY}
        drained = Commands(folder, {**connection, "RP_FINALIZER_OUTBOX": OUTBOX}).run("drain")
        assert drained.code == 0, drained
    assert eventually(lambda: entry_of(folder).state is EntryState.DONE)
    [launch] = emulator.launches()
    assert launch.status.final
    # Over v2 the server takes a second finish, and leaves the launch as the first one has made it.
    first = next(call for call in finishes(emulator) if call.applied)
    assert launch.end_ms == int(first.body["endTime"])


@WITH_AND_WITHOUT
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_killed_at_a_step(emulator: Emulator, tmp_path: Path, boundary: str, *, guardian: bool) -> None:
    """Whatever the end of the run had come to, the launch gets its end, once, and the entry is put away."""
    at = BOUNDARIES[boundary]
    with guarded(tmp_path, emulator.url, HOLDING, guardian=guardian, timeout=20) as run:
        run.wait_for()
        before = len(emulator.calls(at.call))
        fault = emulator.add_fault(Fault(at.call, hang=True, apply=at.applied, times=1))
        run.tell()
        emulator.wait_until(lambda: len(emulator.calls(at.call)) > before)
        run.kill()
        fault.remove()
        expect_finished(emulator, tmp_path, guardian=guardian)


@WITH_AND_WITHOUT
def test_killed_before_the_end_is_written_down(emulator: Emulator, tmp_path: Path, *, guardian: bool) -> None:
    """A launch that is finished, and whose entry does not say so yet, is found finished."""
    with guarded(tmp_path, emulator.url, guardian=guardian, timeout=20) as run:
        run.wait_for()
        with locked(tmp_path):
            run.tell()
            emulator.wait_until(lambda: [call for call in finishes(emulator) if call.applied])
            emulator.wait_until(lambda: emulator.calls(READ))
            run.kill()
        expect_finished(emulator, tmp_path, guardian=guardian)
