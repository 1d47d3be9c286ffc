"""A report's JSON form read back, member by member: what does not fit is named."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self, TypeVar

from rp_finalizer.errors import ReportFormatError
from rp_finalizer.launch import LaunchStatus
from rp_finalizer.outcome import ErrorKind, Outcome, Source, Step, StepResult, Verdict
from rp_finalizer.report import SCHEMA, UNKNOWN, Considered, Count, Failure, Report, ReportedLaunch, StepRecord

_T = TypeVar("_T")
_E = TypeVar("_E", bound=StrEnum)
_R = TypeVar("_R", bound=Report)


def read_report(data: object, kind: type[_R]) -> _R:
    """Read what `Report.to_dict` gave, as that method's class says. Raises `ReportFormatError`."""
    read = _Members.of(data, "")
    if read.get("schema", _integer) != SCHEMA:
        raise ReportFormatError("schema", read.values.get("schema"), f"this version reads schema {SCHEMA}")
    return kind(
        outcome=read.get("outcome", _enum(Outcome)),
        launch=read.get("launch", _read_launch),
        endpoint=read.get("endpoint", _text),
        project=read.get("project", _text),
        flushed=read.get("flushed", _read_count) or UNKNOWN,
        abandoned=read.get("abandoned", _read_count) or UNKNOWN,
        refused=read.get("refused", _read_count) or UNKNOWN,
        steps=_in_order(read.each("steps", _read_step)),
        considered=tuple(read.each("considered", _read_considered)),
        seconds=read.get("seconds", _number) or 0.0,
        error=read.get("error", _read_failure),
        entry=read.get("entry", _text),
    )


_Read = Callable[[Any, str], _T]
"""Takes a JSON value and the path it stands at; gives the typed value or raises `ReportFormatError`."""


@dataclass(frozen=True, slots=True)
class _Members:
    """The members of one JSON object, and the path that an error names."""

    values: Mapping[str, Any]
    path: str

    @classmethod
    def of(cls, value: object, path: str) -> Self:
        if not isinstance(value, dict):
            raise ReportFormatError(path, value, "an object belongs here")
        return cls(value, path)

    def get(self, name: str, read: _Read[_T]) -> _T | None:
        value = self.values.get(name)
        return None if value is None else read(value, self._at(name))

    def need(self, name: str, read: _Read[_T]) -> _T:
        if self.values.get(name) is None:
            raise ReportFormatError(self._at(name), None, "it is missing")
        return read(self.values[name], self._at(name))

    def each(self, name: str, read: _Read[_T]) -> Iterator[_T]:
        values = self.values.get(name)
        if values is None:
            return iter(())
        if not isinstance(values, list):
            raise ReportFormatError(self._at(name), values, "a list belongs here")
        return (read(value, f"{self._at(name)}[{index}]") for index, value in enumerate(values))

    def _at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name


def _enum(kind: type[_E]) -> _Read[_E]:
    def read(value: Any, path: str) -> _E:
        try:
            return kind(value)
        except ValueError as error:
            raise ReportFormatError(path, value, f"one of {', '.join(kind)} belongs here") from error

    return read


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise ReportFormatError(path, value, "a text belongs here")
    return value


def _integer(value: Any, path: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ReportFormatError(path, value, "a whole number belongs here")
    return value


def _number(value: Any, path: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ReportFormatError(path, value, "a number belongs here")
    # JSON's numbers have no bounds, and Python's reader takes NaN and Infinity for numbers, too.
    if not -sys.float_info.max <= value <= sys.float_info.max:
        raise ReportFormatError(path, value, "a number of a possible size belongs here")
    return float(value)


def _read_launch(value: Any, path: str) -> ReportedLaunch:
    read = _Members.of(value, path)
    return ReportedLaunch(
        uuid=read.get("uuid", _text),
        id=read.get("id", _integer),
        number=read.get("number", _integer),
        name=read.get("name", _text),
        status=read.get("status", _enum(LaunchStatus)),
        url=read.get("url", _text),
        source=read.get("source", _enum(Source)),
    )


def _read_count(value: Any, path: str) -> Count:
    read = _Members.of(value, path)
    return Count(read.get("requests", _integer), read.get("logs", _integer))


def _read_step(value: Any, path: str) -> StepRecord:
    read = _Members.of(value, path)
    return StepRecord(
        step=read.need("step", _enum(Step)),
        result=read.need("result", _enum(StepResult)),
        seconds=read.get("seconds", _number) or 0.0,
        attempts=read.get("attempts", _integer) or 0,
        detail=read.get("detail", _text),
    )


def _in_order(records: Iterator[StepRecord]) -> tuple[StepRecord, ...]:
    by_step = {record.step: record for record in records}
    return tuple(by_step.get(step, StepRecord(step)) for step in Step)


def _read_considered(value: Any, path: str) -> Considered:
    read = _Members.of(value, path)
    return Considered(
        source=read.need("source", _enum(Source)),
        value=read.need("value", _text),
        verdict=read.need("verdict", _enum(Verdict)),
    )


def _read_failure(value: Any, path: str) -> Failure:
    read = _Members.of(value, path)
    return Failure(
        kind=read.need("kind", _enum(ErrorKind)),
        message=read.need("message", _text),
        hint=read.need("hint", _text),
        status=read.get("status", _integer),
        code=read.get("code", _integer),
    )
