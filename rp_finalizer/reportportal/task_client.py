"""The shim over `ThreadedRPClient` and `BatchedRPClient`, which turn every call into a task on an event loop.

The threaded one's loop runs on a daemon thread and notices new tasks up to 100 ms late; the batched one's runs only
while a further call is made. Neither looks at a task's exception. Names used beside the public ones, as seen in
reportportal-client 5.5.4 to 5.7.11: `_loop`, `_task_mutex`, `client` (the connection that a client shares with its
clones), and since 5.7 `_api_info_task`. Where the loop is gone, what is pending is unknown.
"""

from __future__ import annotations

import asyncio
import os
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from rp_finalizer.deadline import Deadline
from rp_finalizer.ports import Flushed, Pending
from rp_finalizer.report import Count
from rp_finalizer.reportportal.bounded import call_within, member_of
from rp_finalizer.reportportal.call_watching import watch_connection
from rp_finalizer.reportportal.client_loop import ClientLoop
from rp_finalizer.reportportal.guarding import own_method
from rp_finalizer.reportportal.log_batch import UNREADABLE, LogBatch, read_awaited
from rp_finalizer.reportportal.own_finish import finish_arguments
from rp_finalizer.reportportal.refusals import WatchedShim, own_calls

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from rp_finalizer.finish import Finish
    from rp_finalizer.reportportal.log_sender import LogSender

Task = asyncio.Task[Any]

_LOG_SHARE = 1 / 3
"""The part of a flush's budget that calls without an answer leave for the logs."""
_CLOSING_TIME = 1.0
"""Seconds that the connections get to close."""


class TaskClient(WatchedShim):
    """`ReportingClient` over a `ThreadedRPClient` or a `BatchedRPClient`."""

    awaited = False

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take no note: this client's calls are not awaited."""

    def __init__(self, client: Any, sender: LogSender) -> None:
        super().__init__(watch_connection(client))
        self._pid = os.getpid()
        self._client = client
        self._sender = sender
        self._logs = LogBatch(client)
        loop = member_of(client, "_loop")
        self._loop = ClientLoop(loop, self._mutex()) if isinstance(loop, asyncio.AbstractEventLoop) else None

    @property
    def owns_launch(self) -> bool:
        """False when the client was made with the uuid of a launch that somebody else started."""
        return bool(getattr(self._client, "own_launch", True))

    def launch(self, deadline: Deadline) -> str | None:
        """Give the launch's uuid, waiting for the start to be answered; None before it.

        Raises RuntimeError where it failed or is not answered; where the time is up, without a look at the loop.
        """
        task = member_of(self._client, "launch_uuid")  # 5.5.0 raises before a start
        if not isinstance(task, asyncio.Task):
            return None if task is None else str(task)
        if not task.done() and self._loop is not None and not deadline.expired(monotonic()):
            self._loop.wait([task], deadline)
        if not task.done():
            raise RuntimeError("the start of the launch has not been answered yet")
        if task.cancelled() or (error := task.exception()) is not None:
            raise RuntimeError(f"the start of the launch failed: {'cancelled' if task.cancelled() else error}")
        uuid = task.result()
        return None if uuid is None else str(uuid)

    def pending(self) -> Pending:
        """Count the tasks that are not done: those that log as logs, all others as requests."""
        tasks, waiting = self._tasks(), self._logs.waiting()
        if tasks is None or waiting is None:
            return Pending()
        logging = sum(1 for task in tasks if _logs(task))
        return Pending(requests=len(tasks) - logging, logs=logging + waiting + self._sender.held)

    def flush(self, deadline: Deadline) -> Flushed:
        """Let every task end, then send the logs that are left, until nothing new comes or the time is up.

        A task that fails stops no other. What is not done when the time is up is cancelled: it would be sent behind
        the launch's end.
        """
        loop = self._loop
        if loop is None:
            return Flushed(problem=UNREADABLE, attempts=0)
        answered = deadline.keeping(_LOG_SHARE, deadline.remaining(monotonic()))
        ended: set[Task] = set()
        waiting, refused = self.pending().logs or 0, self._refusals.count().logs or 0
        while tasks := self._tasks():
            ended |= set(tasks)
            if not loop.wait(tasks, answered):
                break
        left = [task for task in ended if not task.done()]
        loop.cancel(left)
        take = partial(self._logs.take, partial(self._read, loop, deadline))
        sent = self._sender.flush(take, lambda: self._logs.waiting() or 0, deadline)
        refused = (self._refusals.count().logs or 0) - refused
        return _sum_up(ended, left, {task for task in ended if self._refusals.met(task)}, sent, waiting - refused)

    def finish(self, finish: Finish, deadline: Deadline) -> str | None:
        """Call the client's own `finish_launch`."""
        call = partial(own_method(self._client, "finish_launch"), **finish_arguments(finish))
        with own_calls():
            return call_within(deadline, call).problem

    def answered(self) -> Any:
        """Give what the client's own `finish_launch` gives: a task, which is done."""

        async def nothing() -> None:
            return None

        deadline = Deadline.after(_CLOSING_TIME, monotonic())
        if self._loop is not None and os.getpid() != self._pid:
            return call_within(deadline, partial(_done_elsewhere, nothing(), self._loop.loop)).value
        task = self._client.create_task(nothing())
        if self._loop is not None:
            self._loop.wait([task], deadline)
        return task

    def terminate(self, deadline: Deadline) -> str | None:
        """Close the client, and its connections, which it leaves open."""
        with own_calls():
            problem = call_within(deadline, own_method(self._client, "close")).problem
        close = member_of(member_of(self._client, "client"), "close")
        if self._loop is not None and callable(close):
            try:
                self._loop.run(close(), deadline.at_most(_CLOSING_TIME, monotonic()))
            except (TimeoutError, RuntimeError, OSError) as error:
                problem = problem or f"{type(error).__name__}: {error}"
        return problem

    def _mutex(self) -> Any:
        """Give the lock under which the batched client runs its loop; the threaded one's loop needs none."""
        return member_of(self._client, "_task_mutex")

    def _tasks(self) -> list[Task] | None:
        """List the client's tasks that are not done; a task of its own that looks for the server's version is none."""
        if self._loop is None:
            return None
        other = member_of(self._client, "_api_info_task")
        return [task for task in asyncio.all_tasks(self._loop.loop) if task is not other and _reports(task)]

    def _read(self, loop: ClientLoop, deadline: Deadline, logs: list[Any]) -> list[dict[str, Any]]:
        payloads: list[dict[str, Any]] = loop.run(read_awaited(logs), deadline)
        return payloads


