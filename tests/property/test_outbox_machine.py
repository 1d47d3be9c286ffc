"""Random histories of an outbox, held against what its rules promise of every history."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from rp_finalizer.entries import Entry, EntryState, OwedLaunch, Priority
from rp_finalizer.errors import EntryStateError, LeaseLostError
from rp_finalizer.outbox.memory import MemoryOutbox
from rp_finalizer.outbox.redis import RedisOutbox
from rp_finalizer.outbox.sqlite import SqliteOutbox
from rp_finalizer.outcome import ErrorKind, Outcome
from rp_finalizer.report import Failure, Report

if TYPE_CHECKING:
    from collections.abc import Callable

    from rp_finalizer.outbox_port import Outbox
    from tests.support.redis_server import RedisServer

REFUSED = Failure(ErrorKind.UNAVAILABLE, "503", "later")
LAUNCHES = st.integers(0, 5)
SECONDS = st.sampled_from([0.0, 1.0, 30.0, 1000.0])


@dataclass
class Known:
    """What the outside knows of a launch."""

    finished: int = 0
    tokens: int = 0
    attempts: int = 0


class Histories(RuleBasedStateMachine):
    """Runs, workers and people use two outboxes in the same way: one in memory, one that outlives its process."""

    held = Bundle("held")

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.now = 1_800_000_000.0
        self.file = self.outlasting()
        self.memory = MemoryOutbox(clock=lambda: self.now)
        self.known: dict[str, Known] = {}

    def outlasting(self) -> Outbox:
        return SqliteOutbox(Path(self.folder.name, "outbox.db"), clock=lambda: self.now)

    def teardown(self) -> None:
        if hasattr(self, "file"):
            self.file.close()
            self.folder.cleanup()

    @rule(number=LAUNCHES, priority=st.sampled_from(Priority), delay=SECONDS)
    def add(self, number: int, priority: Priority, delay: float) -> None:
        entry = self.memory.add(_launch(number), priority=priority, delay=delay)
        self.file.add(_launch(number), priority=priority, delay=delay)
        self.known.setdefault(entry.launch.uuid, Known())

    @rule(target=held, number=LAUNCHES, lease=SECONDS)
    def open(self, number: int, lease: float) -> tuple[Entry, Entry]:
        both = (self.memory.open(_launch(number), "run", lease), self.file.open(_launch(number), "run", lease))
        self.known.setdefault(both[0].launch.uuid, Known())
        return both

    @rule(target=held, limit=st.integers(1, 3), lease=SECONDS)
    def claim(self, limit: int, lease: float) -> object:
        due = {each.entry_id for each in self.memory.entries() if each.due(self.now)}
        claimed = self.memory.claim("worker", limit, lease)
        assert {each.entry_id for each in claimed} <= due
        others = {each.launch.uuid: each for each in self.file.claim("worker", limit, lease)}
        # Where several are equally urgent, either may be taken: what the file gave is what is gone on with.
        assert len(others) == len(claimed)
        return multiple(*((each, others[each.launch.uuid]) for each in claimed if each.launch.uuid in others))

    @rule(both=consumes(held), spent=st.booleans(), wait=SECONDS, end=st.none() | st.integers(1, 9))
    def put_off(self, both: tuple[Entry, Entry], spent: bool, wait: float, end: int | None) -> None:  # noqa: FBT001  hypothesis
        for entry, outbox in zip(both, self.outboxes, strict=True):
            holds = _holds(outbox, entry)
            launch = None if end is None else replace(entry.launch, end_ms=end)
            put_off = partial(outbox.put_off, entry.entry_id, entry.lease_token, REFUSED, wait)
            assert _tried(partial(put_off, spent=spent, launch=launch)) == holds
            (after,) = outbox.find(entry.entry_id)
            assert not holds or end is None or after.launch.end_ms == end

    @rule(both=consumes(held))
    def complete(self, both: tuple[Entry, Entry]) -> None:
        for entry, outbox in zip(both, self.outboxes, strict=True):
            holds = _holds(outbox, entry)
            done = _tried(partial(outbox.complete, entry.entry_id, entry.lease_token, Report(Outcome.FINISHED)))
            assert done == holds

    @rule(both=consumes(held))
    def give_up(self, both: tuple[Entry, Entry]) -> None:
        for entry, outbox in zip(both, self.outboxes, strict=True):
            holds = _holds(outbox, entry)
            assert _tried(partial(outbox.give_up, entry.entry_id, entry.lease_token, REFUSED, "no")) == holds

    @rule()
    def clear(self) -> None:
        for outbox in self.outboxes:
            ready = outbox.statistics().by_state.get(EntryState.READY, 0)
            assert outbox.clear() == ready
            assert outbox.entries(EntryState.READY) == []

    @rule(both=held, lease=SECONDS)
    def renew(self, both: tuple[Entry, Entry], lease: float) -> None:
        for entry, outbox in zip(both, self.outboxes, strict=True):
            holds = _holds(outbox, entry)
            done = _tried(partial(outbox.renew, entry.entry_id, entry.lease_token, lease))
            assert done == holds

    @rule(number=LAUNCHES)
    def discard(self, number: int) -> None:
        for outbox in self.outboxes:
            for entry in outbox.find(_launch(number).uuid):
                assert _tried(partial(outbox.discard, entry.entry_id, "no")) == entry.state.owed

    @rule(number=LAUNCHES)
    def retry(self, number: int) -> None:
        for outbox in self.outboxes:
            for entry in outbox.find(_launch(number).uuid):
                dead = entry.state is EntryState.DEAD
                assert _tried(partial(outbox.retry, entry.entry_id)) == dead

    @rule(seconds=st.sampled_from([0.5, 10.0, 100.0, 5000.0, -50.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @property
    def outboxes(self) -> tuple[Outbox, Outbox]:
        return self.memory, self.file

    @invariant()
    def every_launch_is_there_once(self) -> None:
        """No entry is lost, and none is doubled."""
        if hasattr(self, "known"):
            for outbox in self.outboxes:
                assert sorted(each.launch.uuid for each in outbox.entries(limit=1000)) == sorted(self.known)

    @invariant()
    def leases_and_states_agree(self) -> None:
        """Who is held has a holder; nobody else has one; the fence only grows; nothing is counted below nothing."""
        if hasattr(self, "known"):
            for each in self.file.entries(limit=1000):
                assert each.state.held == (each.lease_owner is not None) == (each.lease_until is not None)
                assert (each.report is not None) == (each.state is EntryState.DONE)
                assert each.attempts >= 0
                known = self.known[each.launch.uuid]
                assert each.lease_token >= known.tokens
                known.tokens = each.lease_token

    @invariant()
    def what_is_counted_is_there(self) -> None:
        """Tell in the statistics what the list shows."""
        if hasattr(self, "known"):
            held = self.file.statistics()
            entries = self.file.entries(limit=1000)
            assert held.owed == sum(1 for each in entries if each.state.owed)
            assert held.due == sum(1 for each in entries if each.due(self.now))
            assert (self.file.next_due() == 0.0) == (held.due > 0)
            for outbox in self.outboxes:
                entries = outbox.entries(limit=1000)
                due = {each.entry_id for each in entries if each.due(self.now)}
                late = {each.entry_id for each in entries if each.due(self.now) and each.state is EntryState.OPEN}
                assert {each.entry_id for each in outbox.queue()} == due
                ready = {each.entry_id for each in entries if each.state is EntryState.READY}
                assert {each.entry_id for each in outbox.delayed()} == ready - due
                turns = {each.entry_id: number for number, each in enumerate(outbox.queue() + outbox.delayed(), 1)}
                assert {each.entry_id: outbox.position(each.entry_id) for each in entries} == {
                    each.entry_id: turns.get(each.entry_id) for each in entries
                }
                assert {each.entry_id for each in outbox.overdue()} == late

    @invariant()
    def states_are_counted_as_they_are(self) -> None:
        """Keep the counters with the entries."""
        if hasattr(self, "known"):
            for outbox in self.outboxes:
                by_state = Counter(each.state for each in outbox.entries(limit=1000))
                assert dict(outbox.statistics().by_state) == dict(by_state)


def _launch(number: int) -> OwedLaunch:
    return OwedLaunch("https://rp.example.com", "demo", str(UUID(int=number)))


def _holds(outbox: Outbox, entry: Entry) -> bool:
    """Tell whether the lease that an entry was given with is still its own."""
    (now,) = outbox.find(entry.entry_id)
    return now.state.held and now.lease_token == entry.lease_token


def _tried(call: Callable[[], object]) -> bool:
    """Tell whether a call did what it was to do, rather than being refused."""
    try:
        call()
    except (LeaseLostError, EntryStateError):
        return False
    return True


class RedisHistories(Histories):
    """The same, with Redis in place of the file."""

    server: RedisServer

    def outlasting(self) -> Outbox:
        self.server.do("FLUSHALL")
        return RedisOutbox(self.server.url, clock=lambda: self.now)


MANNER = settings(max_examples=30, stateful_step_count=30, deadline=None, derandomize=True, database=None)
TestHistories = Histories.TestCase
TestHistories.settings = MANNER


class TestRedisHistories(RedisHistories.TestCase):  # type: ignore[misc,valid-type]
    settings = MANNER

    @pytest.fixture(autouse=True)
    def _server(self, redis_server: RedisServer) -> None:
        RedisHistories.server = redis_server
