"""Figures in Prometheus's terms, made anew for each scrape from what the outbox has counted.

So they are true after a restart, and the same whichever service on one outbox is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from rp_finalizer.entries import EntryState
from rp_finalizer.measures import PER_DOUBLING, SHORTEST, middle

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client.core import Metric

    from rp_finalizer.outbox_port import Statistics
    from rp_finalizer.server.state import Working

_COUNTERS = {
    "added": ("launches_added", "Launches added to the outbox."),
    "completed": ("launches_completed", "Launches that were finished."),
    "failed": ("tries_failed", "Tries that failed."),
    "retried": ("tries_retried", "Failed tries that another one follows."),
    "recovered": ("leases_recovered", "Entries taken over from a holder who let the lease run out."),
    "dead": ("dead_letters", "Dead letters made."),
}
_DOUBLINGS = range(1, 20)
"""The histogram's bounds: from 2 ms to some 9 minutes, each twice the one before."""


def registry_of(statistics: Statistics | None, working: Working | None) -> CollectorRegistry:
    """Give a registry of these figures alone; without statistics the outbox could not be reached."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(statistics, working))
    return registry


class _Figures(Collector):
    def __init__(self, statistics: Statistics | None, working: Working | None) -> None:
        self._statistics = statistics
        self._working = working

    def collect(self) -> Iterator[Metric]:
        """Give all families."""
        reached = self._statistics is not None
        yield GaugeMetricFamily("rp_finalizer_up", "Whether the outbox can be reached.", value=float(reached))
        if self._working is not None:
            yield from _of_worker(self._working)
        if self._statistics is not None:
            yield from _of_outbox(self._statistics)


def _of_worker(working: Working) -> Iterator[Metric]:
    running = float(working.is_running())
    yield GaugeMetricFamily("rp_finalizer_worker_running", "Whether the worker beside this service runs.", running)
    yield GaugeMetricFamily(
        "rp_finalizer_worker_concurrency", "Launches that it finishes at once, at most.", working.max_concurrent
    )


def _of_outbox(statistics: Statistics) -> Iterator[Metric]:
    entries = GaugeMetricFamily("rp_finalizer_entries", "Entries of the outbox by state.", labels=["state"])
    for state in EntryState:
        entries.add_metric([state.value], statistics.by_state.get(state, 0))
    yield entries
    yield GaugeMetricFamily("rp_finalizer_entries_due", "Entries that could be claimed now.", statistics.due)
    for counter, (name, meaning) in _COUNTERS.items():
        yield CounterMetricFamily(f"rp_finalizer_{name}", meaning, statistics.counters.get(counter, 0))
    errors = CounterMetricFamily("rp_finalizer_errors", "Tries that ended in an error, by its kind.", labels=["kind"])
    for kind, number in sorted(statistics.errors.items()):
        errors.add_metric([kind], number)
    yield errors
    yield _latency(statistics.latencies)


def _latency(counts: Mapping[int, int]) -> HistogramMetricFamily:
    """Give how long finalizations took; the sum is that of the buckets' middles, at most 3 % from the true one."""
    buckets = [(str(bound), float(number)) for bound, number in cumulated(counts)]
    total = sum(middle(number) * count for number, count in counts.items())
    return HistogramMetricFamily(
        "rp_finalizer_finalization_seconds", "How long finalizations took.", buckets=buckets, sum_value=total
    )


def cumulated(counts: Mapping[int, int]) -> list[tuple[str, int]]:
    """Give how many took at most so many seconds, by bounds of which each is twice the one before."""
    rows = [
        (f"{SHORTEST * 2**doubling:g}", sum(n for number, n in counts.items() if number < doubling * PER_DOUBLING))
        for doubling in _DOUBLINGS
    ]
    return [*rows, ("+Inf", sum(counts.values()))]
