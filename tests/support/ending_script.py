"""A test run as its users write them, in a process of its own: `KIND HOLD ENDING URL`.

Makes a client of a kind, puts it under a `block` or a `guard`, reports a launch whose last logs the client holds back,
and ends in one of the ways below. It says `ready` on stdout before it ends, and where it does not wait for a signal,
it goes on at a line on stdin. Settings come from the environment.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import re
import signal
import sys
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from reportportal_client import RPClient
from reportportal_client.aio.client import AsyncRPClient, BatchedRPClient, ThreadedRPClient

from rp_finalizer import LaunchFinalizer, finalizing
from tests.support.rp_api import RpApi

if TYPE_CHECKING:
    from collections.abc import Callable

ITEMS, LOGS = 2, 7
"""What is reported; the logs are fewer than a client's batch."""
THREADS, LOGS_OF_A_THREAD = 8, 15
IDLE = 20.0
"""Seconds after which the async clients have lost their connections, and the names of hosts."""
FOREVER = 600.0
EXIT_CODE = 3
HANDLED_CODE = 5


class Duck:
    """A client of somebody's own, that holds nothing back."""

    use_own_launch = True

    def __init__(self, url: str) -> None:
        self.endpoint, self.project, self.api_key = url, "demo", "demo_key"
        self.launch_uuid: str | None = None
        self._api = RpApi(url)

    def start_launch(self, name: str, start_time: str) -> None:
        self.launch_uuid = self._api.start("v2", name=name, startTime=start_time)

    def start_test_item(self, name: str, start_time: str, item_type: str) -> str:
        return self._api.start_item(
            str(self.launch_uuid), version="v2", name=name, startTime=start_time, type=item_type
        )

    def finish_test_item(self, item: str, end_time: str, status: str) -> None:
        self._api.finish_item(item, str(self.launch_uuid), "v2", endTime=end_time, status=status.lower())

    def log(self, log_time: str, message: str, level: str) -> None:
        self._api.log_batch([{"launchUuid": self.launch_uuid, "time": log_time, "message": message, "level": level}])

    def finish_launch(self, end_time: str) -> None:
        self._api.finish(str(self.launch_uuid), "v2", endTime=end_time)

    def terminate(self) -> None:
        self._api.close()


KINDS: dict[str, Callable[[str], Any]] = {
    "duck": Duck,
    **{
        name: partial(kind, project="demo", api_key="demo_key")
        for name, kind in (
            ("sync", RPClient),
            ("threaded", ThreadedRPClient),
            ("batched", BatchedRPClient),
            ("async", AsyncRPClient),
        )
    },
}


def now_ms() -> str:
    return str(int(time.time() * 1000))


def say_ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


def wait_for_a_signal() -> None:
    say_ready()
    time.sleep(FOREVER)


def report(client: Any) -> None:
    client.start_launch("smoke", now_ms())
    for number in range(ITEMS):
        item = client.start_test_item(f"test {number}", now_ms(), "STEP")
        client.finish_test_item(item, now_ms(), status="PASSED")
    log(client, "line", LOGS)


def log(client: Any, name: str, count: int) -> None:
    for number in range(count):
        client.log(now_ms(), f"{name} {number}", "INFO")


def raise_an_error() -> NoReturn:
    raise RuntimeError("the run broke")


def finish_twice(client: Any) -> None:
    client.finish_launch(now_ms())
    client.finish_launch(now_ms())


def wait_with_the_lock(client: Any) -> None:
    """Be interrupted where the client notes a log."""
    with client._log_batcher._lock:
        wait_for_a_signal()


def never_return() -> None:
    """Stay in C code that lets other threads run, and that a signal does not bring back."""
    library, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(256)
    library.pthread_mutex_init(mutex, None)
    library.pthread_mutex_lock(mutex)
    say_ready()
    library.pthread_mutex_lock(mutex)


def never_return_with_the_lock(client: Any) -> None:
    with client._log_batcher._lock:
        never_return()


