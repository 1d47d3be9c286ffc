"""Working off an outbox: claim, finish, settle; several launches at once, and none of them for ever."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import TYPE_CHECKING

from rp_finalizer.circuit import Circuits
from rp_finalizer.deadline import Deadline
from rp_finalizer.errors import LeaseLostError, OutboxError, UnknownEntryError
from rp_finalizer.hands import Hands
from rp_finalizer.holders import alive as process_alive
from rp_finalizer.jobs import Heartbeat, Job, Jobs
from rp_finalizer.outcome import ErrorKind
from rp_finalizer.pace import Pace
from rp_finalizer.settling import (
    Completed,
    GivenUp,
    Patience,
    PutOff,
    Settlement,
    lacks_key,
    next_wait,
    settle,
    unanswered,
    used_up,
    wait_for_another,
)
from rp_finalizer.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable

    from rp_finalizer.circuit import Barred
    from rp_finalizer.entries import Entry
    from rp_finalizer.outbox_port import Outbox
    from rp_finalizer.ports import Clock
    from rp_finalizer.report import Report

_REST = 1.0
"""Seconds that a worker takes nothing which could do nothing with all that it took: others may be able to."""
_BREATH = 0.05
"""Seconds until a worker looks again that found nothing where something was due: others were faster."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Tally:
    """What a worker did."""

    reports: list[Report] = field(default_factory=list)
    """Of a worker that works an outbox off once; of one that works on for ever they would fill the memory."""
    completed: int = 0
    put_off: int = 0
    given_up: int = 0
    let_go: int = 0
    """Entries that somebody worked on for too long; their leases run out."""
    lost: int = 0
    """Entries that were somebody else's when they were to be settled."""

    def count(self, decided: Settlement) -> None:
        """Add what became of one entry."""
        self.completed += isinstance(decided, Completed)
        self.put_off += isinstance(decided, PutOff)
        self.given_up += isinstance(decided, GivenUp)


