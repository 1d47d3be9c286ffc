"""The plugin's settings: where they may stand, which one wins, what a wrong one comes to, and what each switch does."""

from __future__ import annotations

from signal import SIGTERM
from typing import TYPE_CHECKING

import pytest

from rp_finalizer import Outcome
from rp_finalizer.emulator import Fault
from tests.support.plugin_suite import SUITE, block_of, expect_all_arrived, expect_one_finish
from tests.support.reporting import FINISH, OUR_AGENT, finishes
from tests.support.slow_cases import slow

if TYPE_CHECKING:
    from rp_finalizer.emulator import Emulator
    from tests.support.pytest_runs import PytestRuns

WORKERS = ("-n", "2")
BATCHED = {"rp_client_type": "ASYNC_BATCHED"}
THREADED = {"rp_client_type": "ASYNC_THREAD"}
WAITING = """
    import pathlib
    import time

    def test_waits():
        pathlib.Path(__file__).with_name("marks").write_text("waiting\\n")
        time.sleep(600)
"""


@pytest.mark.parametrize(
    ("variables", "ini", "arguments", "told"),
    [
        pytest.param(
            {"RP_FINALIZER_GRACE": "long"},
            {"rp_finalizer_strict": "perhaps"},
            (),
            ("environment variable RP_FINALIZER_GRACE", "rp_finalizer_strict in ", "pytest.ini"),
            id="two places",
        ),
        slow({"RP_FINALIZER_GRASE": "4"}, {}, (), ("RP_FINALIZER_GRASE is unknown", "did you mean RP_FINALIZER_GRACE")),
        slow(
            {"RP_FINALIZER_FLUSH_TIMEOUT": "9"},
            {},
            ("--rp-finalizer-timeout", "5"),
            ("flush_timeout 9", "the flag --rp-finalizer-timeout"),
        ),
        slow({"RP_FINALIZER_GRACE": "long"}, {}, WORKERS, ("environment variable RP_FINALIZER_GRACE",)),
    ],
)
def test_wrong_setting(
    emulator: Emulator,
    runs: PytestRuns,
    variables: dict[str, str],
    ini: dict[str, str],
    arguments: tuple[str, ...],
    told: tuple[str, ...],
) -> None:
    """What is wrong is a usage error that names all of it and where it stands, before anything is asked of anybody."""
    ended = runs.write(test_it=SUITE).with_ini(**ini).with_variables(**variables).run(*arguments)
    assert ended.code == 4, (ended.out, ended.err)
    for each in told:
        assert each in ended.err
    assert emulator.calls() == []
    assert ended.report is None


@pytest.mark.slow
def test_wrong_setting_of_a_run_that_does_not_report(emulator: Emulator, runs: PytestRuns) -> None:
    """A run without reporting does not even read the settings."""
    ended = runs.write(test_it=SUITE).with_ini(rp_finalizer_strict="perhaps").run(reporting=False)
    assert ended.code == 0
    assert emulator.calls() == []


def test_first_wins(emulator: Emulator, runs: PytestRuns) -> None:
    """A flag wins over the environment, that over the ini file; the launch file is there from the start on."""
    files = [runs.folder / name for name in ("by-flag", "by-variable", "by-ini")]
    flag, variable, ini = files
    runs = runs.with_ini(rp_finalizer_launch_file="by-ini", rp_finalizer_report_file="by-ini.json")
    runs = runs.with_variables(RP_FINALIZER_LAUNCH_FILE="by-variable", RP_FINALIZER_REPORT_FILE="by-variable.json")
    suite = f"""
        import pathlib

        def test_it():
            assert pathlib.Path({str(flag)!r}).exists()
    """
    ended = runs.write(test_it=suite).run("--rp-finalizer-launch-file", "by-flag")
    assert ended.code == 0, (ended.out, ended.err)
    [launch] = emulator.launches()
    assert flag.read_text().split() == [launch.uuid]
    assert not variable.exists()
    assert not ini.exists()
    assert (runs.folder / "by-variable.json").exists()
    assert not (runs.folder / "by-ini.json").exists()


@pytest.mark.parametrize(
    ("ini", "arguments"),
    [
        slow({}, (), id="sync"),
        slow(BATCHED, (), id="batched"),
        slow(THREADED, (), id="threaded"),
        slow({}, WORKERS, id="xdist"),
    ],
)
def test_unguarded_client(
    emulator: Emulator, runs: PytestRuns, ini: dict[str, str], arguments: tuple[str, ...]
) -> None:
    """With `guard_client` off the agent finishes its launch itself, and is believed only when that is read back."""
    ended = runs.write(test_it=SUITE).with_ini(rp_finalizer_guard_client="false", **ini).run(*arguments)
    assert ended.code == 0, (ended.out, ended.err)
    first, *_ = finishes(emulator)
    assert OUR_AGENT not in str(first.user_agent)
    assert [call.applied for call in finishes(emulator)].count(True) >= 1
    assert emulator.launches()[0].status.value == "PASSED"
    assert ended.report is not None
    assert ended.report.outcome is Outcome.ALREADY_FINISHED
    assert "was finished already" in block_of(ended)


@pytest.mark.slow
def test_unguarded_client_whose_finish_is_refused(emulator: Emulator, runs: PytestRuns) -> None:
    """What the agent's own finish does not achieve without anybody noticing, we do."""
    emulator.add_fault(Fault(FINISH, status=503, times=1))
    ended = runs.write(test_it=SUITE).with_ini(rp_finalizer_guard_client="false").run()
    assert ended.code == 0, (ended.out, ended.err)
    first, *others = finishes(emulator)
    assert OUR_AGENT not in str(first.user_agent)
    assert [call.applied for call in others] == [True]
    assert emulator.launches()[0].status.value == "PASSED"
    assert "finished and confirmed" in block_of(ended)


@pytest.mark.slow
def test_signals_left_alone(emulator: Emulator, runs: PytestRuns) -> None:
    """With `signals` off a normal end is the same, and a signal does what it does without us."""
    runs = runs.with_ini(rp_finalizer_signals="false")
    ended = runs.write(test_it=SUITE).run()
    assert ended.code == 0
    expect_all_arrived(emulator)
    emulator.reset()
    with runs.write(test_it=WAITING).started() as live:
        live.wait_for("waiting")
        live.signal(SIGTERM)
        ended = live.ended()
    assert ended.code == -SIGTERM
    [launch] = emulator.launches()
    assert (launch.status.value, finishes(emulator)) == ("IN_PROGRESS", [])


@pytest.mark.slow
def test_settings_reach_workers(emulator: Emulator, runs: PytestRuns) -> None:
    """Flags hold in the workers of pytest-xdist, too, and neither the launch file nor the report is theirs to write."""
    ended = runs.write(test_it=SUITE).run(*WORKERS, "--rp-finalizer-launch-file=launch", "--rp-finalizer-timeout=9")
    assert ended.code == 0, (ended.out, ended.err)
    expect_one_finish(emulator)
    [launch] = emulator.launches()
    assert (runs.folder / "launch").read_text().split() == [launch.uuid]
    assert ended.report is not None
    assert ended.report.launch is not None
    assert ended.report.launch.uuid == launch.uuid
    assert ended.report.outcome is Outcome.FINISHED
