"""The life of one command: started, heard, signalled, waited for."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from rp_finalizer.child_process.group_witness import GroupWitness
from rp_finalizer.child_process.program import find_program
from rp_finalizer.child_process.relay import wait
from rp_finalizer.child_process.signal_pipe import ENDING, SignalPipe
from rp_finalizer.child_process.starting import Session, Start, start_in_group
from rp_finalizer.child_process.streams import STDIN, lay
from rp_finalizer.child_process.terminal import Keyboard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
"""Signals that the command gets when we do."""
QUIET, LONGEST = 0.25, 3.0
"""Seconds after the command's end: how long nobody may write, and how long anybody may, until we stop listening.

What it has left in the background may hold its streams open for ever.
"""
STALLED = 1.0
"""Seconds that a reader of ours may take nothing, until its launch is seen to first."""
_LAST_PIECES = 16
"""What is passed on, at most, of what the command has printed before it was stopped."""
_IDLE = 1.0
"""Seconds of silence after which there is time for other things."""
_BACKGROUND = 0.5
"""Seconds between two looks whether somebody has brought us to the foreground: nothing tells."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How the command ended."""

    status: int | None
    """As the system tells it; None when somebody killed the one who knew."""
    at: float
    """Seconds since the epoch."""
    asked: bool
    """Whether a signal had asked for its end, one that we passed on or that the terminal sent to all of us."""
    launches: tuple[str, ...]
    """What it printed."""

    @property
    def signal(self) -> int | None:
        """The signal that ended it, if one did."""
        return None if self.status is None or not os.WIFSIGNALED(self.status) else os.WTERMSIG(self.status)

    @property
    def exit_code(self) -> int:
        """What a shell would say: 128 and the signal's number when one ended it."""
        if self.status is None:
            return 128 + signal.SIGKILL
        code = os.waitstatus_to_exitcode(self.status)
        return code if code >= 0 else 128 - code