class Worker:
    """Works off an outbox until it is told to stop, or until nothing is due.

    `finish` finishes the launch of an entry within a deadline and reports; what it raises is an unexpected error, and
    puts the entry off. Settings that are missing for an entry, a key for instance, are its business: it reports them.
    `alive` tells whether a holder's process still runs (see `Watchdog`).
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
        alive: Callable[[str], bool | None] = process_alive,
    ) -> None:
        self._outbox = outbox
        self._finish = finish
        self._owner = owner
        self._clock = clock
        self._chance = chance
        self._pace = pace or Pace()
        self._patience = patience or Patience()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._jobs = Jobs()
        self._circuits = Circuits()
        self._told: set[str] = set()
        self._next_start = -inf
        self._once = False
        self._rest_until = -inf
        self._of_use = False
        """Whether it could do anything with what it took since its last rest."""
        self.watchdog = Watchdog(outbox, alive, self._pace.lease)
        self.tally = Tally()

    def stop(self) -> None:
        """Take nothing new; what is worked on comes to its end, what was only claimed is handed back."""
        self._stop.set()
        self._jobs.wake()

    def run(self, *, once: bool = False) -> Tally:
        """Work until `stop`; with `once` only until nothing is due and nothing is worked on. Raises `OutboxError`.

        It comes back when what was worked on has come to its end, or was let go.
        """
        self._once = once
        pace = self._pace
        hands = Hands("rp-finalizer-worker")
        longest = pace.entry_timeout + pace.margin
        with Heartbeat(
            self._outbox, self._jobs, self._clock, lease=pace.lease, longest=longest, let_go=self._count_let_go
        ):
            try:
                self._turn_by_turn(hands)
            finally:
                self._jobs.wait_for_none()
                hands.leave()
        return self.tally

    def _turn_by_turn(self, hands: Hands) -> None:
        while not self._stop.is_set():
            seen = self._jobs.changes
            room = self._pace.room(len(self._jobs))
            due = (self._resting() or self._outbox.next_due()) if room else None
            taken = self._claim(room) if due == 0.0 else []
            for entry in taken:
                now = self._clock.monotonic()
                if not self._jobs.go_on(entry, now):
                    job = Job(entry, now)
                    self._jobs.add(job)
                    hands.give(partial(self._work, job))
            if self._once and room and not taken and not self._jobs:
                break
            if not taken:
                self._wait(due, seen)

    def _resting(self) -> float:
        """Give the seconds for which it leaves the queue to others; 0 where it is of use."""
        with self._lock:
            left = self._rest_until - self._clock.monotonic()
            if self._once or self._of_use or left <= 0:
                self._of_use = False
                return 0.0
            return left

    def _claim(self, room: int) -> list[Entry]:
        """Take what is due, but from no run of this host that lives."""
        self.watchdog.look()
        return self._outbox.claim(self._owner, room, self._pace.lease)

    def _wait(self, due: float | None, seen: int) -> None:
        """Wait for room or for something to be due; entries of others are seen within `look`."""
        seconds = self._pace.look if due is None else min(max(due, _BREATH), self._pace.look)
        self._jobs.wait(seconds, seen)

    def _work(self, job: Job) -> None:
        entry, report = job.entry, None
        decided: Settlement
        try:
            decided, report = self._attempt(job)
        except Exception:
            logger.exception("launch %s could not be seen to", entry.launch.uuid)
            self._learn(entry, None)
            decided = PutOff(next_wait(entry, self._patience, self._chance()), spent=True)
        # From here on it is not let go: the outbox has a patience of its own.
        if not self._jobs.settling(job):
            logger.warning("launch %s was seen to far too late; that is nobody's any more", entry.launch.uuid)
            return
        try:
            self._keep(job, decided, report)
        finally:
            self._jobs.remove(job)

    def _attempt(self, job: Job) -> tuple[Settlement, Report | None]:
        """Finish the launch, where this is the time for it, and say what becomes of its entry."""
        entry, patience = job.entry, self._patience
        over = used_up(entry, patience)
        if over is not None:
            return over, None
        self._keep_rate()
        now = self._jobs.begin(job, self._pace.concurrency, self._clock, self._stop)
        if now is None:
            return PutOff(0.0, spent=False), None
        barred = self._circuits.enter(_circuits(entry), now)
        if barred is not None:
            self._note_use(of_use=False)
            return PutOff(self._wait_behind(barred, entry), spent=False), None
        report = self._finish(entry, Deadline.after(self._pace.entry_timeout, now, job.limit))
        self._note_use(of_use=not (unanswered(report) or lacks_key(report)))
        self._learn(entry, report)
        self._tell_of_key(entry, report)
        return settle(entry, report, patience, self._clock.epoch(), self._chance(), others=True), report

    def _note_use(self, *, of_use: bool) -> None:
        with self._lock:
            self._of_use = self._of_use or of_use
            if not of_use:
                self._rest_until = self._clock.monotonic() + _REST

    def _wait_behind(self, barred: Barred, entry: Entry) -> float:
        """Give the seconds until an entry is due again whose server, or whose key here, is not to be tried now."""
        if barred.name != entry.launch.endpoint:
            return wait_for_another(entry, self._chance())
        wait = next_wait(entry, self._patience, self._chance())
        # Another worker may reach the server; one that works the outbox off once comes to an end.
        return max(barred.seconds, wait) if self._once else wait

    def _learn(self, entry: Entry, report: Report | None) -> None:
        """Take note of whether the server answered, and whether it takes the key; without a report of nothing."""
        server, project = _circuits(entry)
        now = self._clock.monotonic()
        error = None if report is None else report.error
        unknown = report is None or (error is not None and error.kind is ErrorKind.SETTINGS)
        away = report is not None and unanswered(report)
        refused = error is not None and error.kind is ErrorKind.UNAUTHORIZED
        self._circuits.tell(server, now, answered=None if unknown else not away)
        self._circuits.tell(project, now, answered=None if unknown or away else not refused)

    def _tell_of_key(self, entry: Entry, report: Report) -> None:
        """Say once for each project that its key is missing, or not the right one."""
        _, project = _circuits(entry)
        if report.error is None or not lacks_key(report):
            return
        with self._lock:
            known = project in self._told
            self._told.add(project)
        if not known:
            logger.warning("launches of %s stay in the outbox: %s", project, report.error.message)

    def _keep(self, job: Job, decided: Settlement, report: Report | None) -> None:
        entry = job.entry
        try:
            self._settle(entry, decided, report)
        except (LeaseLostError, UnknownEntryError) as error:
            if job.entry is not entry:
                # It was taken anew here while it was being settled.
                self._keep(job, decided, report)
                return
            logger.warning("%s", error)
            with self._lock:
                self.tally.lost += 1
        except OutboxError:
            # The lease runs out by itself, and the entry is claimed again.
            logger.exception("an entry could not be settled")
        else:
            with self._lock:
                self.tally.count(decided)
                if report is not None and self._once:
                    self.tally.reports.append(report)

    def _settle(self, entry: Entry, decided: Settlement, report: Report | None) -> None:
        outbox, held = self._outbox, (entry.entry_id, entry.lease_token)
        match decided:
            case Completed() if report is not None:
                outbox.complete(*held, report)
            case GivenUp(reason, error):
                outbox.give_up(*held, error, reason)
            case PutOff(wait, spent, error):
                outbox.put_off(*held, error, wait, spent=spent)

    def _keep_rate(self) -> None:
        """Wait for this launch's turn, where there is a rate."""
        if self._pace.rate == inf:
            return
        with self._lock:
            now = self._clock.monotonic()
            turn = max(now, self._next_start)
            self._next_start = turn + 1 / self._pace.rate
        self._clock.wait(turn - now, self._stop)

    def _count_let_go(self, job: Job) -> None:
        with self._lock:
            self.tally.let_go += 1
        self._circuits.tell(job.entry.launch.endpoint, self._clock.monotonic(), answered=False)


def _circuits(entry: Entry) -> tuple[str, str]:
    """Name what may fail for many entries at once: the server, and the key for one of its projects."""
    return entry.launch.endpoint, f"{entry.launch.endpoint}#{entry.launch.project}"
