"""An outbox in Redis, for the processes of many machines.

What becomes of an entry is decided by the entry itself, as in every outbox; only the claim is done by Redis alone. The
time is the server's.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rp_finalizer.entries import Entry, EntryState, OwedLaunch, Priority
from rp_finalizer.errors import EntryStateError, OutboxError, UnknownEntryError
from rp_finalizer.outbox.counting import DEAD, Counted, statistics
from rp_finalizer.outbox.redis_calls import RedisCalls
from rp_finalizer.outbox.redis_changes import RedisChanges
from rp_finalizer.outbox.redis_connection import RedisConnection
from rp_finalizer.outbox.redis_entry import at_work_of, known_of, queued_of, text_of
from rp_finalizer.outbox.redis_versions import new_version
from rp_finalizer.outbox.steps import Steps
from rp_finalizer.outbox_port import CLEARED, Overview, Statistics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rp_finalizer.outbox.redis_entry import Known
    from rp_finalizer.outbox.steps import Change

OLDEST_SERVER = (6, 2)
"""The version that knows what is asked here."""
_AT_ONCE = 500
"""Entries that one call changes at most: Redis does nothing else meanwhile."""


class RedisOutbox(Steps):
    """`Outbox` on a Redis server. `patience` is how many seconds it may be away; `clock` stands in for its time."""

    used = True

    def __init__(
        self, url: str, *, clock: Callable[[], float] | None = None, size: int = 100_000, patience: float = 30.0
    ) -> None:
        self._connection = RedisConnection(url, patience)
        self._calls = RedisCalls(self._connection, clock, size)
        self._changes = RedisChanges(self._calls)
        self._owners: set[str] = set()
        """Who claimed here."""

    @property
    def name(self) -> str:
        """Give the server's address without a password."""
        return self._connection.name

    def reach(self, patience: float) -> None:
        """Raise `OutboxError` where the server cannot be used, after so many seconds at most."""
        self._calls.do("look", patience=patience)

    @property
    def server_version(self) -> tuple[int, ...]:
        """Give the major and minor version of a server that can be reached; nothing where it does not tell."""
        return self._connection.server_version()

    def add(self, launch: OwedLaunch, *, priority: Priority = Priority.NORMAL, delay: float = 0.0) -> Entry:
        """Enqueue a launch, or give the entry that it has."""
        return self._changes.of_launch(launch, priority, delay, lambda entry, _: entry)

    def open(self, launch: OwedLaunch, owner: str, lease: float, *, priority: Priority = Priority.NORMAL) -> Entry:
        """Enqueue a launch whose run goes on."""
        return self._changes.of_launch(launch, priority, 0.0, lambda entry, now: entry.opened(owner, lease, now))

    def claim(self, owner: str, limit: int, lease: float) -> list[Entry]:
        """Take the most urgent entries that are due."""
        self._owners.add(owner)
        _, claimed = self._calls.do("claim", owner, text_of(owner), str(limit), repr(float(lease)), new_version())
        if claimed and isinstance(claimed[0], str):
            # The first answer was lost: these are the ids of what it told.
            _, claimed = self._calls.do("look", *claimed)
        entries = []
        for known in map(known_of, claimed):
            self._changes.remember(known)
            entries.append(known.entry)
        return entries

    def overdue(self, limit: int = 100) -> list[Entry]:
        """Give what runs let the lease run out of."""
        return self._entries("overdue", str(limit))

    def queue(self, limit: int = 100) -> list[Entry]:
        """Give what is due, in its order."""
        return self._entries("queue", str(limit))

    def delayed(self, limit: int = 100) -> list[Entry]:
        """Give what is not due yet."""
        return self._entries("delayed", str(limit))

    def position(self, entry_id: str) -> int | None:
        """Say when an entry's turn is."""
        _, number = self._calls.do("position", entry_id)
        if number is None:
            raise UnknownEntryError(entry_id)
        return int(number) or None

    def active(self, limit: int = 100) -> list[Entry]:
        """Give what workers hold."""
        return self._entries("active", str(limit))

    def overview(self, limit: int = 100) -> Overview:
        """Say what is there."""
        _, states, waiting, active = self._calls.do("overview", str(limit))
        by_state = {EntryState(name): number for name, number in _pairs(states) if number}
        return Overview(by_state, queued_of(waiting), at_work_of(active))

    def find(self, name: str) -> list[Entry]:
        """Give the entries of that id or launch."""
        return self._entries("find", name)

    def entries(self, state: EntryState | None = None, *, limit: int = 100, after: str = "") -> list[Entry]:
        """Give a page of entries by their ids."""
        return self._entries("page", state or "", str(limit), after)

    def clear(self) -> int:
        """Make all that is ready dead letters."""

        def cleared(entry: Entry, now: float) -> Entry:
            # Somebody may have claimed it since.
            if entry.state is not EntryState.READY:
                raise EntryStateError(entry.entry_id, entry.state, "clear")
            return entry.discarded(CLEARED, now)

        number, after = 0, ""
        while page := self._known("page", EntryState.READY, str(_AT_ONCE), after):
            known = {each.entry.entry_id: each for each in page}
            after = page[-1].entry.entry_id
            changed = self._changes.several([(entry_id, cleared) for entry_id in known], [DEAD], known=known)
            number += sum(isinstance(each, Entry) for each in changed)
        return number

    def prune(self, keep: float) -> int:
        """Forget what was finished long ago."""
        total = 0
        while True:
            _, number = self._calls.do("prune", repr(float(keep)), str(_AT_ONCE))
            total += int(number)
            if number < _AT_ONCE:
                return total

    def statistics(self) -> Statistics:
        """Count."""
        _, states, due, counters = self._calls.do("statistics")
        counts = [("state", name, int(number)) for name, number in _pairs(states)]
        for lines, number in _pairs(counters):
            for line in lines.split("\n"):
                kind, _, name = line.partition(" ")
                counts.append((kind, name, int(number)))
        return statistics(counts, int(due))

    def next_due(self) -> float | None:
        """Give the seconds until something may be claimed."""
        now, first = self._calls.do("next_due")
        return None if first is None else max(0.0, first - now)

    def close(self) -> None:
        """Close the connections; a worker that holds nothing leaves no trace of itself."""
        with suppress(OutboxError):
            for owner in self._owners:
                self._calls.do("leave", owner, patience=0.0)
        self._owners.clear()
        self._connection.close()

    def _change(
        self, entry_id: str, change: Change, counted: Sequence[Counted] = (), if_held: Sequence[Counted] = ()
    ) -> Entry:
        return self._changes.one(entry_id, change, counted, if_held)

    def _change_all(self, wanted: Sequence[tuple[str, Change]], if_held: Sequence[Counted] = ()) -> list[Entry]:
        results: list[Entry | Exception] = []
        for at in range(0, len(wanted), _AT_ONCE):
            results += self._changes.several(wanted[at : at + _AT_ONCE], (), if_held)
        return [each for each in results if isinstance(each, Entry)]

    def _entries(self, step: str, *arguments: str) -> list[Entry]:
        return [each.entry for each in self._known(step, *arguments)]

    def _known(self, step: str, *arguments: str) -> list[Known]:
        _, found = self._calls.do(step, *arguments)
        return [known_of(each) for each in found]


def _pairs(flat: Sequence[Any]) -> Iterable[tuple[str, Any]]:
    return zip(flat[::2], flat[1::2], strict=True)
