"""What the outbox in Redis costs above the calls that it cannot do without: bare EVALSHA, as many, on one server."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import UUID

import redis

from rp_finalizer.entries import OwedLaunch
from rp_finalizer.outbox.redis import RedisOutbox
from rp_finalizer.outcome import Outcome
from rp_finalizer.report import Report
from tests.bench.tables import Table, ratio, spread
from tests.support.redis_server import RedisServer

ENTRIES = 1000
ROUNDS = 5
LEASE = 600.0
BARE = "return redis.call('HSET', KEYS[1], 'body', ARGV[1])"
_BODY = "x" * 900
"""About as much as an entry takes."""

_WORKER = """
import sys
from rp_finalizer.outbox.redis import RedisOutbox
from rp_finalizer.outcome import Outcome
from rp_finalizer.report import Report
outbox, report = RedisOutbox(sys.argv[1]), Report(Outcome.FINISHED)
outbox.statistics()
print(flush=True)
sys.stdin.readline()
while claimed := outbox.claim(sys.argv[2], 1, 600.0):
    for entry in claimed:
        outbox.complete(entry.entry_id, entry.lease_token, report)
"""


def run() -> None:
    """Measure, and print the tables."""
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as server:
        _calls(server)
        _workers(server)


def _calls(server: RedisServer) -> None:
    table = Table(
        f"The outbox in Redis, {ENTRIES} launches; calls a second: median (least-most)",
        ("calls", "rounds", "bare EVALSHA", "outbox", "outbox to bare"),
    )
    figures: dict[str, tuple[list[float], list[float]]] = {"add": ([], []), "claim one, complete it": ([], [])}
    for number in range(ROUNDS + 1):
        for name, (bare, ours) in zip(figures, _round(server), strict=True):
            # The first round warms up.
            if number:
                figures[name][0].append(bare)
                figures[name][1].append(ours)
    for name, (bares, all_ours) in figures.items():
        table.add(name, str(ROUNDS), spread(bares), spread(all_ours), ratio(all_ours, bares))
    version = server.do("INFO", "server")["redis_version"]
    table.notes.append(
        f"Redis {version} on loopback, nothing on disk; the bare script writes one field of {len(_BODY)} bytes."
    )
    table.show()


def _round(server: RedisServer) -> list[tuple[float, float]]:
    server.do("FLUSHALL")
    outbox, report = RedisOutbox(server.url), Report(Outcome.FINISHED)
    outbox.statistics()
    begun = perf_counter()
    for number in range(ENTRIES):
        outbox.add(OwedLaunch("https://rp.example.com", "demo", str(UUID(int=number)), end_ms=1_800_000_000_000))
    added = ENTRIES / (perf_counter() - begun)
    begun = perf_counter()
    while claimed := outbox.claim("bench", 1, LEASE):
        for entry in claimed:
            outbox.complete(entry.entry_id, entry.lease_token, report)
    worked = 2 * ENTRIES / (perf_counter() - begun)
    outbox.close()
    return [(_bare(server, ENTRIES), added), (_bare(server, 2 * ENTRIES), worked)]


def _bare(server: RedisServer, number: int) -> float:
    client: Any = redis.Redis.from_url(server.url, protocol=2, decode_responses=True)
    digest = client.script_load(BARE)
    begun = perf_counter()
    for each in range(number):
        client.evalsha(digest, 1, f"bare:{each}", _BODY)
    rate = number / (perf_counter() - begun)
    client.close()
    return rate


def _workers(server: RedisServer) -> None:
    table = Table(
        f"Worker processes on one Redis, {4 * ENTRIES} launches claimed one by one and completed; launches a second",
        ("processes", "rounds", "together", "to one"),
    )
    alone: list[float] = []
    for processes in (1, 2, 4):
        rates = [_drained(server, processes) for _ in range(3)]
        alone = alone or rates
        table.add(str(processes), "3", spread(rates), ratio(rates, alone))
    table.show()


def _drained(server: RedisServer, processes: int) -> float:
    server.do("FLUSHALL")
    outbox = RedisOutbox(server.url)
    for number in range(4 * ENTRIES):
        outbox.add(OwedLaunch("https://rp.example.com", "demo", str(UUID(int=number))))
    command = [sys.executable, "-c", _WORKER, server.url]
    started = [
        subprocess.Popen([*command, f"worker {each}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for each in range(processes)
    ]
    for process in started:
        assert process.stdout is not None
        process.stdout.readline()
    begun = perf_counter()
    for process in started:
        process.communicate(b"\n")
    # The processes' own ends are a part of it, and small beside the rest.
    rate = 4 * ENTRIES / (perf_counter() - begun)
    assert outbox.statistics().counters["completed"] == 4 * ENTRIES
    outbox.close()
    return rate
