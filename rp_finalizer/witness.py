"""A thread that learns of signals although the main thread is stuck in C code, where no handler of Python's runs."""

from __future__ import annotations

import logging
import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)


class Witness:
    """Calls `seen` on a thread of its own for every signal that has a handler of Python's, at once.

    The interpreter writes the signal's number into a pipe before it tells the main thread. There is one such pipe a
    process; where somebody has it already, an event loop for example, it stays theirs, and nothing is seen.
    """

    def __init__(self, seen: Callable[[int], None]) -> None:
        self._seen = seen
        self._pipe: int | None = None

    def begin(self) -> None:
        """Start watching; in the main thread."""
        if self._pipe is not None:
            return
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        others = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        if others != -1:
            signal.set_wakeup_fd(others)
            os.close(reading)
            os.close(writing)
            return
        self._pipe = writing
        threading.Thread(target=self._watch, args=(reading,), name="rp-finalizer-signals", daemon=True).start()

    def end(self) -> None:
        """Stop watching; in the main thread."""
        if self._pipe is None:
            return
        pipe, self._pipe = self._pipe, None
        others = signal.set_wakeup_fd(-1)
        if others not in {-1, pipe}:
            signal.set_wakeup_fd(others)
        os.close(pipe)

    def _watch(self, reading: int) -> None:
        try:
            while numbers := os.read(reading, 64):
                for number in numbers:
                    self._seen(number)
        finally:
            os.close(reading)
