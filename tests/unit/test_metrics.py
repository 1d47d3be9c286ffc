"""Figures in Prometheus's terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_open
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse

from rp_finalizer.entries import EntryState
from rp_finalizer.measures import bucket
from rp_finalizer.outbox_port import Statistics
from rp_finalizer.server.metrics import registry_of
from rp_finalizer.server.state import Working

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import Metric

COUNTERS = {"added": 9, "completed": 4, "failed": 3, "retried": 2, "recovered": 1, "dead": 1}
TOOK = (0.0005, 0.0021, 0.003, 0.05, 0.05, 700.0)
STATISTICS = Statistics(
    {EntryState.READY: 4, EntryState.DEAD: 1},
    due=3,
    counters=COUNTERS,
    errors={"unavailable": 2, 'odd"\n': 1},
    latencies={number: sum(bucket(each) == number for each in TOOK) for number in map(bucket, TOOK)},
)


def samples(families: Iterable[Metric]) -> dict[tuple[str, str], float]:
    """Give the values by name and the last label."""
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in families
        for sample in family.samples
    }


def test_figures() -> None:
    """Prometheus's own parser reads what the outbox has counted, by state, kind and bound."""
    text = generate_latest(registry_of(STATISTICS, Working(8, 1.0, lambda: True))).decode()
    found = samples(parse(text))
    assert found["rp_finalizer_up", ""] == 1
    assert found["rp_finalizer_worker_running", ""] == 1
    assert found["rp_finalizer_worker_concurrency", ""] == 8
    assert found["rp_finalizer_entries", "ready"] == 4
    assert found["rp_finalizer_entries", "open"] == 0
    assert found["rp_finalizer_entries_due", ""] == 3
    assert found["rp_finalizer_launches_added_total", ""] == 9
    assert found["rp_finalizer_launches_completed_total", ""] == 4
    assert found["rp_finalizer_tries_failed_total", ""] == 3
    assert found["rp_finalizer_tries_retried_total", ""] == 2
    assert found["rp_finalizer_leases_recovered_total", ""] == 1
    assert found["rp_finalizer_dead_letters_total", ""] == 1
    assert found["rp_finalizer_errors_total", "unavailable"] == 2
    assert found["rp_finalizer_errors_total", 'odd"\n'] == 1


def test_how_long_it_took() -> None:
    """The histogram's bounds grow with what is counted below them; count and sum are those of all."""
    found = samples(parse(generate_latest(registry_of(STATISTICS, None)).decode()))
    bounds = {label: value for (name, label), value in found.items() if name.endswith("_seconds_bucket")}
    assert (bounds["0.002"], bounds["0.004"], bounds["0.064"], bounds["524.288"], bounds["+Inf"]) == (1, 3, 5, 5, 6)
    assert list(bounds.values()) == sorted(bounds.values())
    assert found["rp_finalizer_finalization_seconds_count", ""] == 6
    assert found["rp_finalizer_finalization_seconds_sum", ""] == pytest.approx(sum(TOOK), rel=0.05)


def test_an_outbox_that_is_away() -> None:
    """Without an outbox there is that figure alone: nothing is told to be zero that is not known."""
    assert samples(parse(generate_latest(registry_of(None, None)).decode())) == {("rp_finalizer_up", ""): 0}


def test_open_metrics() -> None:
    """The stricter format is kept, too."""
    text = generate_open(registry_of(STATISTICS, None)).decode()  # type: ignore[no-untyped-call]
    found = samples(parse_open(text))  # type: ignore[no-untyped-call]
    assert found["rp_finalizer_launches_added_total", ""] == 9
