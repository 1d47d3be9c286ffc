"""Runs of pytest whose outbox is in Redis, or would be if Redis were there."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

from rp_finalizer.emulator import Fault
from rp_finalizer.entries import EntryState
from rp_finalizer.outbox.redis import RedisOutbox
from tests.support.plugin_suite import SUITE, block_of, expect_all_arrived
from tests.support.reporting import FINISH, FINISH_NOW, READ, status_of

if TYPE_CHECKING:
    from rp_finalizer.emulator import Emulator
    from tests.support.pytest_runs import PytestRuns
    from tests.support.redis_server import RedisServer


def test_what_a_run_leaves_in_redis_the_next_one_finishes(
    emulator: Emulator, runs: PytestRuns, redis_server: RedisServer
) -> None:
    """From whatever machine that runs: the launch is kept there, and taken along."""
    runs.write(test_suite=SUITE)
    kept = runs.with_variables(RP_FINALIZER_OUTBOX=redis_server.url).with_ini(rp_finalizer_timeout="2")
    emulator.add_fault(Fault((FINISH, FINISH_NOW, READ), status=503))
    assert "kept in the outbox" in " ".join(block_of(kept.run()).split())
    emulator.clear_faults()
    (owed,) = emulator.launches()
    with closing(RedisOutbox(redis_server.url)) as outbox:
        (entry,) = outbox.entries()
        assert entry.launch.uuid == owed.uuid
        end = time.monotonic() + 10
        while outbox.next_due() != 0.0:
            assert time.monotonic() < end
            time.sleep(0.01)
        ended = kept.with_ini(rp_finalizer_timeout="20").run()
        assert "1 launch of earlier runs finished" in block_of(ended)
        assert outbox.statistics().by_state == {EntryState.DONE: 2}
    assert status_of(emulator, owed.uuid) == "PASSED"


def test_a_redis_that_is_away_keeps_no_run_from_its_launch(emulator: Emulator, runs: PytestRuns) -> None:
    """The launch is finished all the same, and the block says where it was kept, without the password."""
    runs.write(test_suite=SUITE)
    ended = runs.with_variables(RP_FINALIZER_OUTBOX="redis://user:a-secret@127.0.0.1:1/0").run()
    block = " ".join(block_of(ended).split())
    assert "this run's launches are kept in sqlite:////" in block
    assert "redis://user:****@127.0.0.1:1/0" in block
    assert "a-secret" not in f"{ended.out}{ended.err}"
    expect_all_arrived(emulator)
