"""What an outbox holds and what was done with it, as plain objects: for `status`, for files of metrics, for an API.

Times are seconds since the epoch, durations seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rp_finalizer.entries import EntryState
from rp_finalizer.outbox_port import COUNTERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rp_finalizer.outbox_port import Outbox, Overview, Statistics

SHOWN = 100
"""Entries of a list, unless more are asked for."""


def status_body(outbox: Outbox, *, max_concurrent: int | None = None, limit: int = SHOWN) -> dict[str, Any]:
    """Say what waits and what is worked on; `max_concurrent` is that of the worker that asks, None where none does."""
    seen = outbox.overview(limit)
    queue = [
        {
            "entry_id": each.entry_id,
            "launch_uuid": each.launch_uuid,
            "priority": each.priority.value,
            "queue_position": position,
            "queued_at": each.created_at,
            "attempts": each.attempts,
        }
        for position, each in enumerate(seen.queue, start=1)
    ]
    return {**_counts(seen.by_state, max_concurrent), "queue": queue, "active": _active(seen)}


def active_body(outbox: Outbox, limit: int = SHOWN) -> dict[str, Any]:
    """Say what is worked on."""
    seen = outbox.overview(limit)
    return {"active_count": seen.by_state.get(EntryState.LEASED, 0), "active": _active(seen)}


def empty_status_body() -> dict[str, Any]:
    """Say the same of an outbox that was never used."""
    return {**_counts({}, None), "queue": [], "active": []}


def statistics_body(
    now: Statistics,
    at_start: Statistics,
    *,
    running: bool = False,
    max_concurrent: int | None = None,
    check_interval: float | None = None,
) -> dict[str, Any]:
    """Say what was done, since the outbox was made and since whoever asks started.

    `max_concurrent` and `check_interval` are those of the worker that asks, None where none does. A counter that is
    less than it was began anew: the outbox was emptied, or made again.
    """
    latency = now.percentiles
    return {
        "is_running": running,
        "max_concurrent": max_concurrent,
        "check_interval": check_interval,
        "counters": {name: now.counters.get(name, 0) for name in COUNTERS},
        "since_start": {name: _grown(at_start, now, name) for name in COUNTERS},
        "success_rate": now.success_rate,
        "latency": None if latency is None else latency._asdict(),
        "errors": dict(now.errors),
        "owed": now.owed,
        "due": now.due,
    }


def _grown(before: Statistics, after: Statistics, name: str) -> int:
    earlier, later = before.counters.get(name, 0), after.counters.get(name, 0)
    return later - earlier if later >= earlier else later


def _counts(held: Mapping[EntryState, int], max_concurrent: int | None) -> dict[str, Any]:
    active_count = held.get(EntryState.LEASED, 0)
    return {
        "active_count": active_count,
        "queued_count": held.get(EntryState.READY, 0),
        "open_count": held.get(EntryState.OPEN, 0),
        "done_count": held.get(EntryState.DONE, 0),
        "dead_count": held.get(EntryState.DEAD, 0),
        "max_concurrent": max_concurrent,
        "is_under_limit": None if max_concurrent is None else active_count < max_concurrent,
    }


def _active(seen: Overview) -> list[dict[str, Any]]:
    return [
        {
            "entry_id": each.entry_id,
            "launch_uuid": each.launch_uuid,
            "worker": each.owner,
            "started_at": each.since,
            "attempts": each.attempts,
        }
        for each in seen.active
    ]
