"""An entry as a hash of Redis, both ways: fields for what the script looks at or changes, and a body for all else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from rp_finalizer.entries import LONGEST_HISTORY, Entry
from rp_finalizer.outbox.rows import changing, entry_of, report_text

if TYPE_CHECKING:
    from collections.abc import Sequence

_HELD = frozenset({"open", "leased"})


class Known(NamedTuple):
    """An entry as it was read."""

    entry: Entry
    version: str
    """Changes with every write: the fence."""


def known_of(flat: Sequence[str]) -> Known | None:
    """Read the answer to HGETALL; None where there is no entry."""
    if not flat:
        return None
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    body = json.loads(fields["body"])
    entry_id, created_at, alive_at, misses, generation, reason, launch, history, last_error, report = body
    visible_at = float(fields["visible_at"])
    row = (
        entry_id,
        created_at,
        fields["state"],
        int(fields["rank"]),
        visible_at,
        float(fields["updated_at"]),
        alive_at,
        int(fields["attempts"]),
        misses,
        generation,
        int(fields["lease_token"]),
        fields["lease_owner"] or None,
        visible_at if fields["state"] in _HELD else None,
        reason,
        launch,
        _joined(history, fields["claims"]),
        last_error,
        report,
    )
    entry = entry_of(row)
    if len(entry.history) > LONGEST_HISTORY:
        # Claims only add to it.
        object.__setattr__(entry, "history", entry.history[-LONGEST_HISTORY:])
    return Known(entry, fields["version"])


def values_of(entry: Entry, version: str) -> list[Any]:
    """Give the version and the other values that the script writes, in the order in which it expects them."""
    (
        state,
        rank,
        visible_at,
        updated_at,
        alive_at,
        attempts,
        misses,
        generation,
        token,
        owner,
        _,
        reason,
        launch,
        history,
        last_error,
    ) = changing(entry)
    report = None if entry.report is None else report_text(entry.report)
    body = (
        entry.entry_id,
        entry.created_at,
        alive_at,
        misses,
        generation,
        reason,
        launch,
        history,
        last_error,
        report,
    )
    return [
        version,
        state,
        rank,
        repr(visible_at),
        repr(updated_at),
        owner or "",
        token,
        attempts,
        json.dumps(body),
    ]


def target_of(entry: Entry) -> str:
    """Name the server and project of an entry's launch."""
    return f"{entry.launch.endpoint}#{entry.launch.project}"


def _joined(history: str, claims: str) -> str:
    """Add to a history, as JSON, what claims have added since that was written."""
    if not claims:
        return history
    return f"[{claims}]" if history == "[]" else f"{history[:-1]}, {claims}]"
