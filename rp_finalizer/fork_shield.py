"""Keeping signals out of the moment of a fork.

A signal that strikes a child before Python has set it up is lost there, and is told to its parent by the wakeup pipe
that the two still share. So none is let in until both are on their own.
"""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

from rp_finalizer.signals import ENDING

if TYPE_CHECKING:
    from rp_finalizer.signals import Signals


class ForkShield:
    """Blocks signals in the thread that forks, as long as it does. There are several of them at times."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._masks: dict[int, set[int | signal.Signals]] = {}
        """By thread that forks: what it keeps out otherwise."""

    def forking(self) -> None:
        """Begin; of use only where the signals are taken."""
        if self._signals.installed:
            self._masks[threading.get_ident()] = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)

    def forked_here(self) -> None:
        """Let in what has waited, in the parent: not at once, for Python prints what a hook like this one raises."""
        mask = self._masks.pop(threading.get_ident(), None)
        if mask is None:
            return
        if threading.current_thread() is not threading.main_thread():
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            return
        with self._signals.deferring():
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def forked(self) -> None:
        """Let it in in the child, whose signals are its own by now."""
        mask = self._masks.pop(threading.get_ident(), None)
        self._masks.clear()
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
