"""An entry as a row of a table, both ways.

What queries look for, and what every step changes, are columns; what only belongs to the entry is JSON.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rp_finalizer.entries import Entry, EntryState, Event, Priority
from rp_finalizer.outbox.json_forms import failure_of, failure_values, launch_of, launch_values, report_of, uuid_of
from rp_finalizer.outbox_port import AtWork, Queued

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
"""Of a row that `entries_of` reads."""
QUEUED_COLUMNS = "entry_id, rank, created_at, attempts, launch"
"""Of a row that `queued_of` reads."""
AT_WORK_COLUMNS = "entry_id, lease_owner, attempts, launch, history"
"""Of a row that `at_work_of` reads."""
INSERT = (
    f"INSERT INTO entries ({', '.join((*_NAMES, *CHANGING))}) "  # noqa: S608  constants
    f"VALUES ({', '.join('?' * len((*_NAMES, *CHANGING)))})"
)
UPDATE = f"UPDATE entries SET {', '.join(f'{name} = ?' for name in CHANGING)} WHERE entry_id = ?"  # noqa: S608  as above

_PRIORITIES = tuple(Priority)
_STATES = {state.value: state for state in EntryState}


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


def entries_of(rows: Sequence[Sequence[Any]]) -> list[Entry]:
    """Read rows of `COLUMNS`."""
    return [_entry_of(row, facts) for row, facts in zip(rows, _facts(rows, 4), strict=True)]


def queued_of(rows: Sequence[Sequence[Any]]) -> list[Queued]:
    """Read rows of `QUEUED_COLUMNS`."""
    return [
        Queued(entry_id, uuid_of(launch), _PRIORITIES[rank], created_at, attempts)
        for (entry_id, rank, created_at, attempts, _), (launch,) in zip(rows, _facts(rows, 1), strict=True)
    ]


def at_work_of(rows: Sequence[Sequence[Any]]) -> list[AtWork]:
    """Read rows of `AT_WORK_COLUMNS`."""
    return [
        AtWork(entry_id, uuid_of(launch), owner, history[-1][0] if history else None, attempts)
        for (entry_id, owner, attempts, _, _), (launch, history) in zip(rows, _facts(rows, 2), strict=True)
    ]


def _facts(rows: Sequence[Sequence[Any]], columns: int) -> list[Any]:
    """Read the last columns of each row, which are JSON, at one go: texts as short as these take longer one by one."""
    texts = [",".join([text or "null" for text in row[-columns:]]) for row in rows]
    facts: list[Any] = json.loads(f"[[{'],['.join(texts)}]]") if texts else []
    return facts


def _entry_of(row: Sequence[Any], facts: Sequence[Any]) -> Entry:
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
        *_,
    ) = row
    launch, history, last_error, report = facts
    # In the order of the fields: names would take half as long again.
    return Entry(
        entry_id,
        launch_of(launch),
        created_at,
        updated_at,
        _STATES[state],
        _PRIORITIES[rank],
        attempts,
        misses,
        visible_at,
        lease_owner,
        lease_token,
        lease_until,
        alive_at,
        generation,
        failure_of(last_error),
        reason,
        report_of(report),
        tuple([Event(*each) for each in history]),
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
