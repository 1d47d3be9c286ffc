"""Calls of the outbox's script on a Redis server that may be away, restarted, or flushed at any time.

A server that does not answer is tried again, with growing waits, until patience is at its end. A script knows a call
that comes twice because its answer was lost. What remains is told as `OutboxError`, without the password.
"""

from __future__ import annotations

import json
import logging
import os
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

    import redis

    from rp_finalizer.outbox.redis_scripts import Script

VERSION = "1"
"""Of the keys, kept in Redis."""
PREFIX = "{rp-finalizer}"
"""Of all keys; the braces keep them in one slot of a cluster."""

_CONNECT, _READ = 1.0, 5.0
"""Seconds in which a server has taken a connection and answered, or is away; half of the patience at most."""
_FIRST_WAIT, _LONGEST_WAIT = 0.0625, 1.0
"""Seconds between two tries."""

logger = logging.getLogger(__name__)


class RedisConnection:
    """A server, and the scripts on it. Safe to use from several threads. `patience` is seconds that it may be away."""

    def __init__(self, url: str, patience: float) -> None:
        self.name = name_of(url)
        self._url = url
        self._patience = patience
        self._client: redis.Redis | None = None
        self._idle: list[Any] = []
        """Open, and used by nobody. Commands go over them directly: redis-py's own way there takes twice as long."""
        self._process = os.getpid()
        """Whose connections these are: those of the process that this one was forked from are its own."""

    def call(self, step: str, now: str, *arguments: str, patience: float | None = None) -> list[Any]:
        """Do a step; give its answer. Raises `OutboxError`."""
        answer = self._patiently(step, now, arguments, self._patience if patience is None else patience)
        if answer[0] == "version":
            newer = f"another version of rp-finalizer keeps its entries there (version {answer[2]})"
            raise OutboxError(self.name, newer, "use that version, or another database of this server")
        return answer

    def server_version(self) -> tuple[int, ...]:
        """Give the server's version, to be asked when it has answered a call; nothing where it does not tell."""
        from redis.exceptions import RedisError  # noqa: PLC0415  as above

        try:
            told = self._opened().info("server")["redis_version"]
        except (RedisError, KeyError):
            return ()
        return tuple(int(part) for part in str(told).split(".")[:2] if part.isdigit())

    def close(self) -> None:
        """Close all connections; the next call opens one."""
        client, self._client = self._client, None
        while self._idle:
            self._idle.pop().disconnect()
        if client is not None:
            client.close()

    def _patiently(self, step: str, now: str, arguments: Sequence[str], patience: float) -> list[Any]:
        try:
            from redis import exceptions  # noqa: PLC0415  for who needs it
        except ImportError:
            raise OutboxError(self.name, "redis-py is not installed", "pip install 'rp-finalizer[redis]'") from None
        until, wait, again = time.monotonic() + patience, _FIRST_WAIT, "0"
        while True:
            try:
                return self._call(script(step), now, again, arguments)
            except (exceptions.AuthenticationError, exceptions.AuthorizationError) as error:
                raise self._told(error, "give the right user and password in its address") from None
            except (exceptions.ConnectionError, exceptions.TimeoutError) as error:
                if time.monotonic() + wait >= until:
                    raise self._told(error, "start it, or name another outbox") from None
                if wait == _LONGEST_WAIT / 2:
                    logger.warning("%s does not answer; it is tried for %g s in all", self.name, patience)
            except exceptions.NoPermissionError as error:
                rights = f"+@read +@write +@scripting +@connection +time ~{PREFIX}*"
                raise self._told(error, f"give its user these rights: {rights}") from None
            except exceptions.RedisError as error:
                raise self._told(error, "look at the server, or name another outbox") from None
            time.sleep(wait * random.uniform(0.5, 1.5))
            wait, again = min(2 * wait, _LONGEST_WAIT), "1"

    def _call(self, what: Script, now: str, again: str, arguments: Sequence[str]) -> list[Any]:
        from redis.exceptions import NoScriptError  # noqa: PLC0415  as above

        values = ("1", PREFIX, VERSION, now, again, *arguments)
        try:
            answer = self._answer(("EVALSHA", what.digest, *values))
        except NoScriptError:
            # A new server, or one whose scripts were flushed.
            answer = self._answer(("EVAL", what.text, *values))
        result: list[Any] = json.loads(answer)
        return result

    def _answer(self, command: Sequence[str]) -> Any:
        from redis.exceptions import ResponseError  # noqa: PLC0415  as above

        if self._process != os.getpid():
            self._process, self._client, self._idle = os.getpid(), None, []
        connection: Any = self._idle.pop() if self._idle else self._opened().connection_pool.make_connection()
        try:
            connection.send_packed_command([_packed(command)], check_health=False)
            answer = connection.read_response()
        except ResponseError:
            self._idle.append(connection)
            raise
        except BaseException:
            # What it says next may be the answer to this.
            connection.disconnect()
            raise
        self._idle.append(connection)
        return answer

    def _opened(self) -> redis.Redis:
        if self._client is None:
            import redis  # noqa: PLC0415  as above
            from redis.backoff import NoBackoff  # noqa: PLC0415  as above
            from redis.retry import Retry  # noqa: PLC0415  as above

            self._client = redis.Redis.from_url(
                self._url,
                protocol=2,
                decode_responses=True,
                encoding_errors="surrogatepass",
                socket_connect_timeout=min(_CONNECT, self._patience / 2),
                socket_timeout=min(_READ, self._patience / 2),
                retry=Retry(NoBackoff(), 0),
            )
        return self._client

    def _told(self, error: Exception, mend: str) -> OutboxError:
        password = urlsplit(self._url).password
        return OutboxError(self.name, mask(str(error), self._url, password, unquote(password or "")), mend)


def _packed(command: Sequence[str]) -> bytes:
    """Give a command as Redis reads it."""
    parts = [b"*%d\r\n" % len(command)]
    for text in command:
        data = text.encode("utf-8", "surrogatepass")
        parts.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(parts)
