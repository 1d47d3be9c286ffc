"""An entry as JSON, both ways."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

from rp_finalizer.entries import Entry, EntryState, Event, OwedLaunch, Priority
from rp_finalizer.finish import Attribute
from rp_finalizer.outcome import ErrorKind
from rp_finalizer.report import Failure, Report


def entry_to_dict(entry: Entry) -> dict[str, Any]:
    """Give the promised members: those of the entry, with `launch_uuid` beside `launch`."""
    # The report is taken apart by its own form.
    plain = asdict(replace(entry, report=None))
    plain["report"] = None if entry.report is None else entry.report.to_dict()
    plain["launch_uuid"] = entry.launch.uuid
    plain["idempotency_key"] = entry.launch.key
    return plain


def entry_to_json(entry: Entry) -> str:
    """Give the entry as one line of JSON."""
    return json.dumps(entry_to_dict(entry))


def entry_from_json(text: str) -> Entry:
    """Read what `entry_to_json` gave. Raises ValueError, KeyError or TypeError for anything else."""
    values = json.loads(text)
    for derived in ("launch_uuid", "idempotency_key"):
        values.pop(derived, None)
    launch = values.pop("launch")
    launch["attributes"] = tuple(Attribute(**each) for each in launch["attributes"])
    error, report = values.pop("last_error"), values.pop("report")
    return Entry(
        **values
        | {
            "launch": OwedLaunch(**launch),
            "state": EntryState(values["state"]),
            "priority": Priority(values["priority"]),
            "last_error": None if error is None else Failure(**error | {"kind": ErrorKind(error["kind"])}),
            "report": None if report is None else Report.from_dict(report),
            "history": tuple(Event(**each) for each in values["history"]),
        }
    )
