"""Once-only work with one shared result: at any time one thread at most works for a key, the others wait and share."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Generic, TypeVar

from rp_finalizer.errors import ForkedCallError, ReentrantCallError, StillFlyingError

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")


@dataclass(slots=True)
class _Flight(Generic[_T]):
    pilot: object | None = None
    """A token of the call that works now; None when nobody does."""
    thread: int | None = None
    landings: int = 0
    result: _T | None = None


class SingleFlight(Generic[_T]):
    """Guard work by key.

    A result that latches is kept: every later call gets it. Another result is given to the calls that waited for
    it and to later calls that do not ask for another try. When the work raises, the error goes to its own caller, and
    one of those who wait takes over. A call from inside the work of the same key raises `ReentrantCallError`.
    After a fork the child has no part in its parent's flights: every call there raises `ForkedCallError`.
    """

    def __init__(self, latches: Callable[[_T], bool]) -> None:
        self._latches = latches
        self._pid = os.getpid()
        self._changed = threading.Condition()
        self._flights: dict[str, _Flight[_T]] = {}

    @property
    def foreign(self) -> bool:
        """Tell whether this process is a fork of the one that made the guard."""
        return os.getpid() != self._pid

    def run(self, key: str, work: Callable[[], _T], *, again: bool = True, patience: float | None = None) -> _T:
        """Give the shared result for the key, doing the work where nobody did or does.

        `again` asks for another try when the kept result does not latch. Waiting for another's work ends after
        `patience` seconds with `StillFlyingError`; None waits for as long as that takes.
        """
        self._refuse_fork(key)
        token, begun = object(), monotonic()
        flight = self._flights.setdefault(key, _Flight())
        try:
            with self._changed:
                seen = flight.landings
                while flight.pilot is not None:
                    if flight.thread == threading.get_ident():
                        raise ReentrantCallError(key)
                    left = None if patience is None else begun + patience - monotonic()
                    if left is not None and left <= 0:
                        raise StillFlyingError(key)
                    self._changed.wait(left)
                kept = flight.result
                if kept is not None and (flight.landings > seen or not again or self._latches(kept)):
                    return kept
                flight.pilot, flight.thread = token, threading.get_ident()
            result = work()
            with self._changed:
                flight.result = result
                flight.landings += 1
            return result
        finally:
            # Also when a signal's exception strikes between two lines above: nobody may wait for a pilot who is gone.
            with self._changed:
                if flight.pilot is token:
                    flight.pilot = flight.thread = None
                    self._changed.notify_all()

    def kept(self, key: str) -> _T | None:
        """Give the last result for the key without waiting; None where there is none yet."""
        self._refuse_fork(key)
        flight = self._flights.get(key)
        return flight.result if flight else None

    def open_anew(self, key: str) -> None:
        """Forget the result for the key, latched or not: the next call works. Who flies now flies for the past."""
        self._refuse_fork(key)
        self._flights.pop(key, None)

    def amend(self, key: str, change: Callable[[_T], _T]) -> _T | None:
        """Replace the kept result by a changed one, and give it; None where nothing is kept."""
        self._refuse_fork(key)
        with self._changed:
            flight = self._flights.get(key)
            if flight is None or flight.result is None:
                return None
            flight.result = change(flight.result)
            return flight.result

    def _refuse_fork(self, key: str) -> None:
        # Before any lock: one that another thread held at the fork is held for ever in the child.
        if self.foreign:
            raise ForkedCallError(key)
