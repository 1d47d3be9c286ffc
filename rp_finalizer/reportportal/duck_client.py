"""The shim over any object that behaves like a reporting client, known by its methods only."""

from __future__ import annotations

import logging
import threading
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from rp_finalizer.ports import Flushed, Pending
from rp_finalizer.report import NOTHING
from rp_finalizer.reportportal.bounded import call_within, member_of
from rp_finalizer.reportportal.guarding import own_method
from rp_finalizer.reportportal.own_finish import finish_arguments
from rp_finalizer.reportportal.refusals import Refusals, WatchedShim

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

    from rp_finalizer.deadline import Deadline
    from rp_finalizer.finish import Finish

logger = logging.getLogger(__name__)

_POLL = 0.01
"""Seconds between two looks at a future."""


class DuckClient(WatchedShim):
    """`ReportingClient` over an object with `launch_uuid` or `launch_id`, `finish_launch`, `terminate` or `close`.

    The launch may be a text, a number, a UUID, something to call, or a future; whatever is missing is done without.
    What such a client holds back cannot be seen: it is left to its own `terminate` or `close`.
    """

    awaited = False

    def attach(self, loop: AbstractEventLoop) -> None:
        """Take no note: this client's calls are not awaited."""

    def __init__(self, client: Any) -> None:
        super().__init__(Refusals(known=False))
        self._client = client

    @property
    def owns_launch(self) -> bool:
        """False when the client says so, under either of the names in use."""
        return all(bool(member_of(self._client, name, default=True)) for name in ("use_own_launch", "own_launch"))

    def launch(self, deadline: Deadline) -> str | None:
        """Give what the client says its launch is; what it raises instead is raised as RuntimeError."""
        for name in ("launch_uuid", "launch_id"):
            ask = partial(self._ask, name, deadline)
            result = call_within(deadline, ask)
            if result.problem is not None:
                raise RuntimeError(f"{name}: {result.problem}") from result.error
            if result.value is not None:
                return str(result.value)
        return None

    def pending(self) -> Pending:
        """Give nothing but unknowns."""
        return Pending()

    def flush(self, deadline: Deadline) -> Flushed:  # noqa: ARG002  nothing is waited for
        """Do nothing, and say so."""
        return Flushed(NOTHING, NOTHING, attempts=0, problem="what this client holds cannot be seen")

    def finish(self, finish: Finish, deadline: Deadline) -> str | None:
        """Call the client's own `finish_launch`, with what was asked for beside the end time."""
        call = self._method("finish_launch")
        if call is None:
            return "the client has no finish_launch"
        return call_within(deadline, partial(call, **finish_arguments(finish))).problem

    def answered(self) -> Any:
        """Give what the client's own `finish_launch` would give, as far as that is known: nothing."""
        return None

    def terminate(self, deadline: Deadline) -> str | None:
        """Call `terminate`, or `close` where there is no such method."""
        call = self._method("terminate") or self._method("close")
        if call is None:
            return None
        return call_within(deadline, call).problem

    def _ask(self, name: str, deadline: Deadline) -> Any:
        """Call what can be called, wait for what is a future; anything else is the launch itself."""
        value = getattr(self._client, name, None)
        if callable(value):
            value = value()
        result, done = getattr(value, "result", None), getattr(value, "done", None)
        if not callable(result):
            return value
        # Asked again and again: futures and tasks have no way of waiting in common, and a task of asyncio may be
        # waited for on its own loop only.
        unset = threading.Event()
        while callable(done) and not done():
            if deadline.expired(monotonic()):
                raise TimeoutError("it is not known yet")
            unset.wait(_POLL)
        return result()

    def _method(self, name: str) -> Callable[..., Any] | None:
        try:
            method = own_method(self._client, name)
        except Exception as error:  # noqa: BLE001  foreign code; nothing it raises may reach a test run
            logger.debug("%s of the %s raised %r", name, type(self._client).__name__, error)
            return None
        return method if callable(method) else None
