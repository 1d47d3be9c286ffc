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
from rp_finalizer.report import SCHEMA, Failure, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rp_finalizer.report import Count, StepRecord


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
    members = {"schema": SCHEMA, **_members(report)}
    # Most of it, and always alike.
    steps = ", ".join(map(_step_text, members.pop("steps")))
    counts = [f', "{name}": {_count_text(members.pop(name))}' for name in _COUNTS]
    return f'{_encode(members)[:-1]}, "steps": [{steps}]{"".join(counts)}}}'


def report_of(members: dict[str, Any] | None) -> Report | None:
    """Read what `report_text` gave."""
    return None if members is None else Report.from_dict(members)


def _step_text(record: StepRecord) -> str:
    told = f'"step": "{record.step}", "result": "{record.result}", "seconds": {float(record.seconds)!r}'
    detail = "null" if record.detail is None else _encode(record.detail)
    return f'{{{told}, "attempts": {record.attempts}, "detail": {detail}}}'


def _count_text(count: Count) -> str:
    requests = "null" if count.requests is None else count.requests
    return f'{{"requests": {requests}, "logs": {"null" if count.logs is None else count.logs}}}'


def _members(value: Any) -> dict[str, Any]:
    kind: type = type(value)
    names, values_of = _names(kind)
    return dict(zip(names, values_of(value), strict=True))


@cache
def _names(kind: type) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    """Give the names of a kind's members, and what reads all of them at once; each has two at least."""
    names = tuple(each.name for each in fields(kind))
    return names, attrgetter(*names)


_COUNTS = ("flushed", "abandoned", "refused")
_encode = json.JSONEncoder(default=_members).encode
