"""Durations in buckets, and what is read from them."""

from __future__ import annotations

from collections import Counter

import pytest

from rp_finalizer.measures import SHORTEST, bucket, middle, percentiles


@pytest.mark.parametrize("seconds", [0.001, 0.0123, 0.1, 1.0, 59.9, 300.0, 86400.0])
def test_a_duration_is_told_with_an_error_of_three_per_cent(seconds: float) -> None:
    """Over all that a finalization may take."""
    assert middle(bucket(seconds)) == pytest.approx(seconds, rel=0.03)


@pytest.mark.parametrize("seconds", [0.0, -1.0, SHORTEST / 1000])
def test_what_takes_no_time_counts_as_the_shortest(seconds: float) -> None:
    """A clock that stood still, or went back, spoils nothing."""
    assert bucket(seconds) == bucket(SHORTEST) == 0


def test_percentiles_are_those_of_what_was_measured() -> None:
    """So many of a hundred took at most so long."""
    took = [0.01 * each for each in range(1, 1001)]
    told = percentiles(Counter(map(bucket, took)))
    assert told == pytest.approx((5.0, 9.5, 9.9), rel=0.06)


def test_one_duration_is_every_percentile() -> None:
    """There is no other."""
    told = percentiles({bucket(2.0): 1})
    assert told is not None
    assert told.p50 == told.p95 == told.p99 == pytest.approx(2.0, rel=0.03)


def test_of_nothing_there_are_no_percentiles() -> None:
    """Not a zero, which would be a very good one."""
    assert percentiles({}) is None
    assert percentiles({3: 0}) is None
