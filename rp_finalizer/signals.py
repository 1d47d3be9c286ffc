"""Signals that ask the process to end, taken so that everything unwinds, and given back their meaning in the end.

The handler takes no lock and does no I/O: the code it interrupts may hold the client's batch lock, or stand in the
middle of a write. It notes the signal, tells who wants to know, and raises in the main thread. What stood there before
it is kept: an earlier handler is called and has its way; the default action, which would have ended the process at
once, comes in the end, so that the exit status still says which signal it was. What is ignored stays ignored.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager
from math import inf
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType, TracebackType

ENDING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)  # SIGHUP is not everywhere
"""The signals that ask a process to end and leave it the time for it."""
_ECHO = 0.05
"""Seconds in which a nudge that came too late is known as no signal of its own."""


class Terminated(KeyboardInterrupt):
    """Raised in the main thread by a signal whose default action would have ended the process at once.

    It passes through whatever lets Ctrl-C pass: test runners, event loops, `except Exception`.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    def __str__(self) -> str:
        """Name the signal."""
        return signal.Signals(self.number).name


class Signals:
    """The handlers of one process. `struck` and `wanted` are called within them: they, too, take no lock and do no I/O.

    `wanted` tells whether anybody is left to whom a signal means something.
    """

    def __init__(self, struck: Callable[[int], None], wanted: Callable[[], bool]) -> None:
        self._struck = struck
        self._wanted = wanted
        self._handler = self._handle
        self._earlier: dict[int, Any] = {}
        self._pid = os.getpid()
        self._nudged: tuple[int, float] | None = None
        self._late: list[int] | None = None
        """What is to come again; None where it is not to."""
        self._forget()

    def _forget(self) -> None:
        self._held: BaseException | None = None
        self._holding = 0
        self._holding_firmly = 0
        self.installed = False
        self.entered = 0
        """How often the handler ran."""
        self.entered_at = -inf
        """When it did last, on the monotonic clock."""
        self.noticed: int | None = None
        """The last that came, also one that an earlier handler dealt with without raising."""
        self.fatal: int | None = None
        """The first whose default action is still to come."""

    def forked(self) -> None:
        """Begin anew in a forked child, whose signals are what they were before its parent took them."""
        self._pid = os.getpid()
        self.restore()
        self._forget()

    @contextmanager
    def deferring(self) -> Iterator[None]:
        """Let what comes inside come again a little later: for where nothing can be raised; in the main thread."""
        late: list[int] = []
        self._late = late
        try:
            yield
        finally:
            self._late = None
            for number in late:
                threading.Thread(target=_again, args=(number,), daemon=True).start()

    def install(self) -> None:
        """Take the signals over; nothing but in the main thread. None of those that are ignored or not Python's."""
        if self.installed or threading.current_thread() is not threading.main_thread():
            return
        self.installed = True
        self.noticed = None
        for number in ENDING:
            earlier = signal.getsignal(number)
            if earlier is signal.SIG_DFL or callable(earlier):
                self._earlier[number] = earlier
                signal.signal(number, self._handler)

    def restore(self) -> None:
        """Give the signals back, where nobody has taken them since; nothing but in the main thread."""
        if not self.installed or threading.current_thread() is not threading.main_thread():
            return
        self.installed = False
        for number, earlier in self._earlier.items():
            if signal.getsignal(number) is self._handler:
                signal.signal(number, earlier)

    def asks_to_end(self, number: int) -> bool:
        """Tell whether a signal that no handler has seen yet is surely meant to end the process."""
        return self._earlier.get(number) in {signal.SIG_DFL, signal.default_int_handler}

    def kills(self, number: int) -> bool:
        """Tell whether the signal's default action is to end the process, and nobody changed that."""
        return self._earlier.get(number) is signal.SIG_DFL

    def takes(self, number: int) -> bool:
        """Tell whether a signal comes to our handler, and to nobody who has taken it since."""
        return self.installed and signal.getsignal(number) is self._handler

    def nudge(self, number: int, entered: int) -> None:
        """Send the main thread a signal that it has got, but not run its handler for, when that had run so often."""
        self._nudged = (entered, monotonic())
        signal.pthread_kill(threading.main_thread().ident or 0, number)

    def hold(self, *, firmly: bool) -> None:
        """Raise nothing from here on: what ends a launch is not to be torn apart. May be nested.

        Where nothing is held `firmly`, that is for the first signal only: whoever sends another will not wait.
        """
        self._holding += 1
        if firmly:
            self._holding_firmly += 1

    def let_go(self, *, firmly: bool) -> BaseException | None:
        """End one `hold`; give what was to be raised meanwhile when it was the outermost."""
        if firmly:
            self._holding_firmly -= 1
        self._holding -= 1
        if self._holding:
            return None
        held, self._held = self._held, None
        return held

    def _handle(self, number: int, frame: FrameType | None) -> None:
        __tracebackhide__ = True  # a test runner shows the line that was interrupted, not this one
        if self._late is not None:
            self._late.append(number)
            return
        if self._is_echo():
            return
        self.entered += 1
        self.entered_at = monotonic()
        earlier = self._earlier[number]
        if os.getpid() != self._pid or not self.installed:
            # In a forked child, or called by a handler that remembers us: as if we had never been here.
            _as_before(number, earlier, frame)
            return
        if not self._wanted() and not self._holding:
            # What was seen to has ended in another thread, which cannot give the signals back.
            self.restore()
            _as_before(number, earlier, frame)
            return
        self.noticed = number
        error = _raised_by(earlier, number, frame)
        if error is None and not _cancels_a_run(earlier):
            # Somebody's own handler has dealt with it; it need not mean an end.
            return
        if earlier is signal.SIG_DFL and self.fatal is None:
            self.fatal = number
            _keep_silent_at_the_end()
        self._struck(number)
        if error is None:
            return
        if self._holding_firmly or (self._holding and self._held is None):
            self._held = self._held or error
            return
        self._held = None
        raise error

    def _is_echo(self) -> bool:
        """Tell a nudge whose signal was handled in the instant before it came: nobody has sent that."""
        nudged = self._nudged
        return nudged is not None and nudged[0] != self.entered and monotonic() - nudged[1] < _ECHO


def _again(number: int) -> None:
    sleep(_ECHO)
    os.kill(os.getpid(), number)


def _raised_by(earlier: Any, number: int, frame: FrameType | None) -> BaseException | None:
    __tracebackhide__ = True  # as above
    if earlier is signal.SIG_DFL:
        return Terminated(number)
    try:
        earlier(number, frame)
    except BaseException as error:  # noqa: BLE001  raised again by who asks
        return error
    return None


def _cancels_a_run(earlier: Any) -> bool:
    """Tell whether a handler is that of `asyncio.run`, which at first raises nothing but cancels what runs.

    It is a `functools.partial` of `Runner._on_sigint` (CPython 3.11 to 3.14); under another name it is not known.
    """
    return getattr(getattr(earlier, "func", None), "__qualname__", "") == "Runner._on_sigint"


def _keep_silent_at_the_end() -> None:
    """Have `Terminated` end the process without a traceback, as the default action would."""
    earlier = sys.excepthook

    def excepthook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        if not issubclass(kind, Terminated):
            earlier(kind, error, traceback)

    sys.excepthook = excepthook


def _as_before(number: int, earlier: Any, frame: FrameType | None) -> None:
    if callable(earlier):
        earlier(number, frame)
        return
    signal.signal(number, earlier)
    os.kill(os.getpid(), number)
