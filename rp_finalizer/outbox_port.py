"""What the use cases need of an outbox. The docstrings are the contract that every backend keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from rp_finalizer.entries import EntryState, Priority
from rp_finalizer.measures import percentiles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rp_finalizer.entries import Entry, OwedLaunch
    from rp_finalizer.measures import Percentiles
    from rp_finalizer.report import Failure, Report

COUNTERS = ("added", "completed", "failed", "retried", "recovered", "dead")
"""What is counted since the outbox was made: launches added, launches finished, tries that failed, those of them that
are followed by another, entries taken over from a holder who let the lease run out, dead letters made."""

CLEARED = "cleared"
"""Why the entries are dead that `clear` made so."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What an outbox holds; a new one holds nothing."""

    by_state: Mapping[EntryState, int] = field(default_factory=dict)
    due: int = 0
    """Entries that could be claimed now."""
    counters: Mapping[str, int] = field(default_factory=dict)
    """By the names of `COUNTERS`, since the outbox was made."""
    errors: Mapping[str, int] = field(default_factory=dict)
    """How many tries ended in an error of each kind (see `ErrorKind`), since the outbox was made."""
    latencies: Mapping[int, int] = field(default_factory=dict)
    """How many finalizations took how long, since the outbox was made: by the number of the bucket (see `measures`)."""

    @property
    def percentiles(self) -> Percentiles | None:
        """Say how many seconds the finalizations took; None while there was none."""
        return percentiles(self.latencies)

    @property
    def success_rate(self) -> float | None:
        """Give the part of all tries, from 0 to 1, that ended with the launch finished; None while there was none."""
        completed = self.counters.get("completed", 0)
        tries = completed + self.counters.get("failed", 0)
        return completed / tries if tries else None

    @property
    def owed(self) -> int:
        """Count the launches that still are to be finished."""
        return sum(number for state, number in self.by_state.items() if state.owed)


class Queued(NamedTuple):
    """What a list says of an entry that waits."""

    entry_id: str
    launch_uuid: str
    priority: Priority
    created_at: float
    attempts: int


class AtWork(NamedTuple):
    """What a list says of an entry that a worker holds."""

    entry_id: str
    launch_uuid: str
    owner: str | None
    since: float | None
    """When its holder took it."""
    attempts: int


@dataclass(frozen=True, slots=True)
class Overview:
    """What an outbox holds at one moment, as far as lists show it."""

    by_state: Mapping[EntryState, int]
    """Without those states that nothing is in."""
    queue: Sequence[Queued]
    """The first that wait, due or not, in the order in which they will be claimed as things stand."""
    active: Sequence[AtWork]
    """Those that workers hold, those first whose lease runs out first."""


