"""Starting the command: in our own process group, or as the master of a terminal of its own."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import struct
import termios
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from rp_finalizer.child_process.forking import let_go, start_beside
from rp_finalizer.child_process.program import CannotStartError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

_PYTHONS_OWN = (signal.SIGPIPE, signal.SIGXFSZ)
"""Ignored by every Python process, and not to be by what it starts."""
_SHELL = "/bin/sh"
_NOTE = struct.Struct("=ci")
_STARTED, _REFUSED, _STATUS = b"p", b"e", b"s"


@dataclass(frozen=True, slots=True)
class Start:
    """What is to be started."""

    program: str
    command: tuple[str, ...]
    environ: Mapping[str, str]
    streams: Mapping[int, int]
    """By the child's number of a standard stream: our file that becomes it. What is missing is inherited."""
    taken: tuple[int, ...]
    """Signals with handlers of ours."""


def start_in_group(start: Start) -> int:
    """Start it in our process group and session, with our terminal; give its number. Raises `CannotStartError`.

    Files that our caller opened for it beyond the standard streams reach it, too.
    """
    actions = [(os.POSIX_SPAWN_DUP2, ours, its) for its, ours in start.streams.items()]
    try:
        for program, arguments in _ways(start):
            try:
                return os.posix_spawn(
                    program, arguments, start.environ, file_actions=actions, setsigdef=(*_PYTHONS_OWN, *start.taken)
                )
            except OSError as error:
                if error.errno != errno.ENOEXEC:
                    raise
    except OSError as error:
        raise CannotStartError.because(start.command[0], error) from error
    raise CannotStartError(start.command[0], os.strerror(errno.ENOEXEC), 126)


def _ways(start: Start) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Give the program itself, and what stands in for it when it is a script that names no interpreter."""
    return (start.program, start.command), (_SHELL, (_SHELL, start.program, *start.command[1:]))


class Session:
    """A command that is the foreground of a terminal of its own.

    Between us and the command stands one small process, the terminal's master. Without it Ctrl-Z would do nothing: the
    system stops no group of processes whose parents all live in other sessions. It reports how the command fares.
    """

    def __init__(self, start: Start, terminal: int) -> None:
        """Start it. Raises `CannotStartError`."""
        self.reports, theirs = os.pipe()
        try:
            self._master = start_beside(partial(_be_master, start, terminal, theirs))
        finally:
            os.close(theirs)
        kind, value = self._next() or (_REFUSED, errno.ECHILD)
        if kind == _REFUSED:
            self.close()
            raise CannotStartError.because(start.command[0], OSError(value, os.strerror(value)))
        self.pid = value

    def status(self) -> int | None:
        """Give the next wait status, a stop included; waits for it. None when the master itself is gone."""
        note = self._next()
        return note[1] if note else None

    def close(self) -> None:
        """See the master off, which ends with its command."""
        os.close(self.reports)
        with suppress(ChildProcessError):  # where SIGCHLD is ignored, nobody is left to be seen off
            os.waitpid(self._master, 0)

    def _next(self) -> tuple[bytes, int] | None:
        note = os.read(self.reports, _NOTE.size)
        if len(note) < _NOTE.size:
            return None
        kind, value = _NOTE.unpack(note)
        return kind, value


def _be_master(start: Start, terminal: int, reports: int) -> None:
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    for number in start.taken:
        # What ends the command is the command's business; this process has to tell of it.
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    earlier_ttou = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    problems, its_problems = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(problems)
        _become(start, terminal, its_problems, ttou=earlier_ttou is not signal.SIG_IGN)
    let_go({terminal, reports, problems})
    # When we die, the terminal hangs up, and the system tells its master only.
    signal.signal(signal.SIGHUP, partial(_hang_up, pid))
    told = os.read(problems, _NOTE.size)
    os.write(reports, told or _NOTE.pack(_STARTED, pid))
    _report(pid, reports)
    # When the master of a terminal ends, its foreground is hung up: what the command has left behind is not to be.
    os.tcsetpgrp(terminal, os.getpgrp())


def _hang_up(pid: int, number: int, frame: FrameType | None) -> None:  # noqa: ARG001  the system's signature
    with suppress(ProcessLookupError):
        os.killpg(pid, number)
        os.killpg(pid, signal.SIGCONT)


def _report(pid: int, reports: int) -> None:
    while True:
        _, status = os.waitpid(pid, os.WUNTRACED)
        with suppress(BrokenPipeError):  # nobody is left to be told
            os.write(reports, _NOTE.pack(_STATUS, status))
        if not os.WIFSTOPPED(status):
            return


def _become(start: Start, terminal: int, problems: int, *, ttou: bool) -> NoReturn:
    """Take the foreground, and become the command."""
    try:
        os.setpgid(0, 0)
        os.tcsetpgrp(terminal, os.getpid())
        for its, ours in start.streams.items():
            os.dup2(ours, its)
        for number in (*start.taken, *_PYTHONS_OWN, *([signal.SIGTTOU] if ttou else [])):
            signal.signal(number, signal.SIG_DFL)
        for program, arguments in _ways(start):
            try:
                os.execve(program, arguments, start.environ)  # noqa: S606  what the user asked for
            except OSError as error:
                if error.errno != errno.ENOEXEC:
                    raise
    except OSError as error:
        os.write(problems, _NOTE.pack(_REFUSED, error.errno or 0))
    finally:
        os._exit(127)
