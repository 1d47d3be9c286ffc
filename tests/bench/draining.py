"""What working off an outbox costs beside the requests that it cannot do without."""

from __future__ import annotations

import random
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from time import perf_counter, process_time
from typing import TYPE_CHECKING, cast
from uuid import uuid4

import requests

from rp_finalizer.draining import Choice, ChosenEntries, choose, owed_entries
from rp_finalizer.entries import OwedLaunch
from rp_finalizer.entry_finishing import EntryFinisher
from rp_finalizer.outbox.redis import RedisOutbox
from rp_finalizer.outbox.sqlite import SqliteOutbox
from rp_finalizer.pace import Pace, ahead_of
from rp_finalizer.settings import Settings
from rp_finalizer.system_clock import SystemClock
from rp_finalizer.worker import Worker
from tests.bench.emulator_process import EmulatorProcess
from tests.bench.launches import KEY, PROJECT
from tests.bench.tables import Table, ratio, spread
from tests.support.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rp_finalizer.outbox_port import Outbox

LAUNCHES = 1000
ROUNDS = 2
ROWS = (("SQLite", 4), ("SQLite", 8), ("Redis", 8))
MOST = 8
LATENCY = 0.03
HEADERS = {"Authorization": f"Bearer {KEY}"}
LATER_MS = 3_600_000
"""Milliseconds by which the launches' ends lie ahead, so that none lies before its start."""


def run() -> None:
    """Measure, and print a table."""
    table = Table(
        f"Draining {LAUNCHES:,} launches, {LATENCY * 1000:g} ms server latency; {ROUNDS} rounds: "
        "median seconds (least-most)",
        ("outbox", "at once", "bare sessions", "drain", "bare / drain", "CPU ms a launch, bare", "drain"),
    )
    with (
        EmulatorProcess() as server,
        tempfile.TemporaryDirectory() as folder,
        RedisServer(Path(folder), durable=True) as redis,
    ):
        server.set_latency(LATENCY)
        for kind, concurrency in ROWS:
            bare: list[float] = []
            drained: list[float] = []
            bare_cpu: list[float] = []
            drained_cpu: list[float] = []
            for number in range(ROUNDS):
                _add(bare, bare_cpu, _measured(_bare, server.url, _start(server.url), concurrency))
                path = Path(folder, f"{concurrency}-{number}.db")
                with closing(RedisOutbox(redis.url) if kind == "Redis" else SqliteOutbox(path)) as outbox:
                    _fill(outbox, server.url, _start(server.url))
                    _add(drained, drained_cpu, _measured(_drain, server.url, outbox, concurrency))
                redis.do("FLUSHALL")
                server.reset()
                server.set_latency(LATENCY)
            speed = ratio(bare, drained)
            shown = (spread(bare), spread(drained), speed, spread(bare_cpu), spread(drained_cpu))
            table.add(kind, str(concurrency), *shown)
    table.notes += [
        "Bare sessions: as many threads, each with a requests.Session, sending the same finish and the same reading.",
        "A drain also commits twice for each launch, when it is taken and when it is finished.",
        "Redis with appendonly yes, appendfsync always.",
    ]
    table.show()


def _add(seconds: list[float], cpu: list[float], measured: tuple[float, float]) -> None:
    seconds.append(measured[0])
    cpu.append(measured[1])


def _measured(what: Callable[..., None], *arguments: object) -> tuple[float, float]:
    """Give the seconds, and the CPU's milliseconds a launch."""
    begun, cpu = perf_counter(), process_time()
    what(*arguments)
    return perf_counter() - begun, (process_time() - cpu) * 1000 / LAUNCHES


def _start(url: str) -> list[str]:
    uuids = [str(uuid4()) for _ in range(LAUNCHES)]
    start = int(time.time() * 1000)
    with requests.Session() as session, ThreadPoolExecutor(MOST) as pool:

        def begin(uuid: str) -> None:
            body = {"name": "smoke", "uuid": uuid, "startTime": start}
            session.post(f"{url}/api/v2/{PROJECT}/launch", json=body, headers=HEADERS, timeout=30).raise_for_status()

        list(pool.map(begin, uuids))
    return uuids


def _bare(url: str, uuids: Sequence[str], concurrency: int) -> None:
    end = int(time.time() * 1000) + LATER_MS
    left: SimpleQueue[str] = SimpleQueue()
    for uuid in uuids:
        left.put(uuid)

    def finish_next() -> None:
        with requests.Session() as session:
            while True:
                try:
                    uuid = left.get_nowait()
                except Empty:
                    return
                address = f"{url}/api/v2/{PROJECT}/launch/{uuid}/finish"
                session.put(address, json={"endTime": end}, headers=HEADERS, timeout=30).json()
                read = session.get(f"{url}/api/v1/{PROJECT}/launch/uuid/{uuid}", headers=HEADERS, timeout=30)
                assert read.json()["status"] != "IN_PROGRESS"

    threads = [Thread(target=finish_next) for _ in range(concurrency)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _fill(outbox: Outbox, url: str, uuids: Sequence[str]) -> None:
    end = int(time.time() * 1000) + LATER_MS
    for uuid in uuids:
        outbox.add(OwedLaunch(url, PROJECT, uuid, end_ms=end))


def _drain(url: str, outbox: Outbox, concurrency: int) -> None:
    settings = Settings.load(environ={}, directory="/", endpoint=url, project=PROJECT, api_key=KEY)
    with closing(EntryFinisher(settings)) as finisher:
        chosen = choose(owed_entries(outbox), Choice(), time.time(), lambda _: None)
        worker = Worker(
            cast("Outbox", ChosenEntries(outbox, chosen, lambda: None)),
            finisher,
            owner="bench",
            clock=SystemClock(),
            chance=random.random,
            pace=Pace(concurrency=concurrency, ahead=ahead_of(concurrency)),
        )
        tally = worker.run(once=True)
        assert tally.completed == LAUNCHES, tally
