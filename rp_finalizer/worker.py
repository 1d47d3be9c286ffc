"""Working off an outbox: claim, finish, settle; several launches at once, and none of them for ever."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

from rp_finalizer.backoff import exponential
from rp_finalizer.circuit import Circuit
from rp_finalizer.deadline import Deadline, Limit
from rp_finalizer.errors import LeaseLostError, OutboxError
from rp_finalizer.settling import FIRST_WAIT, Completed, GivenUp, Patience, PutOff, Settlement, settle, unanswered

if TYPE_CHECKING:
    from collections.abc import Callable

    from rp_finalizer.entries import Entry
    from rp_finalizer.outbox_port import Outbox
    from rp_finalizer.ports import Clock
    from rp_finalizer.report import Report

HEARTBEATS = 3
"""How often a lease is renewed in the time that it lasts."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How much at once, and how long. Times are seconds."""

    concurrency: int = 8
    lease: float = 60.0
    entry_timeout: float = 300.0
    rate: float = inf
    """Launches a second, at most."""
    look: float = 1.0
    """How long others' new entries may wait to be seen."""


@dataclass(slots=True)
class _Job:
    """An entry that is worked on."""

    entry: Entry
    limit: Limit
    """Ends the work at once: when the lease is lost, or its time is over."""


@dataclass(slots=True)
class Tally:
    """What a worker did."""

    reports: list[Report] = field(default_factory=list)
    completed: int = 0
    put_off: int = 0
    given_up: int = 0

    def count(self, decided: Settlement, report: Report | None) -> None:
        """Add what became of one entry."""
        self.completed += isinstance(decided, Completed)
        self.put_off += isinstance(decided, PutOff)
        self.given_up += isinstance(decided, GivenUp)
        if report is not None:
            self.reports.append(report)


class Worker:
    """Works off an outbox until it is told to stop, or until nothing is due.

    `finish` finishes the launch of an entry within a deadline and reports; what it raises is an unexpected error, and
    puts the entry off. Settings that are missing for an entry, a key for instance, are its business: it reports them.
    """

    def __init__(
        self,
        outbox: Outbox,
        finish: Callable[[Entry, Deadline], Report],
        *,
        owner: str,
        clock: Clock,
        chance: Callable[[], float],
        pace: Pace | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._outbox = outbox
        self._finish = finish
        self._owner = owner
        self._clock = clock
        self._chance = chance
        self._pace = pace or Pace()
        self._patience = patience or Patience()
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._jobs: dict[str, _Job] = {}
        self._circuits: dict[str, Circuit] = {}
        self._next_start = -inf
        self.tally = Tally()

    def stop(self) -> None:
        """Take nothing new; what is worked on comes to its end."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()

    def run(self, *, once: bool = False) -> Tally:
        """Work until `stop`; with `once` only until nothing is due and nothing is worked on. Raises `OutboxError`."""
        heart = threading.Thread(target=self._beat, name="rp-finalizer-heartbeat", daemon=True)
        ended = self._ended = threading.Event()
        heart.start()
        try:
            with ThreadPoolExecutor(self._pace.concurrency, "rp-finalizer-worker") as pool:
                while not self._stop.is_set():
                    taken = self._claim()
                    for entry in taken:
                        self._start(pool, entry)
                    if once and not taken and not self._jobs:
                        break
                    self._wait(taken=bool(taken))
        finally:
            ended.set()
            heart.join()
        return self.tally

    def _claim(self) -> list[Entry]:
        with self._changed:
            free = self._pace.concurrency - len(self._jobs)
        return self._outbox.claim(self._owner, free, self._pace.lease) if free else []

    def _start(self, pool: ThreadPoolExecutor, entry: Entry) -> None:
        job = _Job(entry, Limit())
        with self._changed:
            self._jobs[entry.entry_id] = job
        pool.submit(self._work, job)

    def _wait(self, *, taken: bool) -> None:
        """Wait for a free slot or for something to be due; entries of others are seen within `look`."""
        due = None if taken else self._outbox.next_due()
        seconds = self._pace.look if due is None else min(due, self._pace.look)
        with self._changed:
            full = len(self._jobs) >= self._pace.concurrency
            if not self._stop.is_set() and (full or seconds > 0):
                self._changed.wait(self._pace.look if full else seconds)

    def _work(self, job: _Job) -> None:
        try:
            self._keep(job.entry, *self._attempt(job))
        except LeaseLostError as error:
            logger.warning("%s", error)
        except OutboxError:
            # The lease runs out by itself, and the entry is claimed again.
            logger.exception("an entry could not be settled")
        finally:
            with self._changed:
                del self._jobs[job.entry.entry_id]
                self._changed.notify_all()

    def _attempt(self, job: _Job) -> tuple[Settlement, Report | None]:
        """Finish the launch, where this is the time for it, and say what becomes of its entry."""
        entry, patience = job.entry, self._patience
        if entry.attempts > patience.attempts:
            return GivenUp(f"{patience.attempts} workers came to their end over it"), None
        circuit = self._circuits.setdefault(entry.launch.endpoint, Circuit())
        self._keep_rate()
        now = self._clock.monotonic()
        if self._stop.is_set() or not circuit.allows(now):
            return PutOff(circuit.remaining(now), spent=False), None
        try:
            report = self._finish(entry, Deadline.after(self._pace.entry_timeout, now, job.limit))
        except Exception:
            logger.exception("launch %s could not be seen to", entry.launch.uuid)
            return PutOff(
                exponential(entry.attempts, FIRST_WAIT, patience.longest_wait, self._chance()), spent=True
            ), None
        if unanswered(report):
            circuit.failed(self._clock.monotonic())
        else:
            circuit.succeeded()
        return settle(entry, report, patience, self._clock.epoch(), self._chance()), report

    def _keep(self, entry: Entry, decided: Settlement, report: Report | None) -> None:
        outbox, held = self._outbox, (entry.entry_id, entry.lease_token)
        match decided:
            case Completed() if report is not None:
                outbox.complete(*held, report)
            case GivenUp(reason, error):
                outbox.give_up(*held, error, reason)
            case PutOff(wait, spent, error):
                outbox.put_off(*held, error, wait, spent=spent)
        with self._changed:
            self.tally.count(decided, report)

    def _keep_rate(self) -> None:
        """Wait for this launch's turn, where there is a rate."""
        if self._pace.rate == inf:
            return
        with self._changed:
            now = self._clock.monotonic()
            turn = max(now, self._next_start)
            self._next_start = turn + 1 / self._pace.rate
        self._clock.wait(turn - now, self._stop)

    def _beat(self) -> None:
        """Renew the leases of what is worked on; what was lost is given up at once."""
        while not self._ended.wait(self._pace.lease / HEARTBEATS):
            with self._changed:
                jobs = list(self._jobs.values())
            for job in jobs:
                try:
                    self._outbox.renew(job.entry.entry_id, job.entry.lease_token, self._pace.lease)
                except LeaseLostError:
                    job.limit.shorten(0.0, self._clock.monotonic())
                except OutboxError:
                    logger.exception("a lease could not be renewed")
