"""Which entries' turn it is, as SQL whose cost does not grow with the number of entries.

Entries of one state and one priority stand in an index in the order in which they come due: a lane. Of each lane the
first few are looked at, and these are compared, so that entries which wait for their time are never stepped through.

An entry that was written in the future was written before a clock went back: it is due, too. Such entries are looked
for only where the clock did go back, among all that wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rp_finalizer.entries import AGEING, EntryState, Priority

if TYPE_CHECKING:
    from collections.abc import Iterable


class Selection(NamedTuple):
    """A query, for the two cases. Parameters are `:now` and `:limit`."""

    plain: str
    after_jump: str
    """Where the clock went back."""


_OWED = tuple(state for state in EntryState if state.owed)
_PASSED = "visible_at <= :now"
_FUTURE = "visible_at > :now AND updated_at > :now"


def _lanes(states: Iterable[EntryState]) -> list[str]:
    return [f"state = '{state}' AND rank = {priority.rank}" for state in states for priority in Priority]


def _selection(what: str, states: Iterable[EntryState], order: str) -> Selection:
    """Select ids: the first `:limit` of each lane, then the first of these."""

    def query(*conditions: str) -> str:
        firsts = [
            f"SELECT * FROM (SELECT {what} FROM entries WHERE {lane} AND {condition} ORDER BY visible_at LIMIT :limit)"  # noqa: S608  constants
            for lane in _lanes(states)
            for condition in conditions
        ]
        return f"SELECT id FROM ({' UNION ALL '.join(firsts)}) ORDER BY {order} LIMIT :limit"  # noqa: S608  as above

    return Selection(query(_PASSED), query(_PASSED, _FUTURE))


def _count(*conditions: str) -> str:
    counts = [
        f"(SELECT count(*) FROM entries WHERE {lane} AND {condition})"  # noqa: S608  constants
        for lane in _lanes(_OWED)
        for condition in conditions
    ]
    return f"SELECT {' + '.join(counts)}"


IN_TURN = _selection(f"id, visible_at + rank * {AGEING} AS urgency", _OWED, "urgency")
"""What is due, the most urgent first."""

OVERDUE = _selection("id, visible_at", [EntryState.OPEN], "visible_at")
"""What is held by runs that let the lease run out."""

DUE = Selection(_count(_PASSED), _count(_PASSED, _FUTURE))
"""How many are due."""

FIRST = "SELECT min(at) FROM ({})".format(  # noqa: S608  constants
    " UNION ALL ".join(f"SELECT min(visible_at) AS at FROM entries WHERE {lane}" for lane in _lanes(_OWED))  # noqa: S608  as above
)
"""When the first of what is owed comes due."""

ACTIVE = (
    "SELECT id FROM entries WHERE state = 'leased' AND rank BETWEEN 0 AND 3 AND visible_at > :now "
    "ORDER BY visible_at LIMIT :limit"
)
"""What workers hold."""

FORGET = "DELETE FROM entries WHERE id IN (SELECT id FROM ({}) LIMIT :limit)".format(  # noqa: S608  constants
    " UNION ALL ".join(
        f"SELECT id FROM entries WHERE {lane} AND visible_at < :before"  # noqa: S608  as above
        for lane in _lanes([EntryState.DONE])
    )
)
"""Some of what was finished before a time; what is finished is due never, and keeps when that was in the same place."""
