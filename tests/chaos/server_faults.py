"""What goes wrong on the server in a chaos run: with which calls, when, and how often."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rp_finalizer.emulator import CallKind

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

READ_TIMEOUT = 2.0
"""Seconds in which the workers have an answer, or give the call up."""

FINISHING = (CallKind.FINISH_LAUNCH_V2, CallKind.FINISH_LAUNCH_V1)
READING = (CallKind.GET_LAUNCH,)
BOTH = (*FINISHING, *READING)

_PAGE = {"body": "<html><title>away</title></html>", "content_type": "text/html"}
_TOO_LATE = READ_TIMEOUT + 1.0

FAULTS: Mapping[str, tuple[tuple[CallKind, ...], Mapping[str, Any]]] = {
    "500 in ReportPortal's words": (BOTH, {"status": 500}),
    "500 as a page": (BOTH, {"status": 500, **_PAGE}),
    "502 as a page": (BOTH, {"status": 502}),
    "503 as a page": (BOTH, {"status": 503}),
    "503 in JSON": (BOTH, {"status": 503, "body": {"error": "Service Unavailable"}}),
    "429 with Retry-After": (BOTH, {"status": 429, "headers": {"Retry-After": "1"}}),
    "cut, not done": (BOTH, {"cut": True}),
    "cut, done": (FINISHING, {"cut": True, "apply": True}),
    "502, done": (FINISHING, {"status": 502, "apply": True}),
    "answered slowly": (BOTH, {"delay": 0.4, "apply": True}),
    "done when nobody waits any more": (FINISHING, {"delay": _TOO_LATE}),
    "done, answered too late": (BOTH, {"delay": _TOO_LATE, "apply": True}),
}
AWAY = {"kind": [each.value for each in BOTH], "status": 503}
HANGS = {"kind": [each.value for each in BOTH], "hang": True}
LOST_BY_QUEUE, DOUBLED_BY_QUEUE = "lost by the queue", "doubled by the queue"


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """Trouble that some calls meet: so many, from one of those kinds' calls on."""

    name: str
    kinds: tuple[CallKind, ...]
    skip: int
    times: int
    fields: Mapping[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """Give it as the emulator's control takes it."""
        return {"kind": [each.value for each in self.kinds], "skip": self.skip, "times": self.times, **self.fields}


def plan_faults(chance: random.Random, number: int, launches: int) -> tuple[PlannedFault, ...]:
    """Plan so many, each kind about as often, over the time that so many launches take."""
    names = list(FAULTS)
    planned = []
    for each in range(number):
        name = names[each % len(names)]
        kinds, fields = FAULTS[name]
        calls = launches if kinds is FINISHING else 2 * launches
        slow = fields.get("delay", 0.0) > READ_TIMEOUT
        times = chance.randint(1, 4 if slow else 12)
        planned.append(PlannedFault(name, kinds, chance.randrange(max(1, int(0.9 * calls))), times, fields))
    return tuple(planned)
