"""What a ReportPortal that is away does to a run: nothing to its tests, little to its time, and it is told."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from rp_finalizer import ErrorKind, Outcome
from rp_finalizer.emulator import CallKind, Fault
from tests.support.fault_proxy import BlackHole, Refuse
from tests.support.plugin_suite import block_of, expect_one_finish
from tests.support.reporting import finishes, logged, status_of
from tests.support.slow_cases import slow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rp_finalizer.emulator import Emulator
    from tests.support.fault_proxy import FaultProxy
    from tests.support.pytest_runs import PytestRuns

WORKERS = ("-n", "2")
BATCHED = {"rp_client_type": "ASYNC_BATCHED"}
THREADED = {"rp_client_type": "ASYNC_THREAD"}
CLIENT_TIMEOUT, TIMEOUT = 1, 2
HURRY = {"rp_finalizer_client_timeout": str(CLIENT_TIMEOUT), "rp_finalizer_timeout": str(TIMEOUT)}
SOON = 30.0
"""Seconds: far more than a run takes on a busy machine, far less than the waits that a client has by itself."""
SUITE = """
    import logging

    def test_passes():
        logging.getLogger("suite").info("a line")

    def test_fails():
        assert not "right"
"""
TESTS, LOGS = 12, 9
LONG_SUITE = f"""
    import logging
    import pathlib
    import time
    import pytest

    here = pathlib.Path(__file__)

    @pytest.mark.parametrize("number", range({TESTS}))
    def test_it(number):
        if number == 3:
            here.with_name("marks").write_text("in the middle\\n")
            while not here.with_name("go").exists():
                time.sleep(0.01)
        for line in range({LOGS}):
            logging.getLogger("suite").info("line %d.%d", number, line)
"""
LOGS_IN_ALL = TESTS * LOGS

STATISTICS = """
    import os
    from reportportal_client._internal.services import statistics

    statistics.ENDPOINT = os.environ["STATISTICS"]
"""


def answers(kind: CallKind = CallKind.ANY, **answer: Any) -> Callable[[Emulator, FaultProxy], object]:
    return lambda emulator, _: emulator.add_fault(Fault(kind, **answer))


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """A way to be away when a run begins, and what is told of it."""

    error: ErrorKind
    told: str
    spoil: Callable[[Emulator, FaultProxy], object] = lambda *_: None
    ini: Mapping[str, str] = field(default_factory=dict)


AWAY = "the server was away when the run began"
REFUSED = "the server or the settings did not let the agent start a launch"
WAYS = {
    "refused": Away(error=ErrorKind.UNAVAILABLE, told=AWAY, spoil=lambda _, proxy: proxy.set(Refuse())),
    "hang": Away(error=ErrorKind.TIMEOUT, told=AWAY, spoil=lambda _, proxy: proxy.set(BlackHole())),
    "503": Away(error=ErrorKind.UNAVAILABLE, told=AWAY, spoil=answers(status=503)),
    "HTML page": Away(
        error=ErrorKind.UNAVAILABLE, told=AWAY, spoil=answers(status=200, body="<html>", content_type="text/html")
    ),
    "wrong key": Away(error=ErrorKind.UNAUTHORIZED, told=REFUSED, ini={"rp_api_key": "nobodys_key"}),
    "wrong project": Away(error=ErrorKind.FORBIDDEN, told="check rp_project", ini={"rp_project": "nowhere"}),
    "start refused": Away(
        error=ErrorKind.UNAVAILABLE, told="status 503", spoil=answers(CallKind.START_LAUNCH_V2, status=503)
    ),
    "start rejected": Away(
        error=ErrorKind.REJECTED, told="status 400", spoil=answers(CallKind.START_LAUNCH_V2, status=400, body={})
    ),
    "start hangs": Away(error=ErrorKind.UNAVAILABLE, told=AWAY, spoil=answers(CallKind.START_LAUNCH_V2, hang=True)),
}
FAST = {"refused", "wrong project"}
CLIENTS: dict[str, dict[str, str]] = {"": {}, ", batched": BATCHED, ", threaded": THREADED}
TOLD_APART_BY_CLIENTS = ("hang", "start refused", "start hangs")


def away_cases() -> Iterator[Any]:
    """Give a test's parameters: every way alone and with workers, and some of them with the other clients."""
    for name, way in WAYS.items():
        for client, ini in CLIENTS.items():
            if client and name not in TOLD_APART_BY_CLIENTS:
                continue
            for workers, arguments in (("", ()), (", xdist", WORKERS)):
                case = f"{name}{client}{workers}"
                given = (way, arguments, ini)
                yield pytest.param(*given, id=case) if case in FAST else slow(*given, id=case)


