"""Which entries' turn it is, as SQL whose cost does not grow with the number of entries.

Entries of one state and one priority stand in an index in the order in which they come due: a lane. Of each lane the
first few are looked at, and these are compared, so that entries which wait for their time are never stepped through.
An entry that was written in the future was written before a clock went back: it is due, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rp_finalizer.entries import AGEING, EntryState, Priority

if TYPE_CHECKING:
    from collections.abc import Iterable

_OWED = tuple(state for state in EntryState if state.owed)


def _each(template: str, states: Iterable[EntryState]) -> list[str]:
    return [template.format(state=state, rank=priority.rank) for state in states for priority in Priority]


def _due(what: str, states: Iterable[EntryState]) -> list[str]:
    """Select from what is due: the first `:limit` of each lane; no entry stands in two of the selections."""
    states = tuple(states)
    lane = (
        f"SELECT * FROM (SELECT {what} FROM entries WHERE state = '{{state}}' AND rank = {{rank}} "  # noqa: S608  constants
        "AND visible_at <= :now ORDER BY visible_at LIMIT :limit)"
    )
    future = (
        f"SELECT * FROM (SELECT {what} FROM entries INDEXED BY in_state WHERE state = '{{state}}' "  # noqa: S608  as above
        "AND updated_at > :now AND visible_at > :now LIMIT :limit)"
    )
    return [*_each(lane, states), *(future.format(state=state) for state in states)]


def _union(selections: Iterable[str]) -> str:
    return " UNION ALL ".join(selections)


_LANE = "FROM entries WHERE state = '{state}' AND rank = {rank}"
_OF_STATE = "FROM entries WHERE state = '{state}'"

IN_TURN = (
    f"SELECT id FROM ({_union(_due(f'id, visible_at + rank * {AGEING} AS urgency', _OWED))}) "  # noqa: S608  constants
    "ORDER BY urgency LIMIT :limit"
)
"""The ids of what is due at `:now`, the most urgent first."""

OVERDUE = (
    f"SELECT id FROM ({_union(_due('id, visible_at', [EntryState.OPEN]))}) "  # noqa: S608  constants
    "ORDER BY visible_at LIMIT :limit"
)
"""The ids of what is held by runs that let the lease run out."""

DUE = "SELECT " + " + ".join(
    (
        *_each(f"(SELECT count(*) {_LANE} AND visible_at <= :now)", _OWED),
        *(f"(SELECT count(*) {_OF_STATE} AND updated_at > :now AND visible_at > :now)".format(state=s) for s in _OWED),
    )
)
"""How many are due at `:now`."""

FIRST = f"SELECT min(at) FROM ({_union(_each(f'SELECT min(visible_at) AS at {_LANE}', _OWED))})"  # noqa: S608  constants
"""When the first of what is owed comes due."""

NEWEST = f"SELECT max(at) FROM ({_union(f'SELECT max(updated_at) AS at {_OF_STATE}'.format(state=s) for s in _OWED)})"  # noqa: S608  as above
"""When what is owed was written last."""