class Outbox(Protocol):
    """A durable queue of launches still to be finished. Safe to use from several threads and processes.

    An entry has one holder at most at any time, who is known by its lease token. What is told with another token
    changes nothing and raises `LeaseLostError`; what is told of an entry that is not there, `UnknownEntryError`. No
    method loses an owed entry: what is not wanted any more becomes a dead letter. Every method may raise `OutboxError`
    when the place itself fails.
    """

    @property
    def name(self) -> str:
        """Name the outbox for people, without any password."""
        ...

    @property
    def used(self) -> bool:
        """Tell whether it is there, so that it may hold something; asking does not make it."""
        ...

    def add(self, launch: OwedLaunch, *, priority: Priority = Priority.NORMAL, delay: float = 0.0) -> Entry:
        """Enqueue a launch, due after so many seconds, and give its entry.

        A launch that is there already keeps its entry, which is given as it is, its report included. Raises
        `OutboxError` when as many entries are owed as the outbox may hold.
        """
        ...

    def open(self, launch: OwedLaunch, owner: str, lease: float, *, priority: Priority = Priority.NORMAL) -> Entry:
        """Enqueue a launch whose run goes on, held by the run for so many seconds.

        A launch that was finished or given up is opened anew: a rerun keeps its uuid. Raises as `add` does.
        """
        ...

    def claim(self, owner: str, limit: int, lease: float) -> list[Entry]:
        """Take up to `limit` entries that are due, the most urgent first, for so many seconds each."""
        ...

    def take(self, entry_id: str, owner: str, lease: float, *, instead_of: str | None = None) -> Entry:
        """Take this very entry, due or not, for so many seconds.

        `instead_of` names a holder that is known to be dead: from that one it is taken at once. Raises
        `EntryStateError` where somebody else holds it, or nothing is owed any more.
        """
        ...

    def take_all(self, wanted: Sequence[tuple[str, str | None]], owner: str, lease: float) -> list[Entry]:
        """Take these very entries at one go, each as `take` does; give those that were to be had, in their order.

        Each is told by its id and its holder that is known to be dead, None where there is none.
        """
        ...

    def renew(self, entry_id: str, token: int, lease: float) -> None:
        """Hold an entry so many seconds longer, from now."""
        ...

    def complete(self, entry_id: str, token: int, report: Report) -> None:
        """Put an entry away as finished, with its report."""
        ...

    def put_off(
        self,
        entry_id: str,
        token: int,
        error: Failure | None,
        wait: float,
        *,
        spent: bool = True,
        launch: OwedLaunch | None = None,
    ) -> None:
        """Give an entry back, due after so many seconds; an attempt that is not `spent` does not count.

        `launch` says what the launch is to be finished with from now on, where that is known only now.
        """
        ...

    def give_up(
        self, entry_id: str, token: int, error: Failure | None, reason: str, *, launch: OwedLaunch | None = None
    ) -> None:
        """Make an entry a dead letter, for this reason; `launch` as in `put_off`."""
        ...

    def overdue(self, limit: int = 100) -> list[Entry]:
        """Give entries that a run holds (`OPEN`) whose lease has run out, those first that did so longest ago."""
        ...

    def queue(self, limit: int = 100) -> list[Entry]:
        """Give the entries that are due, in the order in which they will be claimed."""
        ...

    def delayed(self, limit: int = 100) -> list[Entry]:
        """Give the `READY` entries that are not due, those first that come due first."""
        ...

    def position(self, entry_id: str) -> int | None:
        """Say when an entry's turn is, 1 for the next one: of what is due, then of what is delayed, as things stand.

        None for an entry that does not wait.
        """
        ...

    def active(self, limit: int = 100) -> list[Entry]:
        """Give the entries that workers hold, those first whose lease runs out first."""
        ...

    def overview(self, limit: int = 100) -> Overview:
        """Say what is there at this moment, with so many entries of each list.

        In it stands what `statistics`, `queue`, `delayed` and `active` say; it takes a fraction of the time.
        """
        ...

    def find(self, name: str) -> list[Entry]:
        """Give the entries that an entry id or a launch uuid names; nothing where there are none."""
        ...

    def entries(self, state: EntryState | None = None, *, limit: int = 100, after: str = "") -> list[Entry]:
        """Give a page of entries by their ids, those behind `after`."""
        ...

    def retry(self, entry_id: str) -> Entry:
        """Make a dead letter ready again. Raises `EntryStateError` for an entry that is not dead."""
        ...

    def discard(self, entry_id: str, reason: str) -> Entry:
        """Make an owed entry a dead letter, whoever holds it. Raises `EntryStateError` for another one."""
        ...

    def clear(self) -> int:
        """Make all entries that are `READY`, due or not, dead letters with the reason `CLEARED`; say how many."""
        ...

    def prune(self, keep: float) -> int:
        """Forget entries that were finished more than so many seconds ago; say how many."""
        ...

    def statistics(self) -> Statistics:
        """Count; never fails on an empty or new outbox."""
        ...

    def next_due(self) -> float | None:
        """Give the seconds until something may be claimed: 0 when it may now, None when nothing is owed."""
        ...

    def close(self) -> None:
        """Let go of what is open; a later call opens it again."""
        ...
