"""What the outbox in Redis costs above the calls that it cannot do without: bare EVALSHA, as many, on one server."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from hashlib import sha1
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any
from uuid import UUID

import redis

from rp_finalizer.entries import OwedLaunch
from rp_finalizer.outbox.redis import RedisOutbox
from rp_finalizer.outbox.redis_scripts import Script
from rp_finalizer.outbox.redis_transport import RedisTransport
from rp_finalizer.outcome import Outcome
from rp_finalizer.report import Report
from tests.bench.tables import Table, ratio, spread
from tests.support.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ENTRIES = 1000
ROUNDS = 5
BLOCK = 50
"""Calls of a kind before those of the next."""
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
print(flush=True)
sys.stdin.readline()
"""
_BARE_WORKER = """
import sys, redis
client = redis.Redis.from_url(sys.argv[1], protocol=2, decode_responses=True)
digest, name, body, number = client.script_load(sys.argv[3]), sys.argv[2], sys.argv[4], int(sys.argv[5])
print(flush=True)
sys.stdin.readline()
for each in range(number):
    client.evalsha(digest, 1, f"{name} {each}", body)
print(flush=True)
sys.stdin.readline()
"""


def run() -> None:
    """Measure, and print the tables."""
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as server:
        _calls(server, "nothing on disk")
        _workers(server)
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder), durable=True) as server:
        _calls(server, "appendonly yes, appendfsync always")


def _calls(server: RedisServer, kept: str) -> None:
    table = Table(
        f"The outbox in Redis ({kept}), {ENTRIES} launches; calls a second: median (least-most)",
        ("calls", "rounds", "bare EVALSHA", "bare, own way", "outbox", "to bare", "to bare, own way"),
    )
    figures: dict[str, list[tuple[float, ...]]] = {"add": [], "claim one, complete it": []}
    for number in range(ROUNDS + 1):
        for name, rates in zip(figures, _round(server), strict=True):
            # The first round warms up.
            if number:
                figures[name].append(rates)
    for name, rounds in figures.items():
        bare, own_way, ours = zip(*rounds, strict=True)
        told = (spread(bare), spread(own_way), spread(ours), ratio(ours, bare), ratio(ours, own_way))
        table.add(name, str(ROUNDS), *told)
    version = server.do("INFO", "server")["redis_version"]
    table.notes += [
        f"Redis {version} on loopback, {kept}. A bare call writes one field of {len(_BODY)} bytes, about what an",
        "entry takes, by redis-py's `evalsha`; own way: over redis-py's connections, as the outbox sends. In turn",
        f"{BLOCK} calls of each kind, so that all of them meet the same machine.",
    ]
    table.show()


def _round(server: RedisServer) -> list[tuple[float, ...]]:
    server.do("FLUSHALL")
    outbox, report = RedisOutbox(server.url), Report(Outcome.FINISHED)
    outbox.statistics()

    def add(number: int) -> None:
        outbox.add(OwedLaunch("https://rp.example.com", "demo", str(UUID(int=number)), end_ms=1_800_000_000_000))

    def work(number: int) -> None:
        # Two calls for one launch.
        if number % 2:
            (entry,) = outbox.claim("bench", 1, LEASE)
            outbox.complete(entry.entry_id, entry.lease_token, report)

    with _bare(server) as bare, _bare_own_way(server) as own_way:
        rates = [_rates(ENTRIES, bare, own_way, add), _rates(2 * ENTRIES, bare, own_way, work)]
    assert outbox.statistics().counters["completed"] == ENTRIES
    outbox.close()
    return rates


def _rates(number: int, *kinds: Callable[[int], None]) -> tuple[float, ...]:
    """Do as many calls of each kind, some of each in turn; give how many a second."""
    seconds = [0.0] * len(kinds)
    for first in range(0, number, BLOCK):
        for index, kind in enumerate(kinds):
            begun = perf_counter()
            for each in range(first, first + BLOCK):
                kind(each)
            seconds[index] += perf_counter() - begun
    return tuple(number / each for each in seconds)


@contextmanager
def _bare(server: RedisServer) -> Iterator[Callable[[int], None]]:
    client: Any = redis.Redis.from_url(server.url, protocol=2, decode_responses=True)
    digest = client.script_load(BARE)

    def call(number: int) -> None:
        client.evalsha(digest, 1, f"bare:{number}", _BODY)

    yield call
    client.close()


@contextmanager
def _bare_own_way(server: RedisServer) -> Iterator[Callable[[int], None]]:
    transport, script = RedisTransport(server.url, 1.0, 5.0), Script(BARE, sha1(BARE.encode()).hexdigest())  # noqa: S324  Redis names scripts so

    def call(number: int) -> None:
        transport.do(script, ("1", f"bare:{number}", _BODY))

    yield call
    transport.close()


def _workers(server: RedisServer) -> None:
    table = Table(
        f"Worker processes on one Redis, {4 * ENTRIES} launches claimed one by one and completed, "
        f"and {8 * ENTRIES} bare EVALSHA; a second",
        ("processes", "rounds", "bare calls", "to one", "launches", "to one"),
    )
    bare_alone: list[float] = []
    alone: list[float] = []
    for processes in (1, 2, 4):
        bare = [_called(server, processes) for _ in range(3)]
        rates = [_drained(server, processes) for _ in range(3)]
        bare_alone, alone = bare_alone or bare, alone or rates
        told = (spread(bare), ratio(bare, bare_alone), spread(rates), ratio(rates, alone))
        table.add(str(processes), "3", *told)
    table.notes.append("The server and all processes share the cores: what bare calls gain is what there is to gain.")
    table.show()


def _called(server: RedisServer, processes: int) -> float:
    server.do("FLUSHALL")
    number = 8 * ENTRIES // processes
    return 8 * ENTRIES / _seconds(server, _BARE_WORKER, processes, BARE, _BODY, str(number))


def _drained(server: RedisServer, processes: int) -> float:
    server.do("FLUSHALL")
    outbox = RedisOutbox(server.url)
    for number in range(4 * ENTRIES):
        outbox.add(OwedLaunch("https://rp.example.com", "demo", str(UUID(int=number))))
    rate = 4 * ENTRIES / _seconds(server, _WORKER, processes)
    assert outbox.statistics().counters["completed"] == 4 * ENTRIES
    outbox.close()
    return rate


def _seconds(server: RedisServer, program: str, processes: int, *arguments: str) -> float:
    """Have so many processes do what they do, from a line on their stdin to a line on their stdout."""
    with ExitStack() as stack:
        started = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", program, server.url, f"worker {each}", *arguments],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
            )
            for each in range(processes)
        ]
        _await_lines(started)
        begun = perf_counter()
        for process in started:
            assert process.stdin is not None
            process.stdin.write(b"\n")
            process.stdin.flush()
        _await_lines(started)
        return perf_counter() - begun


def _await_lines(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
