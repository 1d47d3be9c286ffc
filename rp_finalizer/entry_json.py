"""An entry in its JSON form, for people and programs."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rp_finalizer.entries import Entry


def entry_to_dict(entry: Entry) -> dict[str, Any]:
    """Give the promised members: those of the entry, with `launch_uuid` beside `launch`."""
    # The report is taken apart by its own form.
    plain = asdict(replace(entry, report=None))
    plain["report"] = None if entry.report is None else entry.report.to_dict()
    plain["launch_uuid"] = entry.launch.uuid
    plain["idempotency_key"] = entry.launch.key
    return plain
