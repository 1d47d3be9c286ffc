"""The shim over `AsyncRPClient`, whose calls are awaited by the test run itself: it holds back nothing but logs."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from rp_finalizer.ports import Flushed, Pending
from rp_finalizer.reportportal.bounded import call_within, member_of
from rp_finalizer.reportportal.call_watching import watch_connection
from rp_finalizer.reportportal.client_loop import ClientLoop
from rp_finalizer.reportportal.guarding import own_method
from rp_finalizer.reportportal.log_batch import UNREADABLE, LogBatch, read_awaited
from rp_finalizer.reportportal.own_finish import finish_arguments
from rp_finalizer.reportportal.refusals import WatchedShim, own_calls

if TYPE_CHECKING:
    from rp_finalizer.deadline import Deadline
    from rp_finalizer.finish import Finish
    from rp_finalizer.reportportal.log_sender import LogSender


class AsyncClient(WatchedShim):
    """`ReportingClient` over an `AsyncRPClient`, to be used on another thread than its loop's."""

    awaited = True

    def __init__(self, client: Any, sender: LogSender) -> None:
        super().__init__(watch_connection(client))
        self._client = client
        self._sender = sender
        self._logs = LogBatch(client)
        self._loop: ClientLoop | None = None

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take note of the loop that the client's connections belong to."""
        self._loop = ClientLoop(loop)

    @property
    def owns_launch(self) -> bool:
        """False when the client was made with the uuid of a launch that somebody else started."""
        return bool(getattr(self._client, "use_own_launch", True))

    def launch(self, deadline: Deadline) -> str | None:  # noqa: ARG002  this client knows at once
        """Give the launch's uuid; None before the start was answered."""
        uuid = member_of(self._client, "launch_uuid")  # 5.5.0 raises before a start
        return None if uuid is None else str(uuid)

    def pending(self) -> Pending:
        """Count the logs that wait for their batch to fill up."""
        waiting = self._logs.waiting()
        return Pending(requests=0, logs=None if waiting is None else waiting + self._sender.held)

    def flush(self, deadline: Deadline) -> Flushed:
        """Send the logs that are held."""
        if self._logs.waiting() is None:
            return Flushed(problem=UNREADABLE, attempts=0)
        take = partial(self._logs.take, partial(self._read, deadline))
        return self._sender.flush(take, lambda: self._logs.waiting() or 0, deadline)

    def finish(self, finish: Finish, deadline: Deadline) -> str | None:
        """Run the client's own `finish_launch` on its loop."""
        return self._run(own_method(self._client, "finish_launch"), deadline, **finish_arguments(finish))

    def answered(self) -> Any:
        """Give what awaiting the client's own `finish_launch` gives: nothing."""
        return None

    def terminate(self, deadline: Deadline) -> str | None:
        """Run the client's own `close` on its loop."""
        return self._run(own_method(self._client, "close"), deadline)

    def _run(self, call: Any, deadline: Deadline, **arguments: Any) -> str | None:
        if self._loop is None:
            return "the client's event loop is not known: use `async with` or `await`"
        try:
            with own_calls():
                self._loop.run(call(**arguments), deadline)
        except Exception as error:  # noqa: BLE001  foreign code; what it raises is reported
            return f"{type(error).__name__}: {error}"
        return None

    def _read(self, deadline: Deadline, logs: list[Any]) -> list[dict[str, Any]]:
        # On a loop of its own: the uuids in these logs are texts, and nothing is waited for.
        result = call_within(deadline, lambda: asyncio.run(read_awaited(logs)))
        if result.problem is not None:
            raise RuntimeError(result.problem) from result.error
        payloads: list[dict[str, Any]] = result.value
        return payloads
