"""Serving in the foreground, for the command line."""

from __future__ import annotations

import contextlib
import queue
import signal
from typing import TYPE_CHECKING

from rp_finalizer.emulator.handle import VERSION, Emulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType


def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    version: str = VERSION,
    prefix: str = "",
    listening: Callable[[Emulator], object] | None = None,
) -> signal.Signals:
    """Serve in the foreground until SIGINT or SIGTERM, and give which of them it was. Prints nothing.

    `listening` is called with the emulator once it listens. To be called on the main thread. Raises ValueError for a
    host that is not loopback, and OSError for a port that is taken.
    """
    stop: queue.SimpleQueue[int] = queue.SimpleQueue()
    with Emulator(host=host, port=port, version=version, prefix=prefix) as emulator, _signals_to(stop):
        if listening is not None:
            listening(emulator)
        return signal.Signals(stop.get())


@contextlib.contextmanager
def _signals_to(stop: queue.SimpleQueue[int]) -> Iterator[None]:
    """Put the signals that end a program into a queue, whose `put` may interrupt its own `get`."""

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        stop.put(number)

    earlier = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
