"""Every way in which a script may end, with every kind of client: its launch is finished, or it is told why not."""

from __future__ import annotations

from dataclasses import dataclass, field
from signal import SIGHUP, SIGINT, SIGTERM, Signals
from typing import TYPE_CHECKING, Any

import pytest

from rp_finalizer import ErrorKind, Outcome
from rp_finalizer.emulator import Emulator, Fault
from tests.support import ending_script
from tests.support.endings import reported_behind_the_finish, running
from tests.support.fault_proxy import AnswerLost, BlackHole, Delay, FaultProxy, Reset
from tests.support.reporting import FINISH, finishes, logged, status_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rp_finalizer import Report
    from tests.support.endings import EndedScript

PUT = "^PUT .*/finish"
QUICK: dict[str, Any] = {"timeout": 10.0, "grace": 4.0, "retry_initial": 0.05, "retry_max": 0.2, "stable_for": 0.5}
ERROR = 1
"""The exit code of an exception that nobody catches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A way to end, and what is promised of it. Of the script's doings see `ending_script`."""

    name: str
    scripts: str
    """The kinds of client that end so, each with what holds it: `sync/block threaded/guard`."""
    slow: str = ""
    """Those that `make test-endings` adds."""
    does: str = "waiting"
    spoil: Callable[[Emulator, FaultProxy], object] | None = None
    """What goes wrong from then on when everything is reported."""
    signals: tuple[Signals, ...] = ()
    at_finish: tuple[Signals, ...] = ()
    """Signals that arrive while the server works on the finish."""
    handlers: str = ""
    host: str = "127.0.0.1"
    settings: dict[str, Any] = field(default_factory=dict)
    code: int = 0
    outcome: Outcome = Outcome.FINISHED
    error: ErrorKind | None = None
    """Why the launch stays open; None where it is finished."""
    status: str = "PASSED"
    lossy: bool = False
    """Logs may be left behind, and are told as abandoned."""

    def cases(self) -> Iterator[Any]:
        """Give a test's parameters for each of the scripts."""
        for scripts, marks in ((self.scripts, []), (self.slow, [pytest.mark.slow])):
            for script in scripts.split():
                yield pytest.param(self, *script.split("/"), id=f"{self.name}-{script}", marks=marks)


def finish_answers(**answer: Any) -> Callable[[Emulator, FaultProxy], object]:
    return lambda emulator, _: emulator.add_fault(Fault(FINISH, **answer))


def signalled(name: str, number: Signals, scripts: str, **more: Any) -> Ending:
    """Give an ending by a signal, with what is promised of all of them."""
    promised: dict[str, Any] = {"signals": (number,), "code": -number, "status": "INTERRUPTED"}
    return Ending(name=name, scripts=scripts, **promised | more)


