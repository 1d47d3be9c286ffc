"""Several sessions of pytest in one process, one within another, and with stand-ins in the client's place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.fault_proxy import Refuse
from tests.support.plugin_suite import LOGS, SUITE, TESTS
from tests.support.reporting import OUR_AGENT, finishes, logged
from tests.support.slow_cases import slow

if TYPE_CHECKING:
    from rp_finalizer.emulator import Emulator
    from tests.support.fault_proxy import FaultProxy
    from tests.support.pytest_runs import PytestRuns

TWICE = """
    import signal
    import sys
    import threading
    import pytest

    def state():
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
        return handlers, {type(thread).__name__ for thread in threading.enumerate() if not thread.daemon}

    before = state()
    codes = [int(pytest.main(sys.argv[1:])) for _ in range(2)]
    assert state() == before, (before, state())
    assert codes == [0, 0], codes
"""
PLAYED = """
    import sys
    import pytest
    from unittest import mock
    import pytest_reportportal.service

    with mock.patch("pytest_reportportal.service.create_client") as create_client:
        client = create_client.return_value
        client.launch_uuid = client.start_launch.return_value = "a launch"
        assert pytest.main(sys.argv[1:]) == 0
    counts = [each.call_count for each in (client.start_launch, client.finish_launch, client.close)]
    assert counts == [1, 1, 1], counts
    assert client.start_test_item.call_count >= 3, client.start_test_item.call_count

    with mock.patch("reportportal_client.RPClient") as RPClient:
        client = RPClient.return_value
        assert pytest.main(sys.argv[1:]) == 0
    counts = [each.call_count for each in (client.start_launch, client.finish_launch, client.close)]
    assert counts == [1, 1, 1], counts
"""
SESSIONS = 2
NESTING = f"""
    import pytest

    pytest_plugins = "pytester"

    @pytest.mark.parametrize("number", range({SESSIONS}))
    def test_outer(pytester, request, number):
        pytester.makeini('''
            [pytest]
            rp_endpoint = ENDPOINT
            rp_project = demo
            rp_api_key = demo_key
            rp_launch = inner
            asyncio_default_fixture_loop_scope = function
        '''.replace("ENDPOINT", request.config.getini("inner_endpoint")))
        pytester.makepyfile("def test_inner(): pass")
        result = pytester.runpytest_inprocess("--reportportal", "-p", "no:hypothesispytest")
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines(["inner #*PASSED*", "finished and confirmed in *"])
"""
INNER_ENDPOINT = """
    def pytest_addoption(parser):
        parser.addini("inner_endpoint", "where inner sessions report to")
"""


@pytest.mark.parametrize(
    "ini",
    [
        pytest.param({}, id="sync"),
        slow({"rp_client_type": "ASYNC_BATCHED"}, id="batched"),
        slow({"rp_client_type": "ASYNC_THREAD"}, id="threaded"),
    ],
)
def test_two_sessions_after_each_other(emulator: Emulator, runs: PytestRuns, ini: dict[str, str]) -> None:
    """Each session of a process has its launch, finished and told; behind them the process is as it was before."""
    ended = runs.with_ini(**ini).write(test_it=SUITE, host=TWICE).run(program=["host.py"])
    assert ended.code == 0, (ended.out, ended.err)
    assert ended.out.count("finished and confirmed") == 2
    assert [launch.status.value for launch in emulator.launches()] == ["PASSED", "PASSED"]
    for launch in emulator.launches():
        assert len(logged(emulator, launch.uuid)) == TESTS * LOGS
    assert [call.applied for call in finishes(emulator)] == [True, True]
    assert all(OUR_AGENT in str(call.user_agent) for call in finishes(emulator))


@pytest.mark.parametrize("server", ["away", slow("there")])
def test_client_that_a_test_plays(
    emulator: Emulator, fault_proxy: FaultProxy, faulty_runs: PytestRuns, server: str
) -> None:
    """A stand-in for the client gets the agent's calls as without us; nothing is asked of a server, nothing told."""
    if server == "away":
        fault_proxy.set(Refuse())
    ended = faulty_runs.write(test_it=SUITE, host=PLAYED).run(program=["host.py"])
    assert ended.code == 0, (ended.out, ended.err)
    assert emulator.calls() == []
    assert "ReportPortal" not in ended.out


@pytest.mark.parametrize("outer", [slow("none"), slow("reports"), slow("away")])
def test_session_within_a_test(
    emulator: Emulator, fault_proxy: FaultProxy, faulty_runs: PytestRuns, outer: str
) -> None:
    """A session inside a test has its own launch, whatever becomes of the outer one, which is told as its own."""
    if outer == "away":
        fault_proxy.set(Refuse())
    runs = faulty_runs.with_ini(inner_endpoint=emulator.url)
    ended = runs.write(test_it=NESTING, conftest=INNER_ENDPOINT).run(reporting=outer != "none")
    assert ended.code == 0, (ended.out, ended.err)
    launches = [(launch.name, launch.status.value) for launch in emulator.launches()]
    assert launches.count(("inner", "PASSED")) == SESSIONS
    assert launches.count(("smoke", "PASSED")) == len(launches) - SESSIONS == (outer == "reports")
    assert [call.applied for call in finishes(emulator)] == [True] * len(emulator.launches())
    assert ("nothing was reported" in ended.out) is (outer == "away")
    assert ("smoke #" in ended.out) is (outer == "reports")
