"""A relay in front of a redis-server that loses answers: what was told is done, and nobody hears of it."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self


class RedisRelay:
    """Passes everything on until `lose_answer`: then the next call reaches the server, and its connection is cut."""

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._word: bytes | None = None
        self._sockets: list[socket.socket] = []
        self.lost = 0

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # Shut down first: a thread that waits in accept is not woken by a close.
        for each in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def lose_answer(self, word: str) -> None:
        """Lose the answer to the next call with this word in it."""
        self._word = word.encode()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._upstream))
            self._sockets += (client, server)
            threading.Thread(target=self._relay, args=(client, server), daemon=True).start()

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        """Pass calls on, one at a time, as a client makes them."""
        with client, server, contextlib.suppress(OSError):
            while call := client.recv(1 << 20):
                server.sendall(call)
                answer = server.recv(1 << 20)
                if self._word is not None and self._word in call:
                    self._word = None
                    self.lost += 1
                    return
                client.sendall(answer)
                self._pass_rest(client, server)

    def _pass_rest(self, client: socket.socket, server: socket.socket) -> None:
        """Pass on what an answer has more, or the client sends before all of it is there."""
        with contextlib.suppress(TimeoutError):
            server.settimeout(0.02)
            while answer := server.recv(1 << 20):
                client.sendall(answer)
        server.settimeout(None)
