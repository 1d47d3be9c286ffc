"""What a try to finish means for its entry."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rp_finalizer.entries import Entry, OwedLaunch
from rp_finalizer.outcome import ErrorKind, Outcome
from rp_finalizer.report import Failure, Report
from rp_finalizer.settling import (
    FIRST_WAIT,
    LONGEST_FOR_ANOTHER,
    Completed,
    GivenUp,
    Patience,
    PutOff,
    Settlement,
    settle,
    used_up,
)

NOW = 1_800_000_000.0
PATIENCE = Patience(attempts=10, longest_wait=900.0, longest_age=7 * 86400.0)
ENTRY = Entry("e", OwedLaunch("https://rp.example.com", "demo", "u"), created_at=NOW, updated_at=NOW, attempts=1)


def decided(
    report: Report, *, attempts: int = 1, misses: int = 0, age: float = 0.0, others: bool = False
) -> Settlement:
    entry = replace(ENTRY, attempts=attempts, misses=misses, created_at=NOW - age)
    return settle(entry, report, PATIENCE, NOW, chance=0.5, others=others)


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


@pytest.mark.parametrize("kind", [ErrorKind.REJECTED, ErrorKind.UNKNOWN_PROJECT])
def test_so_does_one_that_no_other_key_would_change(kind: ErrorKind) -> None:
    """Whoever works on it, and whosever it is."""
    assert isinstance(decided(failed(kind, 4001), others=True), GivenUp)


@pytest.mark.parametrize("kind", [ErrorKind.SETTINGS, ErrorKind.UNAUTHORIZED, ErrorKind.FORBIDDEN])
def test_a_key_that_is_not_the_right_one_costs_others_launches_nothing(kind: ErrorKind) -> None:
    """A worker with no key, or a wrong one, leaves it to one with the right one, soon: many may come before that."""
    settlement = decided(failed(kind, 4003), misses=400, others=True)
    assert settlement == PutOff(LONGEST_FOR_ANOTHER, spent=False, error=failed(kind, 4003).error)
    assert isinstance(decided(failed(kind, 4003), age=8 * 86400.0, others=True), GivenUp)


@pytest.mark.parametrize(("misses", "wait"), [(0, 1.0), (1, 2.0), (5, 32.0), (50, 900.0)])
def test_an_outage_is_waited_out_in_growing_steps(misses: int, wait: float) -> None:
    """No attempt is spent, and yet an hour without the server costs a few requests only."""
    settlement = decided(failed(ErrorKind.UNAVAILABLE), misses=misses)
    assert settlement == PutOff(wait, spent=False, error=failed(ErrorKind.UNAVAILABLE).error)


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


def test_a_claim_too_many_says_whether_the_server_ever_said_anything() -> None:
    """A launch that the server does not know is not told as one that ends its workers."""
    last = failed(ErrorKind.UNKNOWN_LAUNCH, 4041).error
    assert used_up(replace(ENTRY, attempts=10), PATIENCE) is None
    assert used_up(replace(ENTRY, attempts=11), PATIENCE) == GivenUp("10 workers came to their end over it")
    told = used_up(replace(ENTRY, attempts=11, last_error=last), PATIENCE)
    assert told is not None
    assert told.error == last
    assert told.reason.startswith("not finished after 10 attempts")


@pytest.mark.parametrize(("attempts", "wait"), [(0, 1.0), (1, 1.0), (2, 2.0), (5, 16.0), (9, 256.0)])
def test_waits_double_from_one_second(attempts: int, wait: float) -> None:
    """A short trouble costs little time, a long one few requests."""
    settlement = decided(failed(ErrorKind.UNAVAILABLE, 5000), attempts=attempts)
    assert isinstance(settlement, PutOff)
    assert settlement.wait == wait
