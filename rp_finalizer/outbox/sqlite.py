"""An outbox in a file, for the processes of one machine.

Every call that changes something is one transaction that takes the write lock at its beginning, and is on disk when it
returns (`synchronous=FULL`). What becomes of an entry is decided by the entry itself; here it is found, and kept.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

from rp_finalizer.entries import Entry, EntryState, OwedLaunch, Priority
from rp_finalizer.errors import EntryStateError, OutboxError, UnknownEntryError
from rp_finalizer.outbox.counting import DEAD, RECOVERED, Counted, statistics
from rp_finalizer.outbox.database import Database
from rp_finalizer.outbox.database_file import DatabaseFile
from rp_finalizer.outbox.joint_writes import JointWrites
from rp_finalizer.outbox.memory import full
from rp_finalizer.outbox.steps import Steps
from rp_finalizer.outbox.table import Table
from rp_finalizer.outbox_port import CLEARED, Overview, Statistics

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rp_finalizer.outbox.steps import Change

_AT_ONCE = 500
"""Entries that one transaction changes at most, so that nobody waits long for its end."""

_T = TypeVar("_T")


class SqliteOutbox(Steps):
    """`Outbox` over one SQLite file. `patience` is how many seconds a lock held by others is waited for."""

    def __init__(
        self, path: Path, *, clock: Callable[[], float] = time.time, size: int = 100_000, patience: float = 30.0
    ) -> None:
        self._file = DatabaseFile(path)
        self._database = Database(self._file, patience)
        self._writes = JointWrites(self._database)
        self._clock = clock
        self._size = size

    @property
    def name(self) -> str:
        """Name the file as a setting does."""
        return str(self._file)

    @property
    def used(self) -> bool:
        """Tell whether the file is there."""
        return self._file.identity() != 0

    def add(self, launch: OwedLaunch, *, priority: Priority = Priority.NORMAL, delay: float = 0.0) -> Entry:
        """Enqueue a launch, or give the entry that it has."""

        def work(table: Table) -> Entry:
            return table.of(launch) or table.insert(self._new(table, launch, priority, delay))

        return self._transaction(work)

    def open(self, launch: OwedLaunch, owner: str, lease: float, *, priority: Priority = Priority.NORMAL) -> Entry:
        """Enqueue a launch whose run goes on."""

        def work(table: Table) -> Entry:
            entry = table.of(launch)
            if entry is None:
                return table.insert(self._new(table, launch, priority, 0.0).opened(owner, lease, table.now))
            if not entry.state.owed:
                self._demand_room(table)
            return table.update(entry.opened(owner, lease, table.now))

        return self._transaction(work)

    def claim(self, owner: str, limit: int, lease: float) -> list[Entry]:
        """Take the most urgent entries that are due."""

        def work(table: Table) -> list[Entry]:
            due = table.in_turn(limit)
            table.count(RECOVERED for each in due if each.state.held)
            return [table.update(each.claimed(owner, lease, table.now)) for each in due]

        return self._transaction(work)

    def overdue(self, limit: int = 100) -> list[Entry]:
        """Give what runs let the lease run out of."""
        return self._read(lambda table: table.overdue(limit))

    def queue(self, limit: int = 100) -> list[Entry]:
        """Give what is due, in its order."""
        return self._read(lambda table: table.in_turn(limit))

    def delayed(self, limit: int = 100) -> list[Entry]:
        """Give what is not due yet."""
        return self._read(lambda table: table.delayed(limit))

    def position(self, entry_id: str) -> int | None:
        """Say when an entry's turn is."""
        return self._read(lambda table: table.position(entry_id))

    def active(self, limit: int = 100) -> list[Entry]:
        """Give what workers hold."""
        return self._read(lambda table: table.active(limit))

    def overview(self, limit: int = 100) -> Overview:
        """Say what is there."""
        return self._read(lambda table: table.overview(limit))

    def find(self, name: str) -> list[Entry]:
        """Give the entries of that id or launch."""

        def work(table: Table) -> list[Entry]:
            try:
                return [table.named(name)]
            except UnknownEntryError:
                return table.of_uuid(name)

        return self._read(work)

    def entries(self, state: EntryState | None = None, *, limit: int = 100, after: str = "") -> list[Entry]:
        """Give a page of entries by their ids."""
        return self._read(lambda table: table.page(state, limit, after))

    def clear(self) -> int:
        """Make all that is ready dead letters."""

        def work(table: Table) -> int:
            ready = table.ready(last, _AT_ONCE)
            for each in ready:
                table.update(each.discarded(CLEARED, table.now))
            table.count([DEAD] * len(ready))
            return len(ready)

        # What is added meanwhile is not meant.
        last = self._read(lambda table: table.last())
        return self._in_pieces(work)

    def prune(self, keep: float) -> int:
        """Forget what was finished long ago."""
        before = self._clock() - keep
        return self._in_pieces(lambda table: table.forget(before, _AT_ONCE))

    def statistics(self) -> Statistics:
        """Count."""
        return self._read(lambda table: statistics(table.counts(), table.due()))

    def next_due(self) -> float | None:
        """Give the seconds until something may be claimed."""
        return self._read(lambda table: table.wait())

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _transaction(self, work: Callable[[Table], _T]) -> _T:
        def whole(db: sqlite3.Connection) -> _T:
            table = Table(db, self._clock())
            before = db.total_changes
            result = work(table)
            if db.total_changes != before:
                table.note_time()
            return result

        return self._writes.write(whole)

    def _in_pieces(self, work: Callable[[Table], int]) -> int:
        """Do work that changes up to so many entries at once until it finds no more; say how many it changed."""
        total = 0
        while number := self._transaction(work):
            total += number
        return total

    def _read(self, work: Callable[[Table], _T]) -> _T:
        return self._database.read(lambda db: work(Table(db, self._clock())))

    def _new(self, table: Table, launch: OwedLaunch, priority: Priority, delay: float) -> Entry:
        self._demand_room(table)
        return Entry(str(uuid4()), launch, table.now, table.now, priority=priority, visible_at=table.now + delay)

    def _demand_room(self, table: Table) -> None:
        if table.owed() >= self._size:
            raise OutboxError(self.name, *full(self._size))

    def _change(
        self, entry_id: str, change: Change, counted: Sequence[Counted] = (), if_held: Sequence[Counted] = ()
    ) -> Entry:
        return self._transaction(lambda table: _changed(table, entry_id, change, counted, if_held))

    def _change_all(self, wanted: Sequence[tuple[str, Change]], if_held: Sequence[Counted] = ()) -> list[Entry]:
        def work(table: Table) -> list[Entry]:
            entries: list[Entry] = []
            for entry_id, change in wanted:
                # Both are known before anything is written.
                with suppress(EntryStateError, UnknownEntryError):
                    entries.append(_changed(table, entry_id, change, (), if_held))
            return entries

        return self._transaction(work)


def _changed(
    table: Table, entry_id: str, change: Change, counted: Sequence[Counted], if_held: Sequence[Counted]
) -> Entry:
    entry = table.named(entry_id)
    changed = change(entry, table.now)
    table.count([*counted, *(if_held if entry.state.held else ())])
    return table.update(changed)
