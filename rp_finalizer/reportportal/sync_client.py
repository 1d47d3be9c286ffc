"""The shim over `RPClient`, the client that pytest-reportportal uses unless told otherwise.

It sends everything in the calling thread at once, except logs, which it collects in batches of 20. Private names
used, as seen in reportportal-client 5.5.4 to 5.7.11: `_log_batcher` (with `flush()` and `_batch`), and of its entries
`payload` and `file`. Where they are gone, what is pending is unknown and nothing is flushed but by the client's own
`close`.
"""

from __future__ import annotations

from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from rp_finalizer.ports import Flushed, Pending
from rp_finalizer.reportportal.bounded import call_within
from rp_finalizer.reportportal.log_sender import LogEntry
from rp_finalizer.reportportal.own_finish import finish_arguments

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from rp_finalizer.deadline import Deadline
    from rp_finalizer.finish import Finish
    from rp_finalizer.reportportal.log_sender import LogSender

UNREADABLE = "this version of the client does not show what it holds; its own close may still send it"


class SyncClient:
    """`ReportingClient` over an `RPClient`."""

    awaited = False

    def attach(self, loop: AbstractEventLoop) -> None:
        """Take no note: this client's calls are not awaited."""

    def __init__(self, client: Any, sender: LogSender) -> None:
        self._client = client
        self._sender = sender

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
        waiting = self._waiting()
        return Pending(requests=0, logs=None if waiting is None else waiting + self._sender.held)

    def flush(self, deadline: Deadline) -> Flushed:
        """Send the logs that are held, and those that come while it does, until none are left or the time is up."""
        if self._waiting() is None:
            return Flushed(problem=UNREADABLE, attempts=0)
        return self._sender.flush(self._take, lambda: self._waiting() or 0, deadline)

    def finish(self, finish: Finish, deadline: Deadline) -> str | None:
        """Call the client's own `finish_launch`, which sleeps for 3 s and tells nothing."""
        call = partial(self._client.finish_launch, **finish_arguments(finish))
        return call_within(deadline.remaining(monotonic()), call).problem

    def terminate(self, deadline: Deadline) -> str | None:
        """Close the client's session."""
        return call_within(deadline.remaining(monotonic()), self._client.close).problem

    def _waiting(self) -> int | None:
        batch = getattr(getattr(self._client, "_log_batcher", None), "_batch", None)
        return None if batch is None else len(batch)

    def _take(self) -> list[LogEntry]:
        return [LogEntry(log.payload, log.file) for log in self._client._log_batcher.flush() or ()]  # noqa: SLF001
