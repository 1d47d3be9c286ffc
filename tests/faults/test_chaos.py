"""A fleet of workers that comes to harm in many ways at once: `make chaos`, in short."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.running import run
from tests.chaos.schedule import plan
from tests.chaos.size import SHORT, HarmKind
from tests.support.polling import until

LONG = 60.0
"""Seconds in which what is waited for must have happened."""


@pytest.mark.parametrize("in_redis", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["redis", "sqlite"])
def test_every_launch_is_finished_whatever_befalls_the_fleet(*, in_redis: bool) -> None:
    """Each has the end and the status that were owed, none is lost, and only what cannot be finished is given up."""
    size = SHORT if in_redis else SHORT.only(HarmKind.KILL_WORKER)
    ran = run(plan(4, size), in_redis=in_redis, timed=False)
    assert ran.verdict.broken == ()
    assert ran.harms == dict(size.harms)
    assert ran.verdict.figures.finished == size.launches - size.doomed


def processes_with(variable: bytes) -> list[int]:
    """Give the processes that were started with this variable in their environment."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            if variable in (each / "environ").read_bytes().split(b"\0"):
                found.append(int(each.name))
        except OSError:
            # It has ended, or is somebody else's.
            continue
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="the system does not tell what runs")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_broken_off_leaves_nothing_behind(how: signal.Signals, tmp_path: Path) -> None:
    """No process and no file; nothing is said to have been kept."""
    variable = f"TMPDIR={tmp_path}".encode()
    command = [sys.executable, "-m", "tests.chaos", "--launches", "400", "--workers", "4"]
    with subprocess.Popen(
        command, cwd=Path(__file__).parents[2], env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE
    ) as chaos:
        try:
            # Itself, the server, Redis, and four workers.
            until(lambda: len(processes_with(variable)) >= 7, seconds=LONG)
            chaos.send_signal(how)
            out, _ = chaos.communicate(timeout=LONG)
        finally:
            chaos.kill()
    assert chaos.returncode == 128 + how
    assert processes_with(variable) == []
    assert list(tmp_path.iterdir()) == []
    assert b"kept" not in out