class Supervision:
    """A command that runs in our place: with our streams, our terminal and the signals that we get.

    Entering starts it, on the main thread, and raises `CannotStartError` where it cannot. It is never ended by us.
    With `all_to_stderr` what it prints on stdout goes to our stderr.
    """

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], *, all_to_stderr: bool = False) -> None:
        self._command = tuple(command)
        self._environ = environ
        self._all_to_stderr = all_to_stderr
        self._cleaning = ExitStack()
        self._session: Session | None = None
        self._keyboard: Keyboard | None = None
        self._witness: GroupWitness | None = None
        self._status: int | None = None
        self._running = True
        self._asked = False

    def __enter__(self) -> Self:
        """Start it."""
        program = find_program(self._command[0], self._environ.get("PATH", os.defpath))
        with ExitStack() as cleaning:
            self._streams = lay(all_to_stderr=self._all_to_stderr)
            cleaning.callback(self._streams.close)
            doubled = self._streams.session
            more = (signal.SIGCHLD, signal.SIGWINCH) if doubled is None else (signal.SIGWINCH, signal.SIGTSTP)
            self._signals = cleaning.enter_context(SignalPipe((*PASSED_ON, *more)))
            start = Start(program, self._command, self._environ, self._streams.given, self._signals.taken)
            if doubled is None:
                numbers = tuple(each for each in self._signals.taken if each in PASSED_ON)
                self._witness = cleaning.enter_context(GroupWitness(numbers))
                self._pid = start_in_group(start)
            else:
                self._session = Session(start, doubled.its)
                cleaning.callback(self._session.close)
                self._pid = self._session.pid
                self._keyboard = Keyboard(STDIN, doubled.ours)
                cleaning.callback(self._keyboard.give_back)
                self._keyboard.take()
            self._streams.forget_its_ends()
            self._cleaning = cleaning.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        """Give back what was taken: the terminal, the signals."""
        self._cleaning.close()

    @property
    def unseen(self) -> list[str]:
        """Why something that the command prints is not heard by us, where it is not."""
        return self._streams.unseen

    def wait(self, when_idle: Callable[[], None]) -> Ending:
        """Pass everything on until it has ended and its output is here; how long that takes is its own business.

        `when_idle` is called once, when nothing has happened for a while, if that comes.
        """
        idle: Callable[[], None] | None = when_idle
        while self._running:
            background = self._keyboard is not None and not self._keyboard.taken
            if not self._turn(_BACKGROUND if background else None if idle is None else _IDLE) and idle is not None:
                idle()
                idle = None
        at = time.time()
        self._drain()
        if self._keyboard is not None:
            self._keyboard.give_back()
        asked, self._asked = self._asked, False
        return Ending(self._status, at, asked, self._streams.found())

    def interrupted(self) -> bool:
        """Tell whether somebody has asked for the end after the command's own."""
        self._take_signals()
        return self._asked

    def deliver_rest(self) -> None:
        """Write what a slow reader has not taken yet, however slow it is; a signal ends that."""
        self._take_signals()
        while any(each.holds for each in self._streams.relays) and not self._take_signals():
            self._carry((), (), None, reading=False)

    def problems(self) -> list[OSError]:
        """Give why some of its output is not where it belongs; a reader that has left is no problem."""
        problems = [each.problem for each in self._streams.relays]
        return [each for each in problems if each is not None and not isinstance(each, BrokenPipeError)]

    def _turn(self, timeout: float | None) -> bool:
        """Wait for what happens next, and see to it; tell whether something happened in time."""
        session, keyboard = self._session, self._keyboard
        if session is None or keyboard is None:
            ready = self._carry((), (), timeout)
        else:
            keyboard.take()
            ready = self._carry((session.reports, *keyboard.readers), keyboard.writers, timeout)
            keyboard.pass_on(ready)
            if session.reports in ready:
                self._take_report(session, keyboard)
        if self._signals.reading in ready:
            self._take_signals()
        return bool(ready)

    def _carry(
        self, readers: tuple[int, ...], writers: tuple[int, ...], timeout: float | None, *, reading: bool = True
    ) -> set[int]:
        """Wait until one of these is ready, or something is to be passed on, and pass that on."""
        relays = [each for each in self._streams.relays if each.open or each.holds]
        sources = {each.source for each in relays if reading and each.open and not each.holds}
        sinks = {each.sink for each in relays if each.holds}
        ready = wait(
            {*readers, *sources, self._signals.reading}, {*writers, *sinks}, {each.sink for each in relays}, timeout
        )
        for relay in relays:
            if relay.holds:
                relay.write()
            elif relay.source in ready & sources:
                relay.read()
            elif relay.sink in ready:
                relay.close()  # its reader has left: the command is to learn of it by its next write
        return ready

    def _take_report(self, session: Session, keyboard: Keyboard) -> None:
        status = session.status()
        if status is not None and os.WIFSTOPPED(status):
            self._stop_with_it(keyboard)
        else:
            self._status, self._running = status, False

    def _stop_with_it(self, keyboard: Keyboard) -> None:
        """Stand still like the command, until we are continued, and it with us."""
        for _ in range(_LAST_PIECES):
            if not self._carry((), (), 0.0) - {self._signals.reading}:
                break
        keyboard.give_back()
        earlier = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        # Who waits for us is to see it as if the terminal had stopped us all. Where nobody does, nothing stops.
        os.kill(0, signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, earlier)
        keyboard.take()
        self._streams.pass_on_size()
        os.killpg(self._pid, signal.SIGCONT)

    def _take_signals(self) -> bool:
        """See to the signals that have come; tell whether one of them asks for the end."""
        numbers = self._signals.numbers()
        for number, times in Counter(numbers).items():
            if number == signal.SIGCHLD:
                self._look_after_child()
            elif number == signal.SIGWINCH:
                self._streams.pass_on_size()
                if self._witness is not None:
                    # Our terminal has told the command of its size before it could see that in ours.
                    self._send(number)
            elif number == signal.SIGTSTP:
                os.killpg(self._pid, number)
            else:
                self._asked = self._asked or number in ENDING
                if self._witness is None or not self._witness.saw(number, times):
                    self._send(number)
        return not ENDING.isdisjoint(numbers)

    def _look_after_child(self) -> None:
        if self._running and self._witness is not None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self._status, self._running = status, False

    def _send(self, number: int) -> None:
        if self._running:
            try:
                os.kill(self._pid, number)
            except ProcessLookupError:
                return  # it has ended just now

    def _drain(self) -> None:
        """Take what it has left behind on its way to us, as long as somebody writes, and our readers take it."""
        begun = moved = time.monotonic()
        while any(each.open or each.holds for each in self._streams.relays) and not self._take_signals():
            now = time.monotonic()
            if any(each.holds for each in self._streams.relays):
                left = moved + STALLED - now
            else:
                left = min(moved + QUIET, begun + LONGEST) - now
            if left <= 0:
                return
            if self._carry((), (), left):
                moved = time.monotonic()
