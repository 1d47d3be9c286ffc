"""Threads that each do one thing at a time, and of which none is waited for that does not come back."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_PARTING = 1.0
"""Seconds in which a thread that has nothing to do is gone."""


class Hands:
    """Does work on threads of its own, which are kept for the next work: connections stay open with them.

    There are as many threads as there was work at once. One that hangs is never waited for, not at the interpreter's
    end either.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._free = 0
        self._threads: list[threading.Thread] = []
        self._busy: set[threading.Thread] = set()

    def give(self, work: Callable[[], None]) -> None:
        """Have work begun at once; it must not raise."""
        with self._lock:
            if self._free:
                self._free -= 1
            else:
                thread = threading.Thread(target=self._live, name=f"{self._name}-{len(self._threads)}", daemon=True)
                self._threads.append(thread)
                thread.start()
        self._work.put(work)

    def leave(self) -> None:
        """Let all threads end; those that work do so afterwards."""
        with self._lock:
            free = [thread for thread in self._threads if thread not in self._busy]
            for _ in self._threads:
                self._work.put(None)
        for thread in free:
            thread.join(_PARTING)

    def _live(self) -> None:
        this = threading.current_thread()
        while (work := self._work.get()) is not None:
            with self._lock:
                self._busy.add(this)
            work()
            with self._lock:
                self._busy.discard(this)
                self._free += 1
