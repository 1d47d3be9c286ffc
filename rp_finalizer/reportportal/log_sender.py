"""The last logs of a client, sent over our own session.

The clients' own sending is tried once, or within fractions of a second, looks at no status, and may wait for ever.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from rp_finalizer.answer import Answer, Meaning
from rp_finalizer.ports import Flushed
from rp_finalizer.report import Count

if TYPE_CHECKING:
    from collections.abc import Callable

    from rp_finalizer.deadline import Deadline
    from rp_finalizer.ports import Retry
    from rp_finalizer.reportportal.rest_api import RestApi

_PERHAPS_STORED = frozenset({408, 502, 504})
"""Statuses behind which the server may have stored what it was sent."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One log as the server takes it."""

    payload: dict[str, Any]
    file: Any = None
    """The client's `RPFile`: name, content (bytes, or something to read), content_type."""


class LogSender:
    """Sends batches of logs, and keeps what may be sent again."""

    def __init__(self, api: RestApi | None, retry: Retry) -> None:
        self._api = api
        self._retry = retry
        self._sending = threading.Lock()
        self._kept: list[list[LogEntry]] = []
        self._told = 0
        """Logs that the last flush told as abandoned, although they are still held."""

    @property
    def held(self) -> int:
        """How many logs were taken out of the client and could not be delivered yet."""
        return sum(len(batch) for batch in self._kept)

    def flush(self, take: Callable[[], list[LogEntry]], waiting: Callable[[], int], deadline: Deadline) -> Flushed:
        """Send what is kept and what `take` gives, until it gives nothing or the time is up.

        `waiting` counts what the client still holds in the end.
        """
        with self._sending:
            return self._flush(take, waiting, deadline)

    def _flush(self, take: Callable[[], list[LogEntry]], waiting: Callable[[], int], deadline: Deadline) -> Flushed:
        delivered = lost = attempts = 0
        problem: str | None = None
        timed_out = False
        while batch := self._kept.pop(0) if self._kept else take():
            try:
                attempted = self._retry(partial(self._save, batch, deadline), deadline, _not_stored)
            except BaseException:
                # A signal's exception: whoever flushes next sends what was held.
                self._kept.insert(0, batch)
                raise
            attempts += attempted.attempts
            answer = attempted.answer
            if answer.ok:
                delivered += len(batch) - answer.failures
                lost += answer.failures
                problem = f"the server refused {answer.failures} logs" if answer.failures else problem
                continue
            problem, timed_out = answer.message, answer.timed_out
            if answer.unavailable and _not_stored(answer):
                self._kept.insert(0, batch)
                break
            # Refused, or its answer was lost: sent again it might stand there twice.
            lost += len(batch)
            if answer.unavailable:
                break
        told_before, self._told = self._told, self.held + waiting()
        return Flushed(Count(0, delivered), Count(0, lost + self._told), attempts, problem, timed_out, told_before)

    def _save(self, batch: list[LogEntry], deadline: Deadline) -> Answer:
        if self._api is None:
            return Answer(Meaning.REJECTED, message="there is no connection to send the last logs over")
        return self._api.save_logs(_multipart(batch), deadline)


def _not_stored(answer: Answer) -> bool:
    """Tell whether the logs are surely not stored, so that sending them again makes no duplicates."""
    if not answer.unavailable:
        return False
    if answer.status is None:
        return not answer.sent
    # A redirect is the gateway's own, when the API is away.
    return answer.status >= 300 and answer.status not in _PERHAPS_STORED  # noqa: PLR2004


def _multipart(batch: list[LogEntry]) -> list[tuple[str, Any]]:
    """Give the batch in the form of the server's log controller: a JSON part, then the files it names."""
    entries = json.dumps([log.payload for log in batch])
    parts: list[tuple[str, Any]] = [("json_request_part", (None, entries, "application/json"))]
    for log in batch:
        if log.file:
            content = log.file.content
            if hasattr(content, "read"):
                # Read once, for every attempt: a file object would be at its end after the first.
                content = log.file.content = content.read()
            parts.append(("file", (log.file.name, content, log.file.content_type or "application/octet-stream")))
    return parts
