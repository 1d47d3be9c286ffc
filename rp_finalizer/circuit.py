"""When to stop asking somebody who does not answer, and when to ask again."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True)
class Circuit:
    """Opens after so many failures in a row, for growing times. Seconds, monotonic; the time now is an argument."""

    failures_before: int = 3
    first: float = 10.0
    """How long it is open at first; doubled by every further failure."""
    longest: float = 120.0
    _failures: int = 0
    _open_until: float = -inf
    _trying: bool = False
    """Whether somebody tries, after the time was over, whether there is an answer again."""

    def allows(self, now: float) -> bool:
        """Tell whether to ask: always while it is closed; when the time is over one may, and the others wait for it."""
        if self._open_until == -inf:
            return True
        return now >= self._open_until and not self._trying

    def remaining(self, now: float) -> float:
        """Give the seconds until it may allow to ask again."""
        return self.first if self._trying else max(0.0, self._open_until - now)

    def asked(self) -> None:
        """Take note that somebody asks."""
        self._trying = self._open_until > -inf

    def failed(self, now: float) -> None:
        """Take note of a failure; of one that was asked before it opened, no more: many fail of one outage at once."""
        if now < self._open_until and not self._trying:
            return
        self._failures += 1
        self._trying = False
        further = self._failures - self.failures_before
        if further >= 0:
            # Capped before it is a number without end.
            self._open_until = now + min(self.first * 2.0 ** min(further, 32), self.longest)

    def succeeded(self) -> None:
        """Take note of an answer, whatever it says."""
        self._failures = 0
        self._open_until = -inf
        self._trying = False

    def learned_nothing(self) -> None:
        """Take note that whoever asked cannot say whether there was an answer."""
        self._trying = False


class Barred(NamedTuple):
    """Who is not to be asked, and for how many seconds yet."""

    name: str
    seconds: float


class Circuits:
    """Circuits by name, for several threads."""

    def __init__(self, make: Callable[[], Circuit] = Circuit) -> None:
        self._lock = threading.Lock()
        self._circuits: defaultdict[str, Circuit] = defaultdict(make)

    def enter(self, names: tuple[str, ...], now: float) -> Barred | None:
        """Ask for leave of all of these: None means to go ahead, and to `tell`."""
        with self._lock:
            circuits = [self._circuits[name] for name in names]
            if all(circuit.allows(now) for circuit in circuits):
                for circuit in circuits:
                    circuit.asked()
                return None
            left = [Barred(name, circuit.remaining(now)) for name, circuit in zip(names, circuits, strict=True)]
            return max(left, key=lambda each: each.seconds)

    def tell(self, name: str, now: float, *, answered: bool | None) -> None:
        """Say what came of it; None where that is not known."""
        with self._lock:
            circuit = self._circuits[name]
            match answered:
                case True:
                    circuit.succeeded()
                case False:
                    circuit.failed(now)
                case None:
                    circuit.learned_nothing()
