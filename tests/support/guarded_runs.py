"""Runs with a guardian, in processes of their own, and what the system tells of both."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tests.support.commands import PATIENCE, environment, heed_interrupts
from tests.support.endings import ROOT
from tests.support.reporting import QUICK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

KEY = "demo_key"
REPORT, OUTBOX = "report.json", "outbox.db"
SETTINGS = {**QUICK, "guardian": True, "outbox": OUTBOX, "report_file": REPORT}
_PROGRAM = """
import ctypes, os, signal, sys, time
from reportportal_client import RPClient
from rp_finalizer import finalizing

libc = ctypes.CDLL(None)

def now():
    return str(int(time.time() * 1000))

def report(name="a test"):
    item = client.start_test_item(name, now(), "STEP")
    client.finish_test_item(item, now(), status="PASSED")

def say(text):
    print(text, flush=True)

def ready():
    say("ready")
    return sys.stdin.readline()

client = RPClient(os.environ["RP_ENDPOINT"], "demo", api_key=os.environ["RP_API_KEY"])
with finalizing(client) as finalizer:
    client.start_launch("smoke", now())
    report()
"""
WAITING = "ready()"
"""What a run does that ends well at a line on its stdin."""
_SIZE = "VmRSS:"

ValueT = TypeVar("ValueT")


class GuardedRun:
    """A run that goes on, in a process group of its own."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self.folder = folder

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_for(self, word: str = "ready") -> str:
        """Wait until the run says a line that begins so, and give the rest of it."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(word):
                return line.removeprefix(word).strip()
        raise AssertionError(f"the run ended without {word!r}: {self.errors()}")

    def tell(self) -> None:
        """Let it come to its end."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def go(self) -> int:
        """Let it end, and give its exit code."""
        self.tell()
        return self.ended()

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it as nothing can be noticed, and wait until it is gone."""
        self._process.kill()
        self._process.wait()

    def ended(self) -> int:
        return self._process.wait(PATIENCE)

    def output(self) -> str:
        """Read to the end what it prints: whoever else holds its output is waited for."""
        assert self._process.stdout is not None
        return self._process.stdout.read()

    def errors(self) -> str:
        return (self.folder / "stderr").read_text()

    def guardian(self) -> int:
        """Give its guardian's number, once that is on its own."""
        [found] = eventually(lambda: lone_guardians_of(self.pid))
        return found


@contextmanager
def guarded(
    folder: Path,
    url: str,
    then: str = WAITING,
    *,
    first: str = "",
    environ: Mapping[str, str] | None = None,
    **settings: object,
) -> Iterator[GuardedRun]:
    """Start a run that opens a launch and then does something, and see to it that nothing is left of it.

    It does something `first`, before it opens the launch.
    """
    heed_interrupts()
    lines = "".join(f"    {line}\n" for line in then.splitlines())
    (folder / "run.py").write_text(f"{first}\n{_PROGRAM}{lines}")
    variables = {f"RP_FINALIZER_{name.upper()}": str(value) for name, value in {**SETTINGS, **settings}.items()}
    variables |= environ or {}
    with (
        (folder / "stderr").open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-u", "run.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=folder,
            start_new_session=True,
            env=environment(
                AGENT_NO_ANALYTICS="1",
                PYTHONPATH=str(ROOT),
                RP_ENDPOINT=url,
                RP_PROJECT="demo",
                RP_API_KEY=KEY,
                **variables,
            ),
        ) as process,
    ):
        run = GuardedRun(process, folder)
        try:
            yield run
        finally:
            guardians = guardians_of(run.pid)
            process.kill()
            for pid in guardians:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def state_of(pid: int) -> str | None:
    """Give the letter for what a process does; None where it is gone without a trace."""
    status = _status(pid)
    return status[0] if status else None


def children_of(pid: int) -> list[int]:
    """Give its children, those included that have ended and were not asked about."""
    return [other for other in _processes() if _status(other)[1:2] == [str(pid)]]


def guardians_of(pid: int) -> list[int]:
    """Give the processes that name themselves the guardian of that one."""
    name = f"rp-finalizer-guardian-of-{pid}"
    return [other for other in _processes() if name in command_of(other)]


def lone_guardians_of(pid: int) -> list[int]:
    """Give those of them that are on their own by now: each begins as that one's child."""
    told = {other: _status(other) for other in guardians_of(pid)}
    return [other for other, status in told.items() if status[3:4] == [str(other)] and status[1] != str(pid)]


def command_of(pid: int) -> list[str]:
    return _told(pid, "cmdline").split("\0")


def environment_of(pid: int) -> list[str]:
    return _told(pid, "environ").split("\0")


def descriptors_of(pid: int) -> dict[int, str]:
    """Give what a process holds open: the names of files by their descriptors."""
    held = {}
    for link in Path(f"/proc/{pid}/fd").iterdir():
        # That of the looking itself is gone by now.
        with suppress(FileNotFoundError):
            held[int(link.name)] = str(link.readlink())
    return held


def memory_of(pid: int) -> float:
    """Give the memory that it holds, in MiB."""
    [line] = [line for line in _told(pid, "status").splitlines() if line.startswith(_SIZE)]
    return int(line.split()[1]) / 1024


def eventually(predicate: Callable[[], ValueT], timeout: float = 30.0) -> ValueT:
    """Wait until a predicate holds, and give its value."""
    deadline = time.monotonic() + timeout
    while not (value := predicate()):
        assert time.monotonic() < deadline, f"not within {timeout} s"
        time.sleep(0.01)
    return value


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _status(pid: int) -> list[str]:
    """Give state, parent, group, session and more; nothing of a process that is gone."""
    return _told(pid, "stat").rpartition(")")[2].split()


def _told(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
