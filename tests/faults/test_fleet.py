"""Machines that share an outbox in Redis: one that dies leaves its launches to whichever worker is alive."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from rp_finalizer import Settings
from rp_finalizer.emulator import ProjectRole
from rp_finalizer.entries import EntryState
from rp_finalizer.entry_finishing import EntryFinisher
from rp_finalizer.outbox.redis import RedisOutbox
from rp_finalizer.pace import Pace
from rp_finalizer.system_clock import SystemClock
from rp_finalizer.worker import Worker
from tests.support.commands import Commands, ended
from tests.support.guarded_runs import guarded
from tests.support.owed import Owed
from tests.support.polling import until
from tests.support.reporting import finishes, status_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rp_finalizer.emulator import Emulator
    from rp_finalizer.entries import Entry
    from tests.support.redis_server import RedisServer

LEASE = 2.0
LONGER = 6.0
"""Seconds; when two thirds of it are over, the guardian of a run that is stopped starts a process that renews it."""
OTHER_KEY = "the-other-projects-key"


@pytest.fixture
def outbox(redis_server: RedisServer) -> Iterator[RedisOutbox]:
    with closing(RedisOutbox(redis_server.url)) as outbox:
        yield outbox


@contextmanager
def worker_elsewhere(emulator: Emulator, server: RedisServer) -> Iterator[Worker]:
    """Have a worker work that can know nothing of the processes of this machine."""
    settings = Settings.load(endpoint=emulator.url, project="demo", api_key="demo_key", timeout=10.0)
    finisher = EntryFinisher(settings)
    with closing(RedisOutbox(server.url)) as outbox:
        worker = Worker(
            outbox,
            finisher,
            owner="worker@another machine",
            clock=SystemClock(),
            chance=lambda: 0.5,
            pace=Pace(lease=LEASE, look=0.02),
            alive=lambda _: None,
        )
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            yield worker
        finally:
            worker.stop()
            thread.join()
            finisher.close()


def only(outbox: RedisOutbox) -> Entry:
    (entry,) = outbox.entries()
    return entry


def test_the_launch_of_a_machine_that_dies_is_finished_by_a_worker(
    emulator: Emulator, redis_server: RedisServer, outbox: RedisOutbox, tmp_path: Path
) -> None:
    """Not before the lease is over, and with the run's last sign of life as its end."""
    with (
        worker_elsewhere(emulator, redis_server),
        guarded(tmp_path, emulator.url, outbox=redis_server.url, lease=LEASE) as run,
    ):
        run.wait_for()
        guardian = run.guardian()
        until(lambda: only(outbox).updated_at > only(outbox).created_at, "the lease is renewed")
        # Both at once, as a machine dies: else the guardian would finish it.
        os.kill(guardian, signal.SIGKILL)
        run.kill()
        held = only(outbox)
        assert (held.state, finishes(emulator)) == (EntryState.OPEN, [])
        until(lambda: only(outbox).state is EntryState.DONE, "a worker finishes it")
    done, (launch,) = only(outbox), emulator.launches()
    assert status_of(emulator, launch.uuid) == "INTERRUPTED"
    assert sum(call.applied for call in finishes(emulator)) == 1
    taken = next(event for event in done.history if event.what.startswith("taken over from run@"))
    assert taken.detail == "worker@another machine"
    assert held.lease_until is not None
    assert taken.at >= held.lease_until
    assert held.alive_at is not None
    assert launch.end == int(held.alive_at * 1000) * 1000


def test_a_run_that_lives_keeps_its_launch_from_all_workers(
    emulator: Emulator, redis_server: RedisServer, outbox: RedisOutbox, tmp_path: Path
) -> None:
    """Its guardian renews the lease, also while the run itself does nothing; it finishes its launch by itself."""
    with (
        worker_elsewhere(emulator, redis_server) as worker,
        guarded(tmp_path, emulator.url, outbox=redis_server.url, lease=LONGER) as run,
    ):
        run.wait_for()
        run.guardian()
        run.send(signal.SIGSTOP)
        begun = only(outbox).created_at
        until(lambda: only(outbox).updated_at > begun + LONGER, "the lease is renewed, and renewed again")
        assert (only(outbox).state, finishes(emulator)) == (EntryState.OPEN, [])
        run.send(signal.SIGCONT)
        assert run.go() == 0
        assert only(outbox).state is EntryState.DONE
        assert worker.tally.completed == 0
    assert sum(call.applied for call in finishes(emulator)) == 1


def test_each_worker_brings_its_own_keys(
    emulator: Emulator, redis_server: RedisServer, outbox: RedisOutbox, tmp_path: Path
) -> None:
    """A launch is finished by the worker that has the key for its project, whoever else looks at it; none is lost."""
    emulator.add_user("other", OTHER_KEY, {"other": ProjectRole.PROJECT_MANAGER})
    emulator.add_user("both", "the-starters-key", {"demo": ProjectRole.MEMBER, "other": ProjectRole.MEMBER})
    owed = Owed(emulator, tmp_path, outbox)
    uuids = {project: owed.start(3, project=project, key="the-starters-key") for project in ("demo", "other")}
    for project, started in uuids.items():
        for uuid in started:
            outbox.add(owed.launch(uuid, project=project))
    with worker_of(emulator, tmp_path, "demo", "demo_key", redis_server):
        until(lambda: outbox.statistics().by_state.get(EntryState.DONE) == 3, "the first one finishes its own")
        until(lambda: all(each.misses for each in outbox.entries(EntryState.READY)), "and has looked at the others")
    with worker_of(emulator, tmp_path, "other", OTHER_KEY, redis_server):
        until(lambda: not outbox.statistics().owed, "the second one finishes those")
    assert {status_of(emulator, uuid) for started in uuids.values() for uuid in started} == {"PASSED"}
    assert {each.attempts for each in outbox.entries()} == {1}


@contextmanager
def worker_of(emulator: Emulator, folder: Path, project: str, key: str, server: RedisServer) -> Iterator[None]:
    """Have a worker work, in a process of its own, that knows one project's key by its table."""
    home = folder / project
    home.mkdir()
    (home / "fleet.toml").write_text(f'[credentials]\n"{emulator.url}#{project}" = "KEY_OF_ITS_PROJECT"\n')
    commands = Commands(home, {"KEY_OF_ITS_PROJECT": key, "RP_FINALIZER_OUTBOX": server.url})
    with commands.started("worker", "--config", "fleet.toml", "--quiet") as process:
        yield
        process.terminate()
        assert ended(process).code == 128 + signal.SIGTERM
