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
from typing import TYPE_CHECKING, Any
from weakref import ref

from rp_finalizer.reportportal.bounded import begin, member_of

if TYPE_CHECKING:
    from collections.abc import Callable

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
        run = type(turned).run_until_complete

        def turn() -> Any:
            with turning:
                return run(turned, future)

        if asyncio._get_running_loop() is None:  # noqa: SLF001  documented
            return turn()
        return _elsewhere(turned, turn)

    try:
        loop.run_until_complete = run_until_complete  # type: ignore[method-assign]
    except AttributeError as error:
        logger.debug("the client's loop stays as it is: %s", error)


def _elsewhere(loop: asyncio.AbstractEventLoop, turn: Callable[[], Any]) -> Any:
    """Do it on a thread of its own, and give or raise what it comes to."""
    result = begin(turn)
    try:
        result.done.wait()
    except BaseException:
        # Ctrl-C, for example: as in the caller's own thread, the loop turns no further.
        if loop.is_running():
            loop.call_soon_threadsafe(loop.stop)
            result.done.wait(_STOPPING)
        raise
    if result.error is not None:
        raise result.error
    return result.value
