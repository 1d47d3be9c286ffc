"""A foreign call that may not keep us: it gets its time, and is left behind after it."""

from __future__ import annotations

import logging
import threading
from contextvars import copy_context
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from rp_finalizer.deadline import Deadline

_LOOK = 0.1
"""Seconds between two looks at a deadline."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Result:
    """What became of the call."""

    value: Any = None
    error: BaseException | None = None
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def problem(self) -> str | None:
        """Say what went wrong; None when nothing did."""
        if not self.done.is_set():
            return "it did not return in time"
        return f"{type(self.error).__name__}: {self.error}" if self.error else None


def member_of(stranger: Any, name: str, default: Any = None) -> Any:
    """Give a member of a foreign object, or the default where it has none or raises instead."""
    try:
        return getattr(stranger, name, default)
    except Exception as error:  # noqa: BLE001  foreign code; nothing it raises may reach a test run
        logger.debug("%s of the %s raised %r", name, type(stranger).__name__, error)
        return default


def wait_within(deadline: Deadline, done: threading.Event, overtime: float = 0.0) -> bool:
    """Wait for the event until `overtime` seconds after the deadline, which a signal may move while we wait."""
    while not done.is_set():
        left = deadline.end + overtime - monotonic()
        if left <= 0:
            return False
        done.wait(min(left, _LOOK))
    return True


def begin(call: Callable[[], Any], into: Result | None = None) -> Result:
    """Call on a thread of its own; what it gives or raises is in the result once that is done.

    Whoever may be interrupted while the thread starts brings the result along. The call sees the caller's context
    variables. The thread is a daemon: a call that never returns keeps no process from ending.
    """
    result = into or Result()
    context = copy_context()

    def run() -> None:
        try:
            result.value = context.run(call)
        except BaseException as error:  # noqa: BLE001  foreign code, sys.exit too; handed to the caller, who reports it
            result.error = error
        result.done.set()

    try:
        threading.Thread(target=run, name="rp-finalizer-call", daemon=True).start()
    except RuntimeError as error:
        # The interpreter is stopping its threads: unbounded is better than not at all.
        logger.debug("no thread for a bounded call: %s", error)
        run()
        if result.error is not None and not isinstance(result.error, Exception):
            # On the caller's own thread it may be a signal's.
            raise result.error from None
    return result


def call_within(deadline: Deadline, call: Callable[[], Any], overtime: float = 0.0) -> Result:
    """Call on a thread of its own and wait until the deadline at most."""
    result = begin(call)
    wait_within(deadline, result.done, overtime)
    return result
