"""Processes timed from outside, from their start to their end."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TIMEOUT = 60.0


def python(code: str) -> list[str]:
    """Give the command that runs a piece of Python."""
    return [sys.executable, "-c", code]


def time_in_turn(commands: Mapping[str, Sequence[str]], runs: int) -> dict[str, list[float]]:
    """Time each command so often, in turn, so that what has the same index ran at nearly the same time.

    A first run of each is not counted: it compiles, as installing a package does.
    """
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as elsewhere:
        for command in commands.values():
            _time(command, elsewhere)
        for _ in range(runs):
            for name, command in commands.items():
                seconds[name].append(_time(command, elsewhere))
    return seconds


def output_of(command: Sequence[str]) -> str:
    """Give what a command prints."""
    with tempfile.TemporaryDirectory() as elsewhere:
        return subprocess.run(
            command,
            cwd=elsewhere,
            timeout=TIMEOUT,
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        ).stdout


def _time(command: Sequence[str], directory: str) -> float:
    # Compiled code is kept, whatever the surroundings say of it, and apart from the tree.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environ["PYTHONPYCACHEPREFIX"] = directory
    # Without a time-out: to keep one, `subprocess` looks for the end only every so often, up to 50 ms apart.
    # In a process group of its own: at a Ctrl-C we end it, and it need not tell of it, too.
    begun = perf_counter()
    subprocess.run(
        command,
        cwd=directory,
        env=environ,
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        process_group=0,
    )
    return perf_counter() - begun
