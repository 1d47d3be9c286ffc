"""What every backend counts, under which names, and how statistics are read from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rp_finalizer.entries import EntryState
from rp_finalizer.measures import bucket
from rp_finalizer.outbox_port import COUNTERS, Statistics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rp_finalizer.report import Failure, Report


class Counted(NamedTuple):
    """The name of a counter."""

    kind: str
    """One of `state event error latency`."""
    name: str


ADDED, COMPLETED, FAILED, RETRIED, RECOVERED, DEAD = (Counted("event", name) for name in COUNTERS)


def completion(report: Report) -> list[Counted]:
    """Say what is counted when a launch is finished."""
    return [COMPLETED, Counted("latency", str(bucket(report.seconds)))]


def postponement(error: Failure | None) -> list[Counted]:
    """Say what is counted when an entry is put off; one that was not tried has no error, and counts as nothing."""
    return [] if error is None else [FAILED, RETRIED, _kind(error)]


def death(error: Failure | None) -> list[Counted]:
    """Say what is counted when an entry is given up."""
    return [FAILED, DEAD] if error is None else [FAILED, DEAD, _kind(error)]


def statistics(counts: Iterable[tuple[str, str, int]], due: int) -> Statistics:
    """Read the counters: kind, name and value of each; one may be told in parts."""
    by_kind: dict[str, dict[str, int]] = {kind: {} for kind in ("state", "event", "error", "latency")}
    for kind, name, value in counts:
        if value:
            named = by_kind.setdefault(kind, {})
            named[name] = named.get(name, 0) + value
    return Statistics(
        {EntryState(name): value for name, value in by_kind["state"].items()},
        due,
        {name: by_kind["event"].get(name, 0) for name in COUNTERS},
        by_kind["error"],
        {int(name): value for name, value in by_kind["latency"].items()},
    )


def _kind(error: Failure) -> Counted:
    return Counted("error", str(error.kind))
