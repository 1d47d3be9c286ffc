"""How a worker works off an outbox."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from rp_finalizer.entries import Entry, EntryState, OwedLaunch, Priority
from rp_finalizer.errors import OutboxError
from rp_finalizer.jobs import Jobs
from rp_finalizer.outbox.memory import MemoryOutbox
from rp_finalizer.outcome import ErrorKind, Outcome
from rp_finalizer.pace import Pace
from rp_finalizer.report import Failure, Report
from rp_finalizer.settling import LONGEST_FOR_ANOTHER, Patience
from rp_finalizer.system_clock import SystemClock
from rp_finalizer.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from rp_finalizer.deadline import Deadline

FINISHED = Report(Outcome.FINISHED)
AWAY = Report(Outcome.FAILED, error=Failure(ErrorKind.UNAVAILABLE, "connection refused", "later"))
REFUSED = Report(Outcome.FAILED, error=Failure(ErrorKind.REJECTED, "400", "no", status=400, code=4001))
BROKEN = Report(Outcome.FAILED, error=Failure(ErrorKind.UNAVAILABLE, "its own 500", "later", status=500, code=5000))
NO_KEY = Report(Outcome.FAILED, error=Failure(ErrorKind.SETTINGS, "no key is known", "set one"))
WRONG_KEY = Report(Outcome.FAILED, error=Failure(ErrorKind.UNAUTHORIZED, "401", "another key", status=401, code=40001))
LONG = 20.0
"""Seconds in which what is waited for must have happened."""


@pytest.fixture
def outbox() -> MemoryOutbox:
    return MemoryOutbox(clock=SystemClock().epoch)


def launch(number: int = 1, endpoint: str = "https://rp.example.com") -> OwedLaunch:
    return OwedLaunch(endpoint, "demo", str(UUID(int=number)))


def worker(
    outbox: MemoryOutbox,
    finish: Callable[[Entry, Deadline], Report],
    *,
    pace: Pace | None = None,
    patience: Patience | None = None,
    alive: Callable[[str], bool | None] = lambda _: None,
) -> Worker:
    pace = pace or Pace(concurrency=4, look=0.02)
    return Worker(
        outbox, finish, owner="test", clock=SystemClock(), chance=lambda: 0.5, pace=pace, patience=patience, alive=alive
    )


def states(outbox: MemoryOutbox) -> list[EntryState]:
    return [each.state for each in outbox.entries(limit=1000)]


def test_all_that_is_due_is_finished_once(outbox: MemoryOutbox) -> None:
    """Each launch is seen to, by one thread, and its report is kept."""
    for number in range(30):
        outbox.add(launch(number))
    seen: list[str] = []

    def finish(entry: Entry, deadline: Deadline) -> Report:  # noqa: ARG001  at once
        seen.append(entry.launch.uuid)
        return FINISHED

    tally = worker(outbox, finish).run(once=True)
    assert sorted(seen) == sorted(launch(number).uuid for number in range(30))
    assert (tally.completed, len(tally.reports)) == (30, 30)
    assert all(each.report == FINISHED for each in outbox.entries())


def test_no_more_than_so_many_at_once(outbox: MemoryOutbox) -> None:
    """The concurrency is used, and kept."""
    for number in range(12):
        outbox.add(launch(number))
    together, most, lock = 0, 0, threading.Lock()
    full = threading.Barrier(3)

    def finish(entry: Entry, deadline: Deadline) -> Report:  # noqa: ARG001  at once
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        full.wait(LONG)
        with lock:
            together -= 1
        return FINISHED

    worker(outbox, finish, pace=Pace(concurrency=3, look=0.02, ahead=2)).run(once=True)
    assert most == 3


def test_what_is_held_ahead_is_taken_several_at_once() -> None:
    """Taking one entry costs as much as taking many; without any ahead, nobody waits for a second free place."""
    assert [Pace(concurrency=2, ahead=4).room(held) for held in range(7)] == [6, 5, 4, 3, 0, 0, 0]
    assert [Pace(concurrency=2).room(held) for held in range(3)] == [2, 1, 0]


def test_what_is_refused_for_good_is_a_dead_letter_and_what_failed_is_put_off(outbox: MemoryOutbox) -> None:
    """One bad launch keeps none of the others from being finished."""
    outcomes = {launch(1).uuid: REFUSED, launch(2).uuid: BROKEN, launch(3).uuid: FINISHED}
    for number in (1, 2, 3):
        outbox.add(launch(number))
    worker(outbox, lambda entry, _: outcomes[entry.launch.uuid]).run(once=True)
    by_launch = {each.launch.uuid: each for each in outbox.entries()}
    assert by_launch[launch(1).uuid].state is EntryState.DEAD
    assert by_launch[launch(2).uuid].state is EntryState.READY
    assert by_launch[launch(2).uuid].attempts == 1
    assert by_launch[launch(3).uuid].state is EntryState.DONE


def test_a_server_that_is_away_is_left_alone_and_spends_nothing(outbox: MemoryOutbox) -> None:
    """After a few tries its other launches are not tried at all, while those of another server are."""
    for number in range(20):
        outbox.add(launch(number))
    outbox.add(launch(99, "https://other.example.com"))
    tried: list[str] = []

    def finish(entry: Entry, deadline: Deadline) -> Report:  # noqa: ARG001  at once
        tried.append(entry.launch.endpoint)
        return FINISHED if "other" in entry.launch.endpoint else AWAY

    worker(outbox, finish, pace=Pace(concurrency=1, look=0.02)).run(once=True)
    assert tried.count("https://rp.example.com") == 3
    assert tried.count("https://other.example.com") == 1
    left = [each for each in outbox.entries() if each.state.owed]
    assert len(left) == 20
    assert {each.attempts for each in left} == {0}


@pytest.mark.parametrize("answer", [AWAY, NO_KEY, WRONG_KEY], ids=["does not reach it", "no key", "wrong key"])
def test_a_worker_that_can_do_nothing_leaves_the_queue_to_the_others(outbox: MemoryOutbox, answer: Report) -> None:
    """It looks again now and then, at a few launches, which it does not keep for long."""
    number = 400
    for each in range(number):
        outbox.add(launch(each))
    cut_off = worker(outbox, lambda *_: answer, pace=Pace(concurrency=4, look=0.02, ahead=8))
    thread = threading.Thread(target=cut_off.run)
    thread.start()
    while cut_off.tally.put_off < 20:
        threading.Event().wait(0.005)
    cut_off.stop()
    thread.join(LONG)
    touched = [each for each in outbox.entries(limit=number) if each.misses]
    assert len(touched) < number / 4
    now = SystemClock().epoch()
    assert max(each.visible_at for each in touched) < now + 5


class Away(MemoryOutbox):
    """An outbox that cannot renew a lease, nor complete an entry before its lease has run out and was taken again."""

    def __init__(self, *, settling: bool) -> None:
        super().__init__(clock=SystemClock().epoch)
        self.jobs = Jobs()
        self._settling = settling

    def wait(self) -> None:
        """Wait until the worker has the entry for the second time."""
        end = time.monotonic() + LONG
        while not any(job.entry.attempts == 2 for job in self.jobs.all()):
            assert time.monotonic() < end
            threading.Event().wait(0.005)

    def renew(self, entry_id: str, token: int, lease: float) -> None:  # noqa: ARG002  whatever it is
        raise OutboxError("redis://", "away", "wait")

    def complete(self, entry_id: str, token: int, report: Report) -> None:
        if self._settling:
            self.wait()
        super().complete(entry_id, token, report)


@pytest.mark.parametrize("settling", [False, True], ids=["while it is finished", "while it is settled"])
def test_what_is_taken_again_by_the_worker_that_has_it_is_not_done_again(*, settling: bool) -> None:
    """The outbox was away for longer than a lease: what is done is kept, and settled under the new one."""
    outbox = Away(settling=settling)
    outbox.add(launch())
    done: list[str] = []

    def finish(entry: Entry, deadline: Deadline) -> Report:  # noqa: ARG001  it takes its time
        if not settling:
            outbox.wait()
        done.append(entry.launch.uuid)
        return FINISHED

    running = worker(outbox, finish, pace=Pace(concurrency=2, look=0.02, lease=0.3))
    outbox.jobs = running._jobs
    thread = threading.Thread(target=running.run)
    thread.start()
    while outbox.statistics().owed:
        threading.Event().wait(0.005)
    running.stop()
    thread.join(LONG)
    assert (len(done), running.tally.completed, running.tally.lost) == (1, 1, 0)


def test_an_entry_whose_handling_ends_its_workers_becomes_a_dead_letter(outbox: MemoryOutbox) -> None:
    """A worker that dies tells nothing: the claims are counted, and the next worker does not touch it any more."""
    outbox.add(launch())
    for _ in range(3):
        outbox.claim("one that dies", 1, 0.0)

    def finish(entry: Entry, deadline: Deadline) -> Report:
        raise AssertionError((entry, deadline))

    worker(outbox, finish, patience=Patience(attempts=3)).run(once=True)
    (entry,) = outbox.entries()
    assert (entry.state, entry.reason) == (EntryState.DEAD, "3 workers came to their end over it")


def test_an_unexpected_error_costs_an_attempt_and_no_worker(
    outbox: MemoryOutbox, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, the entry is tried again later, the others are worked on."""
    outbox.add(launch(1))
    outbox.add(launch(2))

    def finish(entry: Entry, deadline: Deadline) -> Report:  # noqa: ARG001  at once
        if entry.launch == launch(1):
            raise RuntimeError("a bug")
        return FINISHED

    assert worker(outbox, finish).run(once=True).completed == 1
    assert sorted(states(outbox)) == [EntryState.DONE, EntryState.READY]
    assert "a bug" in caplog.text


