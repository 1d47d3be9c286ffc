"""What ends the process, and that launches are seen to before: signals, the interpreter's exit, a stuck main thread.

One `Lifetime` a process. While endings are entered, signals raise in the main thread; a launch that is being ended is
not torn apart by them: that work runs beside the main thread, which takes the signals and shortens the work's time.
What nobody ended is ended when the interpreter exits, before it stops its threads: plain `atexit` is too late for the
clients built on asyncio, whose host names are looked up by an executor that is shut by then.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import threading
from contextlib import contextmanager
from time import monotonic, sleep
from typing import TYPE_CHECKING, TypeVar

from rp_finalizer.default_action import end_by
from rp_finalizer.fork_shield import ForkShield
from rp_finalizer.interpreter_end import at_exit, skips_atexit, threads_at_work
from rp_finalizer.reportportal.bounded import begin
from rp_finalizer.signals import Signals
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
        self._hooked = False
        self._signals = Signals(self._struck, lambda: bool(self._endings))
        self._witness = Witness(self._seen)
        self.fork_shield = ForkShield(self._signals)
        self._forget()

    def _forget(self) -> None:
        self._pid = os.getpid()
        self._endings: tuple[Ending, ...] = ()
        # Reentrant, for what a user's own signal handler calls.
        self._changing = threading.RLock()
        self._attending = 0
        self._attended = threading.Event()
        """Set while the main thread ends something."""

    def forked(self) -> None:
        """Begin anew in a forked child: what its parent sees to is the parent's."""
        self._witness.forked()
        self._signals.forked()
        self._forget()
        self.fork_shield.forked()

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
                at_exit(self._exit)
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

    def attend(self, ending: Ending, work: Callable[[], _T]) -> _T:
        """Do the work that ends something; a signal shortens it and is raised when it is done."""
        if not self._here(ending):
            return work()
        with self._attention():
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
        """Do the same on the thread of a running loop, without blocking it; who cancels it waits for the work's end."""
        if not self._here(ending):
            return await _awaited_to_its_end(work, lambda: None)
        with self._attention():
            return await _awaited_to_its_end(work, lambda: ending.look(monotonic()))

    @contextmanager
    def _attention(self) -> Iterator[None]:
        """Let no signal tear apart what happens inside; what came is raised at the end of the outermost."""
        self._signals.hold(firmly=True)
        try:
            self._attending += 1
            self._attended.set()
            try:
                yield
            finally:
                self._attending -= 1
                if not self._attending:
                    self._attended.clear()
        finally:
            held = self._signals.let_go(firmly=True)
            if held is not None:
                raise held

    def hold(self) -> None:
        """Raise no signal from here on, but a second one, until `let_go`; in the main thread."""
        self._signals.hold(firmly=False)

    def let_go(self) -> BaseException | None:
        """End it; give what was to be raised meanwhile."""
        return self._signals.let_go(firmly=False)

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

    def _seen(self, number: int, since: float) -> None:
        """See to it that a signal has its effect although the main thread is stuck. On the witness's thread.

        What was raised in a main thread that runs is left to it, which may have caught it for good. Where it is to die
        of the signal it has half of the grace to come to what is to be ended, and all of it to unwind.
        """
        if not self._signals.takes(number):
            return
        self._wake_main(number, since)
        endings = self._endings
        if not endings or not self._signals.asks_to_end(number):
            return
        now = monotonic()
        patience = min(max(each.grace for each in endings), *(each.limit.at - now for each in endings)) / 2
        if self._attended.wait(max(0.0, patience)):
            return
        handled, kills = self._signals.entered_at >= since, self._signals.kills(number)
        if handled and not kills:
            return
        for each in endings:
            each.limit.shorten(patience, monotonic())
        self._end_all()
        if kills and not (handled and self._attended.wait(max(0.0, patience))):
            end_by(number)

    def _wake_main(self, number: int, since: float) -> None:
        """Have the main thread run its handler where it does not by itself.

        The system may give a signal to another thread, or to the main thread in the instant before it begins to wait:
        Python then takes note of it, and waits on, in `time.sleep` for example.
        """
        for _ in range(_NUDGES):
            entered = self._signals.entered
            if self._signals.entered_at >= since:
                return
            sleep(_NUDGE)
            if self._signals.entered_at < since and self._signals.takes(number):
                self._signals.nudge(number, entered)

    def _exit(self) -> None:
        """End what nobody ended, before the interpreter stops its threads."""
        if os.getpid() != self._pid:
            return
        self._signals.hold(firmly=True)
        try:
            self._wait_for_threads()
            self._end_all()
        finally:
            held = self._signals.let_go(firmly=True)
        if threads_at_work() or skips_atexit():
            # Nothing that comes later would be in time.
            self._die()
            if held is not None:
                raise held

    def _wait_for_threads(self) -> None:
        """Wait for the threads that the interpreter is about to wait for: they may still report.

        Not for those of executors, which wait for a hook like ours to end them. A signal ends the waiting.
        """
        while self._endings and not any(each.signalled for each in self._endings):
            others = threads_at_work()
            if not others:
                return
            others[0].join(_LOOK)

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


async def _awaited_to_its_end(work: Callable[[], _T], look: Callable[[], None]) -> _T:
    task = asyncio.ensure_future(asyncio.to_thread(work))
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task}, timeout=_LOOK)
        except asyncio.CancelledError as error:
            cancelled = error
        look()
    if cancelled is None:
        return task.result()
    problem = None if task.cancelled() else task.exception()
    if problem is not None:
        logger.debug("the work of a call that was cancelled raised %r", problem)
    raise cancelled


LIFETIME = Lifetime()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=LIFETIME.fork_shield.forking,
        after_in_parent=LIFETIME.fork_shield.forked_here,
        after_in_child=LIFETIME.forked,
    )
