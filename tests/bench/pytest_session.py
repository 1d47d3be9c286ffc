"""What reporting costs a whole pytest session, from the start of its process to its end."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.bench.emulator_process import EmulatorProcess
from tests.bench.fresh_process import time_in_turn
from tests.bench.tables import Table, difference, milliseconds, ratio

RUNS = 9
TESTS, LOGS = 20, 10
"""Tests of the session, and logs of each."""

SLEEP = 3.0
"""Seconds: fixed in the client's `finish_launch`."""

BARE = "no reporting, our plugin switched off"
IDLE = "no reporting, our plugin idle"
AGENT = "the agent alone"
OURS = "the agent and our plugin"

_OFF = ("-p", "no:conftest_plugin.plugin")
_TESTS = f"""
import logging
import pytest

@pytest.mark.parametrize("number", range({TESTS}))
def test_one(number):
    for line in range({LOGS}):
        logging.getLogger("shop").warning("line %d of test %d", line, number)
"""


def run() -> None:
    """Measure, and print a table."""
    with EmulatorProcess() as emulator, tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_shop.py").write_text(_TESTS, encoding="utf-8")
        ini = Path(folder, "pytest.ini")
        ini.write_text(
            f"[pytest]\nrp_endpoint = {emulator.url}\nrp_project = demo\nrp_api_key = demo_key\nrp_launch = bench\n"
            f"rp_finalizer_outbox = {folder}/outbox.db\n",
            encoding="utf-8",
        )
        pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(ini), folder]
        seconds = time_in_turn(
            {
                BARE: [*pytest, *_OFF],
                IDLE: pytest,
                AGENT: [*pytest, "--reportportal", *_OFF],
                OURS: [*pytest, "--reportportal"],
            },
            RUNS,
        )
    table = Table(
        f"A pytest session of {TESTS} tests and {TESTS * LOGS} logs, on loopback; milliseconds: median (least-most)",
        ("session", "runs", "whole process", "more than idle", "to idle"),
    )
    for name, times in seconds.items():
        more = f"{1000 * difference(times, seconds[IDLE]):.0f}"
        table.add(name, str(RUNS), milliseconds(times), more, ratio(times, seconds[IDLE]))
    reporting = difference(seconds[AGENT], seconds[IDLE]) - SLEEP
    ours = difference(seconds[OURS], seconds[IDLE])
    table.notes += [
        f"The idle plugin costs {1000 * difference(seconds[IDLE], seconds[BARE]):.1f} ms (difference of the medians).",
        f"The agent itself, without the {SLEEP:g} s that it sleeps, costs {1000 * reporting:.0f} ms above idle.",
        f"To that we add {1000 * (ours - reporting):.0f} ms: finish and read-back, outbox and guardian.",
        "Both plugins are installed in every session.",
    ]
    table.show()
