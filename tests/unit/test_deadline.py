"""The one budget that all waiting shares."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given, settings, strategies as st

from rp_finalizer.deadline import Deadline, Limit

bounded = settings(max_examples=100, deadline=None, derandomize=True, database=None)

TIMES = st.floats(0, 1e9)


@pytest.mark.parametrize(
    ("now", "remaining", "expired"),
    [(100.0, 30.0, False), (129.5, 0.5, False), (130.0, 0.0, True), (131.0, 0.0, True)],
)
def test_a_budget_runs_out_and_is_never_negative(now: float, remaining: float, expired: bool) -> None:  # noqa: FBT001  a row
    """What is left shrinks to 0 and stays there; the end itself is expired."""
    deadline = Deadline.after(30, now=100.0)
    assert deadline.remaining(now) == remaining
    assert deadline.expired(now) is expired


@pytest.mark.parametrize(("seconds", "end"), [(5, 115.0), (20, 130.0), (100, 130.0), (0, 110.0)])
def test_a_part_of_a_budget_never_outlasts_it(seconds: float, end: float) -> None:
    """A step that may take so long still ends with the whole."""
    assert Deadline(130.0).at_most(seconds, now=110.0) == Deadline(end)


def test_what_is_kept_for_later_is_taken_off_the_end() -> None:
    """An earlier step ends early enough to leave the time that was kept."""
    assert Deadline(130.0).keeping(0.25, 40).end == 120.0


@bounded
@given(TIMES, TIMES, TIMES)
def test_remaining_and_expired_agree(start: float, seconds: float, now: float) -> None:
    """Expired means that nothing is left, and the other way round."""
    deadline = Deadline.after(seconds, start)
    assert deadline.expired(now) is (deadline.remaining(now) == 0)


@bounded
@given(TIMES, TIMES, TIMES)
def test_parts_of_parts_stay_inside(end: float, seconds: float, now: float) -> None:
    """However a deadline is divided, no part ends after it."""
    assert Deadline(end).at_most(seconds, now).at <= end
    assert Deadline(end).keeping(0.5, seconds).at_most(seconds, now).end <= end


def test_a_deadline_does_not_move() -> None:
    """Nobody can change a deadline that others share."""
    with pytest.raises(FrozenInstanceError):
        Deadline(1.0).at = 2.0  # type: ignore[misc]


def test_a_limit_that_comes_up_later_ends_every_deadline_made_with_it() -> None:
    """A signal shortens what waits already."""
    limit = Limit()
    deadline = Deadline.after(30, now=100.0, limit=limit)
    part = deadline.at_most(20, now=100.0)
    assert (deadline.remaining(110.0), part.remaining(110.0)) == (20.0, 10.0)
    limit.shorten(8, now=110.0)
    assert (deadline.remaining(110.0), part.remaining(110.0)) == (8.0, 8.0)


def test_what_is_kept_for_later_is_kept_of_a_limit_too() -> None:
    """The flush may not use up the time after a signal: its share goes to the finish."""
    limit = Limit()
    early = Deadline.after(30, now=100.0, limit=limit).keeping(1 / 4, 30)
    limit.shorten(8, now=110.0)
    assert early.end == pytest.approx(116.0)
    assert early.keeping(1 / 2, 10).end == pytest.approx(113.0)


def test_a_limit_only_gets_shorter() -> None:
    """A second signal never gives more time."""
    limit = Limit()
    limit.shorten(8, now=110.0)
    limit.shorten(8, now=111.0)
    assert limit.at == 118.0
    limit.shorten(2, now=112.0)
    assert limit.at == 114.0
