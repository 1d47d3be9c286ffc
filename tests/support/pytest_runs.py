"""Real pytest in a process and a folder of its own, with the agent pointed at a server of the test's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from textwrap import dedent
from typing import TYPE_CHECKING

from rp_finalizer import Report
from tests.support.commands import PATIENCE, environment, heed_interrupts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

REPORT = "report.json"
OTHERS = ("hypothesispytest", "anyio", "asyncio", "rerunfailures", "schemathesis")
"""Plugins that our own tests need, and that cost every run a second."""
PYTEST = ("-m", "pytest")
POLL = 0.02
"""Seconds between two looks at a file."""


@dataclass(frozen=True, slots=True)
class EndedPytest:
    """What a run left behind."""

    code: int
    """The exit status; the negative number of the signal that ended it."""
    out: str
    err: str
    seconds: float
    """From the start, or the first signal where there was one, to the end of the process."""
    report: Report | None
    """What stands in `report_file`; None where nothing was written."""


class LivePytest:
    """A run that goes on, in a process group of its own."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._begun = time.monotonic()
        self._signalled = False

    @property
    def pid(self) -> int:
        """The controller's process."""
        return self._process.pid

    def wait_for(self, line: str, file: str = "marks", timeout: float = PATIENCE) -> None:
        """Wait until a line stands in a file of the run's folder: tests write there how far they are."""
        path = self._folder / file
        deadline = time.monotonic() + timeout
        while not path.exists() or line not in path.read_text().splitlines():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"no {line!r} in {file}; {self._left()}")
            time.sleep(POLL)

    def signal(self, *numbers: signal.Signals, group: bool = False) -> None:
        """Send signals to the controller, or, as a terminal's Ctrl-C does, to its whole group."""
        if not self._signalled:
            self._begun, self._signalled = time.monotonic(), True
        for number in numbers:
            if group:
                os.killpg(self._process.pid, number)
            else:
                self._process.send_signal(number)

    def ended(self) -> EndedPytest:
        """Wait for the end."""
        try:
            code = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"pytest does not end; {self._left()}") from None
        seconds = time.monotonic() - self._begun
        path = self._folder / REPORT
        report = Report.from_json(path.read_text()) if path.exists() else None
        return EndedPytest(code, _text(self._folder / "stdout"), _text(self._folder / "stderr"), seconds, report)

    def _left(self) -> str:
        return f"stdout: {_text(self._folder / 'stdout')} stderr: {_text(self._folder / 'stderr')}"


@dataclass(frozen=True, slots=True)
class PytestRuns:
    """Runs pytest in a folder; the agent is told of the server in `pytest.ini`, and switched on by its flag."""

    folder: Path
    url: str
    ini: Mapping[str, str] = field(default_factory=dict)
    """Lines of the ini file, over those that every run has; the value `-` leaves a line out."""
    variables: Mapping[str, str] = field(default_factory=dict)
    plugins: tuple[str, ...] = ()
    """Those of `OTHERS` that are meant to be there."""

    def with_ini(self, **ini: str) -> PytestRuns:
        """Give the same with more lines in the ini file."""
        return replace(self, ini={**self.ini, **ini})

    def with_variables(self, **variables: str) -> PytestRuns:
        """Give the same with more environment variables."""
        return replace(self, variables={**self.variables, **variables})

    def with_plugins(self, *plugins: str) -> PytestRuns:
        """Give the same with plugins that are left out otherwise."""
        return replace(self, plugins=(*self.plugins, *plugins))

    def write(self, **files: str) -> PytestRuns:
        """Write Python files, `test_a="..."` into `test_a.py`."""
        for name, text in files.items():
            (self.folder / f"{name}.py").write_text(dedent(text))
        return self

    def run(self, *arguments: str, reporting: bool = True, program: Sequence[str] = PYTEST) -> EndedPytest:
        """Run pytest to its end."""
        with self.started(*arguments, reporting=reporting, program=program) as live:
            return live.ended()

    @contextmanager
    def started(self, *arguments: str, reporting: bool = True, program: Sequence[str] = PYTEST) -> Iterator[LivePytest]:
        """Start pytest, and see to it that it and its workers are gone in the end.

        `reporting` gives the agent's own flag. A file `marks` beside the tests is theirs to write into. `program` may
        name a script of the run's folder instead, which is given pytest's arguments.
        """
        heed_interrupts()
        (self.folder / "pytest.ini").write_text(self._ini_text())
        flags = ("--reportportal",) if reporting else ()
        left_out = [part for name in OTHERS if name not in self.plugins for part in ("-p", f"no:{name}")]
        with (
            (self.folder / "stdout").open("wb") as out,
            (self.folder / "stderr").open("wb") as err,
            subprocess.Popen(
                [sys.executable, *program, *left_out, *flags, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=self.folder,
                env=environment(**{"AGENT_NO_ANALYTICS": "1", **self.variables}),
                start_new_session=True,
            ) as process,
        ):
            try:
                yield LivePytest(process, self.folder)
            finally:
                _kill_group(process)

    def _ini_text(self) -> str:
        lines = {
            "rp_endpoint": self.url,
            "rp_project": "demo",
            "rp_api_key": "demo_key",
            "rp_launch": "smoke",
            "rp_finalizer_report_file": str(self.folder / REPORT),
            **self.ini,
        }
        return "\n".join(["[pytest]", *(f"{name} = {value}" for name, value in lines.items() if value != "-"), ""])


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # all of them are gone already


def _text(path: Path) -> str:
    return path.read_text(errors="replace")
