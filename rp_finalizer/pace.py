"""How fast a worker works: how much at once, how long at one launch, how much it holds ahead."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class Pace:
    """How much at once, and how long. Times are seconds."""

    concurrency: int = 8
    lease: float = 60.0
    entry_timeout: float = 300.0
    rate: float = inf
    """Launches a second, at most."""
    look: float = 1.0
    """How long others' new entries may wait to be seen."""
    margin: float = 5.0
    """How long after its time an entry is let go that somebody still works on: he does not heed his deadline."""
    ahead: int = 0
    """How many more entries to hold, so that nobody waits while others are taken and settled.

    They are taken several at once: when half of these places are free.
    """

    @property
    def held(self) -> int:
        """Give how many entries are held at once."""
        return self.concurrency + self.ahead

    def room(self, held: int) -> int:
        """Give how many entries to take where so many are held: none until it is worth a transaction."""
        free = self.held - held
        return free if free > self.ahead // 2 else 0


def ahead_of(concurrency: int) -> int:
    """Give a good `Pace.ahead`: about what is finished while the disk is waited for, and little taken from others."""
    return min(2 * concurrency, 16)
