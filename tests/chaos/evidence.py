"""What is known after a chaos run: what was owed, what the server and the outbox hold, what was done to whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rp_finalizer.entries import Entry
    from tests.chaos.size import Doom


@dataclass(frozen=True, slots=True)
class Owed:
    """How a launch is to end."""

    uuid: str
    earliest_ms: int
    latest_ms: int
    """Its end lies between these two; where it was said they are the same."""
    status: str
    due: float = 0.0
    """From when on somebody could finish it, in seconds since the epoch."""
    doom: Doom | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A launch on the server."""

    status: str
    end_ms: int | None


@dataclass(frozen=True, slots=True)
class Call:
    """A call that asked for a launch's end."""

    uuid: str
    at: float
    """On the monotonic clock."""
    applied: bool
    """Whether the server did it, or queued it; if not, it met a fault before."""


@dataclass(frozen=True, slots=True)
class Killed:
    """A worker that was killed, and when: seconds since the epoch."""

    pid: int
    at: float


@dataclass(frozen=True, slots=True)
class Trouble:
    """A time in which Redis was not there for all, until they had noticed its end. Seconds since the epoch."""

    begun: float
    ended: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """All of it."""

    owed: Mapping[str, Owed]
    launches: Mapping[str, Seen]
    entries: Mapping[str, Entry]
    """By the launch's uuid."""
    calls: Sequence[Call]
    counters: Mapping[str, int]
    """Of the outbox, by the names of `COUNTERS`."""
    lease: float
    killed: Sequence[Killed] = ()
    troubles: Sequence[Trouble] = ()
    mishaps: Sequence[str] = field(default_factory=tuple)
    """What went wrong with the run itself: a worker that ended by itself, a time that was up."""
