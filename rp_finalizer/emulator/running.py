"""The running server: on a thread of its own for tests, in the foreground for the command line."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import queue
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING, Self, TypeVar

import uvicorn

from rp_finalizer.emulator.control_calls import control_router
from rp_finalizer.emulator.gateway import build_app
from rp_finalizer.emulator.server_state import ServerState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import FrameType, TracebackType

    from fastapi import FastAPI

    from rp_finalizer.emulator.faults import ActiveFault, Fault
    from rp_finalizer.emulator.journal import ReceivedCall
    from rp_finalizer.emulator.records import ProjectRole, StoredItem, StoredLaunch, StoredLog, User
    from rp_finalizer.emulator.reporting_queue import ReportingQueue

VERSION = "5.15.1"
BACKLOG = 1024
SHUTDOWN_LIMIT = 10.0

ValueT = TypeVar("ValueT")


class Emulator:
    """A ReportPortal-compatible server on loopback.

    Entering starts it, on a thread of its own, and returns once it listens; leaving stops it promptly, whatever hangs.
    Everything here may be called from any thread. What it gives out are frozen records or copies.

    `port` 0 takes a free one. `version` is what `/api/info` tells. `prefix`, as `/reportportal`, puts the installation
    under a path. Raises ValueError for a host that is not loopback, and OSError for a port that is taken.
    """

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, version: str = VERSION, prefix: str = "") -> None:
        self._host = _loopback(host)
        self._port = port
        self._prefix = prefix.rstrip("/")
        self._state = ServerState(version)
        self._server: _Server | None = None

    def __enter__(self) -> Self:
        """Listen, and serve until the block is left."""
        app = build_app(self._state, self._prefix, control_router(self._state))
        self._server = _Server(app, self._state, _listen(self._host, self._port))
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

        Raises TimeoutError after `timeout` seconds.
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


class _Server:
    """The thread with its event loop, its uvicorn server and the queue's worker."""

    def __init__(self, app: FastAPI, state: ServerState, listener: socket.socket) -> None:
        self._state = state
        self._listener = listener
        self.port: int = listener.getsockname()[1]
        self._uvicorn = uvicorn.Server(
            uvicorn.Config(
                app,
                lifespan="off",
                access_log=False,
                log_config=None,
                log_level="critical",
                ws="none",
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=600,
                timeout_graceful_shutdown=0,
            )
        )
        self._ready: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="rp-finalizer-emulator", daemon=True)

    def start(self) -> None:
        self._thread.start()
        if (error := self._ready.get()) is not None:
            self._thread.join()
            raise error

    def stop(self) -> None:
        self._state.call_soon(self._cut_off)
        self._uvicorn.should_exit = True
        self._thread.join(SHUTDOWN_LIMIT)
        self._listener.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001  handed to the thread that waits
            self._ready.put(error)

    async def _serve(self) -> None:
        state = self._state
        state.work_waiting = asyncio.Event()
        state.loop = asyncio.get_running_loop()
        worker = asyncio.create_task(_work_off(state))
        serving = asyncio.create_task(self._uvicorn.serve(sockets=[self._listener]))
        try:
            while not self._uvicorn.started and not serving.done():  # noqa: ASYNC110  uvicorn has no event for it
                await asyncio.sleep(0.001)
            self._ready.put(None)
            await serving
        finally:
            state.loop = None
            worker.cancel()
            self._cut_off()
            await asyncio.sleep(0)

    def _cut_off(self) -> None:
        """Drop all connections: uvicorn would answer 500 to calls that hang, as no server does that is killed."""
        for server in self._uvicorn.servers:
            server.close()
        for connection in list(self._uvicorn.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()


async def _work_off(state: ServerState) -> None:
    """Work off the queue for as long as the server runs; woken by every new message and setting."""
    waiting = state.work_waiting
    while waiting is not None:
        waiting.clear()
        pause = state.work_off_queue()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await waiting.wait()


def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    version: str = VERSION,
    prefix: str = "",
    listening: Callable[[Emulator], object] | None = None,
) -> signal.Signals:
    """Serve in the foreground until SIGINT or SIGTERM, and give which of them it was. Prints nothing.

    `listening` is called with the emulator once it listens. To be called on the main thread. Raises ValueError for a
    host that is not loopback, and OSError for a port that is taken.
    """
    stop: queue.SimpleQueue[int] = queue.SimpleQueue()
    with Emulator(host=host, port=port, version=version, prefix=prefix) as emulator, _signals_to(stop):
        if listening is not None:
            listening(emulator)
        return signal.Signals(stop.get())


@contextlib.contextmanager
def _signals_to(stop: queue.SimpleQueue[int]) -> Iterator[None]:
    """Put the signals that end a program into a queue, whose `put` may interrupt its own `get`."""

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        stop.put(number)

    earlier = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _loopback(host: str) -> str:
    """Give the address of a loopback host; refuse others, since the control calls ask for no key."""
    with contextlib.suppress(ValueError):
        address = "127.0.0.1" if host == "localhost" else host.strip("[]")
        if ipaddress.ip_address(address).is_loopback:
            return address
    raise ValueError(f"{host!r} is not a loopback address: the emulator serves this machine only")


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