def test_a_lease_is_renewed_while_the_work_goes_on(outbox: MemoryOutbox) -> None:
    """Nobody takes over what is worked on, however long that takes."""
    outbox.add(launch())
    lease = 0.3
    others: list[Entry] = []

    def finish(entry: Entry, deadline: Deadline) -> Report:  # noqa: ARG001  as long as it takes
        first = entry.lease_until or 0.0
        while (held := outbox.entries()[0].lease_until or 0.0) < first + 3 * lease:
            others.extend(outbox.claim("another", 1, lease))
            assert held
        return FINISHED

    assert worker(outbox, finish, pace=Pace(lease=lease, look=0.02)).run(once=True).completed == 1
    assert others == []


def test_who_loses_the_lease_gives_up_at_once_and_changes_nothing(outbox: MemoryOutbox) -> None:
    """The call is cut off, and what it says late is nobody's."""
    outbox.add(launch())

    def finish(entry: Entry, deadline: Deadline) -> Report:
        outbox.discard(entry.entry_id, "cleared")
        while not deadline.expired(SystemClock().monotonic()):
            threading.Event().wait(0.005)
        return FINISHED

    tally = worker(outbox, finish, pace=Pace(lease=0.15, look=0.02)).run(once=True)
    assert tally.completed == 0
    assert states(outbox) == [EntryState.DEAD]


