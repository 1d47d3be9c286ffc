"""The end of one launch, as whatever ends the process sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

from rp_finalizer.deadline import Deadline, Limit

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

LAST_TRY = 2.0
"""Seconds that remain after a second signal, and that an end gets at least which comes late."""


@dataclass(slots=True, eq=False)
class Ending:
    """Ends a launch unless that was done, in a time that signals shorten."""

    grace: float
    """Seconds that it has after a signal."""
    stop: Event
    """Set when nothing is to be waited for any more: one more try, and then the end."""
    end: Callable[[], object]
    """Does it; from whatever thread, any number of times."""
    telling: Callable[[str], None]
    limit: Limit = field(default_factory=Limit)
    _deadline: Deadline | None = None

    @property
    def signalled(self) -> bool:
        """Whether a signal ends the run."""
        return self.limit.at < inf

    def struck(self, now: float) -> None:
        """Take a signal: the first starts the grace, a further one leaves the time for one more try.

        Called within a signal handler.
        """
        self.limit.shorten(LAST_TRY if self.signalled else self.grace, now)

    def look(self, now: float) -> None:
        """End all waiting as long as there is time for a last try."""
        if now > self.limit.at - min(LAST_TRY, (self.limit.at - self.limit.begun) / 4):
            self.stop.set()

    def deadline(self, budget: float, now: float, *, doomed: bool) -> Deadline:
        """Give the end of a budget of so many seconds.

        A signal whose grace is over is forgotten, for somebody has caught what it raised, and the process lives on;
        unless it is `doomed` to die of it: then there is still the time for one try.
        """
        if now >= self.limit.at:
            self.limit = Limit()
            if doomed:
                self.limit.shorten(LAST_TRY, now)
            else:
                self.stop.clear()
        self._deadline = Deadline.after(budget, now, self.limit)
        return self._deadline

    def tell_waiting(self, now: float) -> None:
        """Say what is waited for, and for how long at most."""
        if self._deadline is not None:
            left = self._deadline.remaining(now)
            self.telling(f"waiting up to {left:.0f} s for ReportPortal to take the end of the launch")
