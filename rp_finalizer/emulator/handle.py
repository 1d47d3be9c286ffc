"""The handle on a running emulator: what tests and the command line hold."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self, TypeVar

from rp_finalizer.emulator.control_calls import control_router
from rp_finalizer.emulator.gateway import build_app
from rp_finalizer.emulator.server_state import ServerState
from rp_finalizer.emulator.server_thread import ServerThread, loopback_address
from rp_finalizer.http_thread import listen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from rp_finalizer.emulator.faults import ActiveFault, Fault
    from rp_finalizer.emulator.journal import ReceivedCall
    from rp_finalizer.emulator.records import ProjectRole, StoredItem, StoredLaunch, StoredLog, User
    from rp_finalizer.emulator.reporting_queue import ReportingQueue

VERSION = "5.15.1"

ValueT = TypeVar("ValueT")


class Emulator:
    """A ReportPortal-compatible server on loopback.

    Entering starts it, on a thread of its own, and returns once it listens; leaving stops it promptly, whatever hangs.
    Everything here may be called from any thread. What it gives out are frozen records or copies.

    `port` 0 takes a free one. `version` is what `/api/info` tells; those before 5.12, 5.13 and 5.14 also retry queued
    messages, write dates and refuse keys as service-api did then. `prefix`, as `/reportportal`, puts the installation
    under a path. Raises ValueError for a host that is not loopback, and OSError for a port that is taken.
    """

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, version: str = VERSION, prefix: str = "") -> None:
        self._host = loopback_address(host)
        self._port = port
        self._prefix = prefix.rstrip("/")
        self._state = ServerState(version)
        self._server: ServerThread | None = None

    def __enter__(self) -> Self:
        """Listen, and serve until the block is left."""
        app = build_app(self._state, self._prefix, control_router(self._state))
        self._server = ServerThread(app, self._state, listen(self._host, self._port))
        self._port = self._server.port
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop: calls that hang are cut off."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    @property
    def port(self) -> int:
        """The port it listens on; what was asked for until it does."""
        return self._port

    @property
    def url(self) -> str:
        """The endpoint that clients are given."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}{self._prefix}"

    def reset(self) -> None:
        """Forget everything and set everything back; calls that are held have no effect any more."""
        self._state.reset()

    def launches(self) -> list[StoredLaunch]:
        """List all launches, of all projects, in the order they came."""
        with self._state.changed:
            return list(self._state.store.launches.values())

    def launch(self, uuid: str) -> StoredLaunch | None:
        """Give a launch; None while the server does not know it."""
        with self._state.changed:
            return self._state.store.launch_by_uuid(uuid)

    def items(self, uuid: str) -> list[StoredItem]:
        """List the items of a launch, without attempts that were retried; none for an unknown launch."""
        with self._state.changed:
            launch = self._state.store.launch_by_uuid(uuid)
            return [] if launch is None else list(self._state.store.items_of(launch.id))

    def logs(self, uuid: str) -> list[StoredLog]:
        """List the logs of a launch and of its items; none for an unknown launch."""
        with self._state.changed:
            launch = self._state.store.launch_by_uuid(uuid)
            return [] if launch is None else self._state.store.logs_of(launch.id)

    def statistics(self, uuid: str) -> Mapping[str, int]:
        """Count the finished tests of a launch by status: `total`, `passed`, ..."""
        with self._state.changed:
            launch = self._state.store.launch_by_uuid(uuid)
            return {} if launch is None else dict(self._state.store.statistics(launch.id))

    def calls(self, kind: str | None = None) -> list[ReceivedCall]:
        """List what arrived, in order: all calls, or those of a kind."""
        with self._state.changed:
            return self._state.journal.calls(kind)

    def wait_until(self, predicate: Callable[[], ValueT], timeout: float = 10.0) -> ValueT:
        """Wait until a predicate holds, and give its value; it is asked again after every change of the state.

        It is asked under the state's lock, so what it reads fits together, and the server waits for it. Raises
        TimeoutError after `timeout` seconds.
        """
        with self._state.changed:
            deadline = time.monotonic() + timeout
            while not (value := predicate()):
                left = deadline - time.monotonic()
                if left <= 0 or not self._state.changed.wait(left):
                    if value := predicate():
                        break
                    raise TimeoutError(f"not within {timeout} s; launches: {self.launches()}")
            return value

    @property
    def queue(self) -> ReportingQueue:
        """The queue behind v2: its delays, losses and parked messages. A reset replaces it."""
        return self._state.queue

    @property
    def latency(self) -> float:
        """Seconds that every call takes on top."""
        return self._state.latency

    @latency.setter
    def latency(self, seconds: float) -> None:
        with self._state.changed:
            self._state.latency = seconds

    @property
    def clock_offset(self) -> float:
        """Seconds that the server's clock is ahead of the true time; negative when behind."""
        return self._state.clock.offset

    @clock_offset.setter
    def clock_offset(self, seconds: float) -> None:
        with self._state.changed:
            self._state.clock.offset = seconds

    @property
    def token_lifetime(self) -> float:
        """Seconds that access tokens live which are given out from now on."""
        return self._state.accounts.token_lifetime

    @token_lifetime.setter
    def token_lifetime(self, seconds: float) -> None:
        with self._state.changed:
            self._state.accounts.token_lifetime = seconds

    def add_fault(self, fault: Fault) -> ActiveFault:
        """Add a fault; what is returned counts its hits, releases what it holds, and removes it."""
        with self._state.changed:
            return self._state.faults.add(fault, time.monotonic())

    def clear_faults(self) -> None:
        """Remove all faults, and let go what they hold."""
        with self._state.changed:
            self._state.faults.clear()

    def add_project(self, name: str, *, interrupt_after: float = 86400.0) -> None:
        """Add a project, or change the seconds after which its silent launches are interrupted."""
        with self._state.changed:
            self._state.accounts.set_interrupt_after(name, interrupt_after)

    def add_user(
        self,
        login: str,
        key: str,
        projects: Mapping[str, ProjectRole] | None = None,
        *,
        administrator: bool = False,
        password: str | None = None,
    ) -> User:
        """Add a user with an API key and their roles by project; projects that are new are added, too."""
        with self._state.changed:
            return self._state.accounts.add_user(login, key, projects, administrator=administrator, password=password)

    def remove_key(self, key: str) -> None:
        """Make an API key unknown, as if it had been revoked."""
        with self._state.changed:
            self._state.accounts.remove_key(key)

    def run_inactivity_job(self) -> list[StoredLaunch]:
        """Do what the server does every hour: interrupt the launches that look abandoned; they are returned."""
        return self._state.run_inactivity_job()
