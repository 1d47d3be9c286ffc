"""When to stop asking somebody who does not answer, and when to ask again."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf


@dataclass(slots=True)
class Circuit:
    """Opens after so many failures in a row, for growing times. Seconds, monotonic; the time now is an argument."""

    failures_before: int = 3
    first: float = 10.0
    """How long it is open at first; doubled by every further failure."""
    longest: float = 120.0
    _failures: int = 0
    _open_until: float = -inf

    def allows(self, now: float) -> bool:
        """Tell whether to ask: always while it is closed, and once more when the time is over."""
        return now >= self._open_until

    def remaining(self, now: float) -> float:
        """Give the seconds until it allows to ask again."""
        return max(0.0, self._open_until - now)

    def failed(self, now: float) -> None:
        """Take note of a failure."""
        self._failures += 1
        further = self._failures - self.failures_before
        if further >= 0:
            # Capped before it is a number without end.
            self._open_until = now + min(self.first * 2.0 ** min(further, 32), self.longest)

    def succeeded(self) -> None:
        """Take note of an answer, whatever it says."""
        self._failures = 0
        self._open_until = -inf
