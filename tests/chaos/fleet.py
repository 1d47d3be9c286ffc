"""The workers of a chaos run: real processes, which are killed, stopped, and started again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from tests.chaos.evidence import Killed
from tests.chaos.server import ADMIN_KEY, KEY, NO_PROJECT, PROJECT, SECOND_KEY, SECOND_PROJECT
from tests.chaos.server_faults import READ_TIMEOUT
from tests.support.commands import SCRIPT, environment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chaos.size import Size

ENDING = 30.0
"""Seconds in which a worker that is told to end has ended."""
LAST_LINES = 5


@dataclass(frozen=True, slots=True)
class Command:
    """How `rp-finalize` is called in a run: where, and with which settings."""

    folder: Path
    endpoint: str
    outbox: str
    size: Size

    def prepare(self) -> None:
        """Write the table of credentials."""
        lines = [f'"{self.endpoint}#{SECOND_PROJECT}" = "SECOND_KEY"', f'"{self.endpoint}#{NO_PROJECT}" = "GONE_KEY"']
        text = "\n".join(("[tool.rp_finalizer.credentials]", *lines, ""))
        (self.folder / "pyproject.toml").write_text(text, encoding="utf-8")

    def environment(self) -> dict[str, str]:
        ours = {
            "OUTBOX": self.outbox,
            "ENTRY_ATTEMPTS": self.size.attempts,
            "ENTRY_RETRY_MAX": 1,
            "RETRY_INITIAL": 0.1,
            "RETRY_MAX": 0.5,
            "CONFIRM_TIMEOUT": 1,
            "STABLE_FOR": 0.3,
            "TIMEOUT": 10,
        }
        return environment(
            RP_ENDPOINT=self.endpoint,
            RP_PROJECT=PROJECT,
            RP_API_KEY=KEY,
            RP_CONNECT_TIMEOUT=str(READ_TIMEOUT),
            RP_READ_TIMEOUT=str(READ_TIMEOUT),
            SECOND_KEY=SECOND_KEY,
            GONE_KEY=ADMIN_KEY,
            **{f"RP_FINALIZER_{name}": str(value) for name, value in ours.items()},
        )

    def start(self, *arguments: str, log: Path, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Start a command whose words go into a file."""
        with log.open("ab") as words:
            return subprocess.Popen(
                [str(SCRIPT), *arguments],
                stdin=stdin,
                stdout=words,
                stderr=words,
                cwd=self.folder,
                env=self.environment(),
                # A Ctrl-C is for whoever started the run, who then ends them.
                start_new_session=True,
            )


@dataclass
class Fleet:
    """So many workers; each has a slot, whoever is in it. For one thread."""

    command: Command
    killed: list[Killed] = field(default_factory=list)
    started: int = 0

    def __post_init__(self) -> None:
        self._workers: list[subprocess.Popen[bytes] | None] = [None] * self.command.size.workers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Kill whoever is there."""
        for worker in self._workers:
            if worker is not None:
                worker.kill()
        for worker in self._workers:
            if worker is not None:
                worker.wait()

    def start_all(self) -> None:
        for slot in range(len(self._workers)):
            self.start(slot)

    def start(self, slot: int) -> None:
        """Start a worker in a slot that is empty."""
        size = self.command.size
        options = ("--concurrency", str(size.concurrency), "--lease", f"{size.lease:g}", "--entry-timeout", "10")
        self._workers[slot] = self.command.start("worker", *options, log=self._log(slot))
        self.started += 1

    def kill(self, slot: int) -> int:
        """Kill the worker of a slot, or of the next one that has any; say which."""
        slot = self._occupied(slot)
        worker, self._workers[slot] = self._workers[slot], None
        if worker is not None:
            at = time.time()
            worker.kill()
            self.killed.append(Killed(worker.pid, at))
            worker.wait()
        return slot

    def pause(self, slot: int) -> int:
        """Stop a worker in the midst of what it does; say which."""
        slot = self._occupied(slot)
        self._signal(slot, signal.SIGSTOP)
        return slot

    def go_on(self, slot: int) -> None:
        """Let a worker go on that was stopped, and not killed meanwhile."""
        self._signal(slot, signal.SIGCONT)

    def fallen(self) -> list[str]:
        """Tell of workers that ended although nobody killed them."""
        return [
            f"worker {slot} ended by itself with {worker.returncode}: {self._last_words(slot)}"
            for slot, worker in enumerate(self._workers)
            if worker is not None and worker.poll() is not None
        ]

    def end(self) -> list[str]:
        """Have all workers end in order; tell of those that did not."""
        there = [(slot, worker) for slot, worker in enumerate(self._workers) if worker is not None]
        for _, worker in there:
            worker.terminate()
        until, problems = time.monotonic() + ENDING, []
        for slot, worker in there:
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.wait(max(0.1, until - time.monotonic()))
            if worker.returncode != 128 + signal.SIGTERM:
                how = "did not end" if worker.returncode is None else f"ended with {worker.returncode}"
                problems.append(f"worker {slot}, told to end, {how}: {self._last_words(slot)}")
        return problems

    def _signal(self, slot: int, number: int) -> None:
        worker = self._workers[slot]
        if worker is not None and worker.poll() is None:
            worker.send_signal(number)

    def _occupied(self, slot: int) -> int:
        slots = [(slot + each) % len(self._workers) for each in range(len(self._workers))]
        return next((each for each in slots if self._workers[each] is not None), slot)

    def _log(self, slot: int) -> Path:
        return self.command.folder / f"worker-{slot}.log"

    def _last_words(self, slot: int) -> str:
        text = self._log(slot).read_text(encoding="utf-8", errors="replace")
        return os.linesep.join(text.splitlines()[-LAST_LINES:]) or "it said nothing"
