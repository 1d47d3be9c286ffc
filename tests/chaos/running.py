"""A chaos run, from the first process to the verdict."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rp_finalizer.draining import all_entries
from rp_finalizer.errors import OutboxError
from rp_finalizer.outbox.redis import RedisOutbox
from rp_finalizer.outbox.sqlite import SqliteOutbox
from tests.chaos.evidence import Evidence
from tests.chaos.feeding import Feeder
from tests.chaos.fleet import Command, Fleet
from tests.chaos.harming import Harming, Shared
from tests.chaos.judging import Verdict, judge
from tests.chaos.progress import Progress, Stopped
from tests.chaos.server import Server, running_server
from tests.support.fault_proxy import FaultProxy
from tests.support.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rp_finalizer.entries import Entry
    from rp_finalizer.outbox_port import Outbox
    from tests.chaos.schedule import Schedule
    from tests.chaos.size import HarmKind

LOOK = 0.2
PARTING = 15.0
"""Seconds in which those who feed and harm have stopped."""
PATIENCE = 60.0
"""Seconds that a program which adds launches waits for Redis."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run showed."""

    schedule: Schedule
    verdict: Verdict
    seconds: float
    harms: dict[HarmKind, int]
    restarts: int
    spoilt_calls: int
    met: dict[str, int]
    started: int
    redis_version: str


@dataclass(slots=True)
class Scene:
    """The places of a run."""

    server: Server
    command: Command
    outbox: Outbox
    """For those who add launches: over the network that comes to harm."""
    watched: Outbox
    """The same, past the harm."""
    shared: Shared | None
    problems: list[str] = field(default_factory=list)


def run(schedule: Schedule, *, in_redis: bool = True, timed: bool = True, keep: Path | None = None) -> Ran:
    """Do it all: what is started here is gone afterwards, however it ends.

    `timed`: whether it counts, too, how soon things happen. `keep`: a folder for what the workers said.
    """
    with TemporaryDirectory(prefix="rp-finalizer-chaos-") as folder, running_server() as server:
        places = _redis_scene if in_redis else _sqlite_scene
        with places(Path(folder), server, schedule) as scene, Fleet(scene.command) as fleet:
            scene.command.prepare()
            try:
                return _run(schedule, scene, fleet, timed=timed)
            finally:
                if keep is not None:
                    keep.mkdir(parents=True, exist_ok=True)
                    for words in Path(folder).glob("*.log"):
                        shutil.copy(words, keep)


def _run(schedule: Schedule, scene: Scene, fleet: Fleet, *, timed: bool) -> Ran:
    begun = time.monotonic()
    progress = Progress(scene.watched)
    feeder = Feeder(scene.server, scene.outbox, scene.command, progress)
    harming = Harming(fleet, scene.server.another(), scene.shared, progress)
    before = [wave for wave in schedule.waves if wave.at == 0]
    for wave in before:
        feeder.feed(wave)
    scene.server.add_faults(schedule.faults)
    fleet.start_all()
    threads = [
        _Thread(lambda: feeder.run(schedule.waves[len(before) :])),
        _Thread(lambda: harming.run(schedule.harms)),
    ]
    try:
        _watch(progress, fleet, threads, scene, begun + schedule.size.bound)
    finally:
        progress.stop()
        feeder.abandon()
        for thread in threads:
            thread.join(PARTING)
    harming.end_all()
    harming.server.close()
    scene.problems += fleet.fallen() or fleet.end()
    scene.problems += (f"the run itself failed: {thread.error!r}" for thread in threads if thread.error is not None)
    seconds = time.monotonic() - begun
    return Ran(
        schedule,
        judge(_evidence(schedule, scene, feeder, harming), timed=timed),
        seconds,
        dict(harming.done),
        harming.restarts,
        harming.spoilt,
        scene.server.met(schedule.faults),
        fleet.started,
        scene.shared.redis.do("INFO", "server")["redis_version"] if scene.shared else "",
    )


def _watch(progress: Progress, fleet: Fleet, threads: list[_Thread], scene: Scene, until: float) -> None:
    """Wait until all is done, the time is up, or something is wrong that does not mend itself."""
    while True:
        busy = any(thread.is_alive() for thread in threads)
        if progress.look() and not busy and not progress.owed:
            return
        if fleet.fallen() or any(thread.error is not None for thread in threads):
            return
        if time.monotonic() > until:
            scene.problems.append(f"the time was up; {progress.owed} launches were owed yet")
            return
        time.sleep(LOOK)


def _evidence(schedule: Schedule, scene: Scene, feeder: Feeder, harming: Harming) -> Evidence:
    entries: dict[str, Entry] = {}
    counters: Mapping[str, int] = {}
    try:
        entries = {entry.launch.uuid: entry for entry in all_entries(scene.watched)}
        counters = scene.watched.statistics().counters
    except OutboxError as error:
        scene.problems.append(f"what the outbox holds cannot be read: {error}")
    return Evidence(
        owed=feeder.owed,
        launches=scene.server.launches(),
        entries=entries,
        calls=scene.server.finishing_calls(),
        counters=counters,
        lease=schedule.size.lease,
        killed=harming.fleet.killed,
        troubles=harming.troubles,
        mishaps=scene.problems,
    )


class _Thread(threading.Thread):
    """A thread that keeps what its work raised; `Stopped` is nothing."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self._work()
        except Stopped:
            pass
        except Exception as error:  # noqa: BLE001  told by whoever waits for the run
            self.error = error


@contextlib.contextmanager
def _redis_scene(folder: Path, server: Server, schedule: Schedule) -> Iterator[Scene]:
    data = folder / "redis"
    data.mkdir()
    with RedisServer(data, durable=True) as redis, FaultProxy(redis.port) as proxy:
        url = f"redis://127.0.0.1:{proxy.port}/0"
        added = RedisOutbox(url, patience=PATIENCE)
        watched = RedisOutbox(redis.url, patience=1.0)
        with contextlib.closing(added), contextlib.closing(watched):
            command = Command(folder, server.url, url, schedule.size)
            yield Scene(server, command, added, watched, Shared(redis, proxy))


@contextlib.contextmanager
def _sqlite_scene(folder: Path, server: Server, schedule: Schedule) -> Iterator[Scene]:
    path = folder / "outbox.db"
    outbox = SqliteOutbox(path, patience=PATIENCE)
    with contextlib.closing(outbox):
        yield Scene(server, Command(folder, server.url, str(path), schedule.size), outbox, outbox, None)
