"""The shim over `RPClient`, the client that pytest-reportportal uses unless told otherwise.

It sends everything in the calling thread at once, except logs.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from rp_finalizer.ports import Flushed, Pending
from rp_finalizer.reportportal.bounded import call_within
from rp_finalizer.reportportal.call_watching import watch_sessions
from rp_finalizer.reportportal.guarding import own_method
from rp_finalizer.reportportal.log_batch import UNREADABLE, LogBatch
from rp_finalizer.reportportal.own_finish import finish_arguments
from rp_finalizer.reportportal.refusals import WatchedShim, own_calls

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from rp_finalizer.deadline import Deadline
    from rp_finalizer.finish import Finish
    from rp_finalizer.reportportal.log_sender import LogSender


class SyncClient(WatchedShim):
    """`ReportingClient` over an `RPClient`."""

    awaited = False

    def attach(self, loop: AbstractEventLoop) -> None:
        """Take no note: this client's calls are not awaited."""

    def __init__(self, client: Any, sender: LogSender) -> None:
        super().__init__(watch_sessions(client))
        self._client = client
        self._sender = sender
        self._logs = LogBatch(client)

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
        waiting = self._logs.waiting()
        return Pending(requests=0, logs=None if waiting is None else waiting + self._sender.held)

    def flush(self, deadline: Deadline) -> Flushed:
        """Send the logs that are held, and those that come while it does, until none are left or the time is up."""
        if self._logs.waiting() is None:
            return Flushed(problem=UNREADABLE, attempts=0)
        return self._sender.flush(partial(self._logs.take, _read), lambda: self._logs.waiting() or 0, deadline)

    def finish(self, finish: Finish, deadline: Deadline) -> str | None:
        """Call the client's own `finish_launch`, which sleeps for 3 s and tells nothing."""
        call = partial(own_method(self._client, "finish_launch"), **finish_arguments(finish))
        with own_calls():
            return call_within(deadline, call).problem

    def answered(self) -> Any:
        """Give what the client's own `finish_launch` gives: nothing."""
        return None

    def terminate(self, deadline: Deadline) -> str | None:
        """Close the client's session."""
        with own_calls():
            return call_within(deadline, own_method(self._client, "close")).problem


def _read(logs: list[Any]) -> list[dict[str, Any]]:
    return [log.payload for log in logs]