def _done_elsewhere(coroutine: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop) -> Task:
    """Give a task of the loop's kind that is done, without the loop: it, or who runs it, is not of this process."""
    with asyncio.Runner() as runner:
        own = runner.get_loop()
        own.set_task_factory(loop.get_task_factory())
        task = own.create_task(coroutine)
        own.run_until_complete(task)
        own.set_task_factory(None)
        return task


def _name(task: Task) -> str:
    return getattr(task.get_coro(), "__qualname__", "")


def _logs(task: Task) -> bool:
    return _name(task).endswith("._log")


def _reports(task: Task) -> bool:
    """Tell the client's tasks from those that drive its loop for us, or wait within one of its own."""
    return "Client." in _name(task) and "prefetch_api_info" not in _name(task)


def _sum_up(ended: set[Task], left: list[Task], refused: set[Task], sent: Flushed, waiting: int) -> Flushed:
    """Count: of all logs that waited and were not refused, those are delivered which nothing says are lost.

    What the server or the network refused meanwhile is neither delivered nor abandoned: the client itself sent it.
    """
    failed = {task for task in ended if task.done() and (task.cancelled() or task.exception() is not None)}
    lost = (failed | set(left)) - refused
    lost_logs = sum(1 for task in lost if _logs(task)) + (sent.abandoned.logs or 0)
    lost_requests = sum(1 for task in lost if not _logs(task))
    requests = sum(1 for task in ended - refused if not _logs(task))
    problem = sent.problem
    if left:
        problem = f"{len(left)} calls of the client were not answered in time"
    elif lost:
        problem = f"{len(lost)} calls of the client failed"
    elif refused:
        problem = f"{len(refused)} calls of the client were refused"
    return Flushed(
        Count(requests - lost_requests, max(sent.delivered.logs or 0, waiting - lost_logs)),
        Count(lost_requests, lost_logs),
        sent.attempts,
        problem,
        sent.timed_out or bool(left),
        sent.told_before,
    )
