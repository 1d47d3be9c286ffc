"""The guardian's handle: starts a small process that outlives this one, and tells it what it would have to finish.

What no process can do for itself, finish its launches after SIGKILL, `os._exit` or a crash, that process does. It is
nobody's child: whoever counts, awaits or kills the children of a run does not meet it. It is told everything over a
pipe, secrets included, and nothing in its arguments or its environment.
"""

from __future__ import annotations

import _thread
import logging
import os
import select
import signal
import threading
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Self

from rp_finalizer.guardian_messages import FORGET, GOODBYE, HELLO, RENEWED, WATCH, encode
from rp_finalizer.guardian_starting import introduction, obstacle, spawn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rp_finalizer.entries import OwedLaunch
    from rp_finalizer.settings import Settings

logger = logging.getLogger(__name__)


class Guardian:
    """Tells a guardian's process what to do. Usable from any thread; in a forked child nothing here does anything.

    Nothing raises when that process is gone, or does not listen: the run goes on without it.
    """

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        """Our end; -1 once it is closed."""
        self._identity = _identity(pipe)
        self._pid = os.getpid()
        self._unsent = b""
        # Reentrant: a signal's handler may end the run while something is being told.
        self._lock = threading.RLock()

    @classmethod
    def start(cls, settings: Settings) -> Self | None:
        """Start one for this process, without waiting for it; None, logged, where that is not possible.

        `settings` are those that launches are finished with: `status_on_crash`, the key and all.
        """
        reason = obstacle()
        if reason:
            logger.info("no guardian: %s", reason)
            return None
        try:
            return cls._start(settings)
        except (OSError, RuntimeError, ValueError, NotImplementedError) as error:
            logger.warning("no guardian sees to the launch if this process is killed: %s", error)
            return None

    @classmethod
    def _start(cls, settings: Settings) -> Self:
        theirs, ours = os.pipe()
        try:
            os.set_blocking(ours, False)
            guardian = cls(ours)
            guardian._tell(HELLO, **introduction(settings))
            # Its first process ends in a moment; then nothing is to be left of it. A thread of `threading` would keep
            # us until it runs.
            _thread.start_new_thread(_await, (spawn(theirs),))
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        return guardian

    @property
    def alive(self) -> bool:
        """Whether somebody listens; False in a forked child, too."""
        if os.getpid() != self._pid:
            return False
        with self._lock:
            return self._is_open() and _has_reader(self._pipe)

    def watch(self, launch: OwedLaunch, lease: tuple[str, int] | None = None) -> None:
        """Have a launch finished if this process dies from here on.

        `lease` is the id of its outbox entry and the token by which this run holds it: it is renewed when the run
        does not do that itself. None without an outbox.
        """
        self._tell(WATCH, **asdict(launch), lease=lease)

    def renewed(self) -> None:
        """Say that the run has just renewed its leases itself, so that nobody else has to for a while."""
        self._tell(RENEWED)

    def forget(self, uuid: str) -> None:
        """Have a launch left alone, for it is finished, or seen to otherwise."""
        self._tell(FORGET, uuid=uuid)

    def goodbye(self) -> None:
        """Send it away, for the run ends well; a second time does nothing."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            self._tell(GOODBYE)
            if self._is_open():
                os.close(self._pipe)
            self._pipe = -1

    def _tell(self, kind: str, **content: Any) -> None:
        if os.getpid() != self._pid:
            return
        with self._lock:
            if not self._is_open():
                return
            self._unsent += encode(kind, **content)
            try:
                with _without_sigpipe():
                    self._unsent = self._unsent[os.write(self._pipe, self._unsent) :]
            except BlockingIOError:
                logger.debug("the guardian does not listen now; it is told with the next message")
            except OSError as error:
                self._unsent = b""
                logger.debug("the guardian is gone: %s", error)

    def _is_open(self) -> bool:
        """Tell whether the pipe is still ours: who closes all descriptors does not ask, and others get its number."""
        return self._pipe >= 0 and _identity(self._pipe) == self._identity


def _identity(descriptor: int) -> tuple[int, int] | None:
    try:
        stat = os.fstat(descriptor)
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def _has_reader(pipe: int) -> bool:
    poll = select.poll()
    poll.register(pipe, 0)
    return not poll.poll(0)


def _await(pid: int) -> None:
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)


@contextmanager
def _without_sigpipe() -> Iterator[None]:
    """Let a write into a pipe that nobody reads fail, and no more, whatever SIGPIPE does in this process."""
    if signal.getsignal(signal.SIGPIPE) is signal.SIG_IGN:
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPIPE})
    pending = signal.SIGPIPE in signal.sigpending()
    try:
        yield
    finally:
        if not pending and signal.SIGPIPE in signal.sigpending():
            signal.sigwait({signal.SIGPIPE})
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
