"""The one budget that all waiting of a finalization shares."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import Self


@dataclass(slots=True)
class Limit:
    """An end that comes up while others wait already: a signal's. Every deadline made with it moves with it.

    `shorten` takes no lock, so that a signal handler may call it.
    """

    begun: float = 0.0
    """When the present end was set."""
    at: float = inf

    def shorten(self, seconds: float, now: float) -> None:
        """End so many seconds from now, unless the end is earlier already."""
        if now + seconds < self.at:
            self.begun, self.at = now, now + seconds


@dataclass(frozen=True, slots=True)
class Deadline:
    """An absolute end on a monotonic clock, in seconds. The time now is always an argument."""

    at: float
    limit: Limit | None = None
    share: float = 1.0
    """The part of the limit's time that may be used: what is kept for later is kept of that, too."""

    @classmethod
    def after(cls, seconds: float, now: float, limit: Limit | None = None) -> Self:
        """Start a budget of so many seconds."""
        return cls(now + seconds, limit)

    @property
    def end(self) -> float:
        """The end as it is at present."""
        limit = self.limit
        if limit is None or limit.at == inf:
            return self.at
        return min(self.at, limit.begun + (limit.at - limit.begun) * self.share)

    def remaining(self, now: float) -> float:
        """Give the seconds left, never less than 0."""
        return max(0.0, self.end - now)

    def expired(self, now: float) -> bool:
        """Tell whether nothing is left."""
        return now >= self.end

    def at_most(self, seconds: float, now: float) -> Self:
        """Give the earlier of this end and one so many seconds from now."""
        return replace(self, at=min(self.at, now + seconds))

    def keeping(self, share: float, budget: float) -> Self:
        """Give an earlier end that leaves a share (0 to 1) of a budget of so many seconds for what follows."""
        return replace(self, at=self.at - budget * share, share=self.share * (1 - share))
