"""An entry as a row of a table, both ways.

What queries look for, and what every step changes, are columns; what only belongs to the entry is JSON.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rp_finalizer.entries import Entry, EntryState, Event, Priority
from rp_finalizer.outbox.json_forms import failure_of, failure_values, launch_of, launch_values, report_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rp_finalizer.entries import OwedLaunch

_NAMES = ("entry_id", "key", "created_at")
"""Columns that stay as they are."""
CHANGING = (
    "state",
    "rank",
    "visible_at",
    "updated_at",
    "alive_at",
    "attempts",
    "misses",
    "generation",
    "lease_token",
    "lease_owner",
    "lease_until",
    "reason",
    "launch",
    "history",
    "last_error",
)
"""Columns that a step may change, as `changing` gives their values."""
_REPORT = "(SELECT report FROM reports WHERE reports.id = entries.id)"
COLUMNS = ", ".join(("entry_id", "created_at", *CHANGING, _REPORT))
"""Of a row that `entry_of` reads."""
INSERT = (
    f"INSERT INTO entries ({', '.join((*_NAMES, *CHANGING))}) "  # noqa: S608  constants
    f"VALUES ({', '.join('?' * len((*_NAMES, *CHANGING)))})"
)
UPDATE = f"UPDATE entries SET {', '.join(f'{name} = ?' for name in CHANGING)} WHERE entry_id = ?"  # noqa: S608  as above

_PRIORITIES = tuple(Priority)


def key_of(launch: OwedLaunch) -> str:
    """Name a launch among all, so that those of one uuid stand together."""
    return f"{launch.uuid}#{launch.endpoint}#{launch.project}"


def launch_keys(uuid: str) -> tuple[str, str]:
    """Give the bounds between which the keys of a uuid's launches stand."""
    return f"{uuid}#", f"{uuid}{chr(ord('#') + 1)}"


def inserted(entry: Entry) -> tuple[Any, ...]:
    """Give the values for `INSERT`."""
    return (entry.entry_id, key_of(entry.launch), entry.created_at, *changing(entry))


def updated(entry: Entry) -> tuple[Any, ...]:
    """Give the values for `UPDATE`."""
    return (*changing(entry), entry.entry_id)


def entry_of(row: Sequence[Any]) -> Entry:
    """Read a row of `COLUMNS`."""
    (
        entry_id,
        created_at,
        state,
        rank,
        visible_at,
        updated_at,
        alive_at,
        attempts,
        misses,
        generation,
        lease_token,
        lease_owner,
        lease_until,
        reason,
        launch,
        history,
        last_error,
        report,
    ) = row
    return Entry(
        entry_id,
        launch_of(json.loads(launch)),
        created_at,
        updated_at,
        state=EntryState(state),
        priority=_PRIORITIES[rank],
        attempts=attempts,
        misses=misses,
        visible_at=visible_at,
        lease_owner=lease_owner,
        lease_token=lease_token,
        lease_until=lease_until,
        alive_at=alive_at,
        generation=generation,
        last_error=failure_of(_read(last_error)),
        reason=reason,
        report=report_of(_read(report)),
        history=tuple(Event(*each) for each in json.loads(history)),
    )


def changing(entry: Entry) -> tuple[Any, ...]:
    """Give the values of `CHANGING`."""
    error = entry.last_error
    return (
        entry.state,
        entry.priority.rank,
        entry.visible_at,
        entry.updated_at,
        entry.alive_at,
        entry.attempts,
        entry.misses,
        entry.generation,
        entry.lease_token,
        entry.lease_owner,
        entry.lease_until,
        entry.reason,
        json.dumps(launch_values(entry.launch)),
        json.dumps([(each.at, each.what, each.detail) for each in entry.history]),
        None if error is None else json.dumps(failure_values(error)),
    )


def _read(text: str | None) -> Any:
    return None if text is None else json.loads(text)
