"""One answer for all who ask at about the same time: whoever watches costs nothing beside the others who do."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")


class _Kept(NamedTuple, Generic[_T]):
    value: _T
    until: float
    """Who asked until then may have it."""
    changes: int
    """How often it had been told, when the making began, that something changed."""


class Shared(Generic[_T]):
    """Makes answers, each by a name of its own, and keeps them for a moment. Safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._making: dict[str, threading.Lock] = {}
        self._kept: dict[str, _Kept[_T]] = {}
        self._changes = 0

    def get(self, name: str, make: Callable[[], tuple[_T, float]]) -> _T:
        """Give the answer of a name: `make` makes it, and says for how many seconds it may be given to others, too.

        Who asks while it is made waits for it. An error is told to its own caller, and the next one tries.
        """
        asked = self._clock()
        with self._lock:
            making = self._making.setdefault(name, threading.Lock())
        with making:
            kept = self._kept.get(name)
            if kept is not None and kept.changes == self._changes and asked <= kept.until:
                return kept.value
            changes = self._changes
            value, seconds = make()
            self._kept[name] = _Kept(value, self._clock() + seconds, changes)
            return value

    def forget(self) -> None:
        """Have nobody who asks from now on get an answer whose making has begun before."""
        with self._lock:
            self._changes += 1
