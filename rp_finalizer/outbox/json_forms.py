"""What belongs to an entry, but is never looked for, as values that JSON has, both ways."""

from __future__ import annotations

import json
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from rp_finalizer.entries import OwedLaunch
from rp_finalizer.finish import Attribute
from rp_finalizer.outcome import ErrorKind
from rp_finalizer.report import SCHEMA, Count, Failure, Report, StepRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def launch_values(launch: OwedLaunch) -> list[Any]:
    """Give a launch's values, endpoint, project and uuid first."""
    attributes = [(each.key, each.value, each.system) for each in launch.attributes]
    names = (launch.endpoint, launch.project, launch.uuid)
    return [*names, launch.end_ms, launch.status, launch.description, attributes]


def launch_of(values: Sequence[Any]) -> OwedLaunch:
    """Read what `launch_values` gave."""
    endpoint, project, uuid, end_ms, status, description, attributes = values
    told = tuple([Attribute(key, value, system=system) for key, value, system in attributes])
    return OwedLaunch(endpoint, project, uuid, end_ms, status, description, told)


def uuid_of(values: Sequence[Any]) -> str:
    """Read only the uuid of what `launch_values` gave."""
    uuid: str = values[2]
    return uuid


def failure_values(failure: Failure | None) -> list[Any] | None:
    """Give a failure's values; None where there is none."""
    return None if failure is None else [failure.kind, failure.message, failure.hint, failure.status, failure.code]


def failure_of(values: Sequence[Any] | None) -> Failure | None:
    """Read what `failure_values` gave."""
    if values is None:
        return None
    kind, message, hint, status, code = values
    return Failure(ErrorKind(kind), message, hint, status=status, code=code)


def report_text(report: Report) -> str:
    """Give the report's JSON form, as `to_dict` does in twenty times as long; only that nothing is rounded."""
    names, values_of = _names(Report)
    texts = ["null" if value is None else _member_text(value) for value in values_of(report)]
    members = [f', "{name}": {text}' for name, text in zip(names, texts, strict=True)]
    return f'{{"schema": {SCHEMA}{"".join(members)}}}'


def report_of(members: dict[str, Any] | None) -> Report | None:
    """Read what `report_text` gave."""
    return None if members is None else Report.from_dict(members)


def _step_text(record: StepRecord) -> str:
    # Joined, for in a format the names of an enum take several times as long.
    told = '{"step": "' + record.step + '", "result": "' + record.result + '", "seconds": '
    if not record.seconds and not record.attempts and record.detail is None:
        # As most steps are.
        return told + '0.0, "attempts": 0, "detail": null}'
    detail = "null" if record.detail is None else _encode(record.detail)
    return f'{told}{float(record.seconds)!r}, "attempts": {record.attempts}, "detail": {detail}}}'


def _member_text(value: Any) -> str:
    """Give the JSON text of a report's member: of the usual ones without an encoder, whose making takes longer."""
    if isinstance(value, tuple):
        if value and not isinstance(value[0], StepRecord):
            return _encode(value)
        return f"[{', '.join(map(_step_text, value))}]"
    if isinstance(value, Count):
        requests, logs = value.requests, value.logs
        return f'{{"requests": {"null" if requests is None else requests}, "logs": {"null" if logs is None else logs}}}'
    return repr(value) if type(value) is float else _encode(value)


def _members(value: Any) -> dict[str, Any]:
    kind: type = type(value)
    names, values_of = _names(kind)
    return dict(zip(names, values_of(value), strict=True))


@cache
def _names(kind: type) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    """Give the names of a kind's members, and what reads all of them at once; each has two at least."""
    names = tuple(each.name for each in fields(kind))
    return names, attrgetter(*names)


_encode = json.JSONEncoder(default=_members).encode