def test_a_try_gets_so_much_time_and_no_more(outbox: MemoryOutbox) -> None:
    """The deadline is that of the entry."""
    outbox.add(launch())
    left: list[float] = []

    def finish(entry: Entry, deadline: Deadline) -> Report:  # noqa: ARG001  at once
        left.append(deadline.remaining(SystemClock().monotonic()))
        return FINISHED

    worker(outbox, finish, pace=Pace(entry_timeout=7.0, look=0.02)).run(once=True)
    assert 6.0 < left[0] <= 7.0


def test_what_others_add_is_seen_and_a_stop_lets_what_runs_come_to_its_end(outbox: MemoryOutbox) -> None:
    """A worker waits for entries; told to stop it takes nothing new, and hands back nothing half done."""
    begun, go_on = threading.Event(), threading.Event()

    def finish(entry: Entry, deadline: Deadline) -> Report:  # noqa: ARG001  as long as the test wants
        begun.set()
        assert go_on.wait(LONG)
        return FINISHED

    running = worker(outbox, finish, pace=Pace(concurrency=1, look=0.02))
    thread = threading.Thread(target=running.run)
    thread.start()
    outbox.add(launch(1))
    assert begun.wait(LONG)
    outbox.add(launch(2))
    running.stop()
    go_on.set()
    thread.join(LONG)
    assert not thread.is_alive()
    assert sorted(states(outbox)) == [EntryState.DONE, EntryState.READY]


