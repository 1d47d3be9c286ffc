"""A TCP proxy on loopback for what goes wrong below HTTP: refused, reset, swallowed, cut and slow connections."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING, Any, Self

from tests.support.fault_modes import AnswerLost, BlackHole, Delay, Drip, Mode, Refuse, Reset, Truncate
from tests.support.request_splitter import RequestSplitter

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["AnswerLost", "BlackHole", "Delay", "Drip", "FaultProxy", "Mode", "Refuse", "Reset", "Truncate"]

READ_SIZE = 65536
LINGER_NOT = struct.pack("ii", 1, 0)
PASS = Mode()


class FaultProxy:
    """Forward connections to a port of this machine, and spoil them on request.

    Everything passes until `set`. Of several modes the first that matches a request meets it. May be used from any
    thread; `set` and `clear` hold for every request that begins after they return.
    """

    def __init__(self, upstream_port: int) -> None:
        self._upstream_port = upstream_port
        self._changed = threading.Condition()
        self._modes: tuple[Mode, ...] = ()
        self._hits: list[int] = []
        self._connections = 0
        self._request_lines: list[str] = []
        self._reserved = _bound_socket(0)
        self.port: int = self._reserved.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._accepting: asyncio.Task[None] | None = None
        self._links: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="fault-proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._on_loop(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        """How many connections were accepted."""
        return self._connections

    @property
    def requests(self) -> int:
        """How many requests began, on all connections."""
        return len(self._request_lines)

    @property
    def request_lines(self) -> list[str]:
        """The first lines of the requests, in order."""
        return list(self._request_lines)

    @property
    def hits(self) -> int:
        """How many requests or connections the modes met that are set now."""
        return sum(self._hits)

    def set(self, *modes: Mode) -> None:
        """Replace the modes; `Refuse` closes the port at once, anything else opens it again."""
        with self._changed:
            self._modes = modes
            self._hits = [0] * len(modes)
        refuse = any(isinstance(mode, Refuse) for mode in modes)
        self._on_loop(self._stop_listening() if refuse else self._listen())

    def clear(self) -> None:
        """Let everything pass again; connections that were spoilt stay so."""
        self.set()

    def cut(self) -> None:
        """Reset all connections that there are, once."""
        self._on_loop(self._cut())

    def reset(self) -> None:
        """Begin anew: no modes, no connections, no counts."""
        self.clear()
        self.cut()
        with self._changed:
            self._connections = 0
            self._request_lines = []

    def wait_for_requests(self, count: int, timeout: float = 10.0) -> None:
        """Wait until so many requests have begun; raise TimeoutError after `timeout` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.requests >= count, timeout):
                raise TimeoutError(f"{self.requests} of {count} requests within {timeout} s")

    def close(self) -> None:
        """Stop at once; whoever is connected is reset."""
        if self._thread.is_alive():
            self._on_loop(self._stop_listening())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._reserved.close()

    def choose(self, first_line: str | None) -> Mode:
        """Find the mode that a request meets, or a new connection (None), and count it."""
        with self._changed:
            if first_line is None:
                self._connections += 1
            else:
                self._request_lines.append(first_line)
                self._changed.notify_all()
            for number, mode in enumerate(self._modes):
                used_up = mode.times is not None and self._hits[number] >= mode.times
                if not used_up and _meets(mode, first_line):
                    self._hits[number] += 1
                    return mode
        return PASS

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    def _on_loop(self, action: Coroutine[object, object, None]) -> None:
        asyncio.run_coroutine_threadsafe(action, self._loop).result(10)

    async def _listen(self) -> None:
        if self._accepting is None:
            listener = _bound_socket(self.port)
            listener.listen(128)
            listener.setblocking(False)  # noqa: FBT003  the socket's own argument
            self._accepting = asyncio.create_task(self._accept(listener))

    async def _stop_listening(self) -> None:
        accepting, self._accepting = self._accepting, None
        if accepting is not None:
            await _cancelled(accepting)
        await self._cut()

    async def _accept(self, listener: socket.socket) -> None:
        with listener:
            while True:
                client, _ = await self._loop.sock_accept(listener)
                link = asyncio.create_task(_Link(self, self._upstream_port).serve(client))
                self._links.add(link)
                link.add_done_callback(self._links.discard)

    async def _cut(self) -> None:
        for link in list(self._links):
            await _cancelled(link)


