"""The emulator in a process of its own, so that it takes no time from what is measured.

Run as a module it is that process: it tells its address in one line and ends when its standard input does, which the
system sees to however the measuring process goes.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Self

import requests

if TYPE_CHECKING:
    from types import TracebackType

ENDING_TIME = 5.0
"""Seconds that the process gets to end by itself."""
CONTROL_TIMEOUT = 10.0


class EmulatorProcess:
    """Starts the process on entering, and has it ended on leaving."""

    def __init__(self) -> None:
        self.url = ""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.emulator_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        try:
            self.url = self._process.stdout.readline().strip()
        except BaseException:
            self._end()
            raise
        if not self.url:
            self._end()
            raise RuntimeError(f"the emulator ended with {self._process.returncode} before it listened")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()

    def set_latency(self, seconds: float) -> None:
        """Let every call take so much longer from now on."""
        self._control("PUT", "/server", {"latency": seconds})

    def hang(self) -> None:
        """Hold every call that comes."""
        self._control("POST", "/faults", {"hang": True})

    def release(self) -> None:
        """Let go what is held, and hold nothing any more."""
        self._control("DELETE", "/faults")

    def reset(self) -> None:
        """Have it forget everything."""
        self._control("POST", "/reset")

    def _control(self, method: str, path: str, body: Any = None) -> None:
        requests.request(method, f"{self.url}/control{path}", json=body, timeout=CONTROL_TIMEOUT).raise_for_status()

    def _end(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(ENDING_TIME)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def main() -> None:
    # A Ctrl-C reaches this process, too; its parent is the one to answer it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from rp_finalizer.emulator import Emulator  # noqa: PLC0415  the parent needs none of it

    with Emulator() as emulator:
        sys.stdout.write(f"{emulator.url}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
