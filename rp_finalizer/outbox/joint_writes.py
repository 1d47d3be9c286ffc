"""Writing what several threads want written in one transaction.

Getting a commit onto the disk takes as long as a request to the server. So what threads want written while another's
commit is under way is written together by the first of them whose turn comes: each part is done whole or not at all,
and each caller comes back when its part is on disk.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from rp_finalizer.outbox.database import Database

_T = TypeVar("_T")


@dataclass(slots=True, eq=False)
class _Part(Generic[_T]):
    """What one caller wants written, and what came of it."""

    work: Callable[[sqlite3.Connection], _T]
    done: bool = False
    result: Any = None
    error: Exception | None = None


class JointWrites:
    """Writes into a database. Safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._begin()

    def write(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do work that changes something, whole or not at all; raises what it raises, and `OutboxError`.

        It is done again where the transaction failed for another's sake.
        """
        if os.getpid() != self._pid:
            # Other threads of the parent held the lock, or waited: here they are not.
            self._begin()
        part = _Part(work)
        self._waiting.append(part)
        try:
            with self._database.within_patience(self._turn):
                if not part.done:
                    self._write_all(part)
        finally:
            # Something may have struck while it waited, and nobody is there any more who wants it.
            self._withdraw(part)
        if part.error is not None:
            raise part.error
        result: _T = part.result
        return result

    def _begin(self) -> None:
        self._pid = os.getpid()
        # Reentrant: what a signal's handler wants written while its thread writes fails, and does not wait for ever.
        self._turn = threading.RLock()
        self._waiting: list[_Part[Any]] = []

    def _write_all(self, own: _Part[Any]) -> None:
        """Write all that waits by now; alone what is alone."""
        parts = list(self._waiting)
        if len(parts) > 1:
            try:
                self._database.write(lambda db: _do_each(db, parts))
            except Exception:  # noqa: BLE001  whose fault it is shows when each is written by itself
                parts = [own]
            else:
                self._finished(parts)
                return
        own.result = self._database.write(own.work)
        self._finished([own])

    def _finished(self, parts: list[_Part[Any]]) -> None:
        for part in parts:
            part.done = True
            self._withdraw(part)

    def _withdraw(self, part: _Part[Any]) -> None:
        # Its own thread and the one that writes for it may both want that.
        with suppress(ValueError):
            self._waiting.remove(part)


def _do_each(db: sqlite3.Connection, parts: list[_Part[Any]]) -> None:
    """Do each part; one that goes wrong by itself is undone, and keeps no other from being done."""
    for part in parts:
        part.result, part.error = None, None
        db.execute("SAVEPOINT part")
        try:
            part.result = part.work(db)
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001  raised again in its own thread
            part.error = error
            db.execute("ROLLBACK TO part")
        db.execute("RELEASE part")
