"""How long the status service takes to answer beside a long queue, over HTTP, from a real `rp-finalize serve`."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING
from uuid import uuid4

from rp_finalizer.entries import OwedLaunch
from rp_finalizer.outbox.redis import RedisOutbox
from tests.bench.outbox_load import fill
from tests.bench.tables import Table
from tests.support.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

QUEUED = 10_000
CALLS = 300
WARMING = 10
FLOOR = "/healthz"
PAGE = "/"
PATHS = (FLOOR, "/api/v1/queue/status", "/api/v1/queue/statistics", "/api/v1/dead-letters", "/metrics", PAGE)
DRAWN = 15
"""Calls of a page that nobody has asked for lately."""
APART = 1.1
"""Seconds between these: a page is shown for one."""


def run() -> None:
    """Measure, and print a table."""
    table = Table(
        f"Answers of `rp-finalize serve` beside {QUEUED:,} queued launches; {CALLS} calls each, one after the other",
        ("outbox", "call", "median ms", "95 of 100 took at most, ms", f"median to {FLOOR}'s"),
        text_columns=2,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "outbox.db")
        fill(path, QUEUED).close()
        _measure(table, "SQLite", str(path))
        with RedisServer(Path(folder)) as redis:
            outbox = RedisOutbox(redis.url)
            for _ in range(QUEUED):
                outbox.add(OwedLaunch("https://rp.example.com", "demo", str(uuid4()), end_ms=1_800_000_000_000))
            outbox.close()
            _measure(table, "Redis", redis.url)
    table.notes += [
        f"{FLOOR} asks no outbox: it is what HTTP itself takes here. Lists hold 100 entries.",
        "The page is drawn once a second at most, for all who watch.",
    ]
    table.show()


def _measure(table: Table, name: str, outbox: str) -> None:
    with _service(outbox) as url:
        connection = http.client.HTTPConnection(url.removeprefix("http://"))
        took: dict[str, list[float]] = {path: [] for path in PATHS}
        # In turns, so that whatever else the machine does slows all of them down.
        for number in range(CALLS + WARMING):
            for path in PATHS:
                seconds = _seconds(connection, path)
                if number >= WARMING:
                    took[path].append(seconds)
        anew = []
        for _ in range(DRAWN):
            time.sleep(APART)
            anew.append(_seconds(connection, PAGE))
        connection.close()
    floor = sorted(took[FLOOR])[CALLS // 2]
    for path, each in {**took, f"{PAGE} drawn anew": anew}.items():
        each.sort()
        middle, late = each[len(each) // 2], each[int(0.95 * len(each))]
        table.add(name, path, f"{1000 * middle:.1f}", f"{1000 * late:.1f}", f"{middle / floor:.1f}")


def _seconds(connection: http.client.HTTPConnection, path: str) -> float:
    begun = perf_counter()
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200, (path, body)
    return perf_counter() - begun


@contextmanager
def _service(outbox: str) -> Iterator[str]:
    script = Path(sys.executable).with_name("rp-finalize")
    command = [str(script), "serve", "--listen", "127.0.0.1:0", "--json", "--quiet", "--outbox", outbox]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.terminate()
        process.communicate()
