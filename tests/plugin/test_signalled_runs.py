"""What a signal does to a run of pytest with the agent: the launch is finished and told, the exit status its own."""

from __future__ import annotations

from dataclasses import dataclass
from signal import SIGHUP, SIGINT, SIGTERM, Signals
from typing import TYPE_CHECKING

import pytest

from rp_finalizer.emulator import Fault
from tests.support.endings import reported_behind_the_finish
from tests.support.reporting import FINISH, UNSENT, finishes, logged

if TYPE_CHECKING:
    from rp_finalizer.emulator import Emulator
    from tests.support.pytest_runs import EndedPytest, PytestRuns

GRACE, GRACE_FOR_WORKERS = 4, 20
"""Workers get a third of it to come to their own ends."""
WAITING = f"""
    import logging
    import pathlib
    import time
    import pytest

    marks = pathlib.Path(__file__).with_name("marks")

    def mark(line):
        with marks.open("a") as file:
            file.write(line + "\\n")

    @pytest.fixture
    def resource():
        yield
        mark("torn down")

    def test_passes():
        pass

    def test_waits(resource):
        for line in range({UNSENT}):
            logging.getLogger("suite").info("line %d", line)
        mark("waiting")
        time.sleep(600)
"""


@dataclass(frozen=True, slots=True)
class Signalled:
    """Which signals come, and how the run ends: a second one while the server works on the finish."""

    signals: tuple[Signals, ...]
    code: int
    group: bool = False
    arguments: tuple[str, ...] = ()

    @property
    def grace(self) -> int:
        return GRACE_FOR_WORKERS if self.arguments else GRACE


def signalled_run(emulator: Emulator, runs: PytestRuns, case: Signalled) -> EndedPytest:
    first, *more = case.signals
    runs = runs.write(test_it=WAITING).with_ini(rp_finalizer_grace=str(case.grace))
    with runs.started(*case.arguments) as live:
        live.wait_for("waiting")
        if more:
            emulator.add_fault(Fault(FINISH, hang=True, times=1))
        live.signal(first, group=case.group)
        if more:
            emulator.wait_until(lambda: emulator.calls(FINISH))
            live.signal(*more, group=case.group)
            emulator.clear_faults()
        return live.ended()


@pytest.mark.parametrize(
    "case",
    [
        Signalled((SIGINT,), 2, group=True),
        Signalled((SIGTERM,), -SIGTERM),
        Signalled((SIGHUP,), -SIGHUP),
        Signalled((SIGINT, SIGINT), 2, group=True),
        Signalled((SIGTERM, SIGTERM), -SIGTERM),
        pytest.param(Signalled((SIGINT,), 2, group=True, arguments=("-n", "2")), marks=pytest.mark.slow),
        Signalled((SIGTERM,), -SIGTERM, arguments=("-n", "2")),
    ],
    ids=["Ctrl-C", "SIGTERM", "SIGHUP", "Ctrl-C twice", "SIGTERM twice", "Ctrl-C, xdist", "SIGTERM, xdist"],
)
def test_signal(emulator: Emulator, runs: PytestRuns, case: Signalled) -> None:
    """A signal unwinds the run within `grace`; its launch is finished as interrupted, and told."""
    ended = signalled_run(emulator, runs, case)
    assert ended.code == case.code, (ended.out, ended.err)
    assert ended.seconds < case.grace + 1
    [launch] = emulator.launches()
    # A worker that is hit while it starts an item leaves it open, and then the server says FAILED whatever it is told.
    assert launch.status.value in ({"INTERRUPTED", "FAILED"} if case.arguments else {"INTERRUPTED"})
    assert [call.applied for call in finishes(emulator)].count(True) == 1
    assert "finished and confirmed" in ended.out
    assert ended.out.count(" ReportPortal ") == 1
    assert reported_behind_the_finish(emulator) == []
    lines = [message for message in logged(emulator, launch.uuid) if message.startswith("line ")]
    assert sorted(lines) == [f"line {number}" for number in range(UNSENT)]
    assert "torn down" in (runs.folder / "marks").read_text()


SLOW_TO_UNWIND = """
    import logging
    import pathlib
    import time

    def test_waits():
        pathlib.Path(__file__).with_name("marks").write_text("waiting\\n")
        try:
            time.sleep(600)
        finally:
            time.sleep(1)
            logging.getLogger("suite").info("late")
"""


@pytest.mark.slow
def test_interrupted_workers_are_waited_for(emulator: Emulator, runs: PytestRuns) -> None:
    """After Ctrl-C the finish waits for what the workers still do and report, so that it stays the last."""
    runs = runs.write(test_it=SLOW_TO_UNWIND).with_ini(rp_finalizer_grace=str(GRACE_FOR_WORKERS))
    with runs.started("-n", "2") as live:
        live.wait_for("waiting")
        live.signal(SIGINT, group=True)
        ended = live.ended()
    assert ended.code == 2
    [launch] = emulator.launches()
    assert reported_behind_the_finish(emulator) == []
    told = [(call.kind.value, call.body, call.status, call.applied) for call in emulator.calls()]
    assert launch.status.value == "INTERRUPTED", (ended.out, told)
    assert "late" in logged(emulator, launch.uuid)


SLOWER_THAN_GRACE = """
    import pathlib
    import time

    def test_waits():
        pathlib.Path(__file__).with_name("marks").write_text("waiting\\n")
        try:
            time.sleep(600)
        finally:
            time.sleep(1.3)
"""


def test_unwinding_that_takes_longer_than_the_grace(emulator: Emulator, runs: PytestRuns) -> None:
    """A run that needs longer than `grace` to come to its end after Ctrl-C was interrupted all the same."""
    with runs.write(test_it=SLOWER_THAN_GRACE).with_ini(rp_finalizer_grace="1").started() as live:
        live.wait_for("waiting")
        live.signal(SIGINT)
        ended = live.ended()
    assert ended.code == 2
    assert emulator.launches()[0].status.value == "INTERRUPTED"
    assert "finished and confirmed" in ended.out
