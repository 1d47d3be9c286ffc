"""The event loop of a client, driven from outside, within a deadline, whoever else drives it or nobody."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AbstractContextManager, nullcontext
from time import monotonic
from typing import TYPE_CHECKING, Any

from rp_finalizer.deadline import Deadline
from rp_finalizer.reportportal.bounded import call_within

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine


_LOOK = 0.05
"""Seconds between two looks at whether the loop still runs."""
_OVERTIME = 0.1
"""Seconds that the loop gets beyond the deadline, to say itself that the time is up."""


class ClientLoop:
    """Runs something on a client's loop.

    A loop that runs on a thread of its own is woken and waited for. One that nobody runs, because its client runs it
    now and then only or because its thread is gone, is run on a helper thread: so it works, too, where the caller's
    own thread runs another loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, mutex: Any = None) -> None:
        self.loop = loop
        self._mutex: AbstractContextManager[Any] = nullcontext() if mutex is None else mutex

    def run(self, coroutine: Coroutine[Any, Any, Any], deadline: Deadline) -> Any:
        """Give what the coroutine gives. Raises what it raises, and TimeoutError when the time is up."""
        if self.loop.is_running():
            return self._hand_over(coroutine, deadline)
        if self.loop.is_closed():
            coroutine.close()
            raise TimeoutError("the client's loop is closed")
        result = call_within(deadline, lambda: self._drive(coroutine), _OVERTIME)
        if not result.done.is_set():
            raise TimeoutError("the client's loop did not come to it in time")
        if result.error is not None:
            raise result.error
        return result.value

    def _hand_over(self, coroutine: Coroutine[Any, Any, Any], deadline: Deadline) -> Any:
        """Have whoever runs the loop run the coroutine, too; where that one stops before its end, run it here."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        ended = threading.Event()
        future.add_done_callback(lambda _: ended.set())

        async def see_to_its_end() -> None:
            await asyncio.wait([asyncio.wrap_future(future)])

        def drive() -> None:
            waiting = see_to_its_end()
            try:
                self._drive(waiting)
            finally:
                # Where somebody else was faster to run the loop, it has not begun.
                waiting.close()

        while not ended.wait(_LOOK):
            if monotonic() > deadline.end + _OVERTIME:
                future.cancel()
                raise TimeoutError("the client's loop did not come to it in time")
            if not self.loop.is_running() and not self.loop.is_closed():
                call_within(deadline, drive, _OVERTIME)
        return future.result()

    def wait(self, tasks: Collection[asyncio.Task[Any]], deadline: Deadline) -> bool:
        """Wait for tasks of the loop; tell whether all are done. What they raise stays in them."""
        if not tasks:
            return True
        try:
            self.run(asyncio.wait(tasks, timeout=deadline.remaining(monotonic())), deadline)
        except TimeoutError:
            return False
        return all(task.done() for task in tasks)

    def cancel(self, tasks: Collection[asyncio.Task[Any]]) -> None:
        """Cancel what is left, so that none of it is sent behind the launch's end. Takes 0.2 s at most."""

        async def cancel() -> None:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=_OVERTIME)

        if tasks:
            try:
                self.run(cancel(), Deadline.after(_OVERTIME, monotonic()))
            except TimeoutError:
                return  # a loop that does not turn sends nothing either

    def _drive(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        with self._mutex:
            return self.loop.run_until_complete(coroutine)
