"""How long finishing a launch takes: the client by itself, ours, and the least it can take."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from rp_finalizer import LaunchFinalizer, Outcome, Report, Step
from tests.bench.emulator_process import EmulatorProcess
from tests.bench.floor import Floor, FloorTimes
from tests.bench.launches import ITEMS, LOGS, OpenLaunch, now_ms, open_launch
from tests.bench.tables import Table, milliseconds, ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

ROUNDS = {0.0: 30, 0.02: 20, 0.1: 8}
"""Seconds of latency, and how often each is measured there."""
VANILLA_ROUNDS = 2
"""The client sleeps for 3 s every time."""
STEPS = (Step.RESOLVE, Step.FLUSH, Step.FINISH, Step.CONFIRM, Step.TERMINATE)


@dataclass(frozen=True, slots=True)
class OurTimes:
    """Seconds of one finalization: the constructor, then `terminate`, and what its report says of its steps."""

    making: float
    terminating: float
    steps: dict[Step, float]

    @property
    def whole(self) -> float:
        return self.making + self.terminating

    @property
    def rest(self) -> float:
        return self.terminating - sum(self.steps.values())


@dataclass(slots=True)
class Measured:
    """All runs at one latency; what has the same index ran in the same round."""

    latency: float
    floor: list[FloorTimes] = field(default_factory=list)
    cold_floor: list[float] = field(default_factory=list)
    ours: list[OurTimes] = field(default_factory=list)
    vanilla: dict[int, float] = field(default_factory=dict)
    """By the index of its round: it does not run in all of them."""


@dataclass(frozen=True, slots=True)
class Round:
    """The launches of one round, one for each way to finish it."""

    floor: OpenLaunch
    cold_floor: OpenLaunch
    ours: OpenLaunch
    vanilla: OpenLaunch | None

    @classmethod
    def open(cls, url: str, *, vanilla: bool) -> Round:
        return cls(
            floor=open_launch(url, holding_logs=False),
            cold_floor=open_launch(url, holding_logs=False),
            ours=open_launch(url, holding_logs=True),
            vanilla=open_launch(url, holding_logs=True) if vanilla else None,
        )


def run() -> None:
    """Measure, and print two tables."""
    with EmulatorProcess() as emulator:
        measured = [_measure(emulator, latency, rounds) for latency, rounds in ROUNDS.items()]
    _show_whole(measured)
    _show_steps(measured)


def _measure(emulator: EmulatorProcess, latency: float, rounds: int) -> Measured:
    """Open all launches without latency, then finish them in turn; the first round is not counted."""
    emulator.reset()
    emulator.set_latency(0.0)
    with_vanilla = {1 + index * rounds // VANILLA_ROUNDS for index in range(VANILLA_ROUNDS)}
    opened = [Round.open(emulator.url, vanilla=index in with_vanilla) for index in range(rounds + 1)]
    emulator.set_latency(latency)
    measured = Measured(latency)
    with Floor(emulator.url) as floor:
        _measure_round(Measured(latency), opened[0], floor, emulator.url)
        for each in opened[1:]:
            _measure_round(measured, each, floor, emulator.url)
    return measured


def _measure_round(measured: Measured, launches: Round, floor: Floor, url: str) -> None:
    floor.warm_up()
    measured.floor.append(floor.finish(launches.floor))
    measured.cold_floor.append(_finish_over_new_session(launches.cold_floor, url))
    measured.ours.append(_finish_ours(launches.ours))
    for open_one in (launches.floor, launches.cold_floor):
        open_one.client.close()
    if launches.vanilla is not None:
        measured.vanilla[len(measured.ours) - 1] = _finish_vanilla(launches.vanilla)
        _require(floor.status(launches.vanilla.uuid) == "PASSED", "the client did not finish its launch")


def _finish_over_new_session(launch: OpenLaunch, url: str) -> float:
    begun = perf_counter()
    with Floor(url) as floor:
        floor.finish(launch)
    return perf_counter() - begun


def _finish_ours(launch: OpenLaunch) -> OurTimes:
    begun = perf_counter()
    finalizer = LaunchFinalizer(launch.client)
    made = perf_counter()
    report = finalizer.terminate()
    ended = perf_counter()
    _require_finished(report)
    return OurTimes(made - begun, ended - made, {step: report.step(step).seconds for step in STEPS})


def _finish_vanilla(launch: OpenLaunch) -> float:
    begun = perf_counter()
    launch.client.finish_launch(end_time=str(now_ms()))
    launch.client.close()
    return perf_counter() - begun


def _require_finished(report: Report) -> None:
    _require(report.outcome is Outcome.FINISHED, f"the launch is {report.outcome}: {report.error}")
    _require(report.flushed.logs == LOGS, f"{report.flushed.logs} of {LOGS} logs arrived")


def _require(holds: bool, otherwise: str) -> None:  # noqa: FBT001  reads like an assertion
    if not holds:
        raise RuntimeError(f"nothing was measured: {otherwise}")


def _show_whole(measured: Sequence[Measured]) -> None:
    table = Table(
        f"Finishing a launch ({ITEMS} items, {LOGS} unsent logs); milliseconds: median (least-most)",
        ("server latency", "finished by", "runs", "ms", "to the floor", "to ours"),
        text_columns=2,
    )
    for at in measured:
        floor = [each.whole for each in at.floor]
        ours = [each.whole for each in at.ours]
        terminating = [each.terminating for each in at.ours]
        rows = {
            "floor": (floor, floor, ours),
            "floor, with a session of its own": (at.cold_floor, floor, ours),
            "LaunchFinalizer": (ours, floor, ours),
            "LaunchFinalizer, its terminate() alone": (terminating, floor, ours),
            "RPClient": (
                list(at.vanilla.values()),
                [floor[index] for index in at.vanilla],
                [ours[index] for index in at.vanilla],
            ),
        }
        latency = f"{1000 * at.latency:.0f} ms"
        for name, (seconds, floor_beside, ours_beside) in rows.items():
            to_floor = "" if seconds is floor else ratio(seconds, floor_beside)
            to_ours = "" if seconds is ours else ratio(seconds, ours_beside)
            table.add(latency, name, str(len(seconds)), milliseconds(seconds), to_floor, to_ours)
            latency = ""
    table.notes += [
        "floor: POST log, PUT finish over v2, GET until final, over a requests.Session whose connection is open.",
        "floor, with a session of its own: the same, over one that is made, connected and closed within the time.",
        "LaunchFinalizer: LaunchFinalizer(client).terminate(), all imported before; it opens its connection within the",
        "measured time, since it leaves none open between two calls.",
        "RPClient: its finish_launch() and close(), few runs since it sleeps for 3 s in each. It reads nothing back.",
        "Ratios are taken within each round, in which the ways to finish follow one another.",
        "The latency is the server's: it is added to every answer, and not to the opening of a connection.",
    ]
    table.show()


def _show_steps(measured: Sequence[Measured]) -> None:
    table = Table(
        "Where that time goes; medians, milliseconds",
        ("server latency", "finished by", "constructor", "resolve", "logs", "finish", "confirm", "close", "rest"),
        text_columns=2,
    )
    for at in measured:
        floor = [[each.logs, each.finish, each.confirm] for each in at.floor]
        ours = [[each.making, *(each.steps[step] for step in STEPS), each.rest] for each in at.ours]
        requests = map(_median_ms, zip(*floor, strict=True))
        table.add(f"{1000 * at.latency:.0f} ms", "floor", "", "", *requests, "", "")
        table.add("", "LaunchFinalizer", *map(_median_ms, zip(*ours, strict=True)))
    table.notes += [
        "The steps are those of the report; the constructor reads the settings, pyproject.toml among them.",
        "Sending the logs comes first: with LaunchFinalizer it opens the connection, and the floor's is open.",
    ]
    table.show()


def _median_ms(seconds: Sequence[float]) -> str:
    return f"{1000 * median(seconds):.2f}"
