"""Transactions on one SQLite file that other processes use, too, and that anything may happen to.

A lock held by others is waited for; a damaged file is set aside, and a new one begun; a file that was deleted is made
anew; after a fork the child opens it for itself. What remains is told as `OutboxError`.
"""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from contextlib import contextmanager, suppress
from importlib.resources import files
from typing import TYPE_CHECKING, TypeVar

from rp_finalizer.errors import OutboxError
from rp_finalizer.outbox.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rp_finalizer.outbox.database_file import DatabaseFile

VERSION = 1
"""Of the schema, kept in the file (`user_version`)."""

_FIRST_WAIT, _LONGEST_WAIT = 0.0005, 0.01
"""Seconds between two tries to get the lock: short, and never in step with others."""
_NEXT_ONES_WAIT = 0.001
"""The longest for the only one who looks: what he misses, nobody uses."""
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_MENDS = {
    sqlite3.SQLITE_FULL: "make room on the disk",
    sqlite3.SQLITE_READONLY: "make the file and its folder writable, or name another with outbox",
    sqlite3.SQLITE_CANTOPEN: "make its folder writable, or name another with outbox",
    sqlite3.SQLITE_IOERR: "look at the disk",
}

_T = TypeVar("_T")


class Database:
    """Runs work in transactions. Safe to use from several threads. A lock is waited for `patience` seconds."""

    def __init__(self, file: DatabaseFile, patience: float) -> None:
        self._file = file
        self._patience = patience
        self._turns = Turns(file.path)
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._connection: sqlite3.Connection | None = None
        self._identity = 0

    def write(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do work that changes something, as one transaction that has the write lock from its beginning."""
        return self._run(lambda db: self._transact(db, work))

    def read(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do work that only looks, at one moment's state; it may be done again where others were in the way."""
        return self._run(lambda db: self._patiently(lambda: _looked(db, work)))

    def close(self) -> None:
        """Close the file; the next work opens it again."""
        with self.within_patience(self._held()):
            self._drop()

    @contextmanager
    def within_patience(self, lock: threading.RLock) -> Iterator[None]:
        """Hold a lock of this process, waited for as long as for one of others. Raises `OutboxError`."""
        # Twice: whoever holds it may itself be waiting for others.
        if not lock.acquire(timeout=2 * self._patience):
            reason = f"another thread has been writing for more than {2 * self._patience:g} s"
            raise OutboxError(str(self._file), reason, "look what holds that thread, a signal's handler for example")
        try:
            yield
        finally:
            lock.release()

    def _run(self, attempt: Callable[[sqlite3.Connection], _T]) -> _T:
        with self.within_patience(self._held()):
            for last in (False, True):
                try:
                    return attempt(self._opened())
                except sqlite3.Error as error:
                    code = _code(error)
                    # With a journal, SQLite may tell this as trouble with the disk.
                    moved = self._identity != self._file.identity()
                    if last or not (moved or code in _DAMAGED):
                        raise self._told(error) from error
                    identity = self._identity
                    self._drop()
                    if code in _DAMAGED:
                        self._file.set_aside(identity)
            raise AssertionError  # the second round returns or raises

    def _held(self) -> threading.RLock:
        if os.getpid() != self._pid:
            # Another thread of the parent may have held it for ever; and its connection is the parent's to close.
            self._pid, self._lock, self._connection = os.getpid(), threading.RLock(), None
        return self._lock

    def _opened(self) -> sqlite3.Connection:
        if self._connection is not None and self._identity != self._file.identity():
            # Deleted, or replaced: what is written now would be nobody's.
            self._drop()
        if self._connection is None:
            self._connection, self._identity = self._file.connect()
            db, mode = self._connection, self._file.journal_mode()
            self._patiently(lambda: db.execute(f"PRAGMA journal_mode = {mode}"))
            db.execute("PRAGMA synchronous = FULL")
            # While somebody commits, not even this is to be had at once.
            if self._patiently(lambda: _version(db)) != VERSION:
                self._transact(db, self._migrate)
        return self._connection

    def _migrate(self, db: sqlite3.Connection) -> None:
        version = _version(db)
        if version > VERSION:
            raise OutboxError(
                str(self._file), f"a newer rp-finalizer made it (version {version})", "use that, or name another outbox"
            )
        if version == 0:
            for statement in _statements(files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {VERSION}")

    def _transact(self, db: sqlite3.Connection, work: Callable[[sqlite3.Connection], _T]) -> _T:
        with self._turns.next_one():
            self._patiently(lambda: db.execute("BEGIN IMMEDIATE"), longest=_NEXT_ONES_WAIT)
        try:
            result = work(db)
            # Where there is no write-ahead log, who reads at this moment is in the way.
            self._patiently(lambda: db.execute("COMMIT"))
        except BaseException:
            _roll_back(db)
            raise
        return result

    def _patiently(self, call: Callable[[], _T], longest: float = _LONGEST_WAIT) -> _T:
        """Call until nobody is in the way, or patience is at its end."""
        until, wait = time.monotonic() + self._patience, _FIRST_WAIT
        while True:
            try:
                return call()
            except sqlite3.OperationalError as error:
                if _code(error) not in _BUSY or time.monotonic() >= until:
                    raise
            time.sleep(wait * random.uniform(0.5, 1.5))
            wait = min(2 * wait, longest)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _told(self, error: sqlite3.Error) -> OutboxError:
        code = _code(error)
        if code in _BUSY:
            return OutboxError(
                str(self._file), f"it is locked by others for more than {self._patience:g} s", "end what holds it"
            )
        return OutboxError(str(self._file), str(error), _MENDS.get(code, "look at the file, or name another outbox"))


def _looked(db: sqlite3.Connection, work: Callable[[sqlite3.Connection], _T]) -> _T:
    db.execute("BEGIN")
    try:
        return work(db)
    finally:
        _roll_back(db)


def _roll_back(db: sqlite3.Connection) -> None:
    if db.in_transaction:
        # An error that is on its way tells more than one of the roll-back; closing rolls back, too.
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _code(error: sqlite3.Error) -> int:
    """Give the error's kind; 0 where it is none of SQLite's own."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
