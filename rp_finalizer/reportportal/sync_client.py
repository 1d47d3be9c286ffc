"""The shim over `RPClient`, the client that pytest-reportportal uses unless told otherwise.

It sends everything in the calling thread at once, except logs, which it collects in batches of 20. Private names
used, as seen in reportportal-client 5.5.4 to 5.7.11: `_log_batcher` (with `flush()` and `_batch`), and of its entries
`payload` and `file`. Where they are gone, what is pending is unknown and nothing is flushed but by the client's own
`close`.
"""

from __future__ import annotations

import json
import threading
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from rp_finalizer.ports import Answer, Flushed, Meaning, Pending
from rp_finalizer.report import Count
from rp_finalizer.reportportal.bounded import call_within

if TYPE_CHECKING:
    from rp_finalizer.deadline import Deadline
    from rp_finalizer.finish import Finish
    from rp_finalizer.ports import Retry
    from rp_finalizer.reportportal.rest_api import RestApi

_UNREADABLE = "this version of the client does not show what it holds; its own close may still send it"


class SyncClient:
    """`ReportingClient` over an `RPClient`.

    The last logs go out over our own session: the client's own sending tries once, looks at no status, and may wait
    for ever.
    """

    def __init__(self, client: Any, api: RestApi | None, retry: Retry) -> None:
        self._client = client
        self._api = api
        self._retry = retry
        self._flushing = threading.Lock()
        self._kept: list[list[Any]] = []
        """Batches taken out of the client that could not be delivered yet."""
        self._told = 0
        """Logs that the last flush told as abandoned, although they are still held."""

    @property
    def owns_launch(self) -> bool:
        """False when the client was made with the uuid of a launch that somebody else started."""
        return bool(getattr(self._client, "use_own_launch", True))

    def launch(self, deadline: Deadline) -> str | None:  # noqa: ARG002  this client knows at once
        """Give the launch's uuid; None before `start_launch`, and when that failed."""
        uuid = self._client.launch_uuid
        return None if uuid is None else str(uuid)

    def pending(self) -> Pending:
        """Count the logs that wait for their batch to fill up; requests never wait."""
        batcher = getattr(self._client, "_log_batcher", None)
        batch = getattr(batcher, "_batch", None)
        if batch is None:
            return Pending(requests=0, logs=None)
        return Pending(requests=0, logs=len(batch) + sum(len(kept) for kept in self._kept))

    def flush(self, deadline: Deadline) -> Flushed:
        """Send the logs that are held, and those that come while it does, until none are left or the time is up."""
        batcher = getattr(self._client, "_log_batcher", None)
        if batcher is None:
            return Flushed(problem=_UNREADABLE, attempts=0)
        with self._flushing:
            return self._flush(batcher, deadline)

    def finish(self, finish: Finish, deadline: Deadline) -> str | None:
        """Call the client's own `finish_launch`, which sleeps for 3 s and tells nothing."""
        call = self._client.finish_launch
        arguments: dict[str, Any] = {"end_time": str(finish.end_ms), "status": finish.status}
        if finish.attributes:
            arguments["attributes"] = [{"key": each.key, "value": each.value} for each in finish.attributes]
        if finish.description is not None:
            arguments["description"] = finish.description
        return call_within(deadline.remaining(monotonic()), lambda: call(**arguments)).problem

    def terminate(self, deadline: Deadline) -> str | None:
        """Close the client's session."""
        return call_within(deadline.remaining(monotonic()), self._client.close).problem

    def _flush(self, batcher: Any, deadline: Deadline) -> Flushed:
        delivered = lost = attempts = 0
        problem: str | None = None
        timed_out = False
        while batch := self._next_batch(batcher):
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
        told_before, self._told = self._told, self.pending().logs or 0
        return Flushed(Count(0, delivered), Count(0, lost + self._told), attempts, problem, timed_out, told_before)

    def _next_batch(self, batcher: Any) -> list[Any] | None:
        if self._kept:
            return self._kept.pop(0)
        batch: list[Any] | None = batcher.flush()
        return batch

    def _save(self, batch: list[Any], deadline: Deadline) -> Answer:
        if self._api is None:
            return Answer(Meaning.REJECTED, message="there is no connection to send the last logs over")
        return self._api.save_logs(_multipart(batch), deadline)


_PERHAPS_STORED = frozenset({408, 502, 504})
"""Statuses behind which the server may have stored what it was sent."""


def _not_stored(answer: Answer) -> bool:
    """Tell whether the logs are surely not stored, so that sending them again makes no duplicates."""
    if not answer.unavailable:
        return False
    if answer.status is None:
        return not answer.sent
    # A redirect is the gateway's own, when the API is away.
    return answer.status >= 300 and answer.status not in _PERHAPS_STORED  # noqa: PLR2004


def _multipart(batch: list[Any]) -> list[tuple[str, Any]]:
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
