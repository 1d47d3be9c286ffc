"""What a guardian costs a run that ends well, and how soon it acts for one that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from rp_finalizer import Settings
from rp_finalizer.entries import OwedLaunch
from rp_finalizer.guardian import Guardian
from tests.bench.emulator_process import EmulatorProcess
from tests.bench.tables import Table, milliseconds, ratio, spread
from tests.support.commands import environment
from tests.support.guarded_runs import KEY, eventually, guarded, guardians_of, lone_guardians_of, memory_of, state_of
from tests.support.rp_api import RpApi

if TYPE_CHECKING:
    from collections.abc import Callable

STARTS, KILLS = 30, 11
LOOK = 0.005
"""Seconds between two looks at the server."""
PATIENCE = 30.0
BARE = """
import sys, requests
url, uuid, key, end = sys.argv[1:]
headers = {"Authorization": f"bearer {key}"}
requests.put(f"{url}/api/v2/demo/launch/{uuid}/finish", json={"endTime": end}, headers=headers)
"""
"""The least that any fresh process does: the client's own HTTP library, one request, nothing read back."""


def run() -> None:
    """Measure, and print two tables."""
    with EmulatorProcess() as emulator, tempfile.TemporaryDirectory() as folder:
        _show_cost(emulator.url)
        _show_kills(emulator.url, Path(folder))


def _show_cost(url: str) -> None:
    settings = Settings.load(environ={}, endpoint=url, project="demo", api_key=KEY, outbox="off")
    launch = OwedLaunch(url, "demo", "96c6a3f4-5e1a-4f0e-9a4c-8f7b2d1e0a55")
    starts: list[float] = []
    bare: list[float] = []
    tellings: list[float] = []
    goodbyes: list[float] = []
    sizes: list[float] = []
    for _ in range(STARTS):
        bare.append(_timed(_start_bare))
        begun = perf_counter()
        guardian = Guardian.start(settings)
        starts.append(perf_counter() - begun)
        if guardian is None:
            raise RuntimeError("there is no guardian on this system")
        tellings.append(_timed(partial(guardian.watch, launch)))
        [pid] = eventually(_up)
        sizes.append(memory_of(pid))
        goodbyes.append(_timed(guardian.goodbye))
        eventually(partial(_has_none, os.getpid()))
    table = Table(
        "A guardian beside a run, as the run feels it; milliseconds: median (least-most)",
        ("what", "runs", "takes"),
    )
    table.add("starting it", str(STARTS), milliseconds(starts))
    table.add("starting python -c pass by subprocess, not awaited", str(STARTS), milliseconds(bare))
    table.add("telling it of a launch", str(STARTS), milliseconds(tellings))
    table.add("sending it away", str(STARTS), milliseconds(goodbyes))
    table.notes += [
        f"While it waits it holds {spread(sizes)} MiB (resident, shared pages included), and sleeps until it is told",
        "something, or its run is gone.",
    ]
    table.show()


def _show_kills(url: str, folder: Path) -> None:
    api = RpApi(url, KEY)
    ours: list[float] = []
    bare: list[float] = []
    for _ in range(KILLS + 1):
        with guarded(folder, url, "say(f'launch {client.launch_uuid}')\nready()") as process:
            uuid = process.wait_for("launch")
            process.wait_for()
            process.guardian()
            begun = perf_counter()
            process.send(signal.SIGKILL)
            _await_end(api, uuid)
            ours.append(perf_counter() - begun)
            process.ended()
            eventually(partial(_has_none, process.pid))
        uuid = api.start("v2", name="bare", startTime=_now())
        command = [sys.executable, "-c", BARE, url, uuid, KEY, _now()]
        with subprocess.Popen(command, env=environment()):
            bare.append(_timed(partial(_await_end, api, uuid)))
    api.close()
    ours, bare = ours[1:], bare[1:]
    table = Table(
        "From SIGKILL to the launch finished on the server, on loopback; milliseconds: median (least-most)",
        ("who finishes it", "runs", "takes", "to the bare process"),
    )
    table.add("the guardian of the killed run", str(KILLS), milliseconds(ours), ratio(ours, bare))
    table.add("a bare new process: requests, one call", str(KILLS), milliseconds(bare), "")
    table.notes += ["The first round warms up. The guardian also reads the launch back, and settles its outbox entry."]
    table.show()


def _timed(work: Callable[[], object]) -> float:
    begun = perf_counter()
    work()
    return perf_counter() - begun


def _start_bare() -> None:
    # Nobody waits for it here, as nobody waits for a guardian; it is gone when the next one is started.
    subprocess.Popen([sys.executable, "-I", "-S", "-c", "pass"], stdin=subprocess.DEVNULL).poll()


def _up() -> list[int]:
    return [pid for pid in lone_guardians_of(os.getpid()) if state_of(pid) == "S"]


def _has_none(pid: int) -> bool:
    return not guardians_of(pid)


def _await_end(api: RpApi, uuid: str) -> None:
    until = perf_counter() + PATIENCE
    while api.call("GET", f"/v1/demo/launch/uuid/{uuid}").json().get("status") in {None, "IN_PROGRESS"}:
        if perf_counter() > until:
            raise TimeoutError(f"launch {uuid} is not finished within {PATIENCE:g} s")
        time.sleep(LOOK)


def _now() -> str:
    return str(int(time.time() * 1000))
