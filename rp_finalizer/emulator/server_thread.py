"""The thread that serves: its socket, its event loop, its uvicorn server and the queue's worker."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import queue
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from fastapi import FastAPI

    from rp_finalizer.emulator.server_state import ServerState

BACKLOG = 1024
SHUTDOWN_LIMIT = 10.0
KEEP_ALIVE = 600
"""Seconds that an idle connection is kept."""


class ServerThread:
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
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=0,
            )
        )
        self._ready: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="rp-finalizer-emulator", daemon=True)

    def start(self) -> None:
        """Start serving; return once it does."""
        self._thread.start()
        if (error := self._ready.get()) is not None:
            self._thread.join()
            raise error

    def stop(self) -> None:
        """Stop serving, and cut off what hangs."""
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
        state.cut = self._cut
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

    def _cut(self, host: str, port: int) -> None:
        """Drop the connection to one peer, as a proxy that dies does."""
        for connection in list(self._uvicorn.server_state.connections):
            if connection.transport is not None and connection.transport.get_extra_info("peername")[:2] == (host, port):
                connection.transport.abort()

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


def loopback_address(host: str) -> str:
    """Give the address of a loopback host; refuse others, since the control calls ask for no key."""
    with contextlib.suppress(ValueError):
        address = "127.0.0.1" if host == "localhost" else host.strip("[]")
        if ipaddress.ip_address(address).is_loopback:
            return address
    raise ValueError(f"{host!r} is not a loopback address: the emulator serves this machine only")


def listen(host: str, port: int) -> socket.socket:
    """Listen on a port, 0 for a free one; what connects meanwhile waits until the server runs."""
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
