"""A launch to be finished, as the outbox keeps it, and what may become of it: decisions, without doing anything.

Times are seconds since the epoch, for an entry outlives the process that wrote it. Every step gives a new entry; the
backends keep what these functions say, so that all of them behave alike.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Self

from rp_finalizer.errors import EntryStateError, LeaseLostError

if TYPE_CHECKING:
    from rp_finalizer.finish import Attribute
    from rp_finalizer.report import Failure, Report

AGEING = 600.0
"""Seconds after which an entry is as urgent as one of the next priority that has just come due."""

LONGEST_HISTORY = 50
"""Events of an entry that are kept, the latest."""


class EntryState(StrEnum):
    """Where an entry stands."""

    OPEN = "open"
    """Its run is alive, and holds the lease."""
    READY = "ready"
    """To be worked on, from `visible_at` on."""
    LEASED = "leased"
    """Somebody works on it."""
    DONE = "done"
    """The launch is finished; the report is kept for whoever asks again."""
    DEAD = "dead"
    """Given up, with a reason; it can be made ready again."""

    @property
    def owed(self) -> bool:
        """Tell whether the launch still is to be finished."""
        return self in _OWED

    @property
    def held(self) -> bool:
        """Tell whether somebody holds a lease."""
        return self in _HELD


# Sets would hash their members by Python; these are asked several times in each step.
_OWED = (EntryState.OPEN, EntryState.READY, EntryState.LEASED)
_HELD = (EntryState.OPEN, EntryState.LEASED)


class Priority(StrEnum):
    """How urgent an entry is, the most urgent first."""

    CRITICAL = "critical"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"

    @property
    def rank(self) -> int:
        """Give 0 for the most urgent."""
        return _RANKS[self]


_RANKS = {priority: rank for rank, priority in enumerate(Priority)}


@dataclass(frozen=True, slots=True)
class OwedLaunch:
    """Which launch is to be finished, and with what. No credential: whoever works on it brings the key."""

    endpoint: str
    """The server's address in its normal form."""
    project: str
    uuid: str
    end_ms: int | None = None
    """Milliseconds since the epoch; None while its run goes on: then the run's last sign of life is taken."""
    status: str | None = None
    description: str | None = None
    attributes: tuple[Attribute, ...] = ()

    @classmethod
    def ended(cls, endpoint: str, project: str, uuid: str, now: float, status: str | None = None) -> Self:
        """Give a launch of which nothing is known but that it is to be finished: it ends now."""
        return cls(endpoint, project, uuid, end_ms=int(now * 1000), status=status)

    @property
    def key(self) -> str:
        """Name the launch among all: two entries of one key are one."""
        return f"{self.endpoint}#{self.project}#{self.uuid}"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to an entry."""

    at: float
    what: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One launch to be finished."""

    entry_id: str
    launch: OwedLaunch
    created_at: float
    updated_at: float
    state: EntryState = EntryState.READY
    priority: Priority = Priority.NORMAL
    attempts: int = 0
    """Claims since it was made, or made ready again; one that ends without a word of the server is given back."""
    misses: int = 0
    """Tries in a row that the server said nothing to, or that were not made because it says nothing."""
    visible_at: float = 0.0
    """Not before: a delay, a wait after a failure, and the end of a lease are one thing. Of what is over: its end."""
    lease_owner: str | None = None
    lease_token: int = 0
    """Grows with every lease: what carries an older one changes nothing."""
    lease_until: float | None = None
    alive_at: float | None = None
    """When its run gave its last sign of life; None where no run ever held it."""
    generation: int = 1
    """How often the launch was opened: a rerun opens it again."""
    last_error: Failure | None = None
    reason: str | None = None
    """Why it is dead."""
    report: Report | None = None
    """How it was finished."""
    history: tuple[Event, ...] = ()

    @property
    def urgency(self) -> float:
        """Give what entries are taken in order of, the least first: strict priority, but nobody waits for ever."""
        return self.visible_at + self.priority.rank * AGEING

    @property
    def held_since(self) -> float | None:
        """Give when its holder took it; None where nobody holds it."""
        return self.history[-1].at if self.state.held and self.history else None

    def due(self, now: float) -> bool:
        """Tell whether it may be claimed.

        What was written in the future was written before a clock went back: its times mean nothing any more.
        """
        return self.state.owed and (self.visible_at <= now or self.updated_at > now)

    def opened(self, owner: str, lease: float, now: float) -> Self:
        """Have a run hold it; a launch that was finished or given up is opened anew, in the next generation."""
        again = not self.state.owed
        return self._leased(
            EntryState.OPEN,
            owner,
            lease,
            now,
            "reopened" if again else "opened",
            generation=self.generation + again,
            attempts=0 if again else self.attempts,
            misses=0 if again else self.misses,
            report=None,
            reason=None,
            alive_at=now,
        )

    def claimed(
        self, owner: str, lease: float, now: float, *, early: bool = False, instead_of: str | None = None
    ) -> Self:
        """Have a worker hold it for so many seconds; the attempt counts from here, also when the worker dies.

        `early` takes one that waits for its time, too, but none that somebody holds, unless that is `instead_of` whom
        it is taken.
        """
        waiting = early and self.state is EntryState.READY
        orphaned = self.state.held and instead_of is not None and self.lease_owner == instead_of
        self._demand(waiting or orphaned or self.due(now), "claim")
        what = "claimed" if self.state is EntryState.READY else f"taken over from {self.lease_owner}"
        return self._leased(EntryState.LEASED, owner, lease, now, what, attempts=self.attempts + 1)

    def renewed(self, token: int, lease: float, now: float) -> Self:
        """Hold it so many seconds longer."""
        self._demand_lease(token)
        alive = now if self.state is EntryState.OPEN else self.alive_at
        return self._changed(lease_until=now + lease, visible_at=now + lease, updated_at=now, alive_at=alive)

    def completed(self, token: int, report: Report, now: float) -> Self:
        """Put it away as finished."""
        self._demand_lease(token)
        return self._released(EntryState.DONE, now, "finished", report=report, misses=0, last_error=None)

    def put_off(
        self,
        token: int,
        error: Failure | None,
        wait: float,
        now: float,
        *,
        spent: bool,
        launch: OwedLaunch | None = None,
    ) -> Self:
        """Give it back, to be tried again after so many seconds; an attempt that is not `spent` was none."""
        self._demand_lease(token)
        given_back = 0 if spent or self.state is EntryState.OPEN else 1
        return self._released(
            EntryState.READY,
            now,
            "put off",
            "" if error is None else error.message,
            launch=self._to_finish(launch),
            visible_at=now + wait,
            attempts=self.attempts - given_back,
            # What is handed back at once was not tried.
            misses=0 if spent else self.misses + (wait > 0),
            last_error=error or self.last_error,
        )

    def died(
        self, token: int, error: Failure | None, reason: str, now: float, *, launch: OwedLaunch | None = None
    ) -> Self:
        """Give it up, for this reason."""
        self._demand_lease(token)
        return self._released(
            EntryState.DEAD,
            now,
            "given up",
            reason,
            launch=self._to_finish(launch),
            last_error=error or self.last_error,
            reason=reason,
        )

    def discarded(self, reason: str, now: float) -> Self:
        """Give it up because somebody wants that, whoever holds it."""
        self._demand(self.state.owed, "discard")
        token = self.lease_token + 1
        return self._released(EntryState.DEAD, now, "discarded", reason, reason=reason, lease_token=token)

    def revived(self, now: float) -> Self:
        """Make a dead one ready again, with all its attempts before it and its history behind it."""
        self._demand(self.state is EntryState.DEAD, "retry")
        return self._released(EntryState.READY, now, "revived", attempts=0, misses=0, reason=None)

    def _to_finish(self, launch: OwedLaunch | None) -> OwedLaunch:
        """Give what the launch is to be finished with from now on; it stays the same launch."""
        if launch is None:
            return self.launch
        if launch.key != self.launch.key:
            raise ValueError(f"entry {self.entry_id} is that of {self.launch.key}, not of {launch.key}")
        return launch

    def _leased(self, state: EntryState, owner: str, lease: float, now: float, what: str, **changes: Any) -> Self:
        held = {"state": state, "lease_owner": owner, "lease_token": self.lease_token + 1}
        until = now + lease
        return self._noted(now, what, owner, **held, lease_until=until, visible_at=until, **changes)

    def _released(self, state: EntryState, now: float, what: str, detail: str = "", **changes: Any) -> Self:
        free = {"state": state, "lease_owner": None, "lease_until": None, "visible_at": now}
        return self._noted(now, what, detail, **free | changes)

    def _noted(self, now: float, what: str, detail: str, **changes: Any) -> Self:
        """Give it changed, with what happened; in one go, for every claim of every worker comes by here."""
        history = (*self.history, Event(now, what, detail))[-LONGEST_HISTORY:]
        return self._changed(updated_at=now, history=history, **changes)

    def _changed(self, **changes: Any) -> Self:
        """Do as `replace` does, faster."""
        values = list(_values(self))
        for name, value in changes.items():
            values[_PLACES[name]] = value
        return type(self)(*values)

    def _demand(self, holds: bool, event: str) -> None:  # noqa: FBT001  a condition
        if not holds:
            raise EntryStateError(self.entry_id, self.state, event)

    def _demand_lease(self, token: int) -> None:
        if not self.state.held or token != self.lease_token:
            raise LeaseLostError(self.entry_id)


_PLACES = {each.name: place for place, each in enumerate(fields(Entry))}
_values = attrgetter(*_PLACES)
