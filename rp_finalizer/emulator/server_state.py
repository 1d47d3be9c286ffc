"""All that the emulated server knows, behind one lock: the server's thread and the tests' threads both touch it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from rp_finalizer.emulator.accounts import Accounts
from rp_finalizer.emulator.faults import Faults
from rp_finalizer.emulator.journal import Journal
from rp_finalizer.emulator.launch_lifecycle import interrupt_silent_launches
from rp_finalizer.emulator.reporting_queue import ReportingQueue
from rp_finalizer.emulator.server_version import ServerVersion
from rp_finalizer.emulator.store import Store
from rp_finalizer.emulator.times import ServerClock

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from rp_finalizer.emulator.records import StoredLaunch


class ServerState:
    """Hold the parts together. Take `changed` before reading or changing any of them; it is re-entrant."""

    def __init__(self, version: str) -> None:
        self.version = ServerVersion(version)
        self.changed = threading.Condition(threading.RLock())
        """The lock, and the signal that something has changed."""
        self.generation = 0
        """Counts the resets: a call that was held while one happened does nothing any more."""
        self.loop: asyncio.AbstractEventLoop | None = None
        """The server's event loop while it runs."""
        self.work_waiting: asyncio.Event | None = None
        """Set when the queue has something new to look at."""
        self.cut: Callable[[str, int], None] = lambda _host, _port: None
        """Drops the connection to a peer while the server runs; to be called on its thread."""
        self._begin()

    def _begin(self) -> None:
        self.latency = 0.0
        self.clock = ServerClock()
        self.accounts = Accounts()
        self.store = Store()
        self.journal = Journal()
        self.faults = Faults(self.call_soon)
        self.queue = ReportingQueue(self.changed, self._wake_queue, self.version.retry_waits)

    def reset(self) -> None:
        """Forget everything, settings included, and let go the calls that are held: they have no effect."""
        with self.changed:
            self.generation += 1
            self.faults.clear()
            self._begin()
            self.changed.notify_all()

    def call_soon(self, action: Callable[[], object]) -> None:
        """Run something on the server's thread; at once while the server does not run."""
        loop = self.loop
        if loop is None or loop.is_closed():
            action()
        else:
            loop.call_soon_threadsafe(action)

    def _wake_queue(self) -> None:
        if self.work_waiting is not None:
            self.call_soon(self.work_waiting.set)

    def work_off_queue(self) -> float | None:
        """Do what is due in the queue; give the seconds until more is, or None."""
        with self.changed:
            return self.queue.advance(time.monotonic())

    def run_inactivity_job(self) -> list[StoredLaunch]:
        """Interrupt the launches that look abandoned, in every project by its own timeout."""
        with self.changed:
            interrupted: list[StoredLaunch] = []
            for project in self.accounts.projects.values():
                after = round(project.interrupt_after * 1_000_000)
                interrupted += interrupt_silent_launches(self.store, project.name, after, self.clock.now())
            self.changed.notify_all()
            return interrupted
