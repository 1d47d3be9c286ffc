"""How much was added, finished and failed in each of the last minutes: read off counters that only ever grow."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rp_finalizer.outbox_port import Statistics

MINUTES = 60
"""Minutes that are remembered, the one that goes on included."""
_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Tally:
    """What was counted in some time."""

    added: int = 0
    finished: int = 0
    """Launches."""
    failed: int = 0
    """Tries."""

    def __add__(self, other: Tally) -> Tally:
        """Count what was counted in both."""
        return Tally(self.added + other.added, self.finished + other.finished, self.failed + other.failed)


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute by the clock."""

    start: float
    """Seconds since the epoch, a multiple of 60."""
    tally: Tally | None = None
    """None where nobody looked: that is not the same as nothing."""


class Rates:
    """Remembers an hour at most, however often it is told; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._minutes: deque[Minute] = deque(maxlen=MINUTES)
        """Those in which somebody looked, the latest last."""
        self._seen: Tally | None = None

    def note(self, now: float, statistics: Statistics) -> None:
        """Take in what an outbox has counted so far; `now` is in seconds since the epoch.

        What was counted since the last time belongs to the minute in which it is seen. A counter that is less than it
        was, because the outbox was emptied or put back from a copy, begins anew: nothing is counted for that step.
        """
        counters = statistics.counters
        seen = Tally(counters.get("added", 0), counters.get("completed", 0), counters.get("failed", 0))
        with self._lock:
            grown = _grown(self._seen or seen, seen)
            self._seen = seen
            start = now // _MINUTE * _MINUTE
            latest = self._minutes[-1] if self._minutes else None
            # A clock that goes back makes no second minute of the same time, and leaves none out of its order.
            if latest is None or start > latest.start:
                self._minutes.append(Minute(start, grown))
            else:
                self._minutes[-1] = Minute(latest.start, (latest.tally or Tally()) + grown)

    def per_minute(self, now: float) -> list[Minute]:
        """Give the last 60 minutes, the latest last, which is the one that `now` is in and that is not over yet."""
        with self._lock:
            known = {minute.start: minute for minute in self._minutes}
        last = now // _MINUTE
        starts = ((last - back) * _MINUTE for back in range(MINUTES - 1, -1, -1))
        return [known.get(start, Minute(start)) for start in starts]


def total(minutes: list[Minute]) -> Tally:
    """Count what was seen in all of these minutes."""
    return sum((minute.tally for minute in minutes if minute.tally is not None), Tally())


def _grown(before: Tally, after: Tally) -> Tally:
    return Tally(
        max(0, after.added - before.added),
        max(0, after.finished - before.finished),
        max(0, after.failed - before.failed),
    )
