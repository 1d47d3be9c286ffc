"""Calls of the outbox's scripts on a Redis server that may be away, restarted, or flushed at any time.

A server that does not answer is tried again, with growing waits, until patience is at its end. A script knows a call
that comes twice because its answer was lost. What remains is told as `OutboxError`, without the password.
"""

from __future__ import annotations

import json
import logging
import random
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from rp_finalizer.errors import OutboxError
from rp_finalizer.masking import mask
from rp_finalizer.outbox.redis_address import name_of
from rp_finalizer.outbox.redis_scripts import script

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rp_finalizer.outbox.redis_transport import RedisTransport

VERSION = "1"
"""Of the keys, kept in Redis."""
PREFIX = "{rp-finalizer}"
"""Of all keys; the braces keep them in one slot of a cluster."""

_CONNECT, _READ = 1.0, 5.0
"""Seconds in which a server has taken a connection and answered, or is away; half of the patience at most."""
_FIRST_WAIT, _LONGEST_WAIT = 0.0625, 1.0
"""Seconds between two tries."""

_decode = json.JSONDecoder().decode
logger = logging.getLogger(__name__)


class AwayError(Exception):
    """The server does not answer; it may later."""


class RefusedError(Exception):
    """The server does not do it."""

    def __init__(self, reason: str, mend: str) -> None:
        super().__init__(reason)
        self.mend = mend


class RedisConnection:
    """A server, and the scripts on it. Safe to use from several threads. `patience` is seconds that it may be away."""

    def __init__(self, url: str, patience: float) -> None:
        self.name = name_of(url)
        self._url = url
        self._patience = patience
        self._missed = False
        """Whether it was told that the server is away."""
        self._transport: RedisTransport | None = None

    def call(self, step: str, now: str, *arguments: str, patience: float | None = None) -> list[Any]:
        """Do a step; give its answer. Raises `OutboxError`."""
        patience = self._patience if patience is None else patience
        answer: list[Any] = _decode(self._patiently(step, now, arguments, patience))
        if answer[0] == "version":
            newer = f"another version of rp-finalizer keeps its entries there (version {answer[2]})"
            raise OutboxError(self.name, newer, "use that version, or another database of this server")
        return answer

    def server_version(self) -> tuple[int, ...]:
        """Give the server's version, to be asked when it has answered a call; nothing where it does not tell."""
        return self._opened().server_version()

    def close(self) -> None:
        """Close all connections; the next call opens one."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    def _patiently(self, step: str, now: str, arguments: Sequence[str], patience: float) -> str:
        until, wait, again = time.monotonic() + patience, _FIRST_WAIT, "0"
        while True:
            try:
                answer = self._opened().do(script(step), ("1", PREFIX, VERSION, now, again, *arguments))
            except AwayError as error:
                if time.monotonic() + wait >= until:
                    raise self._told(error, "start it, or name another outbox") from None
                if wait == _LONGEST_WAIT / 2 and not self._missed:
                    # Many may be waiting for it.
                    self._missed = True
                    logger.warning("%s does not answer; it is tried for %g s in all", self.name, patience)
            except RefusedError as error:
                raise self._told(error, error.mend) from None
            else:
                self._missed = False
                return answer
            time.sleep(wait * random.uniform(0.5, 1.5))
            wait, again = min(2 * wait, _LONGEST_WAIT), "1"

    def _opened(self) -> RedisTransport:
        if self._transport is None:
            try:
                from rp_finalizer.outbox.redis_transport import RedisTransport  # noqa: PLC0415  for who has redis-py
            except ImportError:
                raise OutboxError(self.name, "redis-py is not installed", "pip install 'rp-finalizer[redis]'") from None
            patience = self._patience / 2
            self._transport = RedisTransport(self._url, min(_CONNECT, patience), min(_READ, patience))
        return self._transport

    def _told(self, error: Exception, mend: str) -> OutboxError:
        password = urlsplit(self._url).password
        return OutboxError(self.name, mask(str(error), self._url, password, unquote(password or "")), mend)
