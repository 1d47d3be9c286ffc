"""Sessions that end in a way the agent does not expect: the launch is finished, the exit status is what it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rp_finalizer import Outcome
from tests.support.plugin_suite import SUITE, block_of, expect_one_finish
from tests.support.slow_cases import slow

if TYPE_CHECKING:
    from rp_finalizer.emulator import Emulator
    from tests.support.pytest_runs import PytestRuns

WORKERS = ("-n", "2")
SOON = 30.0
LEAKING = """
    import pytest

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(session):
        service = getattr(session.config, "py_test_service", None)
        if service is None:
            return
        finish = service.finish_pytest_item
        service.finish_pytest_item = lambda item: None if item.name == "test_it[1]" else finish(item)
"""
RAISING = """
    import pytest

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(session):
        if not hasattr(session.config, "workerinput"):
            session.config.py_test_service.finish_suites = raising

    def raising():
        raise RuntimeError("no suites here")
"""
ENDING = """
    import os
    import pytest

    def test_before():
        pass

    def test_ends():
        {how}

    def test_after():
        pass
"""


@pytest.mark.parametrize("how", ["os.kill(os.getpid(), 9)", pytest.param("os._exit(3)", marks=pytest.mark.slow)])
def test_worker_that_dies(emulator: Emulator, runs: PytestRuns, how: str) -> None:
    """A worker that dies is told; its test ends as interrupted, the others are reported, the launch is finished."""
    ended = runs.write(test_it=ENDING.format(how=how)).run(*WORKERS)
    assert ended.code == 1, (ended.out, ended.err)
    assert "1 failed, 2 passed" in ended.out
    expect_one_finish(emulator)
    [launch] = emulator.launches()
    assert launch.status.value == "FAILED"
    assert {item.name.rpartition(":")[2]: item.status.value for item in emulator.items(launch.uuid)} == {
        "test_before": "PASSED",
        "test_ends": "INTERRUPTED",
        "test_after": "PASSED",
    }
    told = block_of(ended)
    assert "finished and confirmed" in told
    assert "crashed" in told


@pytest.mark.parametrize("arguments", [(), pytest.param(WORKERS, marks=pytest.mark.slow)], ids=["plain", "xdist"])
def test_item_that_nobody_finishes(emulator: Emulator, runs: PytestRuns, arguments: tuple[str, ...]) -> None:
    """An item that was left open is not waited for, a day by the agent's own measure, but told."""
    ended = runs.write(test_it=SUITE, conftest=LEAKING).run(*arguments)
    assert ended.code == 0, (ended.out, ended.err)
    assert ended.seconds < SOON
    expect_one_finish(emulator)
    [launch] = emulator.launches()
    statuses = {item.name.rpartition(":")[2]: item.status.value for item in emulator.items(launch.uuid)}
    assert statuses == {"test_it[0]": "PASSED", "test_it[1]": "INTERRUPTED", "test_it[2]": "PASSED"}
    told = block_of(ended)
    assert "finished and confirmed" in told
    assert "1 item was still open: it ends as interrupted" in told


@pytest.mark.parametrize("arguments", [(), pytest.param(WORKERS, marks=pytest.mark.slow)], ids=["plain", "xdist"])
def test_agent_that_fails_at_the_end(emulator: Emulator, runs: PytestRuns, arguments: tuple[str, ...]) -> None:
    """What the agent raises in its own session finish is shown, as without us; but the launch is finished."""
    ended = runs.write(test_it=SUITE, conftest=RAISING).run(*arguments)
    assert ended.code == 1, (ended.out, ended.err)
    assert "no suites here" in ended.err
    expect_one_finish(emulator)
    assert ended.report is not None
    assert ended.report.outcome is Outcome.FINISHED
    assert "finished and confirmed" in block_of(ended)


@pytest.mark.parametrize(
    ("suite", "arguments"),
    [
        slow(ENDING.format(how='pytest.exit("enough", returncode=7)'), (), id="pytest.exit"),
        slow(ENDING.format(how="raise SystemExit(9)"), (), id="SystemExit"),
        slow(ENDING.format(how='assert not "right"'), ("-x",), id="first failure"),
        slow("import nothing_of_the_kind", (), id="import error"),
        slow("", (), id="no tests"),
        slow(SUITE, ("test_absent.py",), id="usage error"),
        slow(SUITE, ("--maxfail=1", "--dist=loadfile"), id="another distribution"),
    ],
)
@pytest.mark.parametrize(
    "ini",
    [{}, {"rp_client_type": "ASYNC_BATCHED"}, {"rp_client_type": "ASYNC_THREAD"}],
    ids=["sync", "batched", "thread"],
)
def test_exit_status_with_workers(
    emulator: Emulator, runs: PytestRuns, suite: str, arguments: tuple[str, ...], ini: dict[str, str]
) -> None:
    """With workers, too, the exit status is what it is without reporting, and the launch is finished and told."""
    runs = runs.write(test_it=suite)
    expected = runs.run(*WORKERS, *arguments, reporting=False).code
    ended = runs.with_ini(**ini).run(*WORKERS, *arguments)
    assert ended.code == expected, (ended.out, ended.err)
    assert emulator.launches()[0].status.final
    expect_one_finish(emulator)
    assert "finished and confirmed" in block_of(ended)
