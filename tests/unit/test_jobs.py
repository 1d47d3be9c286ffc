"""What a worker works on, and how long it holds on to it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from rp_finalizer.entries import OwedLaunch
from rp_finalizer.errors import LeaseLostError
from rp_finalizer.jobs import Heartbeat, Job, Jobs
from rp_finalizer.outbox.memory import MemoryOutbox
from rp_finalizer.system_clock import SystemClock

if TYPE_CHECKING:
    from rp_finalizer.entries import Entry

LONG = 20.0


@pytest.fixture
def outbox() -> MemoryOutbox:
    return MemoryOutbox(clock=SystemClock().epoch)


@pytest.fixture
def entry(outbox: MemoryOutbox) -> Entry:
    outbox.add(OwedLaunch("https://rp.example.com", "demo", str(UUID(int=1))))
    (claimed,) = outbox.claim("worker", 1, 600.0)
    return claimed


def begun(entry: Entry) -> Job:
    now = SystemClock().monotonic()
    return Job(entry, renewed_at=now, begun_at=now)


def beating(outbox: MemoryOutbox, jobs: Jobs, let_go: list[Job], longest: float = LONG) -> Heartbeat:
    return Heartbeat(outbox, jobs, SystemClock(), lease=0.05, longest=longest, let_go=let_go.append)


def test_what_changes_before_somebody_waits_is_not_missed(entry: Entry) -> None:
    """Who looks first and waits then does not wait for what has happened in between."""
    jobs = Jobs()
    job = begun(entry)
    jobs.add(job)
    seen = jobs.changes
    assert jobs.remove(job)
    waiting = threading.Thread(target=jobs.wait, args=(10 * LONG, seen))
    waiting.start()
    waiting.join(LONG)
    assert not waiting.is_alive()


def test_what_is_being_settled_is_not_let_go(outbox: MemoryOutbox, entry: Entry) -> None:
    """It has come to its end in time, however long the outbox takes to note that."""
    jobs = Jobs()
    job = begun(entry)
    jobs.add(job)
    assert jobs.settling(job)
    assert not jobs.let_go(job)
    gone: list[Job] = []
    with beating(outbox, jobs, gone, longest=0.0):
        pass
    assert (gone, len(jobs)) == ([], 1)


def test_what_was_let_go_is_not_settled(entry: Entry) -> None:
    """Its late end is told, so that it changes nothing."""
    jobs = Jobs()
    job = begun(entry)
    jobs.add(job)
    assert jobs.let_go(job)
    assert not jobs.settling(job)
    assert not jobs.remove(job)


def test_a_lost_lease_ends_the_work(outbox: MemoryOutbox, entry: Entry) -> None:
    """Whoever works on it learns by its deadline that it is somebody else's."""
    jobs = Jobs()
    job = begun(entry)
    jobs.add(job)
    outbox.discard(entry.entry_id, "no")
    with pytest.raises(LeaseLostError):
        outbox.renew(entry.entry_id, entry.lease_token, 1.0)
    with beating(outbox, jobs, []):
        while job.limit.at > SystemClock().monotonic():
            threading.Event().wait(0.005)


def test_what_hangs_is_let_go_with_its_lease(outbox: MemoryOutbox, entry: Entry) -> None:
    """It is told, and its lease is not renewed any more."""
    jobs = Jobs()
    gone: list[Job] = []
    job = begun(entry)
    jobs.add(job)
    with beating(outbox, jobs, gone, longest=0.1):
        jobs.wait_for_none()
    assert gone == [job]
    (held,) = outbox.find(entry.entry_id)
    assert held.lease_until is not None
    while not outbox.statistics().due:
        threading.Event().wait(0.01)
