"""What others do around the session leaves no launch open, and what we cannot do breaks no run."""

from __future__ import annotations

from signal import SIGINT
from typing import TYPE_CHECKING

from tests.support.fault_modes import Refuse

if TYPE_CHECKING:
    from rp_finalizer.emulator import Emulator
    from tests.support.fault_proxy import FaultProxy
    from tests.support.pytest_runs import PytestRuns

PASSING = """
    def test_passes():
        pass
"""


def test_session_that_does_not_begin(emulator: Emulator, runs: PytestRuns) -> None:
    """What ends the session before its first test, when the agent has started its launch, leaves none open."""
    runs = runs.write(
        test_it=PASSING,
        conftest="""
            import pytest

            @pytest.hookimpl(wrapper=True)
            def pytest_sessionstart():
                yield
                pytest.exit("there is no database")
        """,
    )
    ended = runs.run()
    assert ended.code == 2
    assert emulator.launches()[0].status.final
    assert "finished and confirmed" in ended.out


def test_second_interrupt_at_the_sessions_end(emulator: Emulator, runs: PytestRuns) -> None:
    """Whatever hangs at the end of the session is left by a second Ctrl-C, as without us; the launch is finished."""
    runs = runs.write(
        test_it=PASSING,
        conftest="""
            import pathlib
            import time

            def pytest_sessionfinish():
                marks = pathlib.Path(__file__).with_name("marks")
                marks.write_text("hanging\\n")
                until = time.monotonic() + 1
                while time.monotonic() < until:
                    time.sleep(0.01)
                marks.write_text("still hanging\\n")
                time.sleep(600)
        """,
    )
    with runs.started() as live:
        live.wait_for("hanging")
        live.signal(SIGINT)
        live.wait_for("still hanging")
        live.signal(SIGINT)
        ended = live.ended()
    assert ended.seconds < 10
    assert emulator.launches()[0].status.final
    assert ended.report is not None


def test_report_file_that_cannot_be_written(fault_proxy: FaultProxy, faulty_runs: PytestRuns) -> None:
    """The tests of a run that nobody takes reports of run all the same, whatever stands in the report file's way."""
    fault_proxy.set(Refuse())
    (faulty_runs.folder / "file").touch()
    runs = faulty_runs.with_ini(rp_finalizer_report_file=str(faulty_runs.folder / "file" / "report.json"))
    ended = runs.write(test_it=PASSING).run()
    assert ended.code == 0, ended.out
    assert "nothing was reported" in ended.out
