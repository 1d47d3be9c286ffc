"""The one budget that all waiting of a finalization shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Deadline:
    """An absolute end on a monotonic clock, in seconds. The time now is always an argument."""

    at: float

    @classmethod
    def after(cls, seconds: float, now: float) -> Self:
        """Start a budget of so many seconds."""
        return cls(now + seconds)

    def remaining(self, now: float) -> float:
        """Give the seconds left, never less than 0."""
        return max(0.0, self.at - now)

    def expired(self, now: float) -> bool:
        """Tell whether nothing is left."""
        return now >= self.at

    def at_most(self, seconds: float, now: float) -> Self:
        """Give the earlier of this end and one so many seconds from now."""
        return type(self)(min(self.at, now + seconds))

    def keeping(self, seconds: float) -> Self:
        """Give an earlier end that leaves so many seconds for what follows."""
        return type(self)(self.at - seconds)
