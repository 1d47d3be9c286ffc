"""How long things took, for statistics: counted in buckets that many processes can add to, and read as percentiles.

A bucket's bounds are a twelfth of a doubling apart, so that what is read is at most 3 % away from what was measured,
and a millisecond and a day are some 300 buckets apart.
"""

from __future__ import annotations

from math import ceil, floor, log2
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

PER_DOUBLING = 12
SHORTEST = 0.001
"""Seconds; what took less counts as this."""


class Percentiles(NamedTuple):
    """Seconds that so many of a hundred took at most."""

    p50: float
    p95: float
    p99: float


def bucket(seconds: float) -> int:
    """Give the number of the bucket that counts what took so long."""
    return floor(PER_DOUBLING * log2(max(seconds, SHORTEST) / SHORTEST))


def middle(number: int) -> float:
    """Give the seconds that a bucket stands for."""
    return float(SHORTEST * 2 ** ((number + 0.5) / PER_DOUBLING))


def percentiles(counts: Mapping[int, int]) -> Percentiles | None:
    """Read the percentiles from how often each bucket was counted; None where none was."""
    total = sum(counts.values())
    if total <= 0:
        return None
    return Percentiles(*(_at(ceil(share * total), counts) for share in (0.50, 0.95, 0.99)))


def _at(position: int, counts: Mapping[int, int]) -> float:
    """Give what the bucket stands for that holds the one at this position, 1 being the shortest."""
    for number in sorted(counts):
        position -= counts[number]
        if position <= 0:
            return middle(number)
    raise AssertionError  # no position is behind the last
