"""How well a time-out is kept when the server never answers."""

from __future__ import annotations

import socket
import uuid
from statistics import median
from time import perf_counter

from rp_finalizer import LaunchFinalizer, Outcome
from tests.bench.emulator_process import EmulatorProcess
from tests.bench.launches import KEY, LOGS, PROJECT, open_launch
from tests.bench.tables import Table

TIMEOUT = 2.0
RUNS = 4


def run() -> None:
    """Measure, and print a table."""
    table = Table(
        f"finish(timeout={TIMEOUT:g}) when nothing is answered; seconds",
        ("server", "launch of", "runs", "median", "most", "most over the time-out"),
        text_columns=2,
    )
    hung = _before_a_hanging_emulator()
    mute = _before_a_mute_socket()
    for server, launch, seconds in (
        ("emulator that holds every call", f"a client with {LOGS} unsent logs", hung),
        ("socket that takes connections only", "a uuid alone", mute),
    ):
        over = f"{1000 * (max(seconds) - TIMEOUT):.0f} ms"
        table.add(server, launch, str(RUNS), f"{median(seconds):.3f}", f"{max(seconds):.3f}", over)
    table.show()


def _before_a_hanging_emulator() -> list[float]:
    seconds = []
    with EmulatorProcess() as emulator:
        for _ in range(RUNS):
            launch = open_launch(emulator.url, holding_logs=True)
            emulator.hang()
            # As a setting, too, of which the sending of logs takes its share.
            seconds.append(_time_finish(LaunchFinalizer(launch.client, timeout=TIMEOUT)))
            emulator.release()
            launch.client.close()
    return seconds


def _before_a_mute_socket() -> list[float]:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as mute:
        endpoint = f"http://127.0.0.1:{mute.getsockname()[1]}"
        return [
            _time_finish(
                LaunchFinalizer(
                    launch=str(uuid.uuid4()), endpoint=endpoint, project=PROJECT, api_key=KEY, timeout=TIMEOUT
                )
            )
            for _ in range(RUNS)
        ]


def _time_finish(finalizer: LaunchFinalizer) -> float:
    begun = perf_counter()
    report = finalizer.finish(timeout=TIMEOUT)
    seconds = perf_counter() - begun
    if report.outcome is not Outcome.FAILED:
        raise RuntimeError(f"nothing was measured: before a server that hangs the launch is {report.outcome}")
    return seconds
