"""How launches come to be owed in a chaos run: by programs, by the command, by runs that die; before and meanwhile."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rp_finalizer.entries import OwedLaunch
from tests.chaos.evidence import Owed
from tests.chaos.schedule import Way
from tests.chaos.server import LASTED_MS, NO_PROJECT, PROJECT, SECOND_PROJECT
from tests.chaos.size import Doom

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rp_finalizer.outbox_port import Outbox
    from tests.chaos.fleet import Command
    from tests.chaos.progress import Progress
    from tests.chaos.schedule import PlannedLaunch, Wave
    from tests.chaos.server import Server

TRIES = 20
"""How often a command is tried that adds launches: Redis may be away."""
GONE = "run@a-machine-that-is-gone"


@dataclass
class Feeder:
    """Starts launches, and makes them owed. For one thread."""

    server: Server
    outbox: Outbox
    command: Command
    progress: Progress
    owed: dict[str, Owed] = field(default_factory=dict)
    _adding: subprocess.Popen[bytes] | None = None

    def run(self, waves: Sequence[Wave]) -> None:
        """Feed each wave when its moment comes. Raises `OutboxError` and `Stopped`."""
        for wave in waves:
            self.progress.wait_for(wave.at)
            self.server.disturb_queue()
            self.feed(wave)

    def abandon(self) -> None:
        """End a command that is at work; from any thread."""
        if (adding := self._adding) is not None:
            adding.kill()

    def feed(self, wave: Wave) -> None:
        """Have the launches of a wave on the server, then in the outbox. Raises `OutboxError` and `Stopped`."""
        end_ms = _now_ms()
        for launch in wave.launches:
            self.progress.wait(0.0)
            if launch.doom is not Doom.NO_PROJECT:
                self.server.start(launch, end_ms - LASTED_MS)
            if launch.doom is Doom.DELETED:
                self.server.delete(launch.uuid, end_ms)
        match wave.way:
            case Way.COMMAND:
                self._add_by_command(wave)
            case Way.RUN:
                for launch in wave.launches:
                    self._open(wave, launch)
            case Way.ADDED:
                for launch in wave.launches:
                    self._add(wave, launch, end_ms)

    def _add(self, wave: Wave, launch: PlannedLaunch, end_ms: int) -> None:
        entry = self.outbox.add(
            OwedLaunch(self.command.endpoint, _project(launch), launch.uuid, end_ms, launch.status),
            priority=wave.priority,
            delay=launch.delay,
        )
        self._owe(launch, end_ms, end_ms, due=entry.created_at + launch.delay)

    def _open(self, wave: Wave, launch: PlannedLaunch) -> None:
        """Do what a run does at its beginning, and nothing of what it does later."""
        lease = self.command.size.lease
        owed = OwedLaunch(self.command.endpoint, _project(launch), launch.uuid)
        entry = self.outbox.open(owed, GONE, lease, priority=wave.priority)
        last_ms = int((entry.alive_at or 0.0) * 1000)
        self._owe(launch, last_ms, last_ms, due=entry.lease_until or 0.0, crashed=True)

    def _add_by_command(self, wave: Wave) -> None:
        launches = wave.launches
        project = _project(launches[0])
        options = ("--project", project, "--priority", wave.priority.value, "--quiet", "-")
        text = "\n".join(launch.uuid for launch in launches).encode()
        log = self.command.folder / "added.log"
        begun, due = _now_ms(), time.time()
        for _ in range(TRIES):
            process = self.command.start("entries", "add", *options, log=log, stdin=subprocess.PIPE)
            self._adding = process
            with process:
                process.communicate(text)
            self._adding = None
            if process.returncode == 0:
                break
            self.progress.wait(0.5)
        else:
            raise RuntimeError(f"entries add failed {TRIES} times: {log.read_text(encoding='utf-8')[-500:]}")
        for launch in launches:
            self._owe(launch, begun, _now_ms(), due=due)

    def _owe(self, launch: PlannedLaunch, earliest: int, latest: int, *, due: float, crashed: bool = False) -> None:
        status = "INTERRUPTED" if crashed else "FAILED" if launch.failed_item else "PASSED"
        self.owed[launch.uuid] = Owed(
            launch.uuid, earliest, latest, (launch.status or status).upper(), due, launch.doom
        )


def _project(launch: PlannedLaunch) -> str:
    if launch.doom is Doom.NO_PROJECT:
        return NO_PROJECT
    return SECOND_PROJECT if launch.second_project else PROJECT


def _now_ms() -> int:
    return int(time.time() * 1000)
