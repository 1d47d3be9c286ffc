"""Processes of our own beside the command: started so that no signal and no open file is in two places."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_MANY = 65536
"""Descriptors that are closed, where the system cannot close all of them at once."""


def start_beside(work: Callable[[], None]) -> int:
    """Fork a process that does this work and ends; give its number. Only while there is one thread.

    Signals wait until the work lets them in: before it has set up its own handlers they would be told to ours.
    """
    earlier = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            _work(work)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, earlier)
    return pid


def _work(work: Callable[[], None]) -> NoReturn:
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        work()
        code = 0
    finally:
        # Neither the caller's cleaning up nor its buffers are this process's.
        os._exit(code)


def let_go(kept: Collection[int]) -> None:
    """Close every file but these: nobody's pipe is to stay open because of a process that only watches."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nowhere, standard)
    first = 3
    for each in sorted(kept):
        os.closerange(first, each)
        first = each + 1
    os.closerange(first, _MANY)