def test_a_rate_is_kept(outbox: MemoryOutbox) -> None:
    """So many launches a second, however many hands there are."""
    for number in range(4):
        outbox.add(launch(number))
    at: list[float] = []

    def finish(entry: Entry, deadline: Deadline) -> Report:  # noqa: ARG001  at once
        at.append(SystemClock().monotonic())
        return FINISHED

    worker(outbox, finish, pace=Pace(rate=20.0, look=0.02)).run(once=True)
    assert max(at) - min(at) >= 3 / 20.0 - 0.02
    assert Pace().rate == inf


def test_what_hangs_is_let_go_and_the_others_go_on(outbox: MemoryOutbox, caplog: pytest.LogCaptureFixture) -> None:
    """One launch whose handling never comes back keeps no other waiting, and is somebody else's in the end."""
    outbox.add(launch(1), priority=Priority.CRITICAL)
    outbox.add(launch(2))
    go_on, late = threading.Event(), threading.Event()

    def finish(entry: Entry, deadline: Deadline) -> Report:  # noqa: ARG001  heeds nothing
        if entry.launch == launch(1) and entry.attempts == 1:
            assert go_on.wait(LONG)
            late.set()
        return FINISHED

    pace = Pace(concurrency=1, lease=0.3, entry_timeout=0.05, margin=0.05, look=0.02)
    hanging = worker(outbox, finish, pace=pace)
    tally = hanging.run(once=True)
    assert (tally.let_go, tally.completed) == (1, 1)
    assert "worked on for more than" in caplog.text
    (stuck,) = outbox.find(launch(1).uuid)
    assert stuck.state is EntryState.LEASED
    go_on.set()
    assert late.wait(LONG)
    while outbox.next_due():
        threading.Event().wait(0.01)
    assert worker(outbox, finish).run(once=True).completed == 1
    (seen_to,) = outbox.find(launch(1).uuid)
    assert [event.what for event in seen_to.history] == ["claimed", "taken over from test", "finished"]


def test_a_stop_hands_back_what_was_only_claimed(outbox: MemoryOutbox) -> None:
    """It is due at once for others, and no attempt was spent on it."""
    for number in range(4):
        outbox.add(launch(number))
    begun = threading.Event()

    def finish(entry: Entry, deadline: Deadline) -> Report:  # noqa: ARG001  at once
        begun.set()
        return FINISHED

    running = worker(outbox, finish, pace=Pace(concurrency=4, rate=0.001, look=0.02))
    thread = threading.Thread(target=running.run)
    thread.start()
    assert begun.wait(LONG)
    running.stop()
    thread.join(LONG)
    assert not thread.is_alive()
    left = [each for each in outbox.entries() if each.state is EntryState.READY]
    assert len(left) == 3
    assert {(each.attempts, each.misses, each.due(SystemClock().epoch())) for each in left} == {(0, 0, True)}


