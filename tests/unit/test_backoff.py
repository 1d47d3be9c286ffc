"""Waits between tries, and what a server says of them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from rp_finalizer.backoff import exponential, parse_retry_after

bounded = settings(max_examples=100, deadline=None, derandomize=True, database=None)

NOW = 1_445_412_480.0
"""Wed, 21 Oct 2015 07:28:00 GMT."""


@pytest.mark.parametrize(
    ("attempt", "wait"), [(1, 0.25), (2, 0.5), (3, 1.0), (4, 2.0), (5, 4.0), (6, 5.0), (7, 5.0), (10**6, 5.0)]
)
def test_waits_double_up_to_the_longest(attempt: int, wait: float) -> None:
    """In the middle of the jitter the waits double from the first one and stay at the longest, for any number."""
    assert exponential(attempt, 0.25, 5.0, 0.5) == pytest.approx(wait)


@pytest.mark.parametrize(("chance", "wait"), [(0.0, 0.8), (0.25, 0.9), (0.5, 1.0), (1.0, 1.2)])
def test_jitter_spreads_a_wait_by_a_fifth(chance: float, wait: float) -> None:
    """The chance places a wait between 20 % less and 20 % more."""
    assert exponential(1, 1.0, 5.0, chance) == pytest.approx(wait)


@bounded
@given(
    st.integers(1, 10**9),
    st.floats(0.001, 86400),
    st.floats(0.001, 86400),
    st.floats(0, 1),
)
def test_no_wait_exceeds_the_longest_and_its_jitter(attempt: int, first: float, longest: float, chance: float) -> None:
    """Whatever is asked for, a wait is positive and at most the longest plus a fifth."""
    assert 0 < exponential(attempt, first, longest, chance) <= longest * 1.2 + 1e-9


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("Wed, 21 Oct 2015 07:30:00 GMT", 120.0),
        ("Wed, 21 Oct 2015 09:30:00 +0200", 120.0),
        ("Wednesday, 21-Oct-15 07:30:00 GMT", 120.0),
        ("Wed Oct 21 07:30:00 2015", 120.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 2015 07:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
    ],
)
def test_retry_after_is_read_in_both_its_forms(header: str | None, seconds: float | None) -> None:
    """Seconds and dates, in all three of the dates' spellings, give seconds from now; what is neither gives None."""
    assert parse_retry_after(header, NOW) == seconds


@bounded
@given(
    st.text(max_size=40)
    | st.text("0123456789", max_size=400)
    | st.lists(
        st.sampled_from(["Wed,", "21", "Oct", "2015", "07:28:00", "GMT", "+99999", "99999999", "-", ":", "("])
    ).map(" ".join)
)
def test_any_retry_after_gives_a_wait_or_none(header: str) -> None:
    """No header, however damaged, raises or gives a negative wait."""
    seconds = parse_retry_after(header, NOW)
    assert seconds is None or seconds >= 0
