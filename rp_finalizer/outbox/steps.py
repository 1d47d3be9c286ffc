"""What becomes of an entry that is there, the same in every outbox: the entry says what, the outbox keeps it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from rp_finalizer.errors import EntryStateError, UnknownEntryError
from rp_finalizer.outbox.counting import DEAD, RECOVERED, completion, death, postponement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rp_finalizer.entries import Entry, OwedLaunch
    from rp_finalizer.outbox.counting import Counted
    from rp_finalizer.report import Failure, Report

    Change: TypeAlias = Callable[[Entry, float], Entry]
    """Give what becomes of an entry now, or raise why nothing does."""


class Steps(ABC):
    """The part of `Outbox` that changes one entry, or several that are named."""

    @abstractmethod
    def _change(
        self, entry_id: str, change: Change, counted: Sequence[Counted] = (), if_held: Sequence[Counted] = ()
    ) -> Entry:
        """Keep what becomes of an entry, and count, `if_held` where somebody held it. Raises what `change` does."""

    def _change_all(self, wanted: Sequence[tuple[str, Change]], if_held: Sequence[Counted] = ()) -> list[Entry]:
        """Do so with several entries at one go; pass over those of which nothing becomes."""
        changed: list[Entry] = []
        for entry_id, change in wanted:
            with suppress(EntryStateError, UnknownEntryError):
                changed.append(self._change(entry_id, change, (), if_held))
        return changed

    def take(self, entry_id: str, owner: str, lease: float, *, instead_of: str | None = None) -> Entry:
        """Take this very entry."""
        return self._change(entry_id, _taken(owner, lease, instead_of), (), [RECOVERED])

    def take_all(self, wanted: Sequence[tuple[str, str | None]], owner: str, lease: float) -> list[Entry]:
        """Take these very entries."""
        return self._change_all([(entry_id, _taken(owner, lease, dead)) for entry_id, dead in wanted], [RECOVERED])

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

    def retry(self, entry_id: str) -> Entry:
        """Make a dead letter ready again."""
        return self._change(entry_id, lambda entry, now: entry.revived(now))

    def discard(self, entry_id: str, reason: str) -> Entry:
        """Make an owed entry a dead letter."""
        return self._change(entry_id, lambda entry, now: entry.discarded(reason, now), [DEAD])


def _taken(owner: str, lease: float, instead_of: str | None) -> Change:
    return lambda entry, now: entry.claimed(owner, lease, now, early=True, instead_of=instead_of)
