"""An HTTP server on a thread of its own: its socket, its event loop, its uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import socket
import threading
from typing import TYPE_CHECKING, Any

import uvicorn

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

BACKLOG = 1024
SHUTDOWN_LIMIT = 10.0
"""Seconds in which the thread has ended."""
LONGEST_HEAD = 32 * 1024
"""Bytes of a request's first line and headers."""

logger = logging.getLogger(__name__)


class HttpThread:
    """Serves an application until it is stopped.

    `beside` is entered on the server's loop before the first request and left after the last. An idle connection is
    kept for `keep_alive` seconds; what runs at the end is given `grace` seconds; more than `most_at_once` connections
    are answered with 503. `tell` logs each call.
    """

    def __init__(
        self,
        app: Callable[..., Any],
        listener: socket.socket,
        *,
        name: str,
        keep_alive: int,
        grace: int = 0,
        most_at_once: int | None = None,
        tell: bool = False,
        beside: Callable[[], AbstractAsyncContextManager[object]] = contextlib.nullcontext,
    ) -> None:
        self._beside = beside
        self._listener = listener
        self.port: int = listener.getsockname()[1]
        self._uvicorn = uvicorn.Server(
            uvicorn.Config(
                app,
                http="h11",
                lifespan="off",
                access_log=tell,
                log_config=None,
                # What goes wrong in a call is logged by whoever answers it.
                log_level="info" if tell else "critical",
                ws="none",
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=keep_alive,
                timeout_graceful_shutdown=grace,
                limit_concurrency=most_at_once,
                h11_max_incomplete_event_size=LONGEST_HEAD,
            )
        )
        self._ready: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start serving; return once it does."""
        self._thread.start()
        if (error := self._ready.get()) is not None:
            self._thread.join()
            raise error

    def stop(self) -> None:
        """Stop serving, and cut off what hangs."""
        self._uvicorn.should_exit = True
        self._thread.join(SHUTDOWN_LIMIT)
        self._listener.close()

    def cut(self, host: str, port: int) -> None:
        """Drop the connection to one peer, as a proxy that dies does; to be called on the server's loop."""
        for connection in list(self._uvicorn.server_state.connections):
            if connection.transport is not None and connection.transport.get_extra_info("peername")[:2] == (host, port):
                connection.transport.abort()

    def cut_off(self) -> None:
        """Drop all connections, as a server that is killed does; to be called on the server's loop."""
        for server in self._uvicorn.servers:
            server.close()
        for connection in list(self._uvicorn.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._uvicorn.started:
                logger.critical("%s ended unexpectedly: nothing is served any more", self._thread.name, exc_info=error)
            self._ready.put(error)

    async def _serve(self) -> None:
        async with self._beside():
            serving = asyncio.create_task(self._uvicorn.serve(sockets=[self._listener]))
            try:
                while not self._uvicorn.started and not serving.done():  # noqa: ASYNC110  uvicorn has no event for it
                    await asyncio.sleep(0.001)
                self._ready.put(None)
                await serving
            finally:
                self.cut_off()
                await asyncio.sleep(0)


def listen(host: str, port: int) -> socket.socket:
    """Listen on a port, 0 for a free one; what connects meanwhile waits until the server runs. Raises `OSError`."""
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
