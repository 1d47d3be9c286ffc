"""The end of a client: once, whoever asks for it how often, and with what it still holds delivered before."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rp_finalizer.deadline import Deadline
from rp_finalizer.outcome import Step, StepResult
from rp_finalizer.ports import Flushed
from rp_finalizer.report import Report, StepRecord

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from threading import Event

    from rp_finalizer.ports import Clock, ReportingClient
    from rp_finalizer.settings import Settings

CLOSING_TIME = 0.5
"""Seconds that closing the client gets at least, even when the budget is used up."""


@dataclass(frozen=True, slots=True)
class Closed:
    """What the end of the client adds to the report."""

    record: StepRecord
    late: Flushed
    """What became of logs that were still held."""

    def amend(self, report: Report) -> Report:
        """Give the report with it."""
        late = self.late
        return report.with_step(self.record).with_late_logs(late.delivered.logs, late.abandoned.logs, late.told_before)


class Closing:
    """Closes one client. Safe to use from several threads: all but the first find it closed."""

    def __init__(
        self,
        client: ReportingClient,
        clock: Clock,
        settings: Settings,
        stop: Event,
        own_calls: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._client = client
        self._clock = clock
        self._settings = settings
        self._stop = stop
        self._own_calls = own_calls
        """Marks the client's own methods as meant, where they are guarded."""
        self._lock = threading.Lock()
        self._closed = False

    def reopen(self) -> None:
        """Take note that the client is in use again."""
        self._closed = False

    def close(self, deadline: Deadline) -> Closed | None:
        """Flush and close, and tell what that did; None where it was done before."""
        clock, settings = self._clock, self._settings
        with self._lock:
            if self._closed:
                return None
            self._closed = True
            begun = clock.monotonic()
            clock.wait(min(settings.delay_before_terminate, deadline.remaining(begun)), self._stop)
            until = Deadline(max(deadline.end, clock.monotonic() + CLOSING_TIME))
            late = self._client.flush(until) if self._client.pending().logs else Flushed(attempts=0)
            # The client's own method may call the guarded ones in turn.
            with self._own_calls():
                problem = self._client.terminate(until) or late.problem
            clock.wait(min(settings.delay_after_terminate, deadline.remaining(clock.monotonic())), self._stop)
            result = StepResult.FAILED if problem else StepResult.OK
            return Closed(StepRecord(Step.TERMINATE, result, clock.monotonic() - begun, 1, problem), late)
