"""The one budget that all waiting shares."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given, settings, strategies as st

from rp_finalizer.deadline import Deadline

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
    assert Deadline(130.0).keeping(10) == Deadline(120.0)


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
    assert Deadline(end).keeping(seconds).at_most(seconds, now).at <= end


def test_a_deadline_does_not_move() -> None:
    """Nobody can change a deadline that others share."""
    with pytest.raises(FrozenInstanceError):
        Deadline(1.0).at = 2.0  # type: ignore[misc]
