"""An outbox in a file, for the processes of one machine.

Every call is one transaction that takes the write lock at its beginning, and is on disk when it returns
(`synchronous=FULL`). What becomes of an entry is decided by the entry itself; here it is found, and kept.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

from rp_finalizer.entries import Entry, EntryState, OwedLaunch, Priority
from rp_finalizer.errors import OutboxError, UnknownEntryError
from rp_finalizer.outbox.database import Database
from rp_finalizer.outbox.database_file import DatabaseFile
from rp_finalizer.outbox.entry_json import entry_from_json, entry_to_json
from rp_finalizer.outbox.memory import full
from rp_finalizer.outbox_port import COUNTERS, Statistics

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from rp_finalizer.report import Failure, Report

_OWED = "state IN ('open', 'ready', 'leased')"
_DUE = f"{_OWED} AND (visible_at <= :now OR updated_at > :now)"
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
            return _of(db, launch) or self._keep(db, self._new(db, launch, priority, delay, now), new=True)

        return self._transaction(work)

    def open(self, launch: OwedLaunch, owner: str, lease: float, *, priority: Priority = Priority.NORMAL) -> Entry:
        """Enqueue a launch whose run goes on."""

        def work(db: sqlite3.Connection, now: float) -> Entry:
            entry = _of(db, launch)
            if entry is None:
                return self._keep(db, self._new(db, launch, priority, 0.0, now).opened(owner, lease, now), new=True)
            if not entry.state.owed:
                self._demand_room(db)
            return self._keep(db, entry.opened(owner, lease, now))

        return self._transaction(work)

    def claim(self, owner: str, limit: int, lease: float) -> list[Entry]:
        """Take the most urgent entries that are due."""

        def work(db: sqlite3.Connection, now: float) -> list[Entry]:
            query = f"SELECT body FROM entries WHERE {_DUE} ORDER BY urgency LIMIT :limit"  # noqa: S608  constants
            due = [entry_from_json(body) for (body,) in db.execute(query, {"now": now, "limit": limit})]
            _count(db, "recovered", sum(1 for each in due if each.state.held))
            return [self._keep(db, each.claimed(owner, lease, now)) for each in due]

        return self._transaction(work)

    def take(self, entry_id: str, owner: str, lease: float) -> Entry:
        """Take this very entry."""

        def work(db: sqlite3.Connection, now: float) -> Entry:
            entry = _named(db, entry_id)
            claimed = self._keep(db, entry.claimed(owner, lease, now, early=True))
            _count(db, "recovered", int(entry.state.held))
            return claimed

        return self._transaction(work)

    def renew(self, entry_id: str, token: int, lease: float) -> None:
        """Hold an entry longer."""
        self._change(entry_id, lambda entry, now: entry.renewed(token, lease, now))

    def complete(self, entry_id: str, token: int, report: Report) -> None:
        """Put an entry away as finished."""
        self._change(entry_id, lambda entry, now: entry.completed(token, report, now), "completed")

    def put_off(self, entry_id: str, token: int, error: Failure | None, wait: float, *, spent: bool = True) -> None:
        """Give an entry back."""
        counted = ("failed", "retried") if error is not None else ()
        self._change(entry_id, lambda entry, now: entry.put_off(token, error, wait, now, spent=spent), *counted)

    def give_up(self, entry_id: str, token: int, error: Failure | None, reason: str) -> None:
        """Make an entry a dead letter."""
        self._change(entry_id, lambda entry, now: entry.died(token, error, reason, now), "failed", "dead")

    def find(self, name: str) -> list[Entry]:
        """Give the entries of that id or launch."""
        query = "SELECT body FROM entries WHERE entry_id = :name OR uuid = :name ORDER BY entry_id"
        return self._read(lambda db, _: [entry_from_json(body) for (body,) in db.execute(query, {"name": name})])

    def entries(self, state: EntryState | None = None, *, limit: int = 100, after: str = "") -> list[Entry]:
        """Give a page of entries by their ids."""
        query = (
            "SELECT body FROM entries WHERE entry_id > :after AND (:state IS NULL OR state = :state) "
            "ORDER BY entry_id LIMIT :limit"
        )
        values = {"after": after, "state": state, "limit": limit}
        return self._read(lambda db, _: [entry_from_json(body) for (body,) in db.execute(query, values)])

    def retry(self, entry_id: str) -> Entry:
        """Make a dead letter ready again."""
        return self._change(entry_id, lambda entry, now: entry.revived(now))

    def discard(self, entry_id: str, reason: str) -> Entry:
        """Make an owed entry a dead letter."""
        return self._change(entry_id, lambda entry, now: entry.discarded(reason, now), "dead")

    def prune(self, keep: float) -> int:
        """Forget what was finished long ago."""
        query = "DELETE FROM entries WHERE state = 'done' AND updated_at < ?"
        return self._transaction(lambda db, now: db.execute(query, (now - keep,)).rowcount)

    def statistics(self) -> Statistics:
        """Count."""

        def work(db: sqlite3.Connection, now: float) -> Statistics:
            states = {EntryState(s): n for s, n in db.execute("SELECT state, count(*) FROM entries GROUP BY state")}
            (due,) = db.execute(f"SELECT count(*) FROM entries WHERE {_DUE}", {"now": now}).fetchone()  # noqa: S608  as above
            counters = dict(db.execute("SELECT name, value FROM counters"))
            return Statistics(states, due, {name: counters.get(name, 0) for name in COUNTERS})

        return self._read(work)

    def next_due(self) -> float | None:
        """Give the seconds until something may be claimed."""

        def work(db: sqlite3.Connection, now: float) -> float | None:
            first, newest = db.execute(f"SELECT min(visible_at), max(updated_at) FROM entries WHERE {_OWED}").fetchone()  # noqa: S608  as above
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
        _count(db, "added", 1)
        return Entry(str(uuid4()), launch, now, now, priority=priority, visible_at=now + delay)

    def _demand_room(self, db: sqlite3.Connection) -> None:
        (owed,) = db.execute(f"SELECT count(*) FROM entries WHERE {_OWED}").fetchone()  # noqa: S608  as above
        if owed >= self._size:
            raise OutboxError(self.name, *full(self._size))

    def _keep(self, db: sqlite3.Connection, entry: Entry, *, new: bool = False) -> Entry:
        values = (
            entry.state,
            entry.visible_at,
            entry.urgency,
            entry.updated_at,
            entry.lease_token,
            entry_to_json(entry),
            entry.entry_id,
        )
        if new:
            db.execute(
                "INSERT INTO entries (state, visible_at, urgency, updated_at, lease_token, body, entry_id, key, uuid) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*values, entry.launch.key, entry.launch.uuid),
            )
        else:
            db.execute(
                "UPDATE entries SET state = ?, visible_at = ?, urgency = ?, updated_at = ?, lease_token = ?, body = ? "
                "WHERE entry_id = ?",
                values,
            )
        return entry

    def _change(self, entry_id: str, change: Callable[[Entry, float], Entry], *counted: str) -> Entry:
        def work(db: sqlite3.Connection, now: float) -> Entry:
            changed = self._keep(db, change(_named(db, entry_id), now))
            for name in counted:
                _count(db, name, 1)
            return changed

        return self._transaction(work)


def _of(db: sqlite3.Connection, launch: OwedLaunch) -> Entry | None:
    row = db.execute("SELECT body FROM entries WHERE key = ?", (launch.key,)).fetchone()
    return None if row is None else entry_from_json(row[0])


def _named(db: sqlite3.Connection, entry_id: str) -> Entry:
    row = db.execute("SELECT body FROM entries WHERE entry_id = ?", (entry_id,)).fetchone()
    if row is None:
        raise UnknownEntryError(entry_id)
    return entry_from_json(row[0])


def _count(db: sqlite3.Connection, name: str, number: int) -> None:
    if number:
        db.execute(
            "INSERT INTO counters (name, value) VALUES (:name, :number) "
            "ON CONFLICT (name) DO UPDATE SET value = value + :number",
            {"name": name, "number": number},
        )
