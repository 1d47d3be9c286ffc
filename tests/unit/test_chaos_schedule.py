"""What a chaos run does, and when."""

from __future__ import annotations

from collections import Counter
from itertools import accumulate

import pytest

from tests.chaos.schedule import Way, plan
from tests.chaos.size import SHORT, Doom, HarmKind, Size


def test_a_seed_gives_one_schedule() -> None:
    """The same again, and another one for another seed."""
    assert plan(1, Size()) == plan(1, Size())
    assert plan(1, Size()) != plan(2, Size())


@pytest.mark.parametrize("size", [Size(), SHORT, Size().scaled(400, 5)], ids=["full", "short", "scaled"])
@pytest.mark.parametrize("seed", range(5))
def test_all_that_was_asked_for_is_in_it(seed: int, size: Size) -> None:
    """So many launches, each another one; all ways in which they come, all dooms, all harm."""
    schedule = plan(seed, size)
    launches = list(schedule.launches)
    assert len({each.uuid for each in launches}) == len(launches) == size.launches
    assert {each.doom for each in launches if each.doom} == set(Doom)
    assert sum(each.doom is not None for each in launches) == size.doomed
    assert {wave.way for wave in schedule.waves} == set(Way)
    assert Counter(each.kind for each in schedule.harms) == dict(size.harms)
    assert len(schedule.faults) == size.faults
    assert all(0 <= each.slot < size.workers for each in schedule.harms)


@pytest.mark.parametrize("size", [Size(), SHORT], ids=["full", "short"])
@pytest.mark.parametrize("seed", range(5))
def test_nothing_waits_for_more_than_is_there(seed: int, size: Size) -> None:
    """Each wave comes, and each harm, at a moment that the launches before it can bring about."""
    schedule = plan(seed, size)
    there = list(accumulate(len(wave.launches) for wave in schedule.waves))
    assert all(wave.at <= before for wave, before in zip(schedule.waves[1:], there, strict=False))
    moments = [each.at for each in schedule.harms]
    assert moments == sorted(moments)
    assert moments[-1] < size.launches - size.doomed


def test_some_workers_are_killed_while_redis_is_well() -> None:
    """How soon others are at work again is to be seen."""
    kills = [each for each in plan(1, Size()).harms if each.kind is HarmKind.KILL_WORKER]
    assert 0 < sum(each.quiet for each in kills) < len(kills)
