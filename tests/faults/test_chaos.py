"""A fleet of workers that comes to harm in many ways at once: `make chaos`, in short."""

from __future__ import annotations

import pytest

from tests.chaos.running import run
from tests.chaos.schedule import SHORT, HarmKind, plan


@pytest.mark.parametrize("in_redis", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["redis", "sqlite"])
def test_every_launch_is_finished_whatever_befalls_the_fleet(*, in_redis: bool) -> None:
    """Each has the end and the status that were owed, none is lost, and only what cannot be finished is given up."""
    size = SHORT if in_redis else SHORT.only(HarmKind.KILL_WORKER)
    ran = run(plan(4, size), in_redis=in_redis, timed=False)
    assert ran.verdict.broken == ()
    assert ran.harms == dict(size.harms)
    assert ran.verdict.figures.finished == size.launches - size.doomed