ENDINGS = (
    Ending(
        name="normal",
        does="normal",
        scripts="sync/block threaded/block batched/block async/block duck/block",
        slow="sync/guard threaded/guard batched/guard async/guard duck/guard",
    ),
    Ending(
        name="finished twice",
        does="finished twice",
        scripts="sync/guard",
        slow="threaded/guard batched/guard async/guard duck/guard",
    ),
    Ending(
        name="finished by itself",
        does="finished twice",
        scripts="duck/block",
        slow="sync/block",
        outcome=Outcome.ALREADY_FINISHED,
    ),
    Ending(name="error", does="error", scripts="sync/guard batched/block", slow="async/guard", code=ERROR),
    Ending(
        name="error, told by a status",
        does="error",
        scripts="sync/block",
        slow="threaded/block async/block duck/block",
        settings={"status_on_error": "failed"},
        code=ERROR,
        status="FAILED",
    ),
    Ending(
        name="exit",
        does="exit",
        scripts="batched/block",
        slow="sync/guard threaded/guard duck/guard async/guard async/block",
        code=ending_script.EXIT_CODE,
    ),
    Ending(
        name="forgotten",
        does="forgotten",
        scripts="sync/guard threaded/guard async/guard",
        slow="batched/guard duck/guard",
    ),
    Ending(
        name="threads", does="threads", scripts="threaded/block", slow="sync/block sync/guard batched/guard duck/block"
    ),
    Ending(
        name="forked",
        does="forked",
        scripts="sync/block threaded/guard",
        slow="sync/guard batched/block batched/guard duck/block threaded/block",
    ),
    signalled(
        "SIGTERM",
        SIGTERM,
        "sync/block threaded/guard async/block",
        slow="sync/guard threaded/block batched/guard async/guard duck/guard",
    ),
    signalled("SIGINT", SIGINT, "sync/guard async/block", slow="batched/block threaded/block duck/block"),
    signalled(
        "SIGINT in asyncio",
        SIGINT,
        "async/guard",
    ),
    signalled("SIGHUP", SIGHUP, "threaded/block", slow="sync/block batched/guard async/guard duck/block"),
    signalled(
        "SIGTERM, no status", SIGTERM, "", slow="sync/block", settings={"status_on_signal": "none"}, status="PASSED"
    ),
    *(
        signalled(
            f"{number.name} twice",
            number,
            scripts,
            slow="sync/block sync/guard threaded/block batched/block async/block duck/guard",
            spoil=finish_answers(hang=True, times=1),
            at_finish=(number,),
        )
        for number, scripts in ((SIGTERM, "threaded/guard"), (SIGINT, "batched/guard"), (SIGHUP, ""))
    ),
    Ending(
        name="SIGTERM within the finish",
        does="normal",
        scripts="sync/block",
        slow="threaded/block batched/block async/block",
        spoil=finish_answers(hang=True, times=1),
        at_finish=(SIGTERM,),
        code=-SIGTERM,
    ),
    signalled("holding the lock", SIGTERM, "sync/block", does="waiting with the lock", slow="batched/block"),
    signalled(
        "stuck",
        SIGTERM,
        "sync/block",
        does="stuck",
        slow="sync/guard threaded/block batched/guard async/block duck/guard",
    ),
    signalled("stuck with the lock", SIGTERM, "sync/guard", does="stuck with the lock", lossy=True),
    signalled("busy", SIGTERM, "sync/block", does="busy", slow="batched/guard threaded/guard"),
    signalled("carries on", SIGINT, "sync/block", does="carries on", code=0, status=""),
    signalled("own handler", SIGTERM, "sync/block", handlers="handled", code=ending_script.HANDLED_CODE),
    Ending(name="ignored SIGHUP", does="normal", handlers="ignored", signals=(SIGHUP,), scripts="sync/block"),
    signalled(
        "one hang after SIGTERM",
        SIGTERM,
        "sync/block",
        slow="threaded/guard batched/block async/block",
        spoil=finish_answers(hang=True, times=1),
        settings={"grace": 4.0},
    ),
    signalled(
        "hang after SIGTERM",
        SIGTERM,
        "sync/block",
        slow="threaded/block batched/guard async/block duck/block",
        spoil=lambda _, proxy: proxy.set(BlackHole()),
        settings={"grace": 1.5},
        error=ErrorKind.TIMEOUT,
        lossy=True,
    ),
    signalled(
        "hang after SIGINT",
        SIGINT,
        "",
        slow="sync/guard",
        spoil=lambda _, proxy: proxy.set(BlackHole()),
        settings={"grace": 1.5},
        error=ErrorKind.TIMEOUT,
        lossy=True,
    ),
    signalled(
        "hang after SIGINT in asyncio",
        SIGINT,
        "",
        slow="async/block async/guard",
        spoil=lambda _, proxy: proxy.set(BlackHole()),
        settings={"grace": 1.5},
        error=ErrorKind.TIMEOUT,
        lossy=True,
    ),
    Ending(
        name="503 twice",
        does="normal",
        scripts="sync/block",
        slow="batched/guard",
        spoil=finish_answers(status=503, times=2),
    ),
    Ending(
        name="503 for a while",
        does="normal",
        scripts="",
        slow="sync/block threaded/guard",
        spoil=finish_answers(status=503, seconds=20),
        settings={"timeout": 30},
    ),
    Ending(
        name="answer lost",
        does="normal",
        scripts="threaded/block",
        slow="sync/block async/block",
        spoil=lambda _, proxy: proxy.set(AnswerLost(matching=PUT, times=1)),
    ),
    Ending(
        name="reset",
        does="forgotten",
        scripts="batched/guard",
        slow="sync/guard async/guard",
        spoil=lambda _, proxy: proxy.set(Reset(matching=PUT, times=2)),
    ),
    Ending(
        name="hang",
        does="forgotten",
        scripts="sync/guard",
        slow="threaded/guard batched/guard async/guard duck/guard",
        spoil=lambda _, proxy: proxy.set(BlackHole()),
        settings={"timeout": 1.5},
        error=ErrorKind.TIMEOUT,
        lossy=True,
    ),
    Ending(
        name="hang for long",
        does="normal",
        scripts="",
        slow="sync/block threaded/block async/block",
        spoil=lambda _, proxy: proxy.set(BlackHole()),
        error=ErrorKind.TIMEOUT,
        lossy=True,
    ),
    Ending(
        name="401",
        does="normal",
        scripts="async/block",
        slow="sync/guard",
        spoil=finish_answers(status=401),
        error=ErrorKind.UNAUTHORIZED,
    ),
    Ending(
        name="429",
        does="normal",
        scripts="sync/block",
        slow="threaded/guard",
        spoil=finish_answers(status=429, headers={"Retry-After": "1"}, times=1),
    ),
    Ending(
        name="slow server",
        does="normal",
        scripts="duck/guard",
        slow="sync/block threaded/block async/block",
        spoil=lambda _, proxy: proxy.set(Delay(seconds=0.5)),
    ),
    Ending(
        name="idle",
        does="idle, forgotten",
        scripts="",
        slow="sync/guard threaded/guard batched/guard async/guard",
        host="localhost",
    ),
    Ending(name="idle under a block", does="idle", scripts="", slow="threaded/block async/block", host="localhost"),
)


