"""Whether the service is of use: the outbox can be reached, and what is due is worked on by somebody.

Decided from what was seen of the outbox, once a second. A ReportPortal that is away is no trouble of ours: a worker
takes the entries all the same, and puts them off.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rp_finalizer.entries import Entry
    from rp_finalizer.outbox_port import Statistics

STALLED_AFTER = 60.0
"""Seconds in which nobody works on what is due; two leases where that is less."""
LOOK_EVERY = 1.0
"""Seconds between two looks at the outbox."""
STALE_AFTER = 10.0
"""Seconds after which a look says nothing any more: whoever looks hangs."""

_WORK = ("completed", "failed", "retried", "recovered")
"""Counters that only a worker moves."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What was seen at one moment of a clock that never goes back."""

    at: float
    reached: bool = True
    due: int = 0
    at_work: bool = False
    """Whether somebody holds an entry and has not let the lease run out."""
    done: int = 0
    """Tries that came to an end, since the outbox was made."""
    first: tuple[str, float] | None = None
    """What is claimed next, and when it was last touched: whoever works takes that first."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """The answer, with what is wrong where something is."""

    ready: bool
    message: str = "the outbox can be reached, and what is due is worked on"
    error: str | None = None
    due: int | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What all samples so far say."""

    last: Sample | None = None
    idle_since: float | None = None
    """Since when nobody works on what is due, as far as was seen; None where somebody does, or nothing is due."""

    def then(self, sample: Sample) -> Self:
        """Take in the next sample. While the outbox is away nobody can work on anything."""
        last = self.last
        if not sample.reached or not sample.due or sample.at_work:
            return replace(self, last=sample, idle_since=None)
        moved = last is None or sample.due < last.due or (sample.done, sample.first) != (last.done, last.first)
        since = sample.at if moved or self.idle_since is None else self.idle_since
        return replace(self, last=sample, idle_since=since)

    def judge(self, now: float, lease: float) -> Readiness:
        """Say whether the service is ready; `lease` is how many seconds a worker holds an entry."""
        last = self.last
        if last is None or now - last.at > STALE_AFTER:
            return Readiness(ready=False, message="the outbox does not answer", error="outbox")
        if not last.reached:
            return Readiness(ready=False, message="the outbox cannot be reached", error="outbox")
        idle = 0.0 if self.idle_since is None else now - self.idle_since
        if idle >= min(STALLED_AFTER, 2 * lease):
            message = f"launches have been due for {idle:.0f} s and nobody works on them: start a worker"
            return Readiness(ready=False, message=message, error="stalled", due=last.due)
        return Readiness(ready=True, due=last.due)


def sample_of(at: float, statistics: Statistics, active: Sequence[Entry], queue: Sequence[Entry]) -> Sample:
    """Give what was seen of an outbox that answered: its statistics, and the first of its lists."""
    done = sum(statistics.counters.get(name, 0) for name in _WORK)
    first = (queue[0].entry_id, queue[0].updated_at) if queue else None
    return Sample(at, due=statistics.due, at_work=bool(active), done=done, first=first)


class Watch:
    """Remembers what the samples say; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen = Seen()

    def note(self, sample: Sample) -> bool:
        """Take in the next sample; tell whether the outbox could be reached as it could not before, or the reverse."""
        with self._lock:
            last, self._seen = self._seen.last, self._seen.then(sample)
            return sample.reached is not (last is None or last.reached)

    def readiness(self, now: float, lease: float) -> Readiness:
        """Say whether the service is ready."""
        return self._seen.judge(now, lease)
