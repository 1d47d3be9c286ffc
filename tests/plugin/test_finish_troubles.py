"""What goes wrong at the end of a run: the launch finished all the same, or told with the reason and the mend."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from rp_finalizer import ErrorKind, Outcome
from rp_finalizer.emulator import Fault
from tests.support.endings import reported_behind_the_finish
from tests.support.fault_proxy import AnswerLost, BlackHole, Refuse, Reset
from tests.support.plugin_suite import LOGS, SUITE, TESTS, block_of, expect_all_arrived
from tests.support.reporting import FINISH, finishes, logged
from tests.support.slow_cases import slow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rp_finalizer.emulator import Emulator
    from tests.support.fault_proxy import FaultProxy
    from tests.support.pytest_runs import PytestRuns

PUT = "^PUT .*/finish"
TIMEOUT = 2
HURRY = {"rp_finalizer_timeout": str(TIMEOUT), "rp_finalizer_client_timeout": "1"}
STRICT = {"rp_finalizer_strict": "true"}
WORKERS = ("-n", "2")
BATCHED = {"rp_client_type": "ASYNC_BATCHED"}
THREADED = {"rp_client_type": "ASYNC_THREAD"}
SOON = 30.0
AT_THE_END = """
    import pathlib
    import time
    import pytest

    here = pathlib.Path(__file__)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(session):
        if hasattr(session.config, "workerinput"):
            return
        here.with_name("marks").write_text("ending\\n")
        while not here.with_name("go").exists():
            time.sleep(0.01)
"""
FAILING = f"""{SUITE}
    def test_fails():
        assert not "right"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What goes wrong when the tests are over, and what is promised."""

    spoil: Callable[[Emulator, FaultProxy], object]
    error: ErrorKind | None = None
    """Why the launch stays open; None where it is finished."""
    suite: str = SUITE
    ini: Mapping[str, str] = field(default_factory=lambda: HURRY)
    arguments: tuple[str, ...] = ()
    code: int = 0


def key_is_revoked(emulator: Emulator, _: FaultProxy) -> None:
    emulator.add_fault(Fault(FINISH, status=401))


def hangs(_: Emulator, proxy: FaultProxy) -> None:
    proxy.set(BlackHole())


def is_gone(_: Emulator, proxy: FaultProxy) -> None:
    proxy.set(Refuse())


def loses_its_answer(_: Emulator, proxy: FaultProxy) -> None:
    proxy.set(AnswerLost(matching=PUT, times=1))


def resets(_: Emulator, proxy: FaultProxy) -> None:
    proxy.set(Reset(matching=PUT, times=2))


def is_busy(emulator: Emulator, _: FaultProxy) -> None:
    emulator.add_fault(Fault(FINISH, status=503, times=2))


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(Trouble(spoil=key_is_revoked, error=ErrorKind.UNAUTHORIZED, ini=STRICT, code=1), id="401, strict"),
        pytest.param(Trouble(spoil=is_gone, error=ErrorKind.UNAVAILABLE), id="gone"),
        pytest.param(Trouble(spoil=loses_its_answer, ini={}), id="answer lost"),
        slow(Trouble(spoil=key_is_revoked, error=ErrorKind.UNAUTHORIZED), id="401"),
        slow(
            Trouble(spoil=key_is_revoked, error=ErrorKind.UNAUTHORIZED, ini=STRICT, suite=FAILING, code=1),
            id="401, strict, a test failed",
        ),
        slow(Trouble(spoil=loses_its_answer, ini=STRICT), id="answer lost, strict"),
        slow(Trouble(spoil=resets, ini={}), id="reset"),
        slow(Trouble(spoil=hangs, error=ErrorKind.TIMEOUT), id="hang"),
        *(
            slow(Trouble(spoil=spoil, error=error, ini=HURRY | client, arguments=arguments), id=f"{name}, {who}")
            for name, spoil, error in (
                ("401", key_is_revoked, ErrorKind.UNAUTHORIZED),
                ("gone", is_gone, ErrorKind.UNAVAILABLE),
                ("hang", hangs, ErrorKind.TIMEOUT),
            )
            for who, client, arguments in (
                ("batched", BATCHED, ()),
                ("threaded", THREADED, ()),
                ("xdist", {}, WORKERS),
                ("batched, xdist", BATCHED, WORKERS),
            )
        ),
        *(
            slow(Trouble(spoil=spoil, ini=client, arguments=arguments), id=f"{name}, {who}")
            for name, spoil in (("answer lost", loses_its_answer), ("503 twice", is_busy))
            for who, client, arguments in (
                ("batched", BATCHED, ()),
                ("threaded", THREADED, ()),
                ("xdist", {}, WORKERS),
                ("threaded, xdist", THREADED, WORKERS),
            )
        ),
    ],
)
def test_trouble_at_the_end(
    emulator: Emulator, fault_proxy: FaultProxy, faulty_runs: PytestRuns, trouble: Trouble
) -> None:
    """The launch is finished with all that was reported, or told as not finished; the exit status is the tests' own."""
    runs = faulty_runs.write(test_it=trouble.suite, conftest=AT_THE_END).with_ini(**trouble.ini)
    with runs.started(*trouble.arguments) as live:
        live.wait_for("ending")
        trouble.spoil(emulator, fault_proxy)
        (runs.folder / "go").touch()
        ended = live.ended()
    assert ended.code == trouble.code, (ended.out, ended.err)
    assert ended.seconds < SOON
    assert reported_behind_the_finish(emulator) == []
    told = block_of(ended)
    assert ended.report is not None
    if trouble.error is None:
        expect_all_arrived(emulator)
        assert ended.report.outcome is Outcome.FINISHED
        assert "finished and confirmed" in told
        return
    [launch] = emulator.launches()
    assert launch.status.value == "IN_PROGRESS"
    assert not any(call.applied for call in finishes(emulator))
    assert ended.report.error is not None
    assert ended.report.error.kind is trouble.error
    for_good = ended.report.error.kind.permanent
    assert ended.report.outcome is (Outcome.FAILED if for_good else Outcome.DEFERRED)
    assert ended.report.seconds < TIMEOUT + 1 or trouble.ini is STRICT
    assert ("NOT finished" if for_good else "not finished; kept") in told
    assert (f"rp-finalize entries retry {launch.uuid}" if for_good else "rp-finalize drain") in told
    arrived = [line for line in logged(emulator, launch.uuid) if line.startswith("line ")]
    if not trouble.arguments:
        assert len(arrived) + (ended.report.abandoned.logs or 0) == TESTS * LOGS
