"""The plugin beside others: tests run again, tests that take too long, tests inside a running event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.plugin_suite import block_of, expect_one_finish
from tests.support.reporting import logged
from tests.support.slow_cases import slow

if TYPE_CHECKING:
    from rp_finalizer.emulator import Emulator
    from tests.support.pytest_runs import PytestRuns

WORKERS = ("-n", "2")
BATCHED = {"rp_client_type": "ASYNC_BATCHED"}
THREADED = {"rp_client_type": "ASYNC_THREAD"}
SOON = 30.0
FLAKY = """
    import logging
    import pathlib
    import pytest

    state = pathlib.Path(__file__).with_name("attempts")

    @pytest.mark.flaky(reruns=2)
    def test_flaky():
        with state.open("a") as file:
            file.write("x")
        attempt = len(state.read_text())
        logging.getLogger("suite").info("attempt %d", attempt)
        assert attempt == 2

    def test_passes():
        pass
"""
TOO_SLOW = """
    import logging
    import time
    import pytest

    @pytest.mark.timeout(1, method="signal")
    def test_is_slow():
        logging.getLogger("suite").info("slow")
        time.sleep(600)

    def test_passes():
        pass
"""
TESTS, LINES = 3, 9
ASYNCHRONOUS = f"""
    import asyncio
    import logging
    import pytest

    @pytest.mark.asyncio
    @pytest.mark.parametrize("number", range({TESTS}))
    async def test_it(number):
        for line in range({LINES}):
            logging.getLogger("suite").info("line %d.%d", number, line)
            await asyncio.sleep(0)

    def test_passes():
        logging.getLogger("suite").info("after them")
"""


def statuses_of_tests(emulator: Emulator) -> dict[str, str]:
    [launch] = emulator.launches()
    items = (item for item in emulator.items(launch.uuid) if item.type == "STEP")
    return {item.name.rpartition(":")[2]: item.status.value for item in items}


@pytest.mark.parametrize(
    ("arguments", "ini"),
    [
        slow((), {}, id="sync"),
        slow((), BATCHED, id="batched"),
        slow((), THREADED, id="threaded"),
        slow(WORKERS, {}, id="xdist"),
        slow(WORKERS, BATCHED, id="batched, xdist"),
    ],
)
def test_tests_that_are_run_again(
    emulator: Emulator, runs: PytestRuns, arguments: tuple[str, ...], ini: dict[str, str]
) -> None:
    """A test that pytest-rerunfailures runs again is reported, its second attempt counts, the launch is finished."""
    runs = runs.with_plugins("rerunfailures").with_ini(**ini)
    ended = runs.write(test_it=FLAKY).run(*arguments)
    assert ended.code == 0, (ended.out, ended.err)
    assert "2 passed, 1 rerun" in ended.out
    expect_one_finish(emulator)
    [launch] = emulator.launches()
    assert {"attempt 1", "attempt 2"} <= set(logged(emulator, launch.uuid))
    assert "finished and confirmed" in block_of(ended)


@pytest.mark.parametrize(
    ("arguments", "ini"),
    [pytest.param((), {}, id="sync"), slow((), BATCHED, id="batched"), slow(WORKERS, {}, id="xdist")],
)
def test_tests_that_take_too_long(
    emulator: Emulator, runs: PytestRuns, arguments: tuple[str, ...], ini: dict[str, str]
) -> None:
    """A test that pytest-timeout ends by its signal fails, and nothing else does: that signal is none of ours."""
    ended = runs.write(test_it=TOO_SLOW).with_ini(**ini).run(*arguments)
    assert ended.code == 1, (ended.out, ended.err)
    assert "1 failed, 1 passed" in ended.out
    assert ended.seconds < SOON
    expect_one_finish(emulator)
    assert statuses_of_tests(emulator) == {"test_is_slow": "FAILED", "test_passes": "PASSED"}
    assert "finished and confirmed" in block_of(ended)


@pytest.mark.parametrize(
    ("arguments", "ini"),
    [
        pytest.param(("-W", "error"), BATCHED, id="batched"),
        slow((), {}, id="sync"),
        slow(("-W", "error"), THREADED, id="threaded"),
        slow(WORKERS, BATCHED, id="batched, xdist"),
    ],
)
def test_tests_inside_an_event_loop(
    emulator: Emulator, runs: PytestRuns, arguments: tuple[str, ...], ini: dict[str, str]
) -> None:
    """A test that logs inside a running loop of pytest-asyncio's passes, and its logs arrive, whatever the client."""
    runs = runs.with_plugins("asyncio").with_ini(asyncio_default_fixture_loop_scope="function", **ini)
    ended = runs.write(test_it=ASYNCHRONOUS).run(*arguments)
    assert ended.code == 0, (ended.out, ended.err)
    expect_one_finish(emulator)
    assert set(statuses_of_tests(emulator).values()) == {"PASSED"}
    [launch] = emulator.launches()
    lines = [line for line in logged(emulator, launch.uuid) if line.startswith("line ")]
    assert sorted(lines) == [f"line {number}.{line}" for number in range(TESTS) for line in range(LINES)]
    assert "finished and confirmed" in block_of(ended)
