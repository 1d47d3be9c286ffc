"""Telling a signal that struck us alone from one that struck our whole process group.

A child in our own group has got what a terminal's Ctrl-C or `kill -- -GROUP` sent to all of it, and must not get it
twice: a test runner takes the second Ctrl-C for impatience. What was sent to us alone it has not got. Nothing that
comes with a signal tells the one from the other. So a small process in the group does nothing but watch what it gets
itself.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Self

from rp_finalizer.child_process.forking import let_go, start_beside

if TYPE_CHECKING:
    from types import FrameType

_QUESTION, _ANSWER = b"?", 0
_LONGEST = 1.0
"""Seconds that an answer may take; a witness who is silent for longer has seen nothing."""
_FORGETTING = 0.5
"""Seconds after which what it saw and we did not is no more than a coincidence."""
_TOGETHER = 0.25
"""Seconds after one to all of us in which another of its kind is taken for one, too, although nobody else saw it.

The system keeps one of a kind for a process that has not come to run yet: of two the witness may see one.
"""
_LOOKS = (0.0, 0.01)
"""Seconds before each look: the system strikes the members of a group one after the other."""


def _note(number: int, frame: FrameType | None) -> None:
    """Do nothing: that there is a handler puts the number into the socket."""


class GroupWitness:
    """A process in our group that tells which signals it got. It ends when we do, however that is."""

    def __init__(self, numbers: tuple[int, ...]) -> None:
        self._numbers = numbers
        self._seen: Counter[int] = Counter()
        self._asked_at = 0.0
        self._to_all: dict[int, float] = {}
        """When one of a kind last was one to all of us."""
        self._pid = 0
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        """Start it: before the child, and while there is one thread."""
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._pid = start_beside(partial(_watch, theirs, self._numbers))
        return self

    def __exit__(self, *exception: object) -> None:
        """End it."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            os.waitpid(self._pid, 0)

    def saw(self, number: int, times: int) -> bool:
        """Tell whether a signal that has just struck us, so many times, struck the group."""
        for pause in _LOOKS:
            time.sleep(pause)
            self._ask()
            if self._seen[number]:
                # Two that come close together may strike the witness before we ask for the first one.
                self._seen[number] = max(0, self._seen[number] - times)
                self._to_all[number] = time.monotonic()
                return True
        return number in self._to_all and time.monotonic() < self._to_all[number] + _TOGETHER

    def _ask(self) -> None:
        assert self._socket is not None  # noqa: S101  asked while it runs
        if time.monotonic() > self._asked_at + _FORGETTING:
            self._seen.clear()
        self._asked_at = time.monotonic()
        try:
            self._socket.sendall(_QUESTION)
            until = time.monotonic() + _LONGEST
            answered = False
            while not answered and select.select([self._socket], [], [], max(0.0, until - time.monotonic()))[0]:
                told = self._socket.recv(4096)
                answered = _ANSWER in told or not told
                self._seen.update(each for each in told if each != _ANSWER)
        except OSError:
            # Somebody has killed it: what strikes us is passed on.
            return


def _watch(theirs: socket.socket, numbers: tuple[int, ...]) -> None:
    """Write down every signal, and answer questions, until nobody is there to ask any."""
    let_go({theirs.fileno()})
    os.set_blocking(theirs.fileno(), False)
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    for number in numbers:
        signal.signal(number, _note)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    while True:
        select.select([theirs], [], [])
        asked = theirs.recv(64)
        if not asked:
            return
        # What struck before the question is in the socket already: its handler wrote it at once.
        theirs.send(bytes([_ANSWER]) * len(asked))
