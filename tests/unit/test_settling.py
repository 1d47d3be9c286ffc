"""What a try to finish means for its entry."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rp_finalizer.entries import Entry, OwedLaunch
from rp_finalizer.outcome import ErrorKind, Outcome
from rp_finalizer.report import Failure, Report
from rp_finalizer.settling import FIRST_WAIT, Completed, GivenUp, Patience, PutOff, Settlement, settle

NOW = 1_800_000_000.0
PATIENCE = Patience(attempts=10, longest_wait=900.0, longest_age=7 * 86400.0)
ENTRY = Entry("e", OwedLaunch("https://rp.example.com", "demo", "u"), created_at=NOW, updated_at=NOW, attempts=1)


def decided(report: Report, *, attempts: int = 1, age: float = 0.0) -> Settlement:
    entry = replace(ENTRY, attempts=attempts, created_at=NOW - age)
    return settle(entry, report, PATIENCE, NOW, chance=0.5)


def failed(kind: ErrorKind, code: int | None = None) -> Report:
    return Report(Outcome.FAILED, error=Failure(kind, "it failed", "do something", status=500, code=code))


@pytest.mark.parametrize("outcome", [Outcome.FINISHED, Outcome.ALREADY_FINISHED])
def test_a_final_launch_completes_its_entry(outcome: Outcome) -> None:
    """Whoever finished it: it is over."""
    assert decided(Report(outcome), attempts=99, age=99 * 86400.0) == Completed()


@pytest.mark.parametrize("kind", [kind for kind in ErrorKind if kind.permanent])
def test_a_refusal_for_good_makes_a_dead_letter_at_once(kind: ErrorKind) -> None:
    """Trying again is of no use until somebody changes something."""
    assert isinstance(decided(failed(kind, 4001)), GivenUp)


@pytest.mark.parametrize("kind", [ErrorKind.UNAVAILABLE, ErrorKind.TIMEOUT])
def test_a_server_that_says_nothing_spends_no_attempt(kind: ErrorKind) -> None:
    """However long it is away: no dead letter but by age."""
    settlement = decided(failed(kind), attempts=10_000, age=6 * 86400.0)
    assert settlement == PutOff(900.0, spent=False, error=failed(kind).error)
    assert isinstance(decided(failed(kind), age=8 * 86400.0), GivenUp)


@pytest.mark.parametrize(
    "report",
    [
        failed(ErrorKind.UNAVAILABLE, 5000),
        failed(ErrorKind.UNKNOWN_LAUNCH, 4041),
        Report(Outcome.ACCEPTED, error=Failure(ErrorKind.TIMEOUT, "not shown", "look")),
        Report(Outcome.NOT_STARTED),
    ],
    ids=["its own 500", "unknown launch", "accepted", "not started"],
)
def test_what_the_server_itself_answered_counts(report: Report) -> None:
    """It is tried again so many times, and then it is a dead letter."""
    assert decided(report, attempts=9) == PutOff(256 * FIRST_WAIT, spent=True, error=report.error)
    assert isinstance(decided(report, attempts=10), GivenUp)


@pytest.mark.parametrize(("attempts", "wait"), [(0, 1.0), (1, 1.0), (2, 2.0), (5, 16.0), (9, 256.0)])
def test_waits_double_from_one_second(attempts: int, wait: float) -> None:
    """A short trouble costs little time, a long one few requests."""
    settlement = decided(failed(ErrorKind.UNAVAILABLE, 5000), attempts=attempts)
    assert isinstance(settlement, PutOff)
    assert settlement.wait == wait
