"""Writing into a file in turn.

SQLite's lock is free for a moment only between two writes of a busy process, and who waits for it has to be looking at
that moment: among several, one can be unlucky for seconds. So whoever wants to write first takes the place of the next
one, and gives it back once it has SQLite's lock. Who has just written comes behind those who waited meanwhile.

This is politeness, no lock that anything depends on: where it cannot be had, or not soon, nobody waits for it.
"""

from __future__ import annotations

import os
import random
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_POLITE = 2.0
"""Seconds; somebody who holds the place for longer has been stopped."""
_WAIT = 0.002
"""Seconds between two looks, about: less than a write takes."""


class Turns:
    """The place of the next one, a file beside the one that is written."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f"{path.name}-turn")

    @contextmanager
    def next_one(self) -> Iterator[None]:
        """Be the next one within the block, as far as possible."""
        place = self._open()
        if place is None:
            yield
            return
        try:
            _take(place)
            yield
        finally:
            # Closing does not free it where a child, forked meanwhile, has the file open, too.
            with suppress(OSError):
                fcntl.flock(place, fcntl.LOCK_UN)
            os.close(place)

    def _open(self) -> int | None:
        if sys.platform == "win32":
            return None
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            # Where it cannot be made, the file itself can hardly be written: that is told there.
            return None


def _take(place: int) -> None:
    until = time.monotonic() + _POLITE
    while True:
        try:
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return
        except OSError:
            # This file system knows no such locks.
            return
        else:
            return
        time.sleep(_WAIT * random.uniform(0.5, 1.5))
