"""The entries that a worker works on at the moment, and the thread that holds on to them."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rp_finalizer.deadline import Limit
from rp_finalizer.errors import LeaseLostError, OutboxError, UnknownEntryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rp_finalizer.entries import Entry
    from rp_finalizer.outbox_port import Outbox
    from rp_finalizer.ports import Clock

HEARTBEATS = 3
"""How often a lease is renewed in the time that it lasts."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Job:
    """An entry that is worked on. Times are monotonic."""

    entry: Entry
    renewed_at: float
    begun_at: float | None = None
    """None while it waits for its turn, and when it is being settled."""
    limit: Limit = field(default_factory=Limit)
    """Ends the work at once: when the lease is lost."""
    lost: bool = False
    """Whether it was."""


class Jobs:
    """What is worked on, for several threads."""

    def __init__(self) -> None:
        lock = threading.RLock()
        self._changed = threading.Condition(lock)
        self._free = threading.Condition(lock)
        """Of its own, so that a place that becomes free wakes one of those who wait for one, and not all of them."""
        self._jobs: dict[str, Job] = {}
        self.changes = 0
        """Grows whenever something happens that somebody may wait for."""

    def __len__(self) -> int:
        """Count them."""
        with self._changed:
            return len(self._jobs)

    def all(self) -> list[Job]:
        """Give them."""
        with self._changed:
            return list(self._jobs.values())

    def add(self, job: Job) -> None:
        """Take one up."""
        with self._changed:
            self._jobs[job.entry.entry_id] = job

    def go_on(self, entry: Entry, now: float) -> bool:
        """Go on under its new lease with one that is worked on here already; False where there is no such.

        Its old lease had run out, for the outbox was away, and it was this worker that took it next.
        """
        with self._changed:
            job = self._jobs.get(entry.entry_id)
            if job is None or job.lost:
                return False
            job.entry, job.renewed_at = entry, now
            return True

    def lose(self, job: Job, held: Entry, now: float) -> None:
        """End the work on one whose lease is lost, unless it has another by now."""
        with self._changed:
            if job.entry is held:
                job.lost = True
                job.limit.shorten(0.0, now)

    def begin(self, job: Job, most: int, clock: Clock, stop: threading.Event) -> float | None:
        """Wait until fewer than so many are worked on, and begin one; give when that was, None where it is to stop."""
        with self._changed:
            self._free.wait_for(lambda: stop.is_set() or self._begun() < most)
            if not stop.is_set():
                job.begun_at = clock.monotonic()
            return job.begun_at

    def settling(self, job: Job) -> bool:
        """Keep one from being let go from now on, and make room for the next; False where it was let go already."""
        with self._changed:
            held = self._jobs.get(job.entry.entry_id) is job
            job.begun_at = None
            self._free.notify()
            return held

    def remove(self, job: Job) -> bool:
        """Put one away, and wake who waits; False where it was already."""
        with self._changed:
            if self._jobs.get(job.entry.entry_id) is not job:
                return False
            del self._jobs[job.entry.entry_id]
            self.changes += 1
            self._changed.notify_all()
            self._free.notify()
            return True

    def let_go(self, job: Job) -> bool:
        """Put one away although somebody still works on it; False where nobody does."""
        with self._changed:
            return job.begun_at is not None and self.remove(job)

    def wake(self) -> None:
        """Wake who waits."""
        with self._changed:
            self.changes += 1
            self._changed.notify_all()
            self._free.notify_all()

    def wait(self, seconds: float, seen: int) -> None:
        """Wait until one is put away, or somebody wakes; not at all where `changes` is not any more what was seen."""
        with self._changed:
            self._changed.wait_for(lambda: self.changes != seen, seconds)

    def wait_for_none(self) -> None:
        """Wait until all are put away."""
        with self._changed:
            self._changed.wait_for(lambda: not self._jobs)

    def _begun(self) -> int:
        return sum(1 for job in self._jobs.values() if job.begun_at is not None)


class Heartbeat:
    """Renews the leases of jobs, and lets those go that somebody works on for longer than `longest` seconds.

    `let_go` is told of each of these. Use it as a block.
    """

    def __init__(
        self,
        outbox: Outbox,
        jobs: Jobs,
        clock: Clock,
        *,
        lease: float,
        longest: float,
        let_go: Callable[[Job], None],
    ) -> None:
        self._outbox = outbox
        self._jobs = jobs
        self._clock = clock
        self._lease = lease
        self._longest = longest
        self._let_go = let_go
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._live, name="rp-finalizer-heartbeat", daemon=True)

    def __enter__(self) -> None:
        """Begin."""
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        """End, and wait for that."""
        self._ended.set()
        self._thread.join()

    def _live(self) -> None:
        every = self._lease / HEARTBEATS
        while not self._ended.wait(min(every, self._longest) / 2):
            now = self._clock.monotonic()
            for job in self._jobs.all():
                if job.begun_at is not None and now - job.begun_at > self._longest:
                    self._leave(job)
                elif now - job.renewed_at >= every / 2:
                    job.renewed_at = now
                    self._renew(job)

    def _renew(self, job: Job) -> None:
        held = job.entry
        try:
            self._outbox.renew(held.entry_id, held.lease_token, self._lease)
        except (LeaseLostError, UnknownEntryError):
            # Somebody else sees to it, or it was discarded: there is no more to be done here.
            self._jobs.lose(job, held, self._clock.monotonic())
        except OutboxError:
            logger.exception("a lease could not be renewed")

    def _leave(self, job: Job) -> None:
        """Leave an entry to others: whoever works on it does not come back, and its late answer counts for nothing."""
        if not self._jobs.let_go(job):
            return
        job.limit.shorten(0.0, self._clock.monotonic())
        logger.error(
            "launch %s was worked on for more than %g s; it is left to whoever comes next",
            job.entry.launch.uuid,
            self._longest,
            extra={"launch_uuid": job.entry.launch.uuid},
        )
        self._let_go(job)
