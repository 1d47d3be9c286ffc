"""What a run of pytest with the agent promises: its launch finished and told, its own result and exit status."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from rp_finalizer import Outcome
from rp_finalizer.emulator import Fault
from tests.support.plugin_suite import LOGS, SUITE, TESTS, block_of, expect_all_arrived, expect_one_finish
from tests.support.reporting import FINISH, OUR_AGENT, finishes, logged, start_run, status_of
from tests.support.slow_cases import slow

if TYPE_CHECKING:
    from reportportal_client import RPClient

    from rp_finalizer.emulator import Emulator
    from tests.support.pytest_runs import PytestRuns

FAILING = """
    def test_fails():
        assert not "right"

    def test_comes_later():
        pass
"""
EXITING = """
    import pytest

    def test_exits():
        pytest.exit("enough", returncode=7)
"""
SYSTEM_EXIT = """
    def test_exits():
        raise SystemExit(9)
"""
BUSY = """
    import logging
    import pathlib
    import time

    busy = pathlib.Path(__file__).with_name("busy")

    def test_fails():
        while not busy.exists():
            time.sleep(0.01)
        assert not "right"

    def test_is_busy():
        busy.touch()
        time.sleep(1)
        logging.getLogger("suite").info("late")
"""
BROKEN = "import nothing_of_the_kind"
BLOCK = re.compile(r"^-+ ReportPortal -+\n(?P<headline>.*)\n(?P<sentence>.*)$", re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "ini"),
    [
        ((), {}),
        (("-n", "2"), {}),
        (("-q",), {}),
        ((), {"rp_client_type": "ASYNC_BATCHED"}),
        ((), {"rp_client_type": "ASYNC_THREAD"}),
        (("-n", "2"), {"rp_client_type": "ASYNC_BATCHED"}),
    ],
    ids=["plain", "xdist", "quiet", "batched client", "threaded client", "batched client, xdist"],
)
def test_healthy(emulator: Emulator, runs: PytestRuns, arguments: tuple[str, ...], ini: dict[str, str]) -> None:
    """A healthy run ends as it did before; its launch is finished, confirmed and told in one block of two lines."""
    ended = runs.write(test_it=SUITE).with_ini(**ini).run(*arguments)
    assert ended.code == 0, (ended.out, ended.err)
    uuid = expect_all_arrived(emulator)
    assert status_of(emulator, uuid) == "PASSED"
    assert ended.report is not None
    assert ended.report.outcome is Outcome.FINISHED
    [launch] = emulator.launches()
    headline, sentence, *_ = block_of(ended).splitlines()
    assert headline == f"smoke #{launch.number}  PASSED  {emulator.url}/ui/#demo/launches/all/{launch.id}"
    assert re.fullmatch(r"finished and confirmed in \d+\.\d\d s( \(\d+ logs flushed\))?", sentence)


def test_without_a_terminal_reporter(emulator: Emulator, runs: PytestRuns) -> None:
    """Where nothing else prints, the block goes to stderr, past the capture."""
    ended = runs.write(test_it=SUITE).run("-p", "no:terminal")
    assert ended.code == 0
    expect_all_arrived(emulator)
    assert "finished and confirmed" in block_of(ended, on_stderr=True)


@pytest.mark.parametrize(
    ("suite", "arguments", "code", "status"),
    [
        (FAILING, (), 1, "FAILED"),
        (EXITING, (), 7, None),
        (SYSTEM_EXIT, (), 1, "FAILED"),
        (BROKEN, (), 2, None),
        ("", (), 5, None),
        (SUITE, ("test_absent.py",), 4, None),
    ],
    ids=["failure", "pytest.exit", "SystemExit", "import error", "no tests", "usage error"],
)
def test_exit_status(
    emulator: Emulator, runs: PytestRuns, suite: str, arguments: tuple[str, ...], code: int, status: str | None
) -> None:
    """However the run ends by itself: the exit status is pytest's own, the launch is finished, and the block comes."""
    ended = runs.write(test_it=suite).run(*arguments)
    assert ended.code == code, (ended.out, ended.err)
    [launch] = emulator.launches()
    assert launch.status.final
    assert status in {None, launch.status.value}
    expect_one_finish(emulator)
    assert "finished and confirmed" in block_of(ended)
    assert "Traceback" not in ended.err


def test_first_failure_stops_the_run(emulator: Emulator, runs: PytestRuns) -> None:
    """With `-x` the launch holds what ran, and nothing in it is left open."""
    ended = runs.write(test_it=FAILING).run("-x")
    assert ended.code == 1, (ended.out, ended.err)
    assert "finished and confirmed" in block_of(ended)
    expect_one_finish(emulator)
    [launch] = emulator.launches()
    assert launch.status.value == "FAILED"
    ran = {
        item.name.rpartition(":")[2]: item.status.value for item in emulator.items(launch.uuid) if item.type == "STEP"
    }
    assert ran == {"test_fails": "FAILED"}
    assert all(item.status.final for item in emulator.items(launch.uuid))


