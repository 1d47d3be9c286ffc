"""Real processes of the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SCRIPT = Path(sys.executable).with_name("rp-finalize")
PATIENCE = 60.0
"""Seconds until a process that does not end is a failed test."""
OUTSIDE = ("RP_", "LAUNCH_", "COVERAGE_", "PYTEST_", "GITHUB_", "CI")
"""What variables begin with that belong to whoever runs the tests."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def document(self) -> dict[str, Any]:
        """Give the one JSON document on stdout; fail where there is another thing."""
        document = json.loads(self.out)
        assert isinstance(document, dict)
        return document


@dataclass(frozen=True, slots=True)
class Commands:
    """Runs commands in a folder, with these variables and none of the tests' own."""

    folder: Path
    variables: Mapping[str, str]

    def with_variables(self, **variables: str) -> Commands:
        return Commands(self.folder, {**self.variables, **variables})

    def without(self, *names: str) -> Commands:
        return Commands(self.folder, {name: text for name, text in self.variables.items() if name not in names})

    def run(self, *arguments: str, stdin: str = "") -> Ended:
        with self.started(*arguments, stdin=subprocess.PIPE) as process:
            return ended(process, stdin)

    @contextmanager
    def started(self, *arguments: str, stdin: int | IO[str] = subprocess.DEVNULL) -> Iterator[subprocess.Popen[str]]:
        """Start a command, and see to it that it is gone in the end."""
        process = subprocess.Popen(
            [SCRIPT, *arguments],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=self._environ(),
        )
        with process:
            try:
                yield process
            finally:
                process.kill()

    def _environ(self) -> dict[str, str]:
        return environment(**self.variables)


def environment(**variables: str) -> dict[str, str]:
    """Give the tests' environment with these variables, and without what would tell a process where it runs."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(OUTSIDE)}
    return {**kept, "PYTHONWARNINGS": "default", **variables}


def heed_interrupts() -> None:
    """Let processes that are started from here on take SIGINT, also where ours was started to ignore it.

    What runs in the background is, in a shell's scripts and under `nohup`, and hands that on to its children.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def ended(process: subprocess.Popen[str], stdin: str | None = None) -> Ended:
    """Wait for a command's end."""
    out, err = process.communicate(stdin, timeout=PATIENCE)
    return Ended(process.returncode, out, err)
