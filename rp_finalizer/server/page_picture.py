"""What the page shows: an outbox at one moment, as far as it can be read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rp_finalizer.entries import EntryState
from rp_finalizer.errors import OutboxError
from rp_finalizer.outbox_port import Statistics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rp_finalizer.entries import Entry
    from rp_finalizer.outbox_port import Outbox
    from rp_finalizer.server.rates import Minute

SHOWN = 100
"""Rows of a table."""
_LOOKED_AT = 500
"""Entries that are read to say who works, and which dead letters are the latest."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An outbox at one moment."""

    now: float
    """Seconds since the epoch."""
    outbox: str
    """Its name, without any password."""
    statistics: Statistics = field(default_factory=Statistics)
    waiting: Sequence[Entry] = ()
    """The first that wait, in the order in which they will be claimed."""
    active: Sequence[Entry] = ()
    """Entries that workers hold, those first whose lease runs out first."""
    dead: Sequence[Entry] = ()
    """Dead letters, the latest first."""
    minutes: Sequence[Minute] = ()
    """The last hour."""
    away: OutboxError | None = None
    """Why the outbox could not be read."""
    stalled: bool = False
    """Whether the service has seen for a while that nobody works on what is due."""

    def count(self, state: EntryState) -> int:
        """Count all the entries in a state, those that are not shown included."""
        return self.statistics.by_state.get(state, 0)


def read_picture(outbox: Outbox, minutes: Sequence[Minute], now: float) -> Picture:
    """Read it; an outbox that was never used is empty and stays unmade, one that fails is told as away."""
    try:
        if not outbox.used:
            return Picture(now, outbox.name, minutes=minutes)
        dead = outbox.entries(EntryState.DEAD, limit=_LOOKED_AT)
        return Picture(
            now,
            outbox.name,
            outbox.statistics(),
            _waiting(outbox),
            outbox.active(_LOOKED_AT),
            sorted(dead, key=lambda entry: entry.updated_at, reverse=True),
            minutes,
        )
    except OutboxError as error:
        return Picture(now, outbox.name, minutes=minutes, away=error)


def _waiting(outbox: Outbox) -> list[Entry]:
    due = outbox.queue(SHOWN)
    if len(due) < SHOWN:
        # Some may have come due since.
        known = {entry.entry_id for entry in due}
        due += [entry for entry in outbox.delayed(SHOWN - len(due)) if entry.entry_id not in known]
    return due
