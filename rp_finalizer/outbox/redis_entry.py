"""An entry as the scripts of the outbox in Redis give and take it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from rp_finalizer.entries import LONGEST_HISTORY, Entry, EntryState, Event, Priority
from rp_finalizer.outbox.json_forms import (
    failure_of,
    failure_values,
    launch_of,
    launch_values,
    report_of,
    report_text,
    uuid_of,
)
from rp_finalizer.outbox_port import AtWork, Queued

if TYPE_CHECKING:
    from collections.abc import Sequence

_PRIORITIES = tuple(Priority)
_STATES = {state.value: state for state in EntryState}
text_of = json.encoder.encode_basestring_ascii
"""Gives the JSON text of a string."""


class Known(NamedTuple):
    """An entry as it was read."""

    entry: Entry
    version: str
    """Changes with every write: the fence."""


def known_of(values: Sequence[Any]) -> Known:
    """Read an entry as scripts give it."""
    entry_id, version, state, rank, visible_at, updated_at, owner, token, attempts, facts, launch, history, report = (
        values
    )
    created_at, alive_at, misses, generation, reason, last_error = facts
    visible_at = float(visible_at)
    entry_state = _STATES[state]
    entry = Entry(
        entry_id,
        launch_of(launch),
        created_at,
        float(updated_at),
        entry_state,
        _PRIORITIES[rank],
        attempts,
        misses,
        visible_at,
        owner,
        token,
        visible_at if entry_state.held else None,
        alive_at,
        generation,
        failure_of(last_error),
        reason,
        report_of(report),
        # Claims only add to it.
        tuple([Event(*each) for each in history[-LONGEST_HISTORY:]]),
    )
    return Known(entry, version)


def queued_of(told: Sequence[Sequence[Any]]) -> list[Queued]:
    """Read what `overview` tells of entries that wait."""
    return [
        Queued(entry_id, uuid_of(launch), _PRIORITIES[rank], facts[0], attempts)
        for entry_id, rank, attempts, facts, launch in told
    ]


def at_work_of(told: Sequence[Sequence[Any]]) -> list[AtWork]:
    """Read what `overview` tells of entries that workers hold."""
    return [
        AtWork(entry_id, uuid_of(launch), owner, history[-1][0] if history else None, attempts)
        for entry_id, owner, attempts, launch, history in told
    ]


def new_values(entry: Entry, version: str) -> list[str]:
    """Give what `add` writes, in its order."""
    return [
        version,
        entry.state.value,
        str(entry.priority.rank),
        *_times(entry),
        *_holder(entry),
        _facts(entry),
        _launch(entry),
        _events(entry.history),
    ]


def changed_values(before: Entry, entry: Entry, version: str) -> list[str]:
    """Give what `change` writes, in its order: of what is long only what has changed."""
    added, history = _added(before, entry)
    report = "" if entry.report is before.report else "null" if entry.report is None else report_text(entry.report)
    return [
        version,
        entry.state.value,
        *_times(entry),
        *_holder(entry),
        "" if _rare(entry) == _rare(before) else _facts(entry),
        "" if entry.launch is before.launch else _launch(entry),
        report,
        added,
        history,
    ]


def target_of(entry: Entry) -> str:
    """Name the server and project of an entry's launch."""
    return f"{entry.launch.endpoint}#{entry.launch.project}"


def _times(entry: Entry) -> tuple[str, str]:
    return repr(float(entry.visible_at)), repr(float(entry.updated_at))


def _holder(entry: Entry) -> tuple[str, str, str]:
    return entry.lease_owner or "", str(entry.lease_token), str(entry.attempts)


def _rare(entry: Entry) -> tuple[Any, ...]:
    return entry.created_at, entry.alive_at, entry.misses, entry.generation, entry.reason, entry.last_error


def _facts(entry: Entry) -> str:
    *values, last_error = _rare(entry)
    return _list(values, json.dumps(failure_values(last_error)) if last_error else "null")


def _launch(entry: Entry) -> str:
    *values, attributes = launch_values(entry.launch)
    return _list(values, json.dumps(attributes) if attributes else "[]")


def _events(events: Sequence[Event]) -> str:
    """Give events as the inside of a JSON list."""
    return ",".join([f"[{float(each.at)!r},{text_of(each.what)},{text_of(each.detail)}]" for each in events])


def _list(plain: Sequence[str | float | None], last: str) -> str:
    """Give a JSON list of what is plain and a text: for these few, an encoder takes longer to be made than to work."""
    texts = ["null" if each is None else text_of(each) if isinstance(each, str) else repr(each) for each in plain]
    return f"[{','.join(texts)},{last}]"


def _added(before: Entry, entry: Entry) -> tuple[str, str]:
    """Give what is added to the history, and the whole of it, where something has fallen out."""
    if entry.history is before.history:
        return "", ""
    if len(entry.history) == len(before.history) + 1:
        return _events(entry.history[-1:]), ""
    return "", _events(entry.history)