@pytest.mark.slow
def test_first_failure_while_another_worker_is_busy(emulator: Emulator, runs: PytestRuns) -> None:
    """With `-x` and workers the finish waits for what another worker has begun: nothing is reported behind it."""
    ended = runs.write(test_it=BUSY).run("-x", "-n", "2")
    assert ended.code == 2, (ended.out, ended.err)
    expect_one_finish(emulator)
    [launch] = emulator.launches()
    assert "late" in logged(emulator, launch.uuid)


@pytest.mark.parametrize(
    ("arguments", "reporting"), [((), False), (("--collect-only",), True)], ids=["off", "collect only"]
)
def test_run_that_reports_nothing(
    emulator: Emulator, runs: PytestRuns, arguments: tuple[str, ...], *, reporting: bool
) -> None:
    """Where the agent does not report, nothing is sent, written or told."""
    ended = runs.write(test_it=SUITE).run(*arguments, reporting=reporting)
    assert (ended.code, ended.report) == (0, None)
    assert emulator.calls() == []
    assert "ReportPortal" not in ended.out + ended.err


def test_switched_off(emulator: Emulator, runs: PytestRuns) -> None:
    """With `rp_finalizer_enabled` off the agent does all by itself, and nothing is told."""
    ended = runs.write(test_it=SUITE).with_ini(rp_finalizer_enabled="false").run()
    assert (ended.code, ended.report) == (0, None)
    assert not any(OUR_AGENT in str(call.user_agent) for call in emulator.calls())
    assert BLOCK.search(ended.out) is None


@pytest.mark.parametrize("arguments", [pytest.param((), id="plain"), slow(("-n", "2"), id="xdist")])
def test_launch_of_somebody_else(
    emulator: Emulator, runs: PytestRuns, client: RPClient, arguments: tuple[str, ...]
) -> None:
    """A launch that the agent was given is reported into, and left open for whoever started it."""
    borrowed = start_run(client)
    ended = runs.write(test_it=SUITE).with_ini(rp_launch_uuid=borrowed.uuid).run(*arguments)
    assert ended.code == 0, (ended.out, ended.err)
    assert ended.report is not None
    assert ended.report.outcome is Outcome.NOT_OWNED
    assert status_of(emulator, borrowed.uuid) == "IN_PROGRESS"
    assert finishes(emulator) == []
    lines = [message for message in logged(emulator, borrowed.uuid) if message.startswith("line ")]
    assert len(lines) == len(set(lines)) == TESTS * LOGS
    assert "left open" in block_of(ended)


@pytest.mark.parametrize("ini", [pytest.param({}, id="sync"), slow({"rp_client_type": "ASYNC_BATCHED"}, id="batched")])
def test_finish_refused_twice(emulator: Emulator, runs: PytestRuns, ini: dict[str, Any]) -> None:
    """A server that is away for a moment at the end costs a moment, and nothing else."""
    fault = emulator.add_fault(Fault(FINISH, status=503, times=2))
    ended = runs.write(test_it=SUITE).with_ini(**ini).run()
    assert ended.code == 0
    assert fault.hits == 2
    expect_all_arrived(emulator)
    assert "finished and confirmed" in block_of(ended)


@pytest.mark.parametrize(("strict", "code"), [("false", 0), ("true", 1)])
def test_finish_refused_for_good(emulator: Emulator, runs: PytestRuns, strict: str, code: int) -> None:
    """A launch that cannot be finished is told, with the reason and the way to finish it; `strict` fails the run."""
    emulator.add_fault(Fault(FINISH, status=503))
    ended = runs.write(test_it=SUITE).with_ini(rp_finalizer_timeout="1", rp_finalizer_strict=strict).run()
    assert ended.code == code, (ended.out, ended.err)
    told = block_of(ended)
    assert "not finished; kept" in told
    assert "503" in told
    assert "rp-finalize drain" in told
    assert ended.report is not None
    assert ended.report.outcome is Outcome.DEFERRED
    assert f"{TESTS} passed" in ended.out


def test_wrong_setting(emulator: Emulator, runs: PytestRuns) -> None:
    """A setting that is wrong is a usage error that names it, before anything is reported."""
    ended = runs.write(test_it=SUITE).run("--rp-finalizer-timeout", "soon")
    assert ended.code == 4
    assert "--rp-finalizer-timeout" in ended.err
    assert emulator.launches() == []
