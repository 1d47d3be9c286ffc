"""The thread that serves: its HTTP server, and the queue's worker beside it."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from typing import TYPE_CHECKING

from rp_finalizer.http_thread import HttpThread

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator

    from fastapi import FastAPI

    from rp_finalizer.emulator.server_state import ServerState

KEEP_ALIVE = 600
"""Seconds that an idle connection is kept."""


class ServerThread:
    """The thread with its event loop, its HTTP server and the queue's worker."""

    def __init__(self, app: FastAPI, state: ServerState, listener: socket.socket) -> None:
        self._state = state
        self._http = HttpThread(
            app, listener, name="rp-finalizer-emulator", keep_alive=KEEP_ALIVE, beside=self._work_beside
        )
        self.port = self._http.port

    def start(self) -> None:
        """Start serving; return once it does."""
        self._http.start()

    def stop(self) -> None:
        """Stop serving, and cut off what hangs: uvicorn would answer 500, as no server does that is killed."""
        self._state.call_soon(self._http.cut_off)
        self._http.stop()

    @contextlib.asynccontextmanager
    async def _work_beside(self) -> AsyncIterator[None]:
        state = self._state
        state.work_waiting = asyncio.Event()
        state.loop = asyncio.get_running_loop()
        state.cut = self._http.cut
        worker = asyncio.create_task(_work_off(state))
        try:
            yield
        finally:
            state.loop = None
            worker.cancel()
            await asyncio.sleep(0)


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
