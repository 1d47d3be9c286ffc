"""Workers that are killed, stopped, cut off or given wrong clocks and keys: every launch is finished, once."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from rp_finalizer import Settings
from rp_finalizer.emulator import Emulator, Fault
from rp_finalizer.entries import Entry, EntryState, OwedLaunch
from rp_finalizer.entry_finishing import EntryFinisher
from rp_finalizer.outbox.sqlite import SqliteOutbox
from rp_finalizer.outcome import Outcome
from rp_finalizer.pace import Pace
from rp_finalizer.report import Report
from rp_finalizer.settling import Patience
from rp_finalizer.system_clock import SystemClock
from rp_finalizer.worker import Tally, Worker
from tests.support.commands import SCRIPT, environment
from tests.support.polling import until
from tests.support.reporting import FINISH, FINISH_NOW, QUICK, READ, finishes, status_of
from tests.support.rp_api import START, RpApi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rp_finalizer.deadline import Deadline

END = START + 60_000
AWAY = Fault((FINISH, FINISH_NOW, READ), status=503, content_type="text/html", body="<html>away</html>")
LONG = 60.0
"""Seconds in which what is waited for must have happened."""


class ShiftedClock(SystemClock):
    """The real time, with a time of day that somebody sets."""

    offset = 0.0

    def epoch(self) -> float:
        return super().epoch() + self.offset


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@pytest.fixture
def outbox(path: Path, clock: ShiftedClock) -> Iterator[SqliteOutbox]:
    with contextlib.closing(SqliteOutbox(path, clock=clock.epoch)) as outbox:
        yield outbox


@pytest.fixture
def api(emulator: Emulator) -> Iterator[RpApi]:
    with contextlib.closing(RpApi(emulator.url)) as api:
        yield api


@pytest.fixture
def finisher(emulator: Emulator) -> Iterator[EntryFinisher]:
    with contextlib.closing(finisher_with(emulator)) as finisher:
        yield finisher


def finisher_with(emulator: Emulator, key: str = "demo_key") -> EntryFinisher:
    manner = {**QUICK, "timeout": 1.0}
    return EntryFinisher(Settings.load(endpoint=emulator.url, project="demo", api_key=key, **manner))


def owe(outbox: SqliteOutbox, emulator: Emulator, api: RpApi, number: int = 1) -> list[Entry]:
    """Start launches, and leave them to the outbox."""
    launches = [OwedLaunch(emulator.url, "demo", api.start(), end_ms=END) for _ in range(number)]
    return [outbox.add(launch) for launch in launches]


def work(
    outbox: SqliteOutbox,
    finish: Callable[[Entry, Deadline], Report],
    clock: ShiftedClock,
    *,
    attempts: int = 10,
    pace: Pace | None = None,
) -> Tally:
    """Have a worker of this process, one that knows nothing of earlier ones, do what is due."""
    worker = Worker(
        outbox,
        finish,
        owner="the last",
        clock=clock,
        chance=lambda: 0.5,
        pace=pace or Pace(concurrency=4, look=0.02),
        patience=Patience(attempts=attempts),
    )
    return worker.run(once=True)


def stop_between_writes(process: subprocess.Popen[Any], path: Path) -> None:
    """Stop a process, but not while it has the file locked: nobody would get on then before it goes on."""
    while True:
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=0.5)) as db:
            try:
                db.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError:
                process.send_signal(signal.SIGCONT)
            else:
                return


def the_entry(outbox: SqliteOutbox, entry: Entry) -> Entry:
    (found,) = outbox.find(entry.entry_id)
    return found


def completed(outbox: SqliteOutbox, number: int) -> bool:
    return outbox.statistics().counters["completed"] >= number


def events(entry: Entry) -> list[str]:
    return [event.what for event in entry.history]


@contextlib.contextmanager
def workers(path: Path, emulator: Emulator) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Give what starts a worker's process; all are gone in the end."""
    variables = {"RP_ENDPOINT": emulator.url, "RP_PROJECT": "demo", "RP_API_KEY": "demo_key"}
    command = [str(SCRIPT), "worker", "--lease", "1", "--concurrency", "3", "--outbox", str(path), "--quiet"]
    with contextlib.ExitStack() as stack:

        def start() -> subprocess.Popen[bytes]:
            process = subprocess.Popen(
                command, env=environment(**variables), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start


@pytest.mark.parametrize(("number", "kills"), [(60, 4), pytest.param(400, 20, marks=pytest.mark.slow)])
def test_killed_workers_lose_nothing_and_finish_nothing_twice(
    emulator: Emulator, outbox: SqliteOutbox, path: Path, api: RpApi, number: int, kills: int
) -> None:
    """Four work on one file, one after the other is killed in the midst of it and replaced: all launches are finished.

    None is lost, none stuck, none a dead letter; each is completed once, with the end that its run had.
    """
    chance = random.Random(number)
    entries = owe(outbox, emulator, api, number)
    moments = sorted(chance.sample(range(1, number), kills))
    with workers(path, emulator) as start:
        running = [start() for _ in range(4)]
        for moment in moments:
            until(partial(completed, outbox, moment), "launches are finished")
            running.pop(chance.randrange(4)).kill()
            running.append(start())
        until(lambda: not outbox.statistics().owed, "nothing is owed")
    done = {each.entry_id: each for each in outbox.entries(EntryState.DONE, limit=1000)}
    assert done.keys() == {each.entry_id for each in entries}
    assert all(events(each).count("finished") == 1 for each in done.values())
    assert outbox.statistics().counters["completed"] == number
    ends = {launch.uuid: launch.end_ms for launch in emulator.launches()}
    assert ends == {entry.launch.uuid: END for entry in entries}


def test_a_worker_that_was_stopped_comes_back_too_late(
    emulator: Emulator, outbox: SqliteOutbox, path: Path, api: RpApi, finisher: EntryFinisher, clock: ShiftedClock
) -> None:
    """Another has taken over meanwhile: the late answer changes nothing, and the worker goes on with what is left."""
    (entry,) = owe(outbox, emulator, api)
    hanging = emulator.add_fault(Fault(FINISH, hang=True, times=1))
    with workers(path, emulator) as start:
        stopped = start()
        until(lambda: hanging.hits, "the first worker is at work")
        stop_between_writes(stopped, path)
        until(lambda: outbox.next_due() == 0.0, "its lease has run out")
        assert work(outbox, finisher, clock).completed == 1
        done = the_entry(outbox, entry)
        hanging.release()
        stopped.send_signal(signal.SIGCONT)
        (late,) = owe(outbox, emulator, api)
        until(lambda: the_entry(outbox, late).state is EntryState.DONE, "it goes on")
        stopped.send_signal(signal.SIGTERM)
        assert stopped.wait(LONG) == 128 + signal.SIGTERM
    assert the_entry(outbox, entry) == done
    assert events(done) == ["claimed", f"taken over from {_owner(done)}", "finished"]
    assert outbox.statistics().counters["completed"] == 2


def _owner(entry: Entry) -> str:
    return next(event.detail for event in entry.history if event.what == "claimed")


def test_an_outage_longer_than_every_retry_makes_no_dead_letters(
    emulator: Emulator, outbox: SqliteOutbox, api: RpApi, finisher: EntryFinisher, clock: ShiftedClock
) -> None:
    """However often it was tried in vain, all is finished when the server is back; each try comes later than before."""
    entries = owe(outbox, emulator, api, 5)
    emulator.add_fault(AWAY)
    while clock.offset < 3600:
        assert work(outbox, finisher, clock, attempts=2).given_up == 0
        wait = outbox.next_due()
        assert wait is not None
        clock.offset += wait + 0.001
    assert {each.state for each in outbox.entries()} == {EntryState.READY}
    assert all(10 < each.misses < 20 for each in outbox.entries())
    emulator.clear_faults()
    clock.offset += 900 * 1.2
    assert work(outbox, finisher, clock).completed == 5
    assert {status_of(emulator, entry.launch.uuid) for entry in entries} == {"PASSED"}


def test_an_entry_whose_handling_kills_its_worker_is_a_dead_letter_in_the_end(
    outbox: SqliteOutbox, path: Path, emulator: Emulator
) -> None:
    """It takes no more workers with it than it has attempts, and the other launches are seen to."""
    for number in range(3):
        outbox.add(OwedLaunch(emulator.url, "demo", str(UUID(int=number))))
    program = f"""
import os, sys
from pathlib import Path
from uuid import UUID
from rp_finalizer.outbox.sqlite import SqliteOutbox
from rp_finalizer.outcome import Outcome
from rp_finalizer.report import Report
from rp_finalizer.settling import Patience
from rp_finalizer.system_clock import SystemClock
from rp_finalizer.pace import Pace
from rp_finalizer.worker import Worker

def finish(entry, deadline):
    if entry.launch.uuid == {str(UUID(int=1))!r}:
        os._exit(9)
    return Report(Outcome.FINISHED)

manner = dict(pace=Pace(concurrency=1, lease=0.1, look=0.02), patience=Patience(attempts=3))
outbox = SqliteOutbox(Path(sys.argv[1]))
Worker(outbox, finish, owner="w", clock=SystemClock(), chance=lambda: 0.5, **manner).run(once=True)
"""
    codes: list[int] = []
    while not codes or codes[-1] == 9:
        until(lambda: outbox.next_due() == 0.0, "the killed one's lease has run out")
        codes.append(subprocess.run([sys.executable, "-c", program, str(path)], check=False, timeout=LONG).returncode)
    assert codes == [9, 9, 9, 0]
    states = {each.launch.uuid: (each.state, each.reason) for each in outbox.entries()}
    assert states.pop(str(UUID(int=1))) == (EntryState.DEAD, "3 workers came to their end over it")
    assert set(states.values()) == {(EntryState.DONE, None)}


@pytest.mark.parametrize("jump", [3600.0, 400 * 86400.0, -3600.0, -400 * 86400.0])
def test_a_clock_that_jumps_while_launches_are_finished_loses_none(
    emulator: Emulator, outbox: SqliteOutbox, api: RpApi, finisher: EntryFinisher, clock: ShiftedClock, jump: float
) -> None:
    """Leases that seem to be over, or to last for ever, are sorted out by who works next: each is completed once."""
    entries = owe(outbox, emulator, api, 6)

    def finish(entry: Entry, deadline: Deadline) -> Report:
        if entry.entry_id == entries[0].entry_id and entry.attempts == 1:
            clock.offset = jump
            # Somebody else finds these due meanwhile.
            stolen.extend(outbox.claim("another, killed at once", 1, 1.0))
        return finisher(entry, deadline)

    stolen: list[Entry] = []
    while outbox.statistics().owed:
        work(outbox, finish, clock, pace=Pace(concurrency=2, look=0.02))
        clock.offset += outbox.next_due() or 0.0
    assert {each.state for each in outbox.entries()} == {EntryState.DONE}
    assert all(events(each).count("finished") == 1 for each in outbox.entries())
    assert {status_of(emulator, entry.launch.uuid) for entry in entries} == {"PASSED"}


def test_a_launch_that_was_deleted_on_the_server_is_a_dead_letter_after_its_attempts(
    emulator: Emulator, outbox: SqliteOutbox, api: RpApi, finisher: EntryFinisher, clock: ShiftedClock
) -> None:
    """It may come yet, so it is tried again; in the end it says that the launch is unknown, and holds up no other."""
    gone, there = owe(outbox, emulator, api, 2)
    launch = emulator.launch(gone.launch.uuid)
    assert launch is not None
    api.finish(gone.launch.uuid)
    assert api.call("DELETE", f"/v1/demo/launch/{launch.id}").status_code == 200
    while outbox.statistics().owed:
        work(outbox, finisher, clock, attempts=3)
        clock.offset += outbox.next_due() or 0.0
    assert the_entry(outbox, there).state is EntryState.DONE
    dead = the_entry(outbox, gone)
    assert (dead.state, dead.attempts) == (EntryState.DEAD, 3)
    assert dead.last_error is not None
    assert dead.last_error.kind == "unknown-launch"


def test_a_worker_with_the_wrong_key_leaves_all_to_one_with_the_right_one(
    emulator: Emulator, outbox: SqliteOutbox, api: RpApi, finisher: EntryFinisher, clock: ShiftedClock
) -> None:
    """Nothing becomes a dead letter for it, and no attempt is spent."""
    entries = owe(outbox, emulator, api, 3)
    with contextlib.closing(finisher_with(emulator, key="a_wrong_key")) as wrong:
        for _ in range(4):
            work(outbox, wrong, clock, attempts=2)
            clock.offset += outbox.next_due() or 0.0
    left = outbox.entries()
    assert {(each.state, each.attempts) for each in left} == {(EntryState.READY, 0)}
    assert {each.last_error.kind for each in left if each.last_error} == {"unauthorized"}
    assert {call.status for call in finishes(emulator)} == {401}
    assert {status_of(emulator, entry.launch.uuid) for entry in entries} == {"IN_PROGRESS"}
    clock.offset += 900.0
    assert work(outbox, finisher, clock).completed == len(entries)


RUN = """
import sys
from reportportal_client import RPClient
from rp_finalizer import finalizing
client = RPClient(sys.argv[1], "demo", api_key="demo_key")
with finalizing(client, outbox=sys.argv[2], lease=1, guardian=False) as finalizer:
    print(client.start_launch("smoke", "1700000000000"), flush=True)
    sys.stdin.readline()
print(finalizer.report.outcome, flush=True)
"""


@contextlib.contextmanager
def a_run(emulator: Emulator, path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Give a run in the midst of its work, and its launch; a line makes it end."""
    command = [sys.executable, "-c", RUN, emulator.url, str(path)]
    with subprocess.Popen(
        command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def test_a_run_that_was_stopped_finishes_its_own_launch(
    emulator: Emulator, outbox: SqliteOutbox, path: Path, finisher: EntryFinisher, clock: ShiftedClock
) -> None:
    """It slept for longer than its lease: a worker of the same host sees that it lives, and leaves its launch alone."""
    with a_run(emulator, path) as (run, launch):
        stop_between_writes(run, path)
        until(outbox.overdue, "its lease has run out")
        assert work(outbox, finisher, clock).completed == 0
        assert status_of(emulator, launch) == "IN_PROGRESS"
        run.send_signal(signal.SIGCONT)
        out, _ = run.communicate("\n", timeout=LONG)
        assert out.split() == [Outcome.FINISHED]
    (entry,) = outbox.entries()
    assert events(entry) == ["opened", "finished"]


def test_a_run_that_was_killed_is_finished_by_who_comes_next(
    emulator: Emulator, outbox: SqliteOutbox, path: Path, finisher: EntryFinisher, clock: ShiftedClock
) -> None:
    """When its lease is over its launch is finished as what it is: interrupted, at its last sign of life."""
    begun = time.time()
    with a_run(emulator, path) as (run, uuid):
        run.kill()
        run.wait()
        until(outbox.overdue, "its lease has run out")
        assert work(outbox, finisher, clock).completed == 1
    launch = emulator.launch(uuid)
    assert launch is not None
    assert launch.end_ms is not None
    assert status_of(emulator, uuid) == "INTERRUPTED"
    assert begun * 1000 <= launch.end_ms <= time.time() * 1000


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ten_thousand_entries_are_worked_off(outbox: SqliteOutbox, clock: ShiftedClock) -> None:
    """In the order in which they came, and each once."""
    number = 10_000
    for each in range(number):
        outbox.add(OwedLaunch("https://rp.example.com", "demo", str(UUID(int=each))))
    order: list[int] = []

    def finish(entry: Entry, deadline: Deadline) -> Report:  # noqa: ARG001  at once
        order.append(UUID(entry.launch.uuid).int)
        return Report(Outcome.FINISHED)

    assert work(outbox, finish, clock, pace=Pace(concurrency=1)).completed == number
    assert order == list(range(number))