@pytest.mark.parametrize("answer", [NO_KEY, WRONG_KEY], ids=["no key", "wrong key"])
def test_launches_whose_key_is_not_here_stay_as_they_are(
    outbox: MemoryOutbox, answer: Report, caplog: pytest.LogCaptureFixture
) -> None:
    """No attempt is spent on them; it is told once, and those of other projects are finished."""
    for number in range(10):
        outbox.add(launch(number))
    outbox.add(replace(launch(11), project="other"))

    def finish(entry: Entry, deadline: Deadline) -> Report:  # noqa: ARG001  at once
        return answer if entry.launch.project == "demo" else FINISHED

    tally = worker(outbox, finish).run(once=True)
    assert (tally.completed, tally.given_up) == (1, 0)
    left = [each for each in outbox.entries() if each.state.owed]
    assert len(left) == 10
    assert {each.attempts for each in left} == {0}
    assert caplog.text.count("stay in the outbox") == 1


def test_a_server_that_refuses_the_key_is_not_asked_for_every_launch(outbox: MemoryOutbox) -> None:
    """After a few refusals nothing is sent for a while."""
    for number in range(20):
        outbox.add(launch(number))
    asked: list[str] = []

    def finish(entry: Entry, deadline: Deadline) -> Report:  # noqa: ARG001  at once
        asked.append(entry.launch.uuid)
        return WRONG_KEY

    worker(outbox, finish, pace=Pace(concurrency=1, look=0.02)).run(once=True)
    assert len(asked) == 3


@pytest.mark.parametrize("answer", [NO_KEY, WRONG_KEY], ids=["no key", "wrong key"])
def test_a_launch_whose_key_is_not_here_is_left_to_another_soon(outbox: MemoryOutbox, answer: Report) -> None:
    """However often workers without its key have looked at it, and also while they do not ask the server."""
    entries = [outbox.add(launch(number)) for number in range(8)]
    for each in entries:
        for _ in range(12):
            taken = outbox.take(each.entry_id, "a worker", 60.0)
            outbox.put_off(taken.entry_id, taken.lease_token, answer.error, 0.01, spent=False)
        taken = outbox.take(each.entry_id, "a worker", 60.0)
        outbox.put_off(taken.entry_id, taken.lease_token, answer.error, 0.0, spent=False)
    worker(outbox, lambda *_: answer, pace=Pace(concurrency=1, look=0.02)).run(once=True)
    left = outbox.entries()
    assert {each.misses for each in left} == {13}
    assert max(each.visible_at for each in left) - SystemClock().epoch() <= LONGEST_FOR_ANOTHER * 1.2


def test_a_run_that_lives_keeps_its_launch(outbox: MemoryOutbox) -> None:
    """Its lease has run out, for the laptop slept: nobody finishes it underneath; that of a dead run is finished."""
    sleeper, dead = outbox.open(launch(1), "sleeper", 0.0), outbox.open(launch(2), "dead", 0.0)

    working = worker(outbox, lambda *_: FINISHED, alive=lambda holder: holder == "sleeper")
    assert working.run(once=True).completed == 1
    assert working.watchdog.renewed == 1
    assert [each.state for each in outbox.find(sleeper.entry_id)] == [EntryState.OPEN]
    assert [each.state for each in outbox.find(dead.entry_id)] == [EntryState.DONE]
    outbox.complete(sleeper.entry_id, sleeper.lease_token, FINISHED)


def test_a_worker_that_works_on_for_ever_keeps_no_reports(outbox: MemoryOutbox) -> None:
    """It counts them."""
    for number in range(20):
        outbox.add(launch(number))
    running = worker(outbox, lambda *_: FINISHED)
    thread = threading.Thread(target=running.run)
    thread.start()
    while outbox.statistics().owed:
        threading.Event().wait(0.005)
    running.stop()
    thread.join(LONG)
    assert (running.tally.completed, running.tally.reports) == (20, [])
