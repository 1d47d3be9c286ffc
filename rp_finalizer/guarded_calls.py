"""What becomes of the calls that a guarded client's own methods get."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from rp_finalizer.errors import FinishArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rp_finalizer.ports import ReportingClient
    from rp_finalizer.report import Report

_KNOWN = ("end_time", "status", "attributes", "description")
"""The arguments of the clients' `finish_launch` that a finish carries; the server knows no others."""

_WORKING: ContextVar[object | None] = ContextVar("rp_finalizer_working", default=None)
"""Whose finalizer makes the present call."""

logger = logging.getLogger(__name__)


class GuardedCalls:
    """Sends a guarded client's calls through its finalizer.

    Nothing is raised into the code that makes them, an agent's mostly: an argument that the server would refuse is left
    out, and told.
    """

    def __init__(
        self,
        started: Callable[..., None],
        finish: Callable[..., Report],
        terminate: Callable[[], Report],
        client: ReportingClient,
    ) -> None:
        self._pid = os.getpid()
        self._started = started
        self._finish = finish
        self._terminate = terminate
        self._client = client

    @contextmanager
    def own_calls(self) -> Iterator[None]:
        """Mark what is called from here on, on helper threads too, as the finalizer's own work."""
        token = _WORKING.set(self)
        try:
            yield
        finally:
            _WORKING.reset(token)

    def own_call(self) -> bool:
        """Tell whether the client's own method is meant: not where another thread calls it at the same time."""
        return _WORKING.get() is self

    def elsewhere(self) -> bool:
        """Tell whether this process is a fork of the one that guards the client."""
        return os.getpid() != self._pid

    def attach_running_loop(self) -> None:
        """Take note of the loop of this thread."""
        self._client.attach(asyncio.get_running_loop())

    def started_for(self, *, rerun: bool) -> None:
        """Take note that the client has started a launch."""
        self._started(rerun=rerun)

    def finish_for(self, arguments: dict[str, Any]) -> Any:
        """Finish with what the caller gave, as far as it can be sent."""
        given = {name: value for name, value in arguments.items() if name in _KNOWN and value is not None}
        while True:
            try:
                self._finish(**given)
            except FinishArgumentError as error:
                logger.warning("finish_launch was given what the server does not take; it is left out: %s", error)
                del given[error.name]
            else:
                return self._client.answered()

    def end_for(self) -> None:
        """Finish unless that was done, and close the client."""
        self._terminate()
