"""An entry as a hash of Redis, both ways: the columns of a row, with an empty text where there is nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rp_finalizer.entries import LONGEST_HISTORY, Entry
from rp_finalizer.outbox.rows import CHANGING, changing, entry_of, report_text

if TYPE_CHECKING:
    from collections.abc import Sequence

_FIELDS = ("entry_id", "created_at", *CHANGING, "report")
_FLOATS = frozenset({"created_at", "visible_at", "updated_at", "alive_at", "lease_until"})
_WHOLE = frozenset({"rank", "attempts", "misses", "generation", "lease_token"})


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
    entry = entry_of([_value(name, fields[name]) for name in _FIELDS])
    if len(entry.history) > LONGEST_HISTORY:
        # Claims only add to it.
        object.__setattr__(entry, "history", entry.history[-LONGEST_HISTORY:])
    return Known(entry, fields["version"])


def fields_of(entry: Entry, version: str) -> list[str]:
    """Give names and values for HSET, the version first."""
    report = None if entry.report is None else report_text(entry.report)
    values = (entry.entry_id, entry.created_at, *changing(entry), report)
    launch = entry.launch
    fields = ["version", version, "uuid", launch.uuid, "target", target_of(entry)]
    for name, value in zip(_FIELDS, values, strict=True):
        fields += (name, "" if value is None else str(value))
    return fields


def target_of(entry: Entry) -> str:
    """Name the server and project of an entry's launch."""
    return f"{entry.launch.endpoint}#{entry.launch.project}"


def _value(name: str, text: str) -> Any:
    if not text:
        return None
    if name in _FLOATS:
        return float(text)
    return int(text) if name in _WHOLE else text
