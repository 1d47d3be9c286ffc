"""The table of entries at one moment, within a transaction."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from rp_finalizer.entries import EntryState
from rp_finalizer.errors import UnknownEntryError
from rp_finalizer.outbox import selection
from rp_finalizer.outbox.counting import ADDED, Counted
from rp_finalizer.outbox.json_forms import report_text
from rp_finalizer.outbox.rows import (
    AT_WORK_COLUMNS,
    COLUMNS,
    INSERT,
    QUEUED_COLUMNS,
    UPDATE,
    at_work_of,
    entries_of,
    inserted,
    key_of,
    launch_keys,
    queued_of,
    updated,
)
from rp_finalizer.outbox_port import Overview

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

    from rp_finalizer.entries import Entry, OwedLaunch

_SELECT = f"SELECT {COLUMNS} FROM entries WHERE"  # noqa: S608  constants
_LATEST = "SELECT value FROM counters WHERE kind = 'clock' AND name = 'latest'"
_ONE_MORE = (
    "INSERT INTO counters (kind, name, value) VALUES (?, ?, 1) ON CONFLICT (kind, name) DO UPDATE SET value = value + 1"
)
_PASS = "UPDATE counters SET value = :now WHERE kind = 'clock' AND name = 'latest' AND value < :now"  # noqa: S105  no secret
_REPORTED = "INSERT OR REPLACE INTO reports (id, report) SELECT id, ? FROM entries WHERE entry_id = ?"
_REOPENED = "DELETE FROM reports WHERE id = (SELECT id FROM entries WHERE entry_id = ?)"
_PLACE = itemgetter(0, 1)
_FEW = 2000
"""Entries of a state that are sorted rather than looked for among all."""


@dataclass(slots=True)
class Table:
    """What a transaction sees and changes."""

    db: sqlite3.Connection
    now: float

    def named(self, entry_id: str) -> Entry:
        """Give the entry of an id. Raises `UnknownEntryError`."""
        for entry in self._entries(f"{_SELECT} entry_id = ?", (entry_id,)):
            return entry
        raise UnknownEntryError(entry_id)

    def of(self, launch: OwedLaunch) -> Entry | None:
        """Give a launch's entry."""
        return next(iter(self._entries(f"{_SELECT} key = ?", (key_of(launch),))), None)

    def of_uuid(self, uuid: str) -> list[Entry]:
        """Give the entries of a launch's uuid, whatever server and project they are of."""
        found = self._entries(f"{_SELECT} key >= ? AND key < ?", launch_keys(uuid))
        return [each for each in found if each.launch.uuid == uuid]

    def page(self, state: EntryState | None, limit: int, after: str) -> list[Entry]:
        """Give a page of entries by their ids."""
        condition = ""
        if state is not None:
            # The few are sorted; the many are met often enough where all are gone through in their order.
            condition = "AND state = :state" if self.number(state) <= _FEW else "AND +state = :state"
        query = f"{_SELECT} entry_id > :after {condition} ORDER BY entry_id LIMIT :limit"
        return self._entries(query, {"after": after, "state": state, "limit": limit})

    def ready(self, up_to: int, limit: int) -> list[Entry]:
        """Give some that are ready, due or not, of those that were added up to this one."""
        query = f"{_SELECT} state = 'ready' AND id <= ? LIMIT ?"
        return self._entries(query, (up_to, limit))

    def last(self) -> int:
        """Give the number of the entry that was added last; 0 where none is there."""
        (number,) = self.db.execute("SELECT coalesce(max(id), 0) FROM entries").fetchone()
        return int(number)

    def in_turn(self, limit: int) -> list[Entry]:
        """Give what is due, the most urgent first."""
        return entries_of(self._selected(COLUMNS, self._fitting(selection.IN_TURN), limit))

    def delayed(self, limit: int) -> list[Entry]:
        """Give what is ready, and not due yet."""
        return entries_of(self._selected(COLUMNS, self._fitting(selection.DELAYED), limit))

    def position(self, entry_id: str) -> int | None:
        """Count an entry and those whose turn is before its own; None where it has none."""
        entry = self.named(entry_id)
        due = entry.due(self.now)
        if not due and entry.state is not EntryState.READY:
            return None
        before, order = (selection.DUE_BEFORE, entry.urgency) if due else (selection.DELAYED_BEFORE, entry.visible_at)
        values = {"now": self.now, "entry_id": entry_id, "order": order}
        number = self.db.execute(self._fitting(before), values).fetchone()[0]
        return int(number) + 1 + (0 if due else self.due())

    def overdue(self, limit: int) -> list[Entry]:
        """Give what runs let the lease run out of."""
        return entries_of(self._selected(COLUMNS, self._fitting(selection.OVERDUE), limit))

    def active(self, limit: int) -> list[Entry]:
        """Give what workers hold."""
        return entries_of(self._selected(COLUMNS, selection.ACTIVE, limit))

    def overview(self, limit: int) -> Overview:
        """Say what lists show of what is there."""
        waiting = self._selected(QUEUED_COLUMNS, self._fitting(selection.IN_TURN), limit)
        if len(waiting) < limit:
            waiting += self._selected(QUEUED_COLUMNS, self._fitting(selection.DELAYED), limit - len(waiting))
        counts = self.db.execute("SELECT name, value FROM counters WHERE kind = 'state' AND value > 0")
        return Overview(
            {EntryState(name): int(number) for name, number in counts},
            queued_of(waiting),
            at_work_of(self._selected(AT_WORK_COLUMNS, selection.ACTIVE, limit)),
        )

    def due(self) -> int:
        """Count what is due."""
        return int(self._one(self._fitting(selection.DUE)))

    def wait(self) -> float | None:
        """Give the seconds until something is due; None where nothing is owed."""
        first = self._one(selection.FIRST)
        if first is None:
            return None
        if first > self.now and self._clock_went_back() and self.due():
            return 0.0
        return max(0.0, float(first) - self.now)

    def counts(self) -> Iterator[tuple[str, str, int]]:
        """Give the kind, the name and the value of every counter."""
        yield from self.db.execute("SELECT kind, name, value FROM counters WHERE kind <> 'clock'")

    def number(self, state: EntryState) -> int:
        """Count the entries of a state, without going through them."""
        query = "SELECT value FROM counters WHERE kind = 'state' AND name = ?"
        return int(self.db.execute(query, (state,)).fetchone()[0])

    def owed(self) -> int:
        """Count the launches that are still to be finished, without going through them."""
        query = "SELECT sum(value) FROM counters WHERE kind = 'state' AND name IN ('open', 'ready', 'leased')"
        return int(self.db.execute(query).fetchone()[0])

    def insert(self, entry: Entry) -> Entry:
        """Write a new one."""
        self.db.execute(INSERT, inserted(entry))
        self.count([ADDED])
        return entry

    def update(self, entry: Entry) -> Entry:
        """Write what became of one."""
        self.db.execute(UPDATE, updated(entry))
        if entry.report is not None:
            self.db.execute(_REPORTED, (report_text(entry.report), entry.entry_id))
        elif entry.state is EntryState.OPEN:
            self.db.execute(_REOPENED, (entry.entry_id,))
        return entry

    def forget(self, before: float, limit: int) -> int:
        """Take some away that were finished before this time; say how many."""
        return self.db.execute(selection.FORGET, {"before": before, "limit": limit}).rowcount

    def count(self, counted: Iterable[Counted]) -> None:
        """Count."""
        self.db.executemany(_ONE_MORE, counted)

    def note_time(self) -> None:
        """Remember when something was written."""
        self.db.execute(_PASS, {"now": self.now})

    def _clock_went_back(self) -> bool:
        """Tell whether something may have been written in the future."""
        return bool(self._one(_LATEST) > self.now)

    def _one(self, query: str) -> Any:
        return self.db.execute(query, {"now": self.now}).fetchone()[0]

    def _fitting(self, chosen: selection.Selection) -> str:
        return chosen.after_jump if self._clock_went_back() else chosen.plain

    def _selected(self, columns: str, query: str, limit: int) -> list[Sequence[Any]]:
        """Give columns of the entries that are selected, in their order."""
        found = self.db.execute(selection.rows(columns, query), {"now": self.now, "limit": limit}).fetchall()
        # SQLite gives them so, but does not promise it; and sorting long rows there takes as long as reading them.
        found.sort(key=_PLACE)
        return [row[2:] for row in found]

    def _entries(self, query: str, values: Any) -> list[Entry]:
        return entries_of(self.db.execute(query, values).fetchall())
