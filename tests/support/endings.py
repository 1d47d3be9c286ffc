"""Runs `ending_script` in real processes, and tells what they left behind, there and on the server."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rp_finalizer import Report
from rp_finalizer.emulator import CallKind
from tests.support.commands import PATIENCE, environment, heed_interrupts
from tests.support.reporting import finishes

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator

    from rp_finalizer.emulator import Emulator

ROOT = Path(__file__).parents[2]
REPORTING = {CallKind.START_LAUNCH_V2, CallKind.START_ITEM, CallKind.FINISH_ITEM, CallKind.LOG}


@dataclass(frozen=True, slots=True)
class EndedScript:
    """What a script left behind."""

    code: int
    """The exit code; the negative number of the signal that ended it."""
    out: str
    err: str
    seconds: float
    """From the word to end, or the first signal, until the end of the process."""
    report: Report | None
    """What stands in `report_file`; None where nothing was written."""


class RunningScript:
    """A script that runs, and the test's end of its pipes."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._out: list[str] = []
        self._begun: float | None = None

    def wait_for(self, line: str) -> None:
        """Wait until the script says something."""
        assert self._process.stdout is not None
        for told in self._process.stdout:
            self._out.append(told)
            if told.rstrip("\n") == line:
                return
        raise AssertionError(f"ended without {line!r}: {self._out}, {errors_of(self._folder)}")

    def go(self) -> None:
        """Let the script end."""
        assert self._process.stdin is not None
        self._begin()
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def signal(self, *numbers: signal.Signals) -> None:
        """Send signals."""
        self._begin()
        for number in numbers:
            self._process.send_signal(number)

    def ended(self) -> EndedScript:
        """Wait for the end."""
        assert self._process.stdout is not None
        assert self._begun is not None
        code = self._process.wait(PATIENCE)
        seconds = time.monotonic() - self._begun
        out = "".join(self._out) + self._process.stdout.read()
        path = self._folder / "report.json"
        report = Report.from_json(path.read_text()) if path.exists() else None
        return EndedScript(code, out, errors_of(self._folder), seconds, report)

    def _begin(self) -> None:
        self._begun = self._begun or time.monotonic()


@contextmanager
def running(
    folder: Path, url: str, kind: str, hold: str, ending: str, *, handlers: str = "", **settings: object
) -> Iterator[RunningScript]:
    """Start a script with these settings, and see to it that it is gone in the end."""
    heed_interrupts()
    variables = {f"RP_FINALIZER_{name.upper()}": str(value) for name, value in settings.items()}
    with (
        (folder / "stderr").open("w") as err,
        subprocess.Popen(
            [sys.executable, "-m", "tests.support.ending_script", kind, hold, ending, url, handlers],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=err,
            text=True,
            cwd=folder,
            env=environment(
                AGENT_NO_ANALYTICS="1",
                PYTHONPATH=str(ROOT),
                RP_FINALIZER_REPORT_FILE=str(folder / "report.json"),
                **variables,
            ),
        ) as process,
    ):
        try:
            yield RunningScript(process, folder)
        finally:
            process.kill()


def errors_of(folder: Path) -> str:
    return (folder / "stderr").read_text()


def reported_behind_the_finish(emulator: Emulator) -> list[str]:
    """Give the calls that report something and came after one that asked for the launch's end."""
    asked = [call.number for call in finishes(emulator)]
    behind = (call for call in emulator.calls() if asked and call.number > min(asked))
    return [call.kind.value for call in behind if call.kind in REPORTING]
