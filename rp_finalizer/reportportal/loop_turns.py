"""The batched client's loop, turned wherever a test calls the client: on any thread, and inside a running loop.

That client turns its loop in the thread that calls it. Where another loop runs in that thread, as in a test of
asyncio's, or where another thread turns the client's loop at that moment, asyncio refuses, and the client raises the
refusal into the test.

Name used, as seen in reportportal-client 5.5.4 to 5.7.11: `_loop`. Where it is gone, the client is as it was.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any
from weakref import ref

from rp_finalizer.reportportal.bounded import Result, begin, member_of

_STOPPING = 1.0
"""Seconds that the loop gets to stop when whoever waits for it is interrupted."""

logger = logging.getLogger(__name__)


def turn_anywhere(client: Any) -> None:
    """Let a client turn its loop inside another running loop, too, and in several threads; its clones share the loop.

    Inside another loop it is turned on a helper thread, which the caller waits for, as it does elsewhere. Threads take
    turns. Does nothing for a client whose loop has a thread of its own, or that has none.
    """
    loop = member_of(client, "_loop")
    if not isinstance(loop, asyncio.AbstractEventLoop) or loop.is_running():
        return
    # Weakly: a loop that holds itself would not go with its client, but when the garbage is collected.
    held, turning = ref(loop), threading.RLock()

    def run_until_complete(future: Any) -> Any:
        turned = held()
        if turned is None:
            raise RuntimeError("the client's loop is gone")
        if asyncio._get_running_loop() is None:  # noqa: SLF001  documented
            with turning:
                return type(turned).run_until_complete(turned, future)
        return _Turn(turned, turning, future).elsewhere()

    try:
        loop.run_until_complete = run_until_complete  # type: ignore[method-assign]
    except AttributeError as error:
        logger.debug("the client's loop stays as it is: %s", error)


class _Turn:
    """One turn of a loop, on a thread of its own, for a caller in whose thread another loop runs."""

    def __init__(self, loop: asyncio.AbstractEventLoop, turning: threading.RLock, future: Any) -> None:
        self._loop = loop
        self._turning = turning
        self._future = future
        self._result = Result()
        self._begun = threading.Event()
        self._given_up = threading.Event()

    def elsewhere(self) -> Any:
        """Wait for it, and give or raise what it comes to."""
        try:
            begin(self._run, self._result)
            self._result.done.wait()
        except BaseException:
            # Ctrl-C, for example: as in the caller's own thread, the loop turns no further.
            self._give_up()
            raise
        if self._result.error is not None:
            raise self._result.error
        return self._result.value

    def _run(self) -> Any:
        with self._turning:
            # In this order, and the other way round in giving up: one of the two sees the other.
            self._begun.set()
            if self._given_up.is_set():
                return self._future.close() if asyncio.iscoroutine(self._future) else None
            return type(self._loop).run_until_complete(self._loop, self._future)

    def _give_up(self) -> None:
        self._given_up.set()
        if self._begun.is_set() and not self._result.done.is_set():
            # Stays with the loop until it turns, should it not do so yet.
            stop = self._loop.call_soon_threadsafe(self._loop.stop)
            self._result.done.wait(_STOPPING)
            stop.cancel()
