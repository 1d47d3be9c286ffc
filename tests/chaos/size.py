"""How much happens in a chaos run: launches and workers, harm of each kind, launches that cannot be finished."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Doom(StrEnum):
    """Why a launch cannot be finished, so that its entry must be a dead letter in the end."""

    DELETED = "deleted on the server"
    REFUSED = "a status that the server refuses"
    NO_PROJECT = "a project that is not there"


class HarmKind(StrEnum):
    """What is done to processes and to the network between them and Redis."""

    KILL_WORKER = "workers killed"
    PAUSE_WORKER = "workers stopped for longer than their leases"
    KILL_REDIS = "Redis killed"
    FREEZE_REDIS = "Redis stopped for longer than is waited for it"
    CUT = "connections to Redis cut"
    REFUSE = "connections to Redis refused"
    STALL = "connections to Redis stalled"
    LOSE = "answers of Redis lost"
    SERVER_AWAY = "outages of the server"
    SERVER_HANGS = "times that the server hung"

    @property
    def to_redis(self) -> bool:
        """Tell whether Redis is away, or may be, for all workers."""
        return self in _TO_REDIS


_TO_REDIS = frozenset(
    {
        HarmKind.KILL_REDIS,
        HarmKind.FREEZE_REDIS,
        HarmKind.CUT,
        HarmKind.REFUSE,
        HarmKind.STALL,
        HarmKind.LOSE,
    }
)


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything. Times are seconds."""

    launches: int = 5000
    workers: int = 20
    concurrency: int = 4
    lease: float = 3.0
    attempts: int = 10
    """`entry_attempts`: fewer than what an entry loses by kills and server's own errors would make dead letters."""
    harms: tuple[tuple[HarmKind, int], ...] = (
        (HarmKind.KILL_WORKER, 12),
        (HarmKind.PAUSE_WORKER, 3),
        (HarmKind.KILL_REDIS, 3),
        (HarmKind.FREEZE_REDIS, 1),
        (HarmKind.CUT, 4),
        (HarmKind.REFUSE, 2),
        (HarmKind.STALL, 2),
        (HarmKind.LOSE, 3),
        (HarmKind.SERVER_AWAY, 2),
        (HarmKind.SERVER_HANGS, 1),
    )
    waves: int = 16
    """In which the launches come that are not there before."""
    faults: int = 60
    """Kinds of trouble on the server, each of which meets some calls."""
    doomed: int = 60
    bound: float = 400.0
    """After which the run has failed."""

    def scaled(self, launches: int, workers: int) -> Size:
        """Give the same for another number of launches and workers."""
        part = launches / self.launches
        return replace(
            self,
            launches=launches,
            workers=workers,
            harms=tuple((kind, max(1, round(number * part))) for kind, number in self.harms),
            waves=max(3, round(self.waves * part)),
            faults=max(10, round(self.faults * part)),
            doomed=max(len(Doom), round(self.doomed * part)),
        )

    def only(self, *kinds: HarmKind) -> Size:
        """Give the same with these kinds of harm only."""
        return replace(self, harms=tuple((kind, number) for kind, number in self.harms if kind in kinds))


SHORT = Size(
    launches=150,
    workers=4,
    lease=2.0,
    attempts=3,
    harms=((HarmKind.KILL_WORKER, 1), (HarmKind.KILL_REDIS, 1), (HarmKind.CUT, 1)),
    waves=3,
    faults=12,
    doomed=len(Doom),
    bound=90.0,
)
"""Some seconds of it."""
