"""Runs that are alive and were silent for too long."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from rp_finalizer.entries import Entry, OwedLaunch
from rp_finalizer.outbox.memory import MemoryOutbox
from rp_finalizer.outcome import Outcome
from rp_finalizer.report import Report
from rp_finalizer.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable

LEASE = 60.0


class Time:
    """The time of day, moved by hand."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def outbox(clock: Time) -> MemoryOutbox:
    return MemoryOutbox(clock=clock)


def held(outbox: MemoryOutbox, number: int, owner: str) -> Entry:
    return outbox.open(OwedLaunch("https://rp.example.com", "demo", str(UUID(int=number))), owner, LEASE)


def test_a_run_that_lives_gets_its_lease_again(
    outbox: MemoryOutbox, clock: Time, caplog: pytest.LogCaptureFixture
) -> None:
    """In its own name, so that it goes on as if nothing had been; the dead and the unknown get nothing."""
    known = {"alive": True, "dead": False, "elsewhere": None}
    entries = {owner: held(outbox, number, owner) for number, owner in enumerate(known)}
    watchdog = Watchdog(outbox, lambda owner: known[owner], LEASE)
    assert watchdog.look() == 0
    clock.now += LEASE
    with caplog.at_level(logging.INFO):
        assert watchdog.look() == 1
    assert {each.lease_owner for each in outbox.claim("worker", 9, LEASE)} == {"worker"}
    alive = entries["alive"]
    assert [each.launch.uuid for each in outbox.entries() if each.lease_owner == "alive"] == [alive.launch.uuid]
    assert alive.launch.uuid in caplog.text
    outbox.complete(alive.entry_id, alive.lease_token, Report(Outcome.FINISHED))


def test_what_changes_meanwhile_is_left_alone(outbox: MemoryOutbox, clock: Time) -> None:
    """Another worker was faster, or the run has ended by itself: that is told as what it is."""
    run = held(outbox, 1, "run")
    clock.now += LEASE
    meanwhile: Callable[[str], bool] = lambda _: bool(outbox.claim("worker", 1, LEASE))  # noqa: E731
    watchdog = Watchdog(outbox, meanwhile, LEASE)
    assert watchdog.look() == 0
    assert watchdog.renewed == 0
    assert [each.lease_owner for each in outbox.find(run.entry_id)] == ["worker"]
