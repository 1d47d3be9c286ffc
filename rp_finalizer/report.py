"""The full record of one finalization, and its JSON form both ways."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from rp_finalizer.errors import FinalizerError, ReportFormatError
from rp_finalizer.outcome import ErrorKind, Outcome, Source, Step, StepResult, Verdict

if TYPE_CHECKING:
    from rp_finalizer.launch import LaunchStatus

SCHEMA = 1
"""The version of the JSON form. Members may be added to it, never taken away."""


@dataclass(frozen=True, slots=True)
class Considered:
    """One candidate for the launch id."""

    source: Source
    value: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Count:
    """Requests and log entries; None where it cannot be known."""

    requests: int | None = 0
    logs: int | None = 0


NOTHING = Count(0, 0)
UNKNOWN = Count(None, None)


@dataclass(frozen=True, slots=True)
class ReportedLaunch:
    """The launch as far as it is known. Only the uuid, or only the id, may be."""

    uuid: str | None = None
    id: int | None = None
    number: int | None = None
    name: str | None = None
    status: LaunchStatus | None = None
    url: str | None = None
    """Its page for people."""
    source: Source | None = None
    """Where its id was found."""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """What one step did."""

    step: Step
    result: StepResult = StepResult.SKIPPED
    seconds: float = 0.0
    attempts: int = 0
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the launch is not finished, and what to do about it."""

    kind: ErrorKind
    status: int | None = field(default=None, kw_only=True)
    """HTTP status of the answer, where there was one."""
    code: int | None = field(default=None, kw_only=True)
    """ReportPortal's own `errorCode`, where there was one."""
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Report:
    """The full record of one finalization; `to_dict` gives its promised JSON form."""

    outcome: Outcome | None
    """None only in a dry run."""
    launch: ReportedLaunch | None = None
    endpoint: str | None = None
    project: str | None = None
    flushed: Count = NOTHING
    """Delivered by us at the end."""
    abandoned: Count = NOTHING
    """Could not be delivered at the end."""
    refused: Count = UNKNOWN
    """Sent by the client during the run and refused by the server or the network."""
    steps: tuple[StepRecord, ...] = tuple(StepRecord(step) for step in Step)
    considered: tuple[Considered, ...] = ()
    seconds: float = 0.0
    error: Failure | None = None
    entry: str | None = None
    """Id of the outbox entry that keeps the launch."""

    @property
    def latches(self) -> bool:
        """Tell whether the outcome stays: a later finish of the same launch gets this report, and nothing is sent."""
        match self.outcome:
            case Outcome.FINISHED | Outcome.ALREADY_FINISHED | Outcome.NOT_OWNED:
                return True
            case Outcome.FAILED:
                return self.error is not None and self.error.kind.permanent
            case _:
                return False

    def step(self, step: Step) -> StepRecord:
        """Give the record of one step."""
        return next(record for record in self.steps if record.step is step)

    def with_step(self, record: StepRecord) -> Self:
        """Give the same report with another record for that step."""
        return replace(self, steps=tuple(record if old.step is record.step else old for old in self.steps))

    def with_late_logs(self, delivered: int | None, abandoned: int | None, told_before: int) -> Self:
        """Give the same report with what a later flush did to logs, `told_before` of which stand here as abandoned."""
        return replace(
            self,
            flushed=replace(self.flushed, logs=_sum(self.flushed.logs, delivered)),
            abandoned=replace(self.abandoned, logs=_sum(self.abandoned.logs, abandoned, -told_before)),
        )

    def to_dict(self) -> dict[str, Any]:
        """Give the JSON object that schema 1 promises."""
        return {"schema": SCHEMA, **{each.name: _plain(getattr(self, each.name)) for each in fields(self)}}

    def to_json(self) -> str:
        """Give `to_dict` as one line of JSON.

        Halves of characters, which names in the environment or from the server may hold, are escaped: no file takes
        them as they are.
        """
        text = json.dumps(self.to_dict(), ensure_ascii=False)
        return text.encode("utf-8", "backslashreplace").decode("utf-8")

    @classmethod
    def from_dict(cls, data: object) -> Self:
        """Read what `to_dict` gave; members that this version does not know are passed over.

        Raises `ReportFormatError`, which names the member that does not fit.
        """
        from rp_finalizer.report_reading import read_report  # noqa: PLC0415  for who reads reports

        return read_report(data, cls)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` gave. Raises `ReportFormatError`."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ReportFormatError("", text[:80], "it is not JSON") from error
        return cls.from_dict(data)


class FinalizationFailed(FinalizerError):  # noqa: N818  the promised name: an outcome, not a fault of the caller
    """With `strict`: the launch was left unfinished. Carries the full report."""

    def __init__(self, report: Report) -> None:
        super().__init__(report)
        self.report = report

    def __str__(self) -> str:
        """Say what became of the launch, why, and what to do."""
        error = self.report.error
        launch = self.report.launch
        name = launch.uuid if launch and launch.uuid else "the launch"
        reason = f": {error.message}; {error.hint}" if error else ""
        return f"{name} is {self.report.outcome}{reason}"


def _sum(*numbers: int | None) -> int | None:
    return None if None in numbers else sum(number for number in numbers if number is not None)


def _plain(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(member) for member in value]
    if isinstance(value, float):
        return round(value, 6)
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    return value
