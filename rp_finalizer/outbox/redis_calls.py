"""Calls of steps in Redis, and the time there: that of the last answer, and what has passed since."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rp_finalizer.errors import OutboxError
from rp_finalizer.outbox.memory import full

if TYPE_CHECKING:
    from collections.abc import Callable

    from rp_finalizer.outbox.redis_connection import RedisConnection

AS_GUESSED, AS_TOLD = "0.1", "60"
"""Seconds that the time of a call may be behind the server's: as guessed here, and as told by the last answer."""


class RedisCalls:
    """Steps on one server. `clock` stands in for its time; `size` is how many owed entries it may hold."""

    def __init__(self, connection: RedisConnection, clock: Callable[[], float] | None, size: int) -> None:
        self._connection = connection
        self._clock = clock
        self._size = size
        self._told: tuple[float, float] | None = None
        """The server's time, and when that was."""

    def time(self) -> float | None:
        """Give the server's time, or a little less; None where it has told none."""
        if self._clock is not None:
            return self._clock()
        if self._told is None:
            return None
        told, at = self._told
        return told + time.monotonic() - at

    def do(self, step: str, *arguments: str, patience: float | None = None) -> list[Any]:
        """Do a step at the server's time; give that time, and what the step gives. Raises `OutboxError`."""
        now = "" if self._clock is None else repr(self._clock())
        return self._noted(self._connection.call(step, now, *arguments, patience=patience))

    def write(self, step: str, now: float, *arguments: str, tolerance: str, makes_owed: bool) -> list[Any]:
        """Do a step that writes what was decided at a time, and does not where it is another one by now.

        Raises `OutboxError` also where that would be more owed entries than there may be.
        """
        room, tolerance = str(self._size) if makes_owed else "", "" if self._clock else tolerance
        answer = self._connection.call(step, repr(now), room, tolerance, *arguments)
        if answer[0] == "full":
            raise OutboxError(self._connection.name, *full(self._size))
        return self._noted(answer)

    def _noted(self, answer: list[Any]) -> list[Any]:
        now = float(answer[1])
        self._told = (now, time.monotonic())
        return [now, *answer[2:]]
