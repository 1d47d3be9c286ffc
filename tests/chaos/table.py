"""What a chaos run showed, as a table for people."""

from __future__ import annotations

import platform
import sys
from statistics import median
from typing import TYPE_CHECKING

from tests.bench.tables import Table

if TYPE_CHECKING:
    from tests.chaos.running import Ran

SHOWN = 50
"""Broken promises, at most: the rest is counted."""


def show(ran: Ran) -> None:
    """Print the table, then every promise that was broken."""
    table = Table(f"Chaos, seed {ran.schedule.seed}", ("what", ""))
    for name, value in rows(ran):
        table.add(name, value)
    table.show()
    broken = ran.verdict.broken
    for line in broken[:SHOWN]:
        _say(f"BROKEN  {line}\n")
    if len(broken) > SHOWN:
        _say(f"and {len(broken) - SHOWN} more\n")
    _say(f"{len(broken)} promises broken\n" if broken else "all promises kept\n")


def rows(ran: Ran) -> list[tuple[str, str]]:
    """Give the table's rows."""
    size, figures = ran.schedule.size, ran.verdict.figures
    redis = f"Redis {ran.redis_version}, appendfsync always" if ran.redis_version else "SQLite"
    return [
        ("outbox", f"{redis}; Python {platform.python_version()}"),
        ("launches", f"{size.launches}"),
        ("workers, launches at once in each", f"{size.workers}, {size.concurrency}"),
        ("lease", f"{size.lease:g} s"),
        *((kind.value, str(number)) for kind, number in sorted(ran.harms.items())),
        ("workers started", str(ran.started)),
        ("Redis started again", str(ran.restarts)),
        ("calls of Redis spoilt by the proxy", str(ran.spoilt_calls)),
        *((f"server: {name}", str(number)) for name, number in ran.met.items()),
        ("launches finished", str(figures.finished)),
        *((f"dead letters: {reason}", str(number)) for reason, number in sorted(figures.dead.items())),
        ("finishes sent", str(figures.sent)),
        ("  for launches that cannot be finished", str(figures.in_vain)),
        ("  the first of a launch that the server took", str(figures.first)),
        ("  taken beyond the first", str(figures.beyond)),
        ("  spoilt on the way", str(figures.spoilt)),
        ("leases taken over", str(figures.taken_over)),
        ("attempts at a launch that was finished, at most", str(figures.most_attempts)),
        ("from due to finished, at most", f"{figures.longest:.1f} s"),
        ("from a worker's kill to its entries at work again", _gaps(figures.gaps)),
        ("in all", f"{ran.seconds:.0f} s"),
    ]


def _gaps(gaps: tuple[float, ...]) -> str:
    if not gaps:
        return "none seen while Redis was there"
    return f"{max(gaps):.1f} s at most, {median(gaps):.1f} s as a rule ({len(gaps)} entries)"


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