def match_for_ever() -> None:
    """Stay in C code that lets no other thread run, but looks for signals."""
    say_ready()
    re.match(r"(a+)+$", "a" * 64 + "b")


def wait_and_carry_on() -> None:
    try:
        wait_for_a_signal()
    except KeyboardInterrupt:
        return


def fork_a_child_that_exits() -> None:
    child = os.fork()
    if child == 0:
        sys.exit()
    os.waitpid(child, 0)


def log_from_threads(client: Any) -> None:
    threads = [threading.Thread(target=log, args=(client, f"thread {n}", LOGS_OF_A_THREAD)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


WAITING: dict[str, Callable[[Any], object]] = {
    "waiting": lambda _: wait_for_a_signal(),
    "carries on": lambda _: wait_and_carry_on(),
    "waiting with the lock": wait_with_the_lock,
    "stuck": lambda _: never_return(),
    "stuck with the lock": never_return_with_the_lock,
    "busy": lambda _: match_for_ever(),
}
"""Places where a signal meets the run."""
BEFORE: dict[str, Callable[[Any], object]] = {
    "forked": lambda _: fork_a_child_that_exits(),
    "threads": log_from_threads,
    "idle": lambda _: time.sleep(IDLE),
    "idle, forgotten": lambda _: time.sleep(IDLE),
}
"""What happens before the run is ready to end as others do."""
LAST: dict[str, Callable[[Any], object]] = {
    "finished twice": finish_twice,
    "error": lambda _: raise_an_error(),
    "exit": lambda _: sys.exit(EXIT_CODE),
}
"""What the run does last. Any other name is a normal end; unless the finish is `forgotten`, a guarded client is then
finished and closed by the run."""


def end(client: Any, ending: str) -> None:
    if ending in WAITING:
        WAITING[ending](client)
        return
    if ending in BEFORE:
        BEFORE[ending](client)
    say_ready()
    sys.stdin.readline()
    if ending in LAST:
        LAST[ending](client)


def run(client: Any, hold: str, ending: str) -> None:
    if hold == "block":
        with finalizing(client):
            report(client)
            end(client, ending)
        return
    LaunchFinalizer(client).guard()
    report(client)
    end(client, ending)
    if "forgotten" not in ending:
        client.finish_launch(now_ms())
        client.terminate()


async def run_awaited(url: str, hold: str, ending: str) -> None:
    client = KINDS["async"](url)
    if hold == "block":
        async with finalizing(client):
            await report_awaited(client)
            await end_awaited(client, ending)
        return
    LaunchFinalizer(client).guard()
    await report_awaited(client)
    await end_awaited(client, ending)
    if "forgotten" not in ending:
        await client.finish_launch(now_ms())
        await client.close()


async def report_awaited(client: Any) -> None:
    await client.start_launch("smoke", now_ms())
    for number in range(ITEMS):
        item = await client.start_test_item(f"test {number}", now_ms(), "STEP")
        await client.finish_test_item(item, now_ms(), status="PASSED")
    for number in range(LOGS):
        await client.log(now_ms(), f"line {number}", "INFO")


async def end_awaited(client: Any, ending: str) -> None:
    if ending == "waiting":
        say_ready()
        await asyncio.sleep(FOREVER)
    elif ending == "finished twice":
        say_ready()
        sys.stdin.readline()
        await client.finish_launch(now_ms())
        await client.finish_launch(now_ms())
    else:
        end(client, ending)


def main(kind: str, hold: str, ending: str, url: str, handlers: str = "") -> None:
    """Run, with handlers of its own where the run is to have some: `handled` or `ignored`."""
    if handlers == "handled":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(HANDLED_CODE))
    elif handlers == "ignored":
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if kind == "async":
        asyncio.run(run_awaited(url, hold, ending))
    else:
        run(KINDS[kind](url), hold, ending)


if __name__ == "__main__":
    main(*sys.argv[1:])
