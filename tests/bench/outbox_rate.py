"""What the outbox costs above the commits that it cannot do without: bare SQLite, the same commits, the same disk."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from pathlib import Path
from time import perf_counter
from uuid import UUID

from rp_finalizer.entries import OwedLaunch
from rp_finalizer.outbox.database_file import DatabaseFile
from rp_finalizer.outbox.sqlite import SqliteOutbox
from rp_finalizer.outcome import Outcome
from rp_finalizer.report import Report
from tests.bench.tables import Table, ratio, spread

ENTRIES = 100
ROUNDS = 7
LEASE = 600.0
_BODY = "x" * 900
"""About as much as an entry takes."""


def run() -> None:
    """Measure, and print a table."""
    table = Table(
        f"The outbox in a file, {ENTRIES} launches added and finished; commits a second: median (least-most)",
        ("claimed at once", "rounds", "bare SQLite", "outbox", "outbox to bare"),
    )
    with tempfile.TemporaryDirectory() as folder:
        mode = DatabaseFile(Path(folder, "x")).journal_mode()
        for size in (1, 10):
            bare: list[float] = []
            ours: list[float] = []
            for number in range(ROUNDS + 1):
                path = Path(folder, f"{size}-{number}")
                bare.append(_bare(path.with_suffix(".bare"), mode, size))
                ours.append(_outbox(path.with_suffix(".ours"), size))
            # The first round of each warms up.
            bare, ours = bare[1:], ours[1:]
            table.add(str(size), str(ROUNDS), spread(bare), spread(ours), ratio(ours, bare))
    table.notes += [
        f"SQLite {sqlite3.sqlite_version}, journal {mode}, synchronous FULL. Both do the same number of commits: one",
        "to add, one for each claim, one to complete. Bare SQLite inserts, selects and updates rows of the same size.",
    ]
    table.show()


def _outbox(path: Path, size: int) -> float:
    outbox = SqliteOutbox(path)
    outbox.statistics()
    begun, commits = perf_counter(), 0
    for number in range(ENTRIES):
        outbox.add(OwedLaunch("https://rp.example.com", "demo", str(UUID(int=number)), end_ms=1_800_000_000_000))
        commits += 1
    report = Report(Outcome.FINISHED)
    while entries := outbox.claim("bench", size, LEASE):
        commits += 1
        for entry in entries:
            outbox.complete(entry.entry_id, entry.lease_token, report)
            commits += 1
    seconds = perf_counter() - begun
    outbox.close()
    return commits / seconds


def _bare(path: Path, mode: str, size: int) -> float:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(f"PRAGMA journal_mode = {mode}")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, state TEXT, at REAL, body TEXT)")
    db.execute("CREATE INDEX i ON t (at) WHERE state = 'ready'")
    begun, commits = perf_counter(), 0
    for number in range(ENTRIES):
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO t VALUES (?, 'ready', ?, ?)", (number, time.time(), _BODY))
        db.execute("COMMIT")
        commits += 1
    while True:
        db.execute("BEGIN IMMEDIATE")
        rows = db.execute("SELECT id, body FROM t WHERE state = 'ready' ORDER BY at LIMIT ?", (size,)).fetchall()
        db.executemany("UPDATE t SET state = 'leased', body = ? WHERE id = ?", [(body, id_) for id_, body in rows])
        db.execute("COMMIT")
        if not rows:
            break
        commits += 1
        for id_, body in rows:
            db.execute("BEGIN IMMEDIATE")
            db.execute("UPDATE t SET state = 'done', body = ? WHERE id = ?", (body, id_))
            db.execute("COMMIT")
            commits += 1
    seconds = perf_counter() - begun
    db.close()
    return commits / seconds
