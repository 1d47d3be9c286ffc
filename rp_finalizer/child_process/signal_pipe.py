"""Signals as something that a loop can wait for, next to its files."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import FrameType

ENDING = frozenset({signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)})
"""What asks a command to end. SIGQUIT does not: a Java machine answers it with its threads, and goes on."""


def _note(number: int, frame: FrameType | None) -> None:
    """Do nothing: that there is a handler puts the number into the pipe."""


class SignalPipe:
    """Takes signals, and gives their numbers in the order in which they came.

    What was ignored before stays ignored, for us and for the child: so `nohup` asks for it.
    """

    def __init__(self, numbers: tuple[int, ...]) -> None:
        # SIGCHLD is taken even then: where it is ignored, nobody learns how a child ended.
        self.taken = tuple(n for n in numbers if n == signal.SIGCHLD or signal.getsignal(n) is not signal.SIG_IGN)
        self.reading, self._writing = os.pipe()
        os.set_blocking(self.reading, False)
        os.set_blocking(self._writing, False)
        self._earlier: dict[int, Any] = {}
        self._earlier_wakeup = -1

    def __enter__(self) -> Self:
        """Begin; only in the main thread."""
        self._earlier_wakeup = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        self._earlier = {number: signal.signal(number, _note) for number in self.taken}
        return self

    def __exit__(self, *exception: object) -> None:
        """Give back what stood there before."""
        for number, handler in self._earlier.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._earlier_wakeup)
        os.close(self.reading)
        os.close(self._writing)

    def numbers(self) -> list[int]:
        """Give those that came since the last call; none is waited for."""
        try:
            return list(os.read(self.reading, 4096))
        except BlockingIOError:
            return []
