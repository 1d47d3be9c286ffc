"""`rp-finalize worker` as whoever runs it for months sees it."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING

import pytest

from rp_finalizer.emulator import Fault
from rp_finalizer.entries import EntryState
from tests.support.commands import ended
from tests.support.owed import commands, owed
from tests.support.polling import until
from tests.support.reporting import FINISH, finishes, status_of

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from rp_finalizer.emulator import Emulator
    from tests.support.commands import Commands
    from tests.support.owed import Owed

__all__ = ["commands", "owed"]


def metrics_of(file: Path) -> dict[str, Any]:
    """Read the file; it is whole whenever it is there."""
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}


def test_what_comes_is_finished_until_it_is_stopped(emulator: Emulator, owed: Owed, commands: Commands) -> None:
    """What is there and what comes later is finished; SIGTERM ends it with 143, and says what was done."""
    first = owed.add_started(2)
    with commands.started("worker") as worker:
        emulator.wait_until(lambda: {status_of(emulator, uuid) for uuid in first} == {"PASSED"}, 20)
        (later,) = owed.add_started()
        emulator.wait_until(lambda: status_of(emulator, later) == "PASSED", 20)
        until(lambda: owed.state(later) is EntryState.DONE)
        worker.send_signal(signal.SIGTERM)
        stopped = ended(worker)
    assert (stopped.code, stopped.out) == (143, "3 finished, 0 put off, 0 given up\n")
    assert "what runs is finished" in stopped.err


def test_what_runs_is_finished_and_nothing_new_taken(emulator: Emulator, owed: Owed, commands: Commands) -> None:
    """Ctrl-C lets the launch that is worked on come to its end; the others are handed back, and it exits with 130."""
    uuids = owed.add_started(3)
    held = emulator.add_fault(Fault(FINISH, hang=True))
    with commands.started("worker", "--concurrency", "1") as worker:
        emulator.wait_until(lambda: finishes(emulator), 20)
        worker.send_signal(signal.SIGINT)
        assert worker.stderr is not None
        assert any("what runs is finished" in line for line in iter(worker.stderr.readline, ""))
        held.remove()
        assert ended(worker).code == 130
    assert sorted(owed.state(uuid) for uuid in uuids) == ["done", "ready", "ready"]


def test_the_file_of_metrics(owed: Owed, commands: Commands, tmp_path: Path) -> None:
    """It is there from the start, always whole, counts what is done, and tells when nobody works any more."""
    file = tmp_path / "metrics.json"
    owed.bury(owed.start()[0])
    with commands.started("worker", "--metrics-file", str(file), "--concurrency", "3", "--json") as worker:
        until(lambda: metrics_of(file).get("is_running"))
        owed.add_started(2)
        until(lambda: metrics_of(file)["since_start"]["completed"] == 2)
        running = metrics_of(file)
        worker.send_signal(signal.SIGTERM)
        document = ended(worker).document()
    assert running["max_concurrent"] == 3
    assert running["check_interval"] > 0
    counters = {"added": 3, "completed": 2, "failed": 1, "retried": 0, "recovered": 0, "dead": 1}
    assert running["counters"] == counters
    assert running["since_start"] == {**counters, "added": 2, "failed": 0, "dead": 0}
    assert 0 < running["latency"]["p50"] <= running["latency"]["p95"] <= running["latency"]["p99"] < 60
    assert running["errors"] == {"unavailable": 1}
    assert running["success_rate"] == pytest.approx(2 / 3)
    assert metrics_of(file)["is_running"] is False
    assert document["counters"] == counters
    assert [path.name for path in tmp_path.iterdir() if "metrics" in path.name] == ["metrics.json"]


def test_no_more_than_the_rate(emulator: Emulator, owed: Owed, commands: Commands) -> None:
    """--rate spreads launches over time, whatever the concurrency."""
    owed.add_started(5)
    with commands.started("worker", "--rate", "4"):
        emulator.wait_until(lambda: len(finishes(emulator)) == 5, 30)
    calls = [call.at for call in finishes(emulator)]
    assert calls[-1] - calls[0] >= 4 / 4 * 0.9


def test_an_outbox_that_fails_meanwhile(emulator: Emulator, owed: Owed, commands: Commands) -> None:
    """A worker goes on when its outbox was deleted underneath it: it begins a new one."""
    with commands.started("worker") as worker:
        # It has begun; while it makes the file, that would be another story.
        assert worker.stderr is not None
        assert worker.stderr.readline().startswith("working off")
        owed.outbox.close()
        for path in owed.path.parent.glob("outbox.db*"):
            path.unlink()
        (uuid,) = owed.add_started()
        emulator.wait_until(lambda: status_of(emulator, uuid) == "PASSED", 20)
        assert worker.poll() is None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--lease", "0.5"], "lease '0.5'"),
        (["--entry-timeout", "0"], "entry_timeout '0'"),
        (["--rate", "0"], "--rate"),
        (["--concurrency", "0"], "--concurrency"),
        (["--metrics-file", "/nowhere/metrics.json"], "--metrics-file"),
        (["--outbox", "off"], "switched off"),
        (["--listen", "127.0.0.1"], "--listen"),
    ],
)
def test_wrong_usage(commands: Commands, arguments: list[str], says: str) -> None:
    """Wrong usage exits with 2 before anything is taken."""
    begun = time.monotonic()
    refused = commands.run("worker", *arguments)
    assert (refused.code, refused.out) == (2, "")
    assert says in refused.err
    assert "Traceback" not in refused.err
    assert time.monotonic() - begun < 20
