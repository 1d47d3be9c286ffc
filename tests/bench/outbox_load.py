"""What the outbox takes when it is large, and when several processes use it at once."""

from __future__ import annotations

import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from rp_finalizer.entries import Entry, EntryState, OwedLaunch, Priority
from rp_finalizer.outbox.rows import INSERT, inserted
from rp_finalizer.outbox.sqlite import SqliteOutbox
from rp_finalizer.outcome import Outcome
from rp_finalizer.report import Report
from tests.bench.tables import Table, milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SIZES = (1_000, 100_000)
ROUNDS = 20
LEASE = 600.0
ROOM = 10_000_000
PROCESSES = (1, 4)
SECONDS = 5.0
"""For which the processes use one file."""


def run() -> None:
    """Measure, and print two tables."""
    with tempfile.TemporaryDirectory() as folder:
        _large(Path(folder))
        _together(Path(folder))


def _large(folder: Path) -> None:
    """Tell what every call takes beside so many entries."""
    measured = [json.loads(_process("size", str(folder / f"{size}.db"), str(size))) for size in SIZES]
    table = Table(
        f"Calls of an outbox that holds so many entries; {ROUNDS} calls each: median milliseconds (least-most)",
        ("", *(f"{size:,} entries" for size in SIZES)),
    )
    for name in measured[0]["calls"]:
        table.add(name, *(milliseconds(each["calls"][name]) for each in measured))
    table.add("memory, MiB", *(f"{each['memory']:.1f}" for each in measured))
    table.add("file, MiB", *(f"{each['file']:.1f}" for each in measured))
    table.notes += ["Three of four entries are due. Memory is the process's, the interpreter and all modules included."]
    table.show()


def _together(folder: Path) -> None:
    """Tell what several processes do together, and how long the unluckiest of their calls took."""
    table = Table(
        f"Processes that add, claim and complete in one file for {SECONDS:g} s",
        ("processes", "calls a second", "95 of 100 took at most", "longest call"),
    )
    for number in PROCESSES:
        path = str(folder / f"together-{number}.db")
        SqliteOutbox(Path(path)).statistics()
        processes = [_started("share", path, str(each)) for each in range(number)]
        took = sorted(seconds for each in processes for seconds in json.loads(each.communicate()[0]))
        percentile = took[int(0.95 * len(took))]
        table.add(str(number), f"{len(took) / SECONDS:.0f}", f"{1000 * percentile:.0f} ms", f"{1000 * took[-1]:.0f} ms")
    table.notes += ["A call is a commit. Who finds the file locked waits for a few milliseconds, and tries again."]
    table.show()


def _process(*arguments: str) -> str:
    process = _started(*arguments)
    out, _ = process.communicate()
    return out


def _started(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", __name__, *arguments], stdout=subprocess.PIPE, text=True)


def _launch(number: int) -> OwedLaunch:
    return OwedLaunch("https://rp.example.com", "demo", str(UUID(int=number)), end_ms=1_800_000_000_000)


def fill(path: Path, size: int) -> SqliteOutbox:
    """Make an outbox with so many entries, in one go."""
    outbox = SqliteOutbox(path, size=ROOM)
    outbox.statistics()
    now, priorities = time.time(), list(Priority)
    with sqlite3.connect(path) as db:
        db.executemany(
            INSERT,
            (
                inserted(
                    Entry(
                        str(uuid4()),
                        _launch(each),
                        now,
                        now,
                        priority=priorities[each % len(priorities)],
                        visible_at=now + (900.0 if each % 4 == 1 else 0.0),
                    )
                )
                for each in range(size)
            ),
        )
    db.close()
    return outbox


def _size(path: Path, size: int) -> dict[str, Any]:
    outbox = fill(path, size)
    held: list[Entry] = []
    report = Report(Outcome.FINISHED)
    calls: dict[str, Callable[[int], object]] = {
        "add": lambda each: outbox.add(_launch(10**9 + each)),
        "claim 1": lambda _: held.extend(outbox.claim("bench", 1, LEASE)),
        "claim 10": lambda _: held.extend(outbox.claim("bench", 10, LEASE)),
        "renew": lambda each: outbox.renew(held[each].entry_id, held[each].lease_token, LEASE),
        "complete": lambda each: outbox.complete(held[each].entry_id, held[each].lease_token, report),
        "next due": lambda _: outbox.next_due(),
        "overdue": lambda _: outbox.overdue(),
        "statistics": lambda _: outbox.statistics(),
        "find a launch": lambda each: outbox.find(_launch(each).uuid),
        "queue, 100": lambda _: outbox.queue(),
        "active, 100": lambda _: outbox.active(),
        "list 100 ready": lambda _: outbox.entries(EntryState.READY),
        "list 100 done": lambda _: outbox.entries(EntryState.DONE),
    }
    took = {name: [_seconds(partial(call, each)) for each in range(ROUNDS)] for name, call in calls.items()}
    # Kilobytes on Linux, bytes on macOS.
    unit = 2**20 if sys.platform == "darwin" else 2**10
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return {"calls": took, "memory": memory, "file": path.stat().st_size / 2**20}


def _share(path: Path, process: int) -> list[float]:
    """Use a file that others use, too; give what each call took."""
    outbox, took, number = SqliteOutbox(path, size=ROOM), [], process * 10**9
    report = Report(Outcome.FINISHED)
    end = perf_counter() + SECONDS
    while perf_counter() < end:
        number += 1
        took.append(_seconds(partial(outbox.add, _launch(number))))
        claimed: list[Entry] = []
        took.append(_seconds(lambda claimed=claimed: claimed.extend(outbox.claim("bench", 1, LEASE))))  # type: ignore[misc]
        took += [_seconds(partial(outbox.complete, each.entry_id, each.lease_token, report)) for each in claimed]
    return took


def _seconds(call: Callable[[], object]) -> float:
    begun = perf_counter()
    call()
    return perf_counter() - begun


def _main(arguments: Sequence[str]) -> None:
    what, path, number = arguments
    result = (_size if what == "size" else _share)(Path(path), int(number))
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    _main(sys.argv[1:])
