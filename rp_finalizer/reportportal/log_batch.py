"""The logs that a client collects until a batch of 20 is full, whichever kind of client.

Private names used, as seen in reportportal-client 5.5.4 to 5.7.11: `_log_batcher`, with `flush()` and `_batch`; of its
entries `payload` (to be awaited, in the clients built on asyncio) and `file`. Where they are gone, how many logs wait
is unknown, and they are left to the client's own close.
"""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING, Any

from rp_finalizer.deadline import Deadline
from rp_finalizer.reportportal.bounded import Result, begin, member_of, wait_within
from rp_finalizer.reportportal.log_sender import LogEntry

if TYPE_CHECKING:
    from collections.abc import Callable

UNREADABLE = "this version of the client does not show what it holds; its own close may still send it"

_PATIENCE = 1.0
"""Seconds that the client gets to hand out its logs, which is a matter of microseconds."""

logger = logging.getLogger(__name__)


class LogBatch:
    """Counts the logs of one client, and takes them out."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._unread: list[Any] = []
        """Taken out of the client, but their content could not be had yet."""
        self._taking: Result | None = None
        """A call that has not come back yet."""

    def waiting(self) -> int | None:
        """Count them; None where the client does not show them."""
        batch = member_of(member_of(self._client, "_log_batcher"), "_batch")
        return None if batch is None else len(batch) + len(self._unread)

    def take(self, read: Callable[[list[Any]], list[dict[str, Any]]]) -> list[LogEntry]:
        """Take out what is there, each log as `read` gives it; what it cannot read now is kept for the next time."""
        logs = [*self._unread, *self._taken_out()]
        if not logs:
            return []
        try:
            payloads = read(logs)
        except Exception as error:  # noqa: BLE001  whatever ended the task that the logs belong to
            logger.warning("%d logs cannot be read: %s: %s", len(logs), type(error).__name__, error)
            self._unread = logs
            return []
        self._unread = []
        return [LogEntry(payload, log.file) for payload, log in zip(payloads, logs, strict=True)]

    def _taken_out(self) -> list[Any]:
        """Have the client hand out what it holds; its lock may be held by a thread that does not come back."""
        taking = self._taking or begin(self._client._log_batcher.flush)  # noqa: SLF001  as told at the top
        if not wait_within(Deadline.after(_PATIENCE, monotonic()), taking.done):
            self._taking = taking
            logger.warning("the client does not hand out its logs: something holds the lock of its batch")
            return []
        self._taking = None
        if taking.error is not None:
            raise taking.error
        return list(taking.value or ())


async def read_awaited(logs: list[Any]) -> list[dict[str, Any]]:
    """Give the payloads of the asyncio clients' logs: what a log belongs to may itself be a task."""
    return [await log.payload for log in logs]
