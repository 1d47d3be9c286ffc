"""Terminals: ours, and those that the command gets in its place."""

from __future__ import annotations

import os
import termios
import tty
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

_OFLAG, _LFLAG = 1, 3
_KEYS = 1024
"""Bytes that are read at once."""


def open_double(real: int, *, output_only: bool) -> tuple[int, int]:
    """Open a terminal that looks like a real one; give our end of it, and the child's. Raises OSError.

    One for output only leaves every byte as it is: the real one, which it leads to, does what is to be done.
    """
    ours, its = os.openpty()
    try:
        attributes = termios.tcgetattr(real)
        if output_only:
            attributes[_OFLAG] &= ~termios.OPOST
            attributes[_LFLAG] &= ~termios.ECHO
        termios.tcsetattr(its, termios.TCSANOW, attributes)
        copy_size(real, ours)
    except termios.error as error:
        os.close(ours)
        os.close(its)
        raise OSError(*error.args) from error
    os.set_blocking(ours, False)
    return ours, its


def copy_size(real: int, double: int) -> None:
    """Give a terminal the size of another; the foreground of a terminal of its own hears of it."""
    try:
        termios.tcsetwinsize(double, termios.tcgetwinsize(real))
    except termios.error:
        return  # the real one is gone, or has no size


class Keyboard:
    """Our own terminal as the source of what is typed: raw, so that every key reaches the double, also Ctrl-C."""

    def __init__(self, terminal: int, into: int) -> None:
        self.terminal = terminal
        self.into = into
        self._earlier: list[Any] | None = None
        self._typed = b""
        self._gone = False
        self._never_taken = True
        self._strange = False
        """Whether the double was made like a terminal that somebody else had: shells read lines in their own way."""

    @property
    def taken(self) -> bool:
        """Tell whether it is raw because of us."""
        return self._earlier is not None

    @property
    def readers(self) -> tuple[int, ...]:
        """What is to be read when it can be."""
        return (self.terminal,) if self.taken and not self._typed and not self._gone else ()

    @property
    def writers(self) -> tuple[int, ...]:
        """What is to be written when it can be."""
        return (self.into,) if self._typed else ()

    def take(self) -> None:
        """Make it raw, if it is ours to change: from the background it is not."""
        if self._earlier is not None:
            return
        if not self._in_foreground():
            self._strange = self._never_taken
            return
        try:
            earlier = termios.tcgetattr(self.terminal)
            if self._strange:
                termios.tcsetattr(self.into, termios.TCSANOW, earlier)
            # What was typed before is kept, and nothing is waited for.
            tty.setraw(self.terminal, termios.TCSANOW)
        except termios.error:
            return
        self._earlier = earlier
        self._never_taken = self._strange = False

    def give_back(self) -> None:
        """Make it what it was."""
        earlier, self._earlier = self._earlier, None
        if earlier is not None:
            try:
                termios.tcsetattr(self.terminal, termios.TCSANOW, earlier)
            except termios.error:
                return  # it is gone

    def pass_on(self, ready: Collection[int]) -> None:
        """Pass on what is typed, as far as it is taken."""
        try:
            if self.terminal in ready:
                self._typed = os.read(self.terminal, _KEYS)
                self._gone = not self._typed
            if self._typed:
                self._typed = self._typed[os.write(self.into, self._typed) :]
        except BlockingIOError:
            return
        except OSError:
            # One of the two is hung up, of which the command hears otherwise.
            self._typed, self._gone = b"", True

    def _in_foreground(self) -> bool:
        """Tell whether we are: whoever changes a terminal from the background is stopped, or disturbs others."""
        try:
            return os.tcgetpgrp(self.terminal) == os.getpgrp()
        except OSError:
            return True  # it controls nobody, and there is no background
