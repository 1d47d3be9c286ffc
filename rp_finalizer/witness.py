"""A thread that learns of signals although the main thread is stuck in C code, where no handler of Python's runs."""

from __future__ import annotations

import logging
import os
import signal
import threading
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)


_SLACK = 0.25
"""Seconds that this thread may be late, behind others that work."""


class Witness:
    """Calls `seen` on a thread of its own for every signal that has a handler of Python's, at once.

    With the number it is given the time, on the monotonic clock, before which the signal surely did not come. Signals
    that come together may be told once.

    The interpreter writes the signal's number into a pipe before it tells the main thread. There is one such pipe a
    process; where somebody has it already, an event loop for example, it stays theirs, and nothing is seen. Nor is it
    on Windows, where no thread can wake another.
    """

    def __init__(self, seen: Callable[[int, float], None]) -> None:
        self._seen = seen
        self._pipe: tuple[int, int] | None = None

    def begin(self) -> None:
        """Start watching; in the main thread."""
        if self._pipe is not None or not hasattr(signal, "pthread_kill"):
            return
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        others = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        if others != -1:
            signal.set_wakeup_fd(others)
            os.close(reading)
            os.close(writing)
            return
        self._pipe = reading, writing
        threading.Thread(target=self._watch, args=(reading,), name="rp-finalizer-signals", daemon=True).start()

    def end(self) -> None:
        """Stop watching; in the main thread."""
        if self._pipe is None:
            return
        (_, writing), self._pipe = self._pipe, None
        _take_back(writing)
        os.close(writing)

    def forked(self) -> None:
        """Let go of the pipe in a forked child: its signals are not to be told to its parent."""
        if self._pipe is None:
            return
        (reading, writing), self._pipe = self._pipe, None
        _take_back(writing)
        os.close(writing)
        os.close(reading)

    def _watch(self, reading: int) -> None:
        looked = monotonic()
        try:
            while numbers := os.read(reading, 64):
                since, looked = looked - _SLACK, monotonic()
                for number in dict.fromkeys(numbers):
                    self._seen(number, since)
        finally:
            os.close(reading)


def _take_back(writing: int) -> None:
    others = signal.set_wakeup_fd(-1)
    if others not in {-1, writing}:
        signal.set_wakeup_fd(others)
