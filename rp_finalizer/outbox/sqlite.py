"""An outbox in a file, for the processes of one machine.

Every call that changes something is one transaction that takes the write lock at its beginning, and is on disk when it
returns (`synchronous=FULL`). What becomes of an entry is decided by the entry itself; here it is found, and kept.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from rp_finalizer.entries import Entry, EntryState, OwedLaunch, Priority
from rp_finalizer.errors import OutboxError, UnknownEntryError
from rp_finalizer.outbox.counting import (
    ADDED,
    DEAD,
    RECOVERED,
    Counted,
    completion,
    death,
    postponement,
    statistics,
)
from rp_finalizer.outbox.database import Database
from rp_finalizer.outbox.database_file import DatabaseFile
from rp_finalizer.outbox.memory import full
from rp_finalizer.outbox.rows import COLUMNS, INSERT, UPDATE, entry_of, inserted, updated
from rp_finalizer.outbox.selection import DUE, FIRST, IN_TURN, NEWEST, OVERDUE
from rp_finalizer.outbox_port import CLEARED, Statistics

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from rp_finalizer.report import Failure, Report

_AT_ONCE = 500
"""Entries that one transaction changes at most, so that nobody waits long for its end."""
_FEW = 2000
"""Entries of a state that are sorted rather than looked for among all."""

_T = TypeVar("_T")


class SqliteOutbox:
    """`Outbox` over one SQLite file. `patience` is how many seconds a lock held by others is waited for."""

    def __init__(
        self, path: Path, *, clock: Callable[[], float] = time.time, size: int = 100_000, patience: float = 30.0
    ) -> None:
        self._file = DatabaseFile(path)
        self._database = Database(self._file, patience)
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

        def work(db: sqlite3.Connection, now: float) -> Entry:
            return _of(db, launch) or self._insert(db, self._new(db, launch, priority, delay, now))

        return self._transaction(work)

    def open(self, launch: OwedLaunch, owner: str, lease: float, *, priority: Priority = Priority.NORMAL) -> Entry:
        """Enqueue a launch whose run goes on."""

        def work(db: sqlite3.Connection, now: float) -> Entry:
            entry = _of(db, launch)
            if entry is None:
                return self._insert(db, self._new(db, launch, priority, 0.0, now).opened(owner, lease, now))
            if not entry.state.owed:
                self._demand_room(db)
            return _update(db, entry.opened(owner, lease, now))

        return self._transaction(work)

    def claim(self, owner: str, limit: int, lease: float) -> list[Entry]:
        """Take the most urgent entries that are due."""

        def work(db: sqlite3.Connection, now: float) -> list[Entry]:
            due = _selected(db, IN_TURN, now, limit)
            _count(db, [RECOVERED for each in due if each.state.held])
            return [_update(db, each.claimed(owner, lease, now)) for each in due]

        return self._transaction(work)

    def take(self, entry_id: str, owner: str, lease: float, *, instead_of: str | None = None) -> Entry:
        """Take this very entry."""

        def work(db: sqlite3.Connection, now: float) -> Entry:
            entry = _named(db, entry_id)
            claimed = _update(db, entry.claimed(owner, lease, now, early=True, instead_of=instead_of))
            _count(db, [RECOVERED] if entry.state.held else [])
            return claimed

        return self._transaction(work)

    def renew(self, entry_id: str, token: int, lease: float) -> None:
        """Hold an entry longer."""
        self._change(entry_id, lambda entry, now: entry.renewed(token, lease, now))

    def complete(self, entry_id: str, token: int, report: Report) -> None:
        """Put an entry away as finished."""
        self._change(entry_id, lambda entry, now: entry.completed(token, report, now), completion(report))

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
        """Give an entry back."""
        self._change(
            entry_id,
            lambda entry, now: entry.put_off(token, error, wait, now, spent=spent, launch=launch),
            postponement(error),
        )

    def give_up(
        self, entry_id: str, token: int, error: Failure | None, reason: str, *, launch: OwedLaunch | None = None
    ) -> None:
        """Make an entry a dead letter."""
        self._change(entry_id, lambda entry, now: entry.died(token, error, reason, now, launch=launch), death(error))

    def overdue(self, limit: int = 100) -> list[Entry]:
        """Give what runs let the lease run out of."""
        return self._read(lambda db, now: _selected(db, OVERDUE, now, limit))

    def queue(self, limit: int = 100) -> list[Entry]:
        """Give what is due, in its order."""
        return self._read(lambda db, now: _selected(db, IN_TURN, now, limit))

    def active(self, limit: int = 100) -> list[Entry]:
        """Give what workers hold."""
        query = (
            f"SELECT {COLUMNS} FROM entries WHERE state = 'leased' AND visible_at > :now "  # noqa: S608  constants
            "ORDER BY visible_at LIMIT :limit"
        )
        return self._read(lambda db, now: _entries(db, query, {"now": now, "limit": limit}))

    def find(self, name: str) -> list[Entry]:
        """Give the entries of that id or launch."""
        query = f"SELECT {COLUMNS} FROM entries WHERE entry_id = :name OR uuid = :name ORDER BY entry_id"  # noqa: S608  constants
        return self._read(lambda db, _: _entries(db, query, {"name": name}))

    def entries(self, state: EntryState | None = None, *, limit: int = 100, after: str = "") -> list[Entry]:
        """Give a page of entries by their ids."""

        def work(db: sqlite3.Connection, now: float) -> list[Entry]:  # noqa: ARG001  a list knows no time
            condition = ""
            if state is not None:
                # The few are sorted; the many are met often enough where all are gone through in their order.
                condition = "AND state = :state" if _number(db, state) <= _FEW else "AND +state = :state"
            query = f"SELECT {COLUMNS} FROM entries WHERE entry_id > :after {condition} ORDER BY entry_id LIMIT :limit"  # noqa: S608  constants
            return _entries(db, query, {"after": after, "state": state, "limit": limit})

        return self._read(work)

    def retry(self, entry_id: str) -> Entry:
        """Make a dead letter ready again."""
        return self._change(entry_id, lambda entry, now: entry.revived(now))

    def discard(self, entry_id: str, reason: str) -> Entry:
        """Make an owed entry a dead letter."""
        return self._change(entry_id, lambda entry, now: entry.discarded(reason, now), [DEAD])

    def clear(self) -> int:
        """Make all that is ready dead letters."""
        query = (
            f"SELECT {COLUMNS} FROM entries WHERE +state = 'ready' AND id > ? AND id <= ? "  # noqa: S608  constants
            f"ORDER BY id LIMIT {_AT_ONCE}"
        )

        def work(db: sqlite3.Connection, now: float) -> int:
            ready = _entries(db, query, (0, last))
            for each in ready:
                _update(db, each.discarded(CLEARED, now))
            _count(db, [DEAD] * len(ready))
            return len(ready)

        last = self._read(lambda db, _: db.execute("SELECT max(id) FROM entries").fetchone()[0])
        return _in_pieces(lambda: self._transaction(work))

    def prune(self, keep: float) -> int:
        """Forget what was finished long ago."""
        before = self._clock() - keep
        old = f"SELECT id FROM entries WHERE state = 'done' AND updated_at < ? LIMIT {_AT_ONCE}"  # noqa: S608  constants
        query = f"DELETE FROM entries WHERE id IN ({old})"  # noqa: S608  as above
        return _in_pieces(lambda: self._transaction(lambda db, _: db.execute(query, (before,)).rowcount))

    def statistics(self) -> Statistics:
        """Count."""

        def work(db: sqlite3.Connection, now: float) -> Statistics:
            (due,) = db.execute(DUE, {"now": now}).fetchone()
            return statistics(db.execute("SELECT kind, name, value FROM counters"), due)

        return self._read(work)

    def next_due(self) -> float | None:
        """Give the seconds until something may be claimed."""

        def work(db: sqlite3.Connection, now: float) -> float | None:
            (first,), (newest,) = db.execute(FIRST).fetchone(), db.execute(NEWEST).fetchone()
            if first is None:
                return None
            return 0.0 if newest > now else max(0.0, first - now)

        return self._read(work)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _transaction(self, work: Callable[[sqlite3.Connection, float], _T]) -> _T:
        return self._database.write(lambda db: work(db, self._clock()))

    def _read(self, work: Callable[[sqlite3.Connection, float], _T]) -> _T:
        return self._database.read(lambda db: work(db, self._clock()))

    def _new(self, db: sqlite3.Connection, launch: OwedLaunch, priority: Priority, delay: float, now: float) -> Entry:
        self._demand_room(db)
        return Entry(str(uuid4()), launch, now, now, priority=priority, visible_at=now + delay)

    def _insert(self, db: sqlite3.Connection, entry: Entry) -> Entry:
        db.execute(INSERT, inserted(entry))
        _count(db, [ADDED])
        return entry

    def _demand_room(self, db: sqlite3.Connection) -> None:
        if sum(_number(db, state) for state in EntryState if state.owed) >= self._size:
            raise OutboxError(self.name, *full(self._size))

    def _change(self, entry_id: str, change: Callable[[Entry, float], Entry], counted: Iterable[Counted] = ()) -> Entry:
        def work(db: sqlite3.Connection, now: float) -> Entry:
            changed = _update(db, change(_named(db, entry_id), now))
            _count(db, counted)
            return changed

        return self._transaction(work)


def _in_pieces(work: Callable[[], int]) -> int:
    """Do work that takes up to so many entries at once until it finds no more; say how many it took."""
    total = 0
    while number := work():
        total += number
    return total


def _entries(db: sqlite3.Connection, query: str, values: Any) -> list[Entry]:
    return [entry_of(row) for row in db.execute(query, values)]


def _selected(db: sqlite3.Connection, selection: str, now: float, limit: int) -> list[Entry]:
    """Give the entries of the ids that are selected, in their order."""
    query = f"SELECT {COLUMNS} FROM entries WHERE id = ?"  # noqa: S608  constants
    ids = db.execute(selection, {"now": now, "limit": limit}).fetchall()
    return [entry_of(db.execute(query, id_).fetchone()) for id_ in ids]


def _of(db: sqlite3.Connection, launch: OwedLaunch) -> Entry | None:
    row = db.execute(f"SELECT {COLUMNS} FROM entries WHERE key = ?", (launch.key,)).fetchone()  # noqa: S608  constants
    return None if row is None else entry_of(row)


def _named(db: sqlite3.Connection, entry_id: str) -> Entry:
    row = db.execute(f"SELECT {COLUMNS} FROM entries WHERE entry_id = ?", (entry_id,)).fetchone()  # noqa: S608  constants
    if row is None:
        raise UnknownEntryError(entry_id)
    return entry_of(row)


def _update(db: sqlite3.Connection, entry: Entry) -> Entry:
    db.execute(UPDATE, updated(entry))
    return entry


def _number(db: sqlite3.Connection, state: EntryState) -> int:
    """Count the entries of a state, without going through them."""
    (number,) = db.execute("SELECT value FROM counters WHERE kind = 'state' AND name = ?", (state,)).fetchone()
    return int(number)


def _count(db: sqlite3.Connection, counted: Iterable[Counted]) -> None:
    for (kind, name), number in Counter(counted).items():
        db.execute(
            "INSERT INTO counters (kind, name, value) VALUES (?, ?, ?) "
            "ON CONFLICT (kind, name) DO UPDATE SET value = value + excluded.value",
            (kind, name, number),
        )
