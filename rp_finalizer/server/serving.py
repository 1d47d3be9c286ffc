"""Serving an application on a thread of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rp_finalizer.http_thread import HttpThread, listen

if TYPE_CHECKING:
    from fastapi import FastAPI

KEEP_ALIVE = 15
"""Seconds that an idle connection is kept."""
MOST_AT_ONCE = 256
"""Connections; whoever comes then is answered with 503."""
GRACE = 1
"""Seconds that what runs at the end is given."""


class ServiceThread:
    """Serves while its block is entered, from the moment the entering returns; port 0 takes a free one.

    `host` is an address. Raises `OSError` for a port that cannot be taken.
    """

    def __init__(self, app: FastAPI, host: str = "127.0.0.1", port: int = 0, *, tell: bool = False) -> None:
        self._app = app
        self._host = host
        self._port = port
        self._tell = tell
        self._http: HttpThread | None = None

    def __enter__(self) -> Self:
        """Listen, and serve until the block is left."""
        self._http = HttpThread(
            self._app,
            listen(self._host, self._port),
            name="rp-finalizer-service",
            keep_alive=KEEP_ALIVE,
            grace=GRACE,
            most_at_once=MOST_AT_ONCE,
            tell=self._tell,
        )
        self._http.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop: who is answered just now has a second yet, all others are cut off."""
        if self._http is not None:
            self._http.stop()

    @property
    def port(self) -> int:
        """The port it listens on; what was asked for until it does."""
        return self._port if self._http is None else self._http.port

    @property
    def url(self) -> str:
        """Its address in a browser."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"
