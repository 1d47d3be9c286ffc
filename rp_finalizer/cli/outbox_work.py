"""A worker at work under a command, and the signals that stop it."""

from __future__ import annotations

import logging
import os
import random
import sys
import threading
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

import click

from rp_finalizer.cli.exits import Interrupted, interruptible
from rp_finalizer.entry_finishing import EntryFinisher
from rp_finalizer.errors import OutboxError
from rp_finalizer.holders import this_process
from rp_finalizer.outbox_wiring import patience_of
from rp_finalizer.pace import Pace, ahead_of
from rp_finalizer.system_clock import SystemClock
from rp_finalizer.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from rp_finalizer.cli.options import Common
    from rp_finalizer.outbox_port import Outbox
    from rp_finalizer.settings import Settings

LOOK = 0.2
"""Seconds between two looks at how the work goes."""
AFTER_TROUBLE = 5.0
"""Seconds until a worker tries an outbox again that failed it."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Work:
    """A worker with all that it needs, on a thread of its own: signals come to the main one."""

    common: Common
    settings: Settings
    worker: Worker
    finisher: EntryFinisher
    hurry: threading.Event
    """Set where nothing is to be waited for any more."""
    problem: BaseException | None = None
    _done: threading.Event = field(default_factory=threading.Event)
    _stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def running(self) -> bool:
        """Tell whether it takes what is due: it was not told to stop, and nothing has stopped it."""
        return not (self._stopping.is_set() or self._done.is_set())

    def run(self, *, once: bool, look: Callable[[], None] = lambda: None) -> Interrupted | None:
        """Work until all is done, or a signal stops it: what runs then comes to its end, and the rest is handed back.

        A second signal leaves each launch one more try, a third ends the process at once; leases run out by
        themselves. `look` is called all the time. Raises what the work raises.
        """
        thread = threading.Thread(target=self._work, args=(once,), name="rp-finalizer-work", daemon=True)
        interruption: Interrupted | None = None
        with interruptible():
            try:
                thread.start()
                self._wait(look)
            except Interrupted as first:
                interruption = first
        if interruption is not None:
            self._wind_up(interruption, look)
        self.finisher.close()
        if self.problem is not None:
            raise self.problem
        return interruption

    def _work(self, once: bool) -> None:  # noqa: FBT001  a thread's target
        try:
            while not self._try(once=once):
                self._stopping.wait(AFTER_TROUBLE)
        except BaseException as error:  # noqa: BLE001  raised again in the main thread
            self.problem = error
        self._done.set()

    def _try(self, *, once: bool) -> bool:
        """Work; False where the outbox failed under a worker that is to go on: a full disk, a lock held for long."""
        try:
            self.worker.run(once=once)
        except OutboxError as error:
            if once or self._stopping.is_set():
                raise
            logger.warning("%s; trying again in %g s", error, AFTER_TROUBLE)
            return False
        return True

    def _wait(self, look: Callable[[], None], seconds: float | None = None) -> bool:
        """Wait for the end of the work; False where the seconds were over first."""
        waited = 0.0
        while not self._done.wait(LOOK):
            look()
            waited += LOOK
            if seconds is not None and waited >= seconds:
                return False
        return True

    def _wind_up(self, interruption: Interrupted, look: Callable[[], None]) -> None:
        """Let what runs come to its end; whoever signals again is in a hurry."""
        with interruptible():
            try:
                self._tell("interrupted: what runs is finished; interrupt again to leave it")
                self._stopping.set()
                self.worker.stop()
                self._wait(look)
            except Interrupted:
                self.hurry.set()
            else:
                return
        with interruptible():
            try:
                self._tell(f"interrupted again: one more try for each, {self.settings.grace:g} s at most")
                if self._wait(look, self.settings.grace):
                    return
            except Interrupted:
                self._tell("left: the leases run out by themselves")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(interruption.exit_code)

    def _tell(self, sentence: str) -> None:
        self.common.tell_no_more()
        if not self.common.quiet:
            click.echo(sentence, err=True)


def prepare(common: Common, settings: Settings, outbox: Outbox, role: str, concurrency: int, rate: float = inf) -> Work:
    """Build a worker and what it works with; nothing is done yet."""
    hurry = threading.Event()
    finisher = EntryFinisher(settings, stop=hurry)
    pace = Pace(concurrency, settings.lease, settings.entry_timeout, rate, ahead=ahead_of(concurrency))
    worker = Worker(
        outbox,
        finisher,
        owner=this_process(role),
        clock=SystemClock(),
        chance=random.random,
        pace=pace,
        patience=patience_of(settings),
    )
    return Work(common, settings, worker, finisher, hurry)
