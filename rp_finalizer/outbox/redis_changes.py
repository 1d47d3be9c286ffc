"""Changes of entries in Redis: decided here, of an entry as it was read, and written where it is still the same.

Else it is read and decided again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from rp_finalizer.entries import Entry, Priority
from rp_finalizer.errors import EntryStateError, LeaseLostError, UnknownEntryError
from rp_finalizer.outbox.counting import ADDED
from rp_finalizer.outbox.redis_calls import AS_GUESSED, AS_TOLD
from rp_finalizer.outbox.redis_entry import Known, changed_values, known_of, new_values, target_of
from rp_finalizer.outbox.redis_versions import new_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rp_finalizer.entries import OwedLaunch
    from rp_finalizer.outbox.counting import Counted
    from rp_finalizer.outbox.redis_calls import RedisCalls
    from rp_finalizer.outbox.steps import Change

_REMEMBERED = 1000
"""Entries that are held, or were, at most."""


class RedisChanges:
    """What becomes of entries. Those that are held here are known, and need not be read."""

    def __init__(self, calls: RedisCalls) -> None:
        self._calls = calls
        self._held: dict[str, Known] = {}

    def remember(self, known: Known) -> None:
        """Keep what is held, as it was written; forget what is not."""
        if not known.entry.state.held:
            self._held.pop(known.entry.entry_id, None)
            return
        if len(self._held) >= _REMEMBERED:
            # What is still held is read again.
            self._held.clear()
        self._held[known.entry.entry_id] = known

    def of_launch(self, launch: OwedLaunch, priority: Priority, delay: float, change: Change) -> Entry:
        """Give what becomes of a launch's entry, or of a new one. Raises `OutboxError` where there is no room."""
        now, tolerance, found = self._calls.time(), AS_GUESSED, None
        while True:
            if now is None:
                now, found = self._calls.do("look_for", launch.uuid, f"{launch.endpoint}#{launch.project}")
                tolerance = AS_TOLD
            if found is not None:
                entry = known_of(found).entry
                return entry if change(entry, now) is entry else self.one(entry.entry_id, change, opens=True)
            new = Entry(str(uuid4()), launch, now, now, priority=priority, visible_at=now + delay)
            after = Known(change(new, now), new_version())
            values = (launch.uuid, target_of(new), _lines([ADDED]), new.entry_id, *new_values(*after))
            _, refused = self._calls.write("add", now, *values, tolerance=tolerance, makes_owed=True)
            if not refused:
                self.remember(after)
                return after.entry
            now = None

    def one(
        self,
        entry_id: str,
        change: Change,
        counted: Sequence[Counted] = (),
        if_held: Sequence[Counted] = (),
        *,
        opens: bool = False,
    ) -> Entry:
        """Write what becomes of an entry; where it `opens`, it may be owed again. Raises what `change` does."""
        if not opens and (written := self._held_one(entry_id, change, counted, if_held)):
            return written
        (result,) = self.several([(entry_id, change)], counted, if_held, opens=opens)
        if isinstance(result, Entry):
            return result
        raise result

    def _held_one(
        self, entry_id: str, change: Change, counted: Sequence[Counted], if_held: Sequence[Counted]
    ) -> Entry | None:
        """Write what becomes of an entry that is held here, as `several` does; None where more has to be known."""
        now, before = self._calls.time(), self._held.get(entry_id)
        if now is None or before is None:
            return None
        try:
            after = Known(change(before.entry, now), new_version())
        except (LeaseLostError, EntryStateError):
            return None
        noted = _lines([*counted, *if_held] if if_held else counted)
        values = changed_values(before.entry, *after)
        _, (refused,) = self._calls.write(
            "change", now, entry_id, before.version, noted, *values, tolerance=AS_GUESSED, makes_owed=False
        )
        if refused:
            self._held.pop(entry_id, None)
            return None
        self.remember(after)
        return after.entry

    def several(
        self,
        wanted: Sequence[tuple[str, Change]],
        counted: Sequence[Counted] = (),
        if_held: Sequence[Counted] = (),
        *,
        opens: bool = False,
        known: Mapping[str, Known] | None = None,
    ) -> list[Entry | Exception]:
        """Write what becomes of several entries, at one go; give for each what it is then, or why nothing became.

        Those that are not `known`, nor held here, are read before.
        """
        now, tolerance = self._calls.time(), AS_GUESSED
        known = {} if now is None else known or self._held
        tasks = [_Task(entry_id, change, known.get(entry_id)) for entry_id, change in wanted]
        left = tasks
        while left:
            unknown = [task.entry_id for task in left if task.known is None]
            if unknown or now is None:
                now, found = self._calls.do("look", *unknown)
                tolerance = AS_TOLD
                for task, values in zip([task for task in left if task.known is None], found, strict=True):
                    task.read(values)
            decisions = [decision for task in left if (decision := task.decide(now))]
            if decisions:
                now = self._write(decisions, now, tolerance, counted, if_held, opens=opens)
                tolerance = AS_TOLD
            left = [task for task in left if task.result is None]
        return [task.result for task in tasks if task.result is not None]

    def _write(
        self,
        decisions: Sequence[_Decision],
        now: float,
        tolerance: str,
        counted: Sequence[Counted],
        if_held: Sequence[Counted],
        *,
        opens: bool,
    ) -> float:
        values: list[str] = []
        makes_owed = False
        for task, before, after in decisions:
            noted = _lines([*counted, *if_held] if before.entry.state.held else counted)
            makes_owed |= opens and not before.entry.state.owed
            values += (task.entry_id, before.version, noted, *changed_values(before.entry, *after))
        now, answers = self._calls.write("change", now, *values, tolerance=tolerance, makes_owed=makes_owed)
        for (task, _, after), refused in zip(decisions, answers, strict=True):
            if not refused:
                task.result = after.entry
                self.remember(after)
            else:
                task.known = None
                self._held.pop(task.entry_id, None)
        return now


class _Task:
    """What is to become of one entry, and how far that is."""

    __slots__ = ("_change", "_fresh", "entry_id", "known", "result")

    def __init__(self, entry_id: str, change: Change, known: Known | None) -> None:
        self.entry_id = entry_id
        self.known = known
        self.result: Entry | Exception | None = None
        self._change = change
        self._fresh = False
        """Whether it was read for this change."""

    def read(self, values: Sequence[Any] | None) -> None:
        """Take the entry as it is."""
        self._fresh = True
        if values is None:
            self.result = UnknownEntryError(self.entry_id)
        else:
            self.known = known_of(values)

    def decide(self, now: float) -> _Decision | None:
        """Say what is to be written, where something is."""
        if self.known is None or self.result is not None:
            return None
        try:
            return _Decision(self, self.known, Known(self._change(self.known.entry, now), new_version()))
        except (LeaseLostError, EntryStateError) as error:
            if self._fresh:
                self.result = error
            else:
                # What is only remembered may have become another's.
                self.known = None
            return None


class _Decision(NamedTuple):
    task: _Task
    before: Known
    after: Known


def _lines(counted: Iterable[Counted]) -> str:
    return "\n".join([f"{each.kind} {each.name}" for each in counted])