class _Link:
    """One client's connection, and the one upstream that belongs to it."""

    def __init__(self, proxy: FaultProxy, upstream_port: int) -> None:
        self._proxy = proxy
        self._upstream_port = upstream_port
        self._mode = PASS
        self._forwarded = 0
        self._answered = 0

    async def serve(self, sock: socket.socket) -> None:
        requests, client = await asyncio.open_connection(sock=sock)
        writers = [client]
        orderly = False
        try:
            if not isinstance(self._proxy.choose(None), Reset):
                answers, upstream = await asyncio.open_connection("127.0.0.1", self._upstream_port)
                writers.append(upstream)
                orderly = await _first_of(
                    self._forward_requests(requests, upstream), self._forward_answers(answers, client)
                )
        except OSError:
            pass
        finally:
            for writer in writers:
                _end(writer, orderly=orderly)

    async def _forward_requests(self, requests: asyncio.StreamReader, upstream: asyncio.StreamWriter) -> bool:
        """Forward what the client sends; end with True for an orderly close, False for a reset."""
        splitter = RequestSplitter()
        while data := await requests.read(READ_SIZE):
            for first_line, piece in splitter.feed(data):
                if first_line is not None:
                    self._mode = self._proxy.choose(first_line)
                    self._forwarded = self._answered = 0
                    if isinstance(self._mode, Delay):
                        await asyncio.sleep(self._mode.seconds)
                if not await self._forward(piece, upstream):
                    return False
        upstream.write(splitter.rest())
        return True

    async def _forward(self, piece: bytes, upstream: asyncio.StreamWriter) -> bool:
        """Forward a piece of a request; tell whether the connection lives on."""
        if isinstance(self._mode, BlackHole):
            return True
        if isinstance(self._mode, Reset):
            piece = piece[: self._mode.after - self._forwarded]
        self._forwarded += len(piece)
        upstream.write(piece)
        await upstream.drain()
        return not isinstance(self._mode, Reset) or self._forwarded < self._mode.after

    async def _forward_answers(self, answers: asyncio.StreamReader, client: asyncio.StreamWriter) -> bool:
        """Forward what upstream answers; end with True for an orderly close, False for a reset."""
        while data := await answers.read(READ_SIZE):
            mode = self._mode
            if isinstance(mode, AnswerLost):
                return not mode.reset
            if isinstance(mode, Truncate):
                data = data[: mode.after - self._answered]
            if isinstance(mode, Drip):
                await self._drip(data, mode, client)
            else:
                client.write(data)
                await client.drain()
            self._answered += len(data)
            if isinstance(mode, Truncate) and self._answered >= mode.after:
                return True
        return True

    async def _drip(self, data: bytes, mode: Drip, client: asyncio.StreamWriter) -> None:
        at_once = max(0, mode.after - self._answered)
        client.write(data[:at_once])
        for number in range(at_once, len(data)):
            await asyncio.sleep(mode.interval)
            client.write(data[number : number + 1])
            await client.drain()


def _meets(mode: Mode, first_line: str | None) -> bool:
    if first_line is None:
        return isinstance(mode, Reset) and not mode.after and mode.matching is None
    return mode.matches(first_line)


async def _first_of(*directions: Coroutine[object, object, bool]) -> bool:
    """Run both directions until one ends, and give its result; the other one is cancelled."""
    tasks = [asyncio.create_task(direction) for direction in directions]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        results = [task.result() for task in done]
        return all(results)
    finally:
        for task in tasks:
            await _cancelled(task)


async def _cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, OSError):
        await task


def _end(writer: asyncio.StreamWriter, *, orderly: bool) -> None:
    """Close a connection: in order, or with a reset."""
    if orderly:
        writer.close()
        return
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
    writer.transport.abort()


def _bound_socket(port: int) -> socket.socket:
    """Bind a port of loopback. Bound twice it stays ours while nobody listens on it."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "SO_REUSEPORT"):
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(("127.0.0.1", port))
    return bound