@pytest.mark.parametrize(
    ("way", "arguments", "ini"),
    list(away_cases()),
)
def test_nobody_to_report_to(
    emulator: Emulator,
    fault_proxy: FaultProxy,
    faulty_runs: PytestRuns,
    way: Away,
    arguments: tuple[str, ...],
    ini: dict[str, str],
) -> None:
    """Where no launch can be started, the tests run as without reporting, and the block says why there is none."""
    way.spoil(emulator, fault_proxy)
    ended = faulty_runs.write(test_it=SUITE).with_ini(**HURRY, **way.ini, **ini).run(*arguments)
    assert ended.code == 1, (ended.out, ended.err)
    assert "1 failed, 1 passed" in ended.out
    assert ended.seconds < SOON
    told = block_of(ended)
    assert "nothing was reported" in told
    assert way.told in told
    assert ended.report is not None
    assert ended.report.outcome is Outcome.NOT_STARTED
    assert ended.report.error is not None
    assert ended.report.error.kind is way.error
    assert "INTERNALERROR" not in ended.out + ended.err


def go_on(runs: PytestRuns) -> None:
    (runs.folder / "go").touch()


@pytest.mark.parametrize(
    ("how", "arguments", "ini"),
    [
        pytest.param(BlackHole(), (), {}, id="hang"),
        pytest.param(Refuse(), ("-W", "error"), BATCHED, id="refused, batched"),
        slow(Refuse(), (), {}, id="refused"),
        slow(BlackHole(), ("-W", "error"), BATCHED, id="hang, batched"),
        slow(BlackHole(), ("-W", "error"), THREADED, id="hang, threaded"),
        slow(Refuse(), ("-W", "error"), THREADED, id="refused, threaded"),
        slow(BlackHole(), WORKERS, {}, id="hang, xdist"),
        slow(Refuse(), WORKERS, {}, id="refused, xdist"),
        slow(BlackHole(), WORKERS, BATCHED, id="hang, batched, xdist"),
        slow(Refuse(), WORKERS, THREADED, id="refused, threaded, xdist"),
    ],
)
def test_server_that_goes_away(
    emulator: Emulator,
    fault_proxy: FaultProxy,
    faulty_runs: PytestRuns,
    how: BlackHole | Refuse,
    arguments: tuple[str, ...],
    ini: dict[str, str],
) -> None:
    """A server that goes away in the middle fails no test and holds none up for long; what is lost is counted."""
    runs = faulty_runs.write(test_it=LONG_SUITE).with_ini(**HURRY, **ini)
    with runs.started(*arguments) as live:
        live.wait_for("in the middle")
        fault_proxy.set(how)
        go_on(runs)
        ended = live.ended()
    assert ended.code == 0, (ended.out, ended.err)
    assert f"{TESTS} passed" in ended.out
    assert ended.seconds < SOON
    [launch] = emulator.launches()
    assert (launch.status.value, finishes(emulator)) == ("IN_PROGRESS", [])
    told = block_of(ended)
    assert "not finished; kept" in told
    assert "refused" in told
    assert "rp-finalize drain" in told
    assert ended.report is not None
    assert ended.report.error is not None
    assert ended.report.error.kind is (ErrorKind.TIMEOUT if isinstance(how, BlackHole) else ErrorKind.UNAVAILABLE)
    refused, abandoned = ended.report.refused.logs or 0, ended.report.abandoned.logs or 0
    arrived = len(logged(emulator, launch.uuid))
    if WORKERS[0] not in arguments:
        assert arrived + refused + abandoned == LOGS_IN_ALL
    else:
        assert re.search(r"\d+ logs of workers could not be delivered", told)


def test_server_that_comes_back(emulator: Emulator, runs: PytestRuns) -> None:
    """A server that was away for a while has the launch finished, and the block says what did not arrive."""
    runs = runs.write(test_it=LONG_SUITE)
    with runs.started() as live:
        live.wait_for("in the middle")
        kinds = (CallKind.START_ITEM, CallKind.FINISH_ITEM, CallKind.LOG)
        fault = emulator.add_fault(Fault(kinds, status=503, times=4))
        go_on(runs)
        ended = live.ended()
    assert (ended.code, fault.hits) == (0, 4)
    expect_one_finish(emulator)
    [launch] = emulator.launches()
    assert status_of(emulator, launch.uuid) != "IN_PROGRESS"
    told = block_of(ended)
    assert "finished and confirmed" in told
    assert "the server or the network refused" in told
    assert ended.report is not None
    assert len(logged(emulator, launch.uuid)) + (ended.report.refused.logs or 0) == LOGS_IN_ALL


@pytest.mark.parametrize(
    "ini",
    [slow({}, id="sync"), slow(BATCHED, id="batched"), slow(THREADED, id="threaded")],
)
def test_statistics_that_nobody_takes(emulator: Emulator, runs: PytestRuns, ini: dict[str, str]) -> None:
    """A service for the client's statistics that never answers keeps no run from starting or ending."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        runs = runs.write(test_it=SUITE, conftest=STATISTICS).with_ini(**ini)
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/collect"
        ended = runs.with_variables(AGENT_NO_ANALYTICS="", STATISTICS=address).run("-W", "error")
        silent.settimeout(SOON)
        asked, _ = silent.accept()
        asked.close()
    assert ended.code == 1, (ended.out, ended.err)
    assert ended.seconds < SOON
    expect_one_finish(emulator)
    assert "finished and confirmed" in block_of(ended)
