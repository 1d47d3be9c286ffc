"""What a try to finish an entry's launch means for the entry: decisions, without doing anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rp_finalizer.backoff import exponential
from rp_finalizer.outcome import ErrorKind, Outcome

if TYPE_CHECKING:
    from rp_finalizer.entries import Entry
    from rp_finalizer.report import Failure, Report

FIRST_WAIT = 1.0
"""Seconds until an entry is tried again for the first time; doubled by every further failure."""
LONGEST_FOR_ANOTHER = 10.0
"""Seconds, ±20 %, that an entry waits at most whose key its worker lacks: of many workers a single one may have it."""

_AWAY = frozenset({ErrorKind.UNAVAILABLE, ErrorKind.TIMEOUT})
_KEYS = frozenset({ErrorKind.SETTINGS, ErrorKind.UNAUTHORIZED, ErrorKind.FORBIDDEN})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an entry is tried. Times are seconds."""

    attempts: int = 10
    longest_wait: float = 900.0
    longest_age: float = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class Completed:
    """The launch is finished."""


@dataclass(frozen=True, slots=True)
class PutOff:
    """It is to be tried again later."""

    wait: float
    spent: bool
    """Whether ReportPortal itself answered whoever may finish it, so that the attempt counts."""
    error: Failure | None = None


@dataclass(frozen=True, slots=True)
class GivenUp:
    """It becomes a dead letter."""

    reason: str
    error: Failure | None = None


Settlement = Completed | PutOff | GivenUp


def settle(
    entry: Entry, report: Report, patience: Patience, now: float, chance: float, *, others: bool = False
) -> Settlement:
    """Decide; `now` is in seconds since the epoch, and `chance`, from 0 to 1, places the wait in its range.

    `others`: whether the launch is another process's, whose key was its own. A key that is missing here, or refused,
    says nothing of the launch then: somebody with the right one finishes it.
    """
    error = report.error
    if report.outcome in {Outcome.FINISHED, Outcome.ALREADY_FINISHED}:
        return Completed()
    ours = others and lacks_key(report)
    if report.outcome is Outcome.FAILED and error is not None and error.kind.permanent and not ours:
        return GivenUp(f"the server refuses for good: {error.message}", error)
    spent = not (ours or unanswered(report))
    if spent and entry.attempts >= patience.attempts:
        return GivenUp(f"not finished after {entry.attempts} attempts", error)
    if now - entry.created_at > patience.longest_age:
        return GivenUp(f"not finished in {patience.longest_age / 86400:g} days", error)
    return PutOff(wait_for_another(entry, chance) if ours else next_wait(entry, patience, chance), spent, error)


def used_up(entry: Entry, patience: Patience) -> GivenUp | None:
    """Give up an entry that is claimed once more than it may be tried: nobody said what came of the last try."""
    if entry.attempts <= patience.attempts:
        return None
    if entry.last_error is None:
        return GivenUp(f"{patience.attempts} workers came to their end over it")
    last = "the last worker came to its end over it, or lost it"
    return GivenUp(f"not finished after {patience.attempts} attempts; {last}", entry.last_error)


def next_wait(entry: Entry, patience: Patience, chance: float) -> float:
    """Give the seconds until an entry that was tried again is tried once more, whoever or whatever it failed of."""
    return exponential(_tries(entry), FIRST_WAIT, patience.longest_wait, chance)


def wait_for_another(entry: Entry, chance: float) -> float:
    """Give the seconds until an entry is due again for a worker that has its key."""
    return exponential(_tries(entry), FIRST_WAIT, LONGEST_FOR_ANOTHER, chance)


def _tries(entry: Entry) -> int:
    return max(1, entry.attempts + entry.misses)


def unanswered(report: Report) -> bool:
    """Tell whether ReportPortal itself said nothing: nobody answered, or somebody between us and it."""
    error = report.error
    return report.outcome is Outcome.FAILED and error is not None and error.kind in _AWAY and error.code is None


def lacks_key(report: Report) -> bool:
    """Tell whether whoever worked on it has no key for it, or not the right one."""
    error = report.error
    return report.outcome is Outcome.FAILED and error is not None and error.kind in _KEYS
