"""What a finalization writes down about its steps."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rp_finalizer.outcome import Step, StepResult
from rp_finalizer.report import StepRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(slots=True)
class Note:
    """What a step says of itself while it runs."""

    result: StepResult = StepResult.OK
    attempts: int = 0
    detail: str | None = None


class Trace:
    """The records of all steps, in their order; a step that never runs stays `skipped`."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._records = {step: StepRecord(step) for step in Step}

    @contextmanager
    def step(self, step: Step) -> Iterator[Note]:
        """Record one run of a step; a further run adds to its attempts and seconds."""
        note, begun, before = Note(), self._now(), self._records[step]
        yield note
        self._records[step] = StepRecord(
            step, note.result, before.seconds + self._now() - begun, before.attempts + note.attempts, note.detail
        )

    @property
    def records(self) -> tuple[StepRecord, ...]:
        """Give every step once, in the order of the sequence."""
        return tuple(self._records.values())
