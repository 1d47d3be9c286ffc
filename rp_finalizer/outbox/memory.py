"""An outbox that lives and dies with its process: for tests, and as the plainest form of the rules."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING
from uuid import uuid4

from rp_finalizer.entries import Entry, EntryState, OwedLaunch, Priority
from rp_finalizer.errors import OutboxError, UnknownEntryError
from rp_finalizer.outbox.counting import ADDED, DEAD, RECOVERED, Counted, statistics
from rp_finalizer.outbox.steps import Steps
from rp_finalizer.outbox_port import CLEARED, AtWork, Overview, Queued, Statistics

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rp_finalizer.outbox.steps import Change


class MemoryOutbox(Steps):
    """`Outbox` over a dictionary."""

    name = "memory:"
    used = True

    def __init__(self, *, clock: Callable[[], float], size: int = 100_000) -> None:
        self._clock = clock
        self._size = size
        self._lock = threading.Lock()
        self._entries: dict[str, Entry] = {}
        self._ids: dict[str, str] = {}
        """By key."""
        self._counters: Counter[Counted] = Counter()

    def add(self, launch: OwedLaunch, *, priority: Priority = Priority.NORMAL, delay: float = 0.0) -> Entry:
        """Enqueue a launch, or give the entry that it has."""
        with self._lock:
            entry = self._of(launch)
            return entry or self._keep(self._new(launch, priority, delay))

    def open(self, launch: OwedLaunch, owner: str, lease: float, *, priority: Priority = Priority.NORMAL) -> Entry:
        """Enqueue a launch whose run goes on."""
        with self._lock:
            entry = self._of(launch) or self._new(launch, priority, 0.0)
            if not entry.state.owed:
                self._demand_room()
            return self._keep(entry.opened(owner, lease, self._clock()))

    def claim(self, owner: str, limit: int, lease: float) -> list[Entry]:
        """Take the most urgent entries that are due."""
        with self._lock:
            now = self._clock()
            due = self._due(now)[:limit]
            self._counters.update(RECOVERED for each in due if each.state.held)
            return [self._keep(each.claimed(owner, lease, now)) for each in due]

    def overdue(self, limit: int = 100) -> list[Entry]:
        """Give what runs let the lease run out of."""
        with self._lock:
            late = [each for each in self._due(self._clock()) if each.state is EntryState.OPEN]
            return sorted(late, key=lambda each: each.visible_at)[:limit]

    def queue(self, limit: int = 100) -> list[Entry]:
        """Give what is due, in its order."""
        with self._lock:
            return self._due(self._clock())[:limit]

    def delayed(self, limit: int = 100) -> list[Entry]:
        """Give what is not due yet."""
        with self._lock:
            return self._delayed(self._clock())[:limit]

    def position(self, entry_id: str) -> int | None:
        """Say when an entry's turn is."""
        with self._lock:
            entry, now = self._named(entry_id), self._clock()
            waiting = self._due(now) + self._delayed(now)
            return waiting.index(entry) + 1 if entry in waiting else None

    def active(self, limit: int = 100) -> list[Entry]:
        """Give what workers hold."""
        with self._lock:
            return self._active(self._clock())[:limit]

    def overview(self, limit: int = 100) -> Overview:
        """Say what is there."""
        with self._lock:
            now = self._clock()
            waiting, active = (self._due(now) + self._delayed(now))[:limit], self._active(now)[:limit]
            return Overview(
                Counter(each.state for each in self._entries.values()),
                [Queued(e.entry_id, e.launch.uuid, e.priority, e.created_at, e.attempts) for e in waiting],
                [AtWork(e.entry_id, e.launch.uuid, e.lease_owner, e.held_since, e.attempts) for e in active],
            )

    def find(self, name: str) -> list[Entry]:
        """Give the entries of that id or launch."""
        with self._lock:
            return [each for each in self._entries.values() if name in {each.entry_id, each.launch.uuid}]

    def entries(self, state: EntryState | None = None, *, limit: int = 100, after: str = "") -> list[Entry]:
        """Give a page of entries by their ids."""
        with self._lock:
            fitting = (each for each in self._entries.values() if state in {None, each.state})
            return sorted((each for each in fitting if each.entry_id > after), key=lambda each: each.entry_id)[:limit]

    def clear(self) -> int:
        """Make all that is ready dead letters."""
        with self._lock:
            ready = [each for each in self._entries.values() if each.state is EntryState.READY]
            for each in ready:
                self._keep(each.discarded(CLEARED, self._clock()))
            self._counters[DEAD] += len(ready)
            return len(ready)

    def prune(self, keep: float) -> int:
        """Forget what was finished long ago."""
        with self._lock:
            before = self._clock() - keep
            old = [e for e in self._entries.values() if e.state is EntryState.DONE and e.updated_at < before]
            for each in old:
                del self._entries[each.entry_id], self._ids[each.launch.key]
            return len(old)

    def statistics(self) -> Statistics:
        """Count."""
        with self._lock:
            states = Counter(Counted("state", each.state) for each in self._entries.values())
            counts = [(kind, name, value) for (kind, name), value in (states + self._counters).items()]
            return statistics(counts, len(self._due(self._clock())))

    def next_due(self) -> float | None:
        """Give the seconds until something may be claimed."""
        with self._lock:
            now = self._clock()
            owed = [each for each in self._entries.values() if each.state.owed]
            return min((0.0 if each.due(now) else each.visible_at - now for each in owed), default=None)

    def close(self) -> None:
        """Do nothing."""

    def _of(self, launch: OwedLaunch) -> Entry | None:
        entry_id = self._ids.get(launch.key)
        return None if entry_id is None else self._entries[entry_id]

    def _due(self, now: float) -> list[Entry]:
        return sorted((each for each in self._entries.values() if each.due(now)), key=lambda each: each.urgency)

    def _delayed(self, now: float) -> list[Entry]:
        later = (e for e in self._entries.values() if e.state is EntryState.READY and not e.due(now))
        return sorted(later, key=lambda each: each.visible_at)

    def _active(self, now: float) -> list[Entry]:
        held = (e for e in self._entries.values() if e.state is EntryState.LEASED and e.visible_at > now)
        return sorted(held, key=lambda each: each.visible_at)

    def _new(self, launch: OwedLaunch, priority: Priority, delay: float) -> Entry:
        self._demand_room()
        now = self._clock()
        self._counters[ADDED] += 1
        return Entry(str(uuid4()), launch, now, now, priority=priority, visible_at=now + delay)

    def _demand_room(self) -> None:
        if sum(1 for each in self._entries.values() if each.state.owed) >= self._size:
            raise OutboxError(self.name, *full(self._size))

    def _keep(self, entry: Entry) -> Entry:
        self._entries[entry.entry_id] = entry
        self._ids[entry.launch.key] = entry.entry_id
        return entry

    def _change(
        self, entry_id: str, change: Change, counted: Sequence[Counted] = (), if_held: Sequence[Counted] = ()
    ) -> Entry:
        with self._lock:
            entry = self._named(entry_id)
            changed = self._keep(change(entry, self._clock()))
            self._counters.update(counted)
            self._counters.update(if_held if entry.state.held else ())
            return changed

    def _named(self, entry_id: str) -> Entry:
        entry = self._entries.get(entry_id)
        if entry is None:
            raise UnknownEntryError(entry_id)
        return entry


def full(size: int) -> tuple[str, str]:
    """Say that there is no room, and what to do."""
    return (
        f"it is full: {size} launches wait to be finished",
        "work them off with rp-finalize drain, or raise outbox_size",
    )
