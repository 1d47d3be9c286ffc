"""Who else is told how a run's launch ended, and what nobody is told: the key."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rp_finalizer import Outcome
from rp_finalizer.emulator import Fault
from tests.support.fault_proxy import Refuse
from tests.support.plugin_suite import SUITE, block_of
from tests.support.reporting import FINISH
from tests.support.slow_cases import slow

if TYPE_CHECKING:
    from rp_finalizer.emulator import Emulator
    from tests.support.fault_proxy import FaultProxy
    from tests.support.pytest_runs import EndedPytest, PytestRuns

WORKERS = ("-n", "2")
KEY = "k3y_that_nobody_may_read"
LOGGING = ("-o", "log_cli=true", "-o", "log_cli_level=DEBUG", "-o", "log_level=DEBUG", "--log-file=debug.log")
FAILING = f"""{SUITE}
    def test_fails(request):
        settings = request.config._reporter_config
        assert not "right"
"""


def on_github(runs: PytestRuns) -> PytestRuns:
    return runs.with_variables(
        GITHUB_ACTIONS="true",
        GITHUB_STEP_SUMMARY=str(runs.folder / "summary"),
        GITHUB_OUTPUT=str(runs.folder / "outputs"),
    )


def annotation_of(ended: EndedPytest) -> str:
    [line] = [line for line in ended.out.splitlines() if line.startswith("::")]
    return line


@pytest.mark.parametrize(
    "arguments", [pytest.param((), id="plain"), slow(WORKERS, id="xdist"), slow(("-q",), id="quiet")]
)
def test_github(emulator: Emulator, runs: PytestRuns, arguments: tuple[str, ...]) -> None:
    """GitHub Actions gets one notice, a summary that links to the launch, and the step's outputs."""
    ended = on_github(runs.write(test_it=SUITE)).run(*arguments)
    assert ended.code == 0, (ended.out, ended.err)
    [launch] = emulator.launches()
    url = f"{emulator.url}/ui/#demo/launches/all/{launch.id}"
    assert annotation_of(ended).startswith(f"::notice title=ReportPortal::smoke #{launch.number}  PASSED  {url}%0A")
    assert f"({url}) **PASSED**" in (runs.folder / "summary").read_text()
    outputs = (runs.folder / "outputs").read_text().splitlines()
    assert outputs[1::3] == [launch.uuid, url, "finished"]


@pytest.mark.slow
def test_github_is_told_of_trouble(emulator: Emulator, fault_proxy: FaultProxy, faulty_runs: PytestRuns) -> None:
    """What is not finished, and what was not reported, is a warning there."""
    runs = on_github(faulty_runs.write(test_it=SUITE))
    emulator.add_fault(Fault(FINISH, status=401))
    refused = annotation_of(runs.run())
    assert refused.startswith("::warning title=ReportPortal::launch ")
    assert "NOT finished" in refused
    fault_proxy.set(Refuse())
    away = annotation_of(runs.run())
    assert away.startswith("::warning title=ReportPortal::nothing was reported")
    outputs = (runs.folder / "outputs").read_text().splitlines()
    assert outputs[7::9] == ["failed", "not-started"]


@pytest.mark.parametrize("arguments", [pytest.param((), id="plain"), slow(WORKERS, id="xdist")])
@pytest.mark.parametrize(
    "ini",
    [
        pytest.param({}, id="sync"),
        slow({"rp_client_type": "ASYNC_BATCHED"}, id="batched"),
        slow({"rp_client_type": "ASYNC_THREAD"}, id="threaded"),
    ],
)
def test_key_is_nowhere(emulator: Emulator, runs: PytestRuns, arguments: tuple[str, ...], ini: dict[str, str]) -> None:
    """Whatever a run prints and writes, however talkative it is: the key, which the agent itself logs, is not in it."""
    emulator.add_user("reporter", KEY, administrator=True)
    runs = runs.with_ini(rp_api_key=KEY, rp_finalizer_launch_file="launch", **ini)
    emulator.add_fault(Fault(FINISH, status=401))
    ended = on_github(runs.write(test_it=FAILING)).run(*LOGGING, "-vv", *arguments)
    assert ended.code == 1
    assert ended.report is not None
    assert ended.report.outcome is Outcome.FAILED
    written = [path for path in runs.folder.iterdir() if path.is_file() and path.name != "pytest.ini"]
    assert {"stdout", "stderr", "report.json", "debug.log", "launch", "summary"} <= {path.name for path in written}
    assert [path.name for path in written if KEY in path.read_text(errors="replace")] == []
    assert KEY not in json.dumps([log.message for log in emulator.logs(emulator.launches()[0].uuid)])
    assert "Init service" in (runs.folder / "debug.log").read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        slow(("-q",), id="-q"),
        slow(("-qq",), id="-qq"),
        slow(("--no-header", "--no-summary"), id="--no-summary"),
        slow(("-s",), id="-s"),
        slow(("-p", "no:terminal"), id="no terminal"),
        slow(("-q", *WORKERS), id="-q, xdist"),
        slow(("-p", "no:terminal", "-p", "no:xdist"), id="no terminal, no xdist"),
    ],
)
def test_trouble_is_told_however_quiet_the_run(
    emulator: Emulator, runs: PytestRuns, arguments: tuple[str, ...]
) -> None:
    """A launch that stays open is told once, whatever the run was told to keep to itself."""
    emulator.add_fault(Fault(FINISH, status=401))
    ended = runs.write(test_it=SUITE).run(*arguments)
    assert ended.code == 0, (ended.out, ended.err)
    told = block_of(ended, on_stderr="no:terminal" in arguments)
    assert "NOT finished" in told
    assert f"rp-finalize entries retry {emulator.launches()[0].uuid}" in told
