"""Which entries' turn it is, as SQL whose cost does not grow with the number of entries.

Entries of one state and one priority stand in an index in the order in which they come due: a lane. Of each lane the
first few are looked at, and these are compared, so that entries which wait for their time are never stepped through.

An entry that was written in the future was written before a clock went back: it is due, too. Such entries are looked
for only where the clock did go back, among all that wait.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from rp_finalizer.entries import AGEING, EntryState, Priority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Selection(NamedTuple):
    """A query, for the two cases. Parameters are `:now` and `:limit`."""

    plain: str
    after_jump: str
    """Where the clock went back."""


_OWED = tuple(state for state in EntryState if state.owed)
_PASSED = "visible_at <= :now"
_FUTURE = "visible_at > :now AND updated_at > :now"
_LATER = "visible_at > :now"
_LATER_STILL = "visible_at > :now AND updated_at <= :now"
_URGENCY = f"visible_at + rank * {AGEING}"


def _lanes(states: Iterable[EntryState]) -> list[str]:
    return [f"state = '{state}' AND rank = {priority.rank}" for state in states for priority in Priority]


def _query(what: str, states: Iterable[EntryState], order: str) -> Callable[..., str]:
    """Select ids with their places by conditions: the first `:limit` of each lane, then the first of these."""

    def query(*conditions: str) -> str:
        firsts = [
            f"SELECT {what} FROM entries WHERE {lane} AND {condition} ORDER BY visible_at, id LIMIT :limit"  # noqa: S608  constants
            for lane in _lanes(states)
            for condition in conditions
        ]
        chosen = " UNION ALL ".join(f"SELECT * FROM ({first})" for first in firsts)  # noqa: S608  as above
        return f"SELECT {order} AS place, id FROM ({chosen}) ORDER BY place, id LIMIT :limit"  # noqa: S608  as above

    return query


def _due(what: str, states: Iterable[EntryState], order: str) -> Selection:
    query = _query(what, states, order)
    return Selection(query(_PASSED), query(_PASSED, _FUTURE))


def _count(states: Iterable[EntryState], *conditions: str) -> str:
    counts = [
        f"(SELECT count(*) FROM entries WHERE {lane} AND {condition})"  # noqa: S608  constants
        for lane in _lanes(states)
        for condition in conditions
    ]
    return f"SELECT {' + '.join(counts)}"


def _before(order: str) -> str:
    return f"({order}, id) < (:order, (SELECT id FROM entries WHERE entry_id = :entry_id))"  # noqa: S608  as above


IN_TURN = _due(f"id, {_URGENCY} AS urgency", _OWED, "urgency")
"""What is due, the most urgent first."""

OVERDUE = _due("id, visible_at", [EntryState.OPEN], "visible_at")
"""What is held by runs that let the lease run out."""

DUE = Selection(_count(_OWED, _PASSED), _count(_OWED, _PASSED, _FUTURE))
"""How many are due."""

_READY = (EntryState.READY,)
_DELAYED = _query("id, visible_at", _READY, "visible_at")
DELAYED = Selection(_DELAYED(_LATER), _DELAYED(_LATER_STILL))
"""What is ready and not due, by when it comes due."""

_SOONER, _MORE_URGENT = _before("visible_at"), _before(_URGENCY)
DUE_BEFORE = Selection(
    _count(_OWED, f"{_PASSED} AND {_MORE_URGENT}"),
    _count(_OWED, f"{_PASSED} AND {_MORE_URGENT}", f"{_FUTURE} AND {_MORE_URGENT}"),
)
"""How many of those that are due come before `:entry_id`, which has the urgency `:order`."""
DELAYED_BEFORE = Selection(_count(_READY, f"{_LATER} AND {_SOONER}"), _count(_READY, f"{_LATER_STILL} AND {_SOONER}"))
"""How many of those that are ready and not due come before `:entry_id`, which comes due at `:order`."""

FIRST = "SELECT min(at) FROM ({})".format(  # noqa: S608  constants
    " UNION ALL ".join(f"SELECT min(visible_at) AS at FROM entries WHERE {lane}" for lane in _lanes(_OWED))  # noqa: S608  as above
)
"""When the first of what is owed comes due."""

ACTIVE = (
    "SELECT visible_at AS place, id FROM entries WHERE state = 'leased' AND rank BETWEEN 0 AND 3 "
    "AND visible_at > :now ORDER BY place, id LIMIT :limit"
)
"""What workers hold."""

FORGET = "DELETE FROM entries WHERE id IN (SELECT id FROM ({}) LIMIT :limit)".format(  # noqa: S608  constants
    " UNION ALL ".join(
        f"SELECT id FROM entries WHERE {lane} AND visible_at < :before"  # noqa: S608  as above
        for lane in _lanes([EntryState.DONE])
    )
)
"""Some of what was finished before a time; what is finished is due never, and keeps when that was in the same place."""


@cache
def rows(columns: str, selected: str) -> str:
    """Have the columns of what is selected, behind its places, told at one go; not in its order."""
    return f"SELECT place, id, {columns} FROM ({selected}) CROSS JOIN entries USING (id)"  # noqa: S608  as above
