"""Scripts on a Redis server by redis-py, which is imported only where this module is.

Its connections are used directly: its client's own way there takes twice as long as they do.
"""

from __future__ import annotations

import os
from contextlib import suppress
from ssl import SSLCertVerificationError
from typing import TYPE_CHECKING, Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    NoPermissionError,
    NoScriptError,
    RedisError,
    ResponseError,
)
from redis.retry import Retry

from rp_finalizer.outbox.redis_connection import PREFIX, AwayError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rp_finalizer.outbox.redis_scripts import Script

_NO_LIMIT = 2**31
"""Of connections: redis-py counts all that were ever made here, those that were lost, too, and stops at 100."""
_COMMON = 4096
_HEADS = [f"${length}" for length in range(_COMMON)]
"""Of arguments of usual lengths."""
_RIGHTS = f"+@read +@write +@scripting +@connection +time ~{PREFIX}*"


class RedisTransport:
    """Connections to one server. Safe to use from several threads, and in a process that was forked."""

    def __init__(self, url: str, connect: float, read: float) -> None:
        self._client = redis.Redis.from_url(
            url,
            protocol=2,
            decode_responses=True,
            encoding_errors="surrogatepass",
            max_connections=_NO_LIMIT,
            socket_connect_timeout=connect,
            socket_timeout=read,
            retry=Retry(NoBackoff(), 0),
        )
        self._idle: list[Any] = []
        """Open, and used by nobody."""
        self._process = os.getpid()

    def do(self, script: Script, arguments: Sequence[str]) -> str:
        """Give a script's answer. Raises `AwayError` and `RefusedError`."""
        try:
            try:
                return self._answer(("EVALSHA", script.digest, *arguments))
            except NoScriptError:
                # A new server, or one whose scripts were flushed.
                return self._answer(("EVAL", script.text, *arguments))
        except (AuthenticationError, AuthorizationError) as error:
            raise RefusedError(str(error), "give the right user and password in its address") from None
        except (redis.ConnectionError, redis.TimeoutError) as error:
            if isinstance(error.__context__, SSLCertVerificationError):
                raise RefusedError(str(error), "name who signed its certificate: ...?ssl_ca_certs=FILE") from None
            raise AwayError(str(error)) from None
        except NoPermissionError as error:
            raise RefusedError(str(error), f"give its user these rights: {_RIGHTS}") from None
        except RedisError as error:
            raise RefusedError(str(error), "look at the server, or name another outbox") from None

    def server_version(self) -> tuple[int, ...]:
        """Give the server's version; nothing where it does not tell."""
        try:
            told = self._client.info("server")["redis_version"]
        except (RedisError, KeyError):
            return ()
        return tuple(int(part) for part in str(told).split(".")[:2] if part.isdigit())

    def close(self) -> None:
        """Close all connections."""
        self._drop_idle()
        self._client.close()

    def _answer(self, command: Sequence[str]) -> str:
        connection = self._connection()
        try:
            connection.send_packed_command([_packed(command)], check_health=False)
            answer: str = connection.read_response()
        except ResponseError:
            self._idle.append(connection)
            raise
        except BaseException:
            # What it says next may be the answer to this; and where the server has gone, so have the other ones.
            connection.disconnect()
            self._drop_idle()
            raise
        self._idle.append(connection)
        return answer

    def _drop_idle(self) -> None:
        # Others may take the last one meanwhile.
        with suppress(IndexError):
            while True:
                self._idle.pop().disconnect()

    def _connection(self) -> Any:
        if self._process != os.getpid():
            # They are those of the process that this one was forked from.
            self._process, self._idle = os.getpid(), []
        try:
            return self._idle.pop()
        except IndexError:
            return self._client.connection_pool.make_connection()


def _packed(command: Sequence[str]) -> bytes:
    """Give a command as Redis reads it."""
    # Twice as fast as the same by a loop.
    parts = [""] * (2 * len(command) + 2)
    parts[0] = f"*{len(command)}"
    parts[2:-1:2] = command
    with suppress(IndexError):
        parts[1:-1:2] = map(_HEADS.__getitem__, map(len, command))
        packed = "\r\n".join(parts)
        if packed.isascii():
            return packed.encode("ascii")
    told = [b"*%d\r\n" % len(command)]
    for each in command:
        data = each.encode("utf-8", "surrogatepass")
        told.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(told)
