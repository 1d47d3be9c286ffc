"""An outbox in Redis, for the processes of many machines.

What becomes of an entry is decided by the entry itself, as in every outbox. It is decided here, of the entry as it was
read, and written where it is still the same; else it is read and decided again. Only the claim is done by Redis alone.
The time is the server's: that of its last answer, and what has passed since.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from rp_finalizer.entries import Entry, EntryState, OwedLaunch, Priority
from rp_finalizer.errors import EntryStateError, LeaseLostError, OutboxError, UnknownEntryError
from rp_finalizer.outbox.counting import ADDED, DEAD, RECOVERED, Counted, completion, death, postponement, statistics
from rp_finalizer.outbox.memory import full
from rp_finalizer.outbox.redis_connection import RedisConnection
from rp_finalizer.outbox.redis_entry import Known, known_of, target_of, values_of
from rp_finalizer.outbox_port import CLEARED, Statistics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rp_finalizer.report import Failure, Report

OLDEST_SERVER = (6, 2)
"""The version that knows what is asked here."""
_AT_ONCE = 500
"""Entries that one call changes at most: Redis does nothing else meanwhile."""
_TOLERANCE, _ANY = "0.1", "60"
"""Seconds that an entry's times may be behind the server's: as guessed, and as just told."""
_REMEMBERED = 1000
"""Entries that are held, or were, at most."""


class RedisOutbox:
    """`Outbox` on a Redis server. `patience` is how many seconds it may be away; `clock` stands in for its time."""

    used = True

    def __init__(
        self, url: str, *, clock: Callable[[], float] | None = None, size: int = 100_000, patience: float = 30.0
    ) -> None:
        self._connection = RedisConnection(url, patience)
        self._clock = clock
        self._size = size
        self._held: dict[str, Known] = {}
        """What was claimed or opened here, as it was read or written last."""
        self._told: tuple[float, float] | None = None
        """The server's time, and when that was."""
        self._owners: set[str] = set()

    @property
    def name(self) -> str:
        """Give the server's address without a password."""
        return self._connection.name

    def reach(self, patience: float) -> None:
        """Raise `OutboxError` where the server cannot be used, after so many seconds at most."""
        self._connection.call("look", self._now_text(), "", patience=patience)

    @property
    def server_version(self) -> tuple[int, ...]:
        """Give the major and minor version of a server that can be reached; nothing where it does not tell."""
        return self._connection.server_version()

    def add(self, launch: OwedLaunch, *, priority: Priority = Priority.NORMAL, delay: float = 0.0) -> Entry:
        """Enqueue a launch, or give the entry that it has."""
        return self._of_launch(launch, priority, delay, lambda entry, _: entry)

    def open(self, launch: OwedLaunch, owner: str, lease: float, *, priority: Priority = Priority.NORMAL) -> Entry:
        """Enqueue a launch whose run goes on."""
        return self._of_launch(launch, priority, 0.0, lambda entry, now: entry.opened(owner, lease, now))

    def claim(self, owner: str, limit: int, lease: float) -> list[Entry]:
        """Take the most urgent entries that are due."""
        version = uuid4().hex
        now, flat = self._call("claim", owner, limit, lease, version)
        self._owners.add(owner)
        claimed = []
        for known in filter(None, map(known_of, flat)):
            # Where the first answer was lost, it comes as it was claimed then.
            before = known.version != version
            entry = known.entry.claimed(owner, lease, now) if before else known.entry
            self._remember(Known(entry, version))
            claimed.append(entry)
        return claimed

    def take(self, entry_id: str, owner: str, lease: float, *, instead_of: str | None = None) -> Entry:
        """Take this very entry."""
        return self._change(
            entry_id,
            lambda entry, now: entry.claimed(owner, lease, now, early=True, instead_of=instead_of),
            counted_if_held=(RECOVERED,),
        )

    def take_all(self, wanted: Sequence[tuple[str, str | None]], owner: str, lease: float) -> list[Entry]:
        """Take these very entries."""
        entries: list[Entry] = []
        for entry_id, dead in wanted:
            with suppress(EntryStateError, UnknownEntryError):
                entries.append(self.take(entry_id, owner, lease, instead_of=dead))
        return entries

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
        return self._entries("overdue", limit)

    def queue(self, limit: int = 100) -> list[Entry]:
        """Give what is due, in its order."""
        return self._entries("queue", limit)

    def delayed(self, limit: int = 100) -> list[Entry]:
        """Give what is not due yet."""
        return self._entries("delayed", limit)

    def position(self, entry_id: str) -> int | None:
        """Say when an entry's turn is."""
        _, there, number = self._call("position", entry_id)
        if not there:
            raise UnknownEntryError(entry_id)
        return int(number) or None

    def active(self, limit: int = 100) -> list[Entry]:
        """Give what workers hold."""
        return self._entries("active", limit)

    def find(self, name: str) -> list[Entry]:
        """Give the entries of that id or launch."""
        return self._entries("find", name)

    def entries(self, state: EntryState | None = None, *, limit: int = 100, after: str = "") -> list[Entry]:
        """Give a page of entries by their ids."""
        return self._entries("page", " ".join(EntryState) if state is None else state, limit, after)

    def retry(self, entry_id: str) -> Entry:
        """Make a dead letter ready again."""
        return self._change(entry_id, lambda entry, now: entry.revived(now))

    def discard(self, entry_id: str, reason: str) -> Entry:
        """Make an owed entry a dead letter."""
        return self._change(entry_id, lambda entry, now: entry.discarded(reason, now), [DEAD])

    def clear(self) -> int:
        """Make all that is ready dead letters."""

        def cleared(entry: Entry, now: float) -> Entry:
            if entry.state is not EntryState.READY:
                raise EntryStateError(entry.entry_id, entry.state, "clear")
            return entry.discarded(CLEARED, now)

        number, after = 0, ""
        while page := self.entries(EntryState.READY, limit=_AT_ONCE, after=after):
            after = page[-1].entry_id
            for entry in page:
                # Somebody has claimed it since.
                with suppress(EntryStateError, UnknownEntryError):
                    self._change(entry.entry_id, cleared, [DEAD])
                    number += 1
        return number

    def prune(self, keep: float) -> int:
        """Forget what was finished long ago."""
        total = 0
        while True:
            number = int(self._call("prune", keep, _AT_ONCE)[1])
            total += number
            if number < _AT_ONCE:
                return total

    def statistics(self) -> Statistics:
        """Count."""
        _, states, due, counters = self._call("statistics")
        counts = [("state", name, int(number)) for name, number in _pairs(states)]
        # In Lua an empty list is no other than an empty table.
        for names, number in _pairs(counters or []):
            kind, _, name = names.partition(" ")
            counts.append((kind, name, int(number)))
        return statistics(counts, int(due))

    def next_due(self) -> float | None:
        """Give the seconds until something may be claimed."""
        now, first = self._call("next_due")
        return max(0.0, float(first) - now) if first else None

    def close(self) -> None:
        """Close the connections; a worker that holds nothing leaves no trace of itself."""
        with suppress(OutboxError):
            for owner in self._owners:
                self._connection.call("leave", self._now_text(), owner, patience=0.0)
        self._owners.clear()
        self._connection.close()

    def _of_launch(
        self, launch: OwedLaunch, priority: Priority, delay: float, change: Callable[[Entry, float], Entry]
    ) -> Entry:
        """Change the entry of a launch, or write a new one."""
        found, tolerance = None, _TOLERANCE
        now = self._guessed_time()
        if now is None:
            now, flat = self._call("look_for", launch.uuid, f"{launch.endpoint}#{launch.project}")
            found, tolerance = known_of(flat), _ANY
        while True:
            if found is not None and change(found.entry, now) is found.entry:
                return found.entry
            entry = found.entry if found else self._new(launch, priority, now, delay)
            room = found is None or not found.entry.state.owed
            written = change(entry, now)
            counted = [] if found else [ADDED]
            answer = self._write(found, written, now, tolerance, counted, room=room)
            if answer is None:
                return written
            now, found = answer
            tolerance = _ANY

    def _new(self, launch: OwedLaunch, priority: Priority, now: float, delay: float) -> Entry:
        return Entry(str(uuid4()), launch, now, now, priority=priority, visible_at=now + delay)

    def _change(
        self,
        entry_id: str,
        change: Callable[[Entry, float], Entry],
        counted: Iterable[Counted] = (),
        counted_if_held: Sequence[Counted] = (),
    ) -> Entry:
        known, now, tolerance = self._held.get(entry_id), self._guessed_time(), _TOLERANCE
        if known is None or now is None:
            known, now, tolerance = *self._look(entry_id), _ANY
        while True:
            try:
                changed = change(known.entry, now)
            except (LeaseLostError, EntryStateError):
                if tolerance is _ANY:
                    raise
                known, now, tolerance = *self._look(entry_id), _ANY
                continue
            noted = [*counted, *(counted_if_held if known.entry.state.held else ())]
            answer = self._write(known, changed, now, tolerance, noted)
            if answer is None:
                return changed
            now, fresh = answer
            if fresh is None:
                self._held.pop(entry_id, None)
                raise UnknownEntryError(entry_id)
            known, tolerance = fresh, _ANY

    def _write(
        self,
        known: Known | None,
        entry: Entry,
        now: float,
        tolerance: str,
        counted: Iterable[Counted],
        *,
        room: bool = False,
    ) -> tuple[float, Known | None] | None:
        """Write what was decided; give the time and the entry as they are, where that is not what it was decided of."""
        version = uuid4().hex
        same = known is not None and known.entry.state is entry.state and known.entry.lease_token == entry.lease_token
        answer = self._connection.call(
            "write",
            repr(now),
            entry.entry_id,
            entry.launch.uuid,
            target_of(entry),
            known.version if known else "",
            "" if self._clock else tolerance,
            self._size if room else "",
            int(same),
            "\n".join(f"{each.kind} {each.name}" for each in counted),
            *values_of(entry, version),
        )
        if answer[0] == "full":
            raise OutboxError(self.name, *full(self._size))
        if answer[0] == "changed":
            told = self._note(answer)
            return told, known_of(answer[2])
        if entry.state.held:
            self._remember(Known(entry, version))
        else:
            self._held.pop(entry.entry_id, None)
        return None

    def _look(self, entry_id: str) -> tuple[Known, float]:
        now, flat = self._call("look", entry_id)
        known = known_of(flat)
        if known is None:
            raise UnknownEntryError(entry_id)
        return known, now

    def _entries(self, step: str, *arguments: object) -> list[Entry]:
        _, flat = self._call(step, *arguments)
        return [known.entry for known in map(known_of, flat) if known is not None]

    def _call(self, step: str, *arguments: object) -> list[Any]:
        """Give the server's time and what a step gives."""
        answer = self._connection.call(step, self._now_text(), *arguments)
        return [self._note(answer), *answer[2:]]

    def _note(self, answer: list[Any]) -> float:
        now = float(answer[1])
        self._told = (now, time.monotonic())
        return now

    def _guessed_time(self) -> float | None:
        """Give the server's time, or a little less; None where it has told none."""
        if self._clock is not None:
            return self._clock()
        if self._told is None:
            return None
        told, at = self._told
        return told + time.monotonic() - at

    def _now_text(self) -> str:
        return "" if self._clock is None else repr(self._clock())

    def _remember(self, known: Known) -> None:
        if len(self._held) >= _REMEMBERED:
            # What is still held is read again.
            self._held.clear()
        self._held[known.entry.entry_id] = known


def _pairs(flat: Sequence[str]) -> Iterable[tuple[str, str]]:
    return zip(flat[::2], flat[1::2], strict=True)
