"""What happens in a chaos run, and when: a function of the seed and the size, without doing anything.

Moments are numbers of launches that are settled, finished or given up: they mean the same on a fast machine and on a
slow one.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from rp_finalizer.entries import Priority
from tests.chaos.server_faults import PlannedFault, plan_faults
from tests.chaos.size import Doom, HarmKind, Size

if TYPE_CHECKING:
    from collections.abc import Iterable

BEFORE = 0.4
"""The part of the launches that is owed before the first worker begins."""

SECOND = 0.1
"""The part of the launches that is in the second project."""
QUIET_EACH = 3
"""Of so many kills one is done while Redis is well."""


class Way(StrEnum):
    """How a launch comes to be owed."""

    ADDED = "added"
    """By a program, with its end, perhaps a status, perhaps a delay."""
    COMMAND = "command"
    """By `rp-finalize entries add`."""
    RUN = "run"
    """Opened by a run that dies without a word."""


@dataclass(frozen=True, slots=True)
class PlannedLaunch:
    """A launch, and what it is to be finished with."""

    uuid: str
    status: str | None = None
    """What is sent; None leaves it to the server."""
    failed_item: bool = False
    """Whether something in it has failed, which the server computes the status from."""
    second_project: bool = False
    """Whether it lies in a project that has a key of its own."""
    delay: float = 0.0
    doom: Doom | None = None


@dataclass(frozen=True, slots=True)
class Wave:
    """Launches that come together."""

    at: int
    way: Way
    priority: Priority
    launches: tuple[PlannedLaunch, ...]


@dataclass(frozen=True, slots=True)
class Harm:
    """One harm. `seconds`: until it is over, or until who was killed is started again."""

    at: int
    kind: HarmKind
    seconds: float
    slot: int = 0
    """Which worker, of those that are meant."""
    quiet: bool = False
    """Whether nothing is done to Redis at the same time: to see how soon others are at work again."""
    calls: int = 0
    """How many calls are met, where they are counted."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """All that happens."""

    seed: int
    size: Size
    waves: tuple[Wave, ...]
    harms: tuple[Harm, ...]
    faults: tuple[PlannedFault, ...]

    @property
    def launches(self) -> Iterable[PlannedLaunch]:
        """Give all launches."""
        return (launch for wave in self.waves for launch in wave.launches)


def plan(seed: int, size: Size) -> Schedule:
    """Make the schedule: the same one for the same seed and size."""
    chance = random.Random(seed)
    waves = _plan_waves(chance, size)
    return Schedule(seed, size, waves, _plan_harms(chance, size), plan_faults(chance, size.faults, size.launches))


def _plan_waves(chance: random.Random, size: Size) -> tuple[Wave, ...]:
    dooms = [list(Doom)[number % len(Doom)] for number in range(size.doomed)]
    plain = size.launches - size.doomed
    # What is doomed takes its time to be given up: it comes early.
    first = [_launch(chance, Way.ADDED, doom) for doom in dooms]
    first += [_launch(chance, Way.ADDED) for _ in range(int(plain * BEFORE))]
    chance.shuffle(first)
    waves = [
        Wave(0, Way.ADDED, priority, tuple(first[number :: len(Priority)])) for number, priority in enumerate(Priority)
    ]
    left = size.launches - len(first)
    for number in range(size.waves):
        count = left // size.waves + (number < left % size.waves)
        way = (Way.COMMAND, Way.RUN, Way.ADDED)[number % 3]
        # Before all that is there is settled, or nothing more would ever be.
        at = 1 + int(len(first) * 0.8 * number / size.waves)
        launches = tuple(_launch(chance, way) for _ in range(count))
        if way is Way.COMMAND:
            # The command adds launches of one project.
            second = chance.random() < SECOND
            launches = tuple(replace(launch, second_project=second) for launch in launches)
        waves.append(Wave(at, way, chance.choice(list(Priority)), launches))
    return tuple(waves)


def _launch(chance: random.Random, way: Way, doom: Doom | None = None) -> PlannedLaunch:
    uuid = str(UUID(int=chance.getrandbits(128), version=4))
    if doom is not None:
        return PlannedLaunch(uuid, doom=doom, status="no-such-status" if doom is Doom.REFUSED else None)
    return PlannedLaunch(
        uuid,
        status=chance.choice((None, None, "failed", "stopped", "cancelled")) if way is Way.ADDED else None,
        failed_item=chance.random() < 0.1,
        second_project=chance.random() < SECOND,
        delay=chance.uniform(0.5, 3.0) if way is Way.ADDED and chance.random() < 0.1 else 0.0,
    )


def _plan_harms(chance: random.Random, size: Size) -> tuple[Harm, ...]:
    kinds = [kind for kind, number in size.harms for _ in range(number)]
    chance.shuffle(kinds)
    harms: list[Harm] = []
    for number, kind in enumerate(kinds):
        at = int(size.launches * (0.04 + 0.86 * (number + chance.random()) / len(kinds)))
        if kind is HarmKind.KILL_WORKER and harms and harms[-1].kind.to_redis and chance.random() < 0.5:
            # Not one after the other, but both at once.
            at = harms[-1].at
        harms.append(_harm(chance, size, at, kind))
    kills = [number for number, harm in enumerate(harms) if harm.kind is HarmKind.KILL_WORKER]
    for number in kills[QUIET_EACH - 1 :: QUIET_EACH]:
        harms[number] = replace(harms[number], quiet=True)
    return tuple(harms)


def _harm(chance: random.Random, size: Size, at: int, kind: HarmKind) -> Harm:
    slot = chance.randrange(size.workers)
    match kind:
        case HarmKind.KILL_WORKER:
            return Harm(at, kind, chance.uniform(0.0, 2.0), slot)
        case HarmKind.PAUSE_WORKER:
            return Harm(at, kind, size.lease * chance.uniform(1.3, 2.0), slot)
        case HarmKind.KILL_REDIS:
            return Harm(at, kind, chance.uniform(0.1, 2 * size.lease))
        case HarmKind.FREEZE_REDIS:
            return Harm(at, kind, chance.uniform(5.5, 7.0))
        case HarmKind.CUT:
            return Harm(at, kind, 0.5, calls=chance.randint(3, 30))
        case HarmKind.REFUSE | HarmKind.STALL:
            return Harm(at, kind, chance.uniform(0.3, size.lease))
        case HarmKind.LOSE:
            return Harm(at, kind, 1.0, calls=chance.randint(3, 30))
        case HarmKind.SERVER_AWAY | HarmKind.SERVER_HANGS:
            return Harm(at, kind, chance.uniform(2.0, 5.0))
