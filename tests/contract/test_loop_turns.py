"""A batched client whose loop is turned anywhere may be called wherever a test calls it."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
import time
import weakref
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from reportportal_client import set_current
from reportportal_client.aio.client import BatchedRPClient

from rp_finalizer import LaunchFinalizer, Outcome
from rp_finalizer.deadline import Deadline
from rp_finalizer.reportportal import loop_turns
from rp_finalizer.reportportal.bounded import begin
from rp_finalizer.reportportal.client_loop import ClientLoop
from rp_finalizer.reportportal.loop_turns import turn_anywhere
from tests.support.commands import heed_interrupts
from tests.support.fault_proxy import BlackHole
from tests.support.reporting import QUICK, logged, now_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from rp_finalizer.emulator import Emulator
    from tests.support.fault_proxy import FaultProxy

LOGS, THREADS = 50, 4

pytestmark = pytest.mark.leaves_clients


def started(url: str) -> Any:
    """Give a client that has started a launch."""
    client = BatchedRPClient(url, "demo", api_key="demo_key", http_timeout=30.0)
    turn_anywhere(client)
    client.start_launch("smoke", now_ms())
    return client


def log(client: Any, name: str) -> list[str]:
    # For a datetime the client waits for the server's version; older ones take none.
    timed = hasattr(client, "use_microseconds")
    messages = [f"{name} {number}" for number in range(LOGS)]
    for message in messages:
        client.log(datetime.now(UTC) if timed else now_ms(), message)
    return messages


def expect_logged(emulator: Emulator, client: Any, messages: list[str]) -> None:
    assert LaunchFinalizer(client, **QUICK).terminate().outcome is Outcome.FINISHED
    [launch] = emulator.launches()
    assert sorted(logged(emulator, launch.uuid)) == sorted(messages)


def comes_to_rest(client: Any) -> bool:
    """Say whether the client's loop stops turning, soon."""
    end = time.monotonic() + 10
    while client._loop.is_running() and time.monotonic() < end:
        time.sleep(0.01)
    return not client._loop.is_running()


def test_inside_another_loop(emulator: Emulator) -> None:
    """Inside a running loop its calls do what they do elsewhere, and everything arrives."""
    client = started(emulator.url)

    async def run() -> list[str]:
        first = log(client, "first")
        await asyncio.sleep(0)
        return first + log(client.clone(), "second")

    expect_logged(emulator, client, asyncio.run(run()))


def test_threads_take_turns(emulator: Emulator) -> None:
    """Threads that call it at the same time do not stand in each other's way."""
    client = started(emulator.url)
    messages: list[str] = []
    errors: list[BaseException] = []

    def work(name: str) -> None:
        try:
            messages.extend(log(client, name))
        except RuntimeError as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(f"thread {number}",)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    expect_logged(emulator, client, messages)


def test_a_loop_that_stops_before_the_end() -> None:
    """What was handed over to whoever turned the loop comes to its end, although that one is done before."""
    loop = asyncio.new_event_loop()
    turning, begun = threading.Event(), asyncio.Event()

    async def until_another_waits() -> None:
        turning.set()
        await begun.wait()

    async def longer() -> str:
        begun.set()
        await asyncio.sleep(0.2)
        return "done"

    turner = threading.Thread(target=lambda: loop.run_until_complete(until_another_waits()))
    turner.start()
    turning.wait(10)
    assert ClientLoop(loop).run(longer(), Deadline.after(10.0, time.monotonic())) == "done"
    turner.join()
    loop.close()


def test_interrupt_stops_the_turn(fault_proxy: FaultProxy) -> None:
    """Ctrl-C ends a call that waits inside another loop at once, and leaves the client's own loop at rest."""
    heed_interrupts()
    client = started(fault_proxy.url)
    log(client, "before")
    fault_proxy.set(BlackHole())
    asked = fault_proxy.requests
    main = threading.main_thread().ident or 0

    def interrupt() -> None:
        fault_proxy.wait_for_requests(asked + 1)
        signal.pthread_kill(main, signal.SIGINT)

    async def run() -> None:
        log(client, "meanwhile")
        client.finish_tasks()

    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    loop = asyncio.new_event_loop()
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(run())
    interrupting.join()
    loop.close()
    assert comes_to_rest(client)


def test_interrupt_while_a_turn_begins(fault_proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C that comes when the turn's thread has only just started stops it all the same."""
    client = started(fault_proxy.url)
    log(client, "before")
    fault_proxy.set(BlackHole())

    def interrupted(call: Callable[[], Any], into: Any) -> None:
        begin(call, into)
        raise KeyboardInterrupt

    async def run() -> None:
        log(client, "meanwhile")
        client.finish_tasks()

    monkeypatch.setattr(loop_turns, "begin", interrupted)
    loop = asyncio.new_event_loop()
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(run())
    loop.close()
    assert comes_to_rest(client)


def test_loop_goes_with_its_client(emulator: Emulator) -> None:
    """What was done to the loop does not keep it alive."""
    client = BatchedRPClient(emulator.url, "demo", api_key="demo_key")
    turn_anywhere(client)
    loop = weakref.ref(client._loop)
    del client
    set_current(None)  # the client library remembers a thread's last client
    gc.collect()
    assert loop() is None
