"""The real time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threading import Event


class SystemClock:
    """`Clock` over the operating system."""

    def monotonic(self) -> float:
        """Give seconds that never go back."""
        return time.monotonic()

    def epoch(self) -> float:
        """Give seconds since the epoch."""
        return time.time()

    def wait(self, seconds: float, wakes: Event) -> bool:
        """Wait for so long, or until the event is set; tell whether it is set."""
        return wakes.wait(seconds)