CASES = [case for ending in ENDINGS for case in ending.cases()]


@pytest.mark.parametrize(("ending", "kind", "hold"), CASES)
def test_ending(
    emulator: Emulator, fault_proxy: FaultProxy, tmp_path: Path, ending: Ending, kind: str, hold: str
) -> None:
    """However a script ends: its launch is finished with all its logs, or told; in time; with its own exit code."""
    settings = QUICK | ending.settings
    url = f"http://{ending.host}:{fault_proxy.port}"
    with running(tmp_path, url, kind, hold, ending.does, handlers=ending.handlers, **settings) as script:
        script.wait_for("ready")
        if ending.spoil is not None:
            emulator.wait_until(emulator.launches)
            ending.spoil(emulator, fault_proxy)
        if ending.signals:
            script.signal(*ending.signals)
        if not ending.signals or ending.handlers == "ignored":
            script.go()
        if ending.at_finish:
            emulator.wait_until(lambda: emulator.calls(FINISH))
            script.signal(*ending.at_finish)
            emulator.clear_faults()
        ended = script.ended()

    assert ended.code == ending.code, ended
    budget = settings["grace"] if ending.signals and ending.code else settings["timeout"]
    assert ended.seconds < budget + 1, ended
    assert reported_behind_the_finish(emulator) == []
    assert ended.report is not None, ended
    expect_logs(emulator, ended.report, ending)
    if ending.error:
        expect_told(emulator, ended.report, ending.error)
    else:
        expect_finished(emulator, ended, ending)


def test_unfinished_launch_is_told(emulator: Emulator, tmp_path: Path) -> None:
    """Whoever reads nothing but the terminal learns that the launch is not finished, and why."""
    emulator.add_fault(Fault(FINISH, status=401))
    with running(tmp_path, emulator.url, "sync", "block", "normal") as script:
        script.wait_for("ready")
        script.go()
        ended = script.ended()
    assert ended.report is not None
    assert ended.report.error is not None
    assert ended.report.error.message in ended.err
    assert ended.report.error.hint in ended.err


def test_signals_of_others(emulator: Emulator, tmp_path: Path) -> None:
    """With `signals` off a signal does what it did before, and the launch stays as it is."""
    with running(tmp_path, emulator.url, "sync", "block", "waiting", signals=False) as script:
        script.wait_for("ready")
        script.signal(SIGTERM)
        ended = script.ended()
    assert (ended.code, ended.report) == (-SIGTERM, None)
    assert finishes(emulator) == []


def expect_finished(emulator: Emulator, ended: EndedScript, ending: Ending) -> None:
    [launch] = emulator.launches()
    report = ended.report
    assert report is not None
    assert (report.outcome, report.error) == (ending.outcome, None), ended
    assert report.launch is not None
    assert (report.launch.uuid, report.launch.status) == (launch.uuid, launch.status)
    assert launch.status.value == ending.status or not ending.status
    if ending.outcome is Outcome.FINISHED:
        assert sum(call.applied for call in finishes(emulator)) == 1
    assert launch.end_ms in {int(call.body["endTime"]) for call in finishes(emulator)}


def expect_told(emulator: Emulator, report: Report, kind: ErrorKind) -> None:
    [launch] = emulator.launches()
    assert report.outcome is (Outcome.FAILED if kind.permanent else Outcome.DEFERRED)
    assert report.entry is not None
    assert report.error is not None
    assert report.error.kind is kind
    assert report.error.message
    assert report.error.hint
    assert status_of(emulator, launch.uuid) == "IN_PROGRESS"


def expect_logs(emulator: Emulator, report: Report, ending: Ending) -> None:
    [launch] = emulator.launches()
    expected = [f"line {number}" for number in range(ending_script.LOGS)]
    if ending.does == "threads":
        each = range(ending_script.LOGS_OF_A_THREAD)
        expected += [f"thread {thread} {number}" for thread in range(ending_script.THREADS) for number in each]
    arrived = logged(emulator, launch.uuid)
    if ending.lossy:
        assert report.abandoned.logs is not None or not arrived
        expected = expected[: len(expected) - (report.abandoned.logs or 0)]
        assert len(arrived) == len(set(arrived)) == len(expected)
    else:
        assert sorted(arrived) == sorted(expected)
