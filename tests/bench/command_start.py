"""What the command line costs before it does anything."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.bench.fresh_process import python, time_in_turn
from tests.bench.tables import Table, difference, milliseconds, ratio

RUNS = 15
HELP = "rp-finalize --help"
CLICK = 'python -c "import click"'
PASS = 'python -c "pass"'


def run() -> None:
    """Measure, and print a table."""
    script = Path(sys.executable).with_name("rp-finalize")
    seconds = time_in_turn({PASS: python("pass"), CLICK: python("import click"), HELP: [str(script), "--help"]}, RUNS)
    table = Table(
        "Starting the command, in a fresh process; milliseconds: median (least-most)",
        ("command", "runs", "whole process", "more than click", "to click"),
    )
    table.add(PASS, str(RUNS), milliseconds(seconds[PASS]), "", "")
    table.add(CLICK, str(RUNS), milliseconds(seconds[CLICK]), "", "")
    more = f"{1000 * difference(seconds[HELP], seconds[CLICK]):.1f}"
    table.add(HELP, str(RUNS), milliseconds(seconds[HELP]), more, ratio(seconds[HELP], seconds[CLICK]))
    table.notes += ["More than click is the difference of the medians; the ratio is taken pair by pair."]
    table.show()
