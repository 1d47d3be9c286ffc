"""What ends the process, and that launches are seen to before: signals, the interpreter's exit, a stuck main thread.

One `Lifetime` a process. While endings are entered, signals raise in the main thread; a launch that is being ended is
not torn apart by them: that work runs beside the main thread, which takes the signals and shortens the work's time.
What nobody ended is ended when the interpreter exits, before it stops its threads: plain `atexit` is too late for the
clients built on asyncio, whose host names are looked up by an executor that is shut by then.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures.thread  # noqa: F401  its exit hook has to be registered before ours, to run after it
import logging
import os
import signal
import threading
from contextlib import contextmanager
from time import monotonic, sleep
from typing import TYPE_CHECKING, TypeVar

from rp_finalizer.reportportal.bounded import begin
from rp_finalizer.signals import Signals, end_by
from rp_finalizer.witness import Witness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rp_finalizer.ending import Ending

_LOOK = 0.05
"""Seconds between two looks of the main thread at whether a signal came."""
_NUDGE, _NUDGES = 0.05, 3
"""Seconds that the main thread gets to run its handler by itself, and how often it is nudged after them."""
_NOTEWORTHY = 0.5
"""Seconds of waiting that are told."""

_T = TypeVar("_T")

logger = logging.getLogger(__name__)


class Lifetime:
    """Sees to endings. `enter` and `leave` may be called from any thread; signals are taken in the main thread only."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._endings: tuple[Ending, ...] = ()
        self._changing = threading.Lock()
        self._hooked = False
        self._attended = threading.Event()
        self._handled = 0
        """How often the handler had run when the last signal was seen."""
        self._signals = Signals(self._struck)
        self._witness = Witness(self._seen)

    @property
    def signalled(self) -> bool:
        """Whether a signal came since signals were taken over, also one that somebody's own handler dealt with."""
        return self._signals.noticed is not None

    @property
    def doomed(self) -> bool:
        """Whether a signal's default action is still to end the process."""
        return self._signals.fatal is not None

    def enter(self, ending: Ending) -> None:
        """See to the ending from here on, whatever ends the process."""
        with self._changing:
            if ending in self._endings:
                return
            self._endings = (*self._endings, ending)
            if not self._hooked:
                self._hooked = True
                _at_exit(self._exit)
                atexit.register(self._die)
        if threading.current_thread() is threading.main_thread():
            self._signals.install()
            self._witness.begin()

    def leave(self, ending: Ending) -> None:
        """See to it no longer; with the last one the signals are given back."""
        with self._changing:
            self._endings = tuple(each for each in self._endings if each is not ending)
            last = not self._endings
        if last and threading.current_thread() is threading.main_thread() and os.getpid() == self._pid:
            self._witness.end()
            self._signals.restore()
            self._attended.clear()

    def attend(self, ending: Ending, work: Callable[[], _T]) -> _T:
        """Do the work that ends something; a signal shortens it and is raised when it is done."""
        if not self._here(ending):
            return work()
        with self.holding():
            result = begin(work)
            started, told = monotonic(), False
            while not result.done.wait(_LOOK):
                ending.look(monotonic())
                if not told and monotonic() - started > _NOTEWORTHY:
                    told = True
                    ending.tell_waiting(monotonic())
        if result.error is not None:
            raise result.error
        value: _T = result.value
        return value

    async def attend_awaited(self, ending: Ending, work: Callable[[], _T]) -> _T:
        """Do the same on the thread of a running loop, without blocking it."""
        if not self._here(ending):
            return await asyncio.to_thread(work)
        with self.holding():
            task = asyncio.ensure_future(asyncio.to_thread(work))
            while not task.done():
                await asyncio.wait({task}, timeout=_LOOK)
                ending.look(monotonic())
        return task.result()

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Let no signal tear apart what happens inside; what came is raised at the end of the outermost."""
        self.hold()
        try:
            yield
        finally:
            held = self.let_go()
            if held is not None:
                raise held

    def hold(self) -> None:
        """Begin what `holding` does, in the main thread."""
        self._attended.set()
        self._signals.hold()

    def let_go(self) -> BaseException | None:
        """End it; give what was to be raised meanwhile."""
        return self._signals.let_go()

    def _here(self, ending: Ending) -> bool:
        return (
            ending in self._endings
            and threading.current_thread() is threading.main_thread()
            and os.getpid() == self._pid
            and self._signals.installed
        )

    def _struck(self, number: int) -> None:  # noqa: ARG002  whichever it is
        """Take note within a signal handler."""
        now = monotonic()
        for each in self._endings:
            each.struck(now)

    def _seen(self, number: int) -> None:
        """See to it that a signal has its effect although the main thread is stuck. On the witness's thread."""
        self._wake_main(number)
        endings = self._endings
        if not endings or not self._signals.asks_to_end(number):
            return
        grace, handled = max(each.grace for each in endings), self._signals.count
        if self._attended.wait(grace / 2):
            return
        now = monotonic()
        for each in endings:
            each.limit.shorten(grace / 2, now)
        self._end_all()
        if self._signals.count == handled and self._signals.kills(number):
            end_by(number)

    def _wake_main(self, number: int) -> None:
        """Have the main thread run its handler where it does not by itself.

        The system may give a signal to another thread, or to the main thread in the instant before it begins to wait:
        Python then takes note of it, and waits on, in `time.sleep` for example.
        """
        for _ in range(_NUDGES):
            if self._signals.entered != self._handled:
                break
            sleep(_NUDGE)
            if self._signals.entered == self._handled:
                signal.pthread_kill(threading.main_thread().ident or 0, number)
        self._handled = self._signals.entered

    def _exit(self) -> None:
        """End what nobody ended, before the interpreter stops its threads."""
        if os.getpid() != self._pid or not self._endings:
            return
        self.hold()
        try:
            self._end_all()
        finally:
            self.let_go()

    def _end_all(self) -> None:
        for ending in reversed(self._endings):
            try:
                self.attend(ending, ending.end)
            except Exception:
                # Whatever one of them does, the others are to be seen to.
                logger.exception("a launch could not be seen to")

    def _die(self) -> None:
        """Do at last what the signal would have done at once."""
        if self._signals.fatal is not None and os.getpid() == self._pid:
            end_by(self._signals.fatal)


def _at_exit(hook: Callable[[], None]) -> None:
    # There since Python 3.9; without it, plain atexit is still better than nothing.
    register = getattr(threading, "_register_atexit", atexit.register)
    try:
        register(hook)
    except RuntimeError as error:
        logger.debug("the interpreter is ending already: %s", error)


LIFETIME = Lifetime()
