"""How far a chaos run is, as the outbox tells it; what is planned waits for that."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rp_finalizer.entries import EntryState
from rp_finalizer.errors import OutboxError

if TYPE_CHECKING:
    from rp_finalizer.outbox_port import Outbox

STANDSTILL = 10.0
"""Seconds without progress after which what is planned goes on all the same."""
LOOK = 0.1


class Stopped(Exception):  # noqa: N818  no error
    """The run is over."""


@dataclass
class Progress:
    """How many launches are settled. `look` is for one thread, the rest for any."""

    outbox: Outbox
    """Reached past what is done to the network."""
    settled: int = 0
    owed: int = 0
    _moved_at: float = field(default_factory=time.monotonic)
    _stop: threading.Event = field(default_factory=threading.Event)

    def look(self) -> bool:
        """Look how far it is; False where that cannot be told, for the outbox is away."""
        try:
            statistics = self.outbox.statistics()
        except OutboxError:
            return False
        settled = sum(statistics.by_state.get(state, 0) for state in (EntryState.DONE, EntryState.DEAD))
        if settled != self.settled:
            self._moved_at = time.monotonic()
        self.settled, self.owed = settled, statistics.owed
        return True

    def reached(self, at: int) -> bool:
        """Tell whether so many are settled, or nothing has moved for long."""
        if self.settled >= at:
            return True
        if time.monotonic() - self._moved_at > STANDSTILL:
            self._moved_at = time.monotonic()
            return True
        return False

    def wait_for(self, at: int) -> None:
        """Wait until so many are settled, or nothing has moved for long. Raises `Stopped`."""
        while not self.reached(at):
            self.wait(LOOK)

    def wait(self, seconds: float) -> None:
        """Wait. Raises `Stopped`."""
        if self._stop.wait(seconds):
            raise Stopped

    def stop(self) -> None:
        """End all waiting."""
        self._stop.set()
