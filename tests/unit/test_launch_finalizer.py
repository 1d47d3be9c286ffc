"""What users hold: a client's launch is remembered to its end, and left alone in a forked child."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
import warnings

import pytest

from rp_finalizer import LaunchFinalizer, Outcome, Settings, Step, finalizing
from tests.support.fakes import UUID


class Client:
    """A client by its methods only, without a connection."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.calls: list[str] = []
        self._launch: str | None = UUID

    def launch_uuid(self) -> str | None:
        with self.lock:
            return self._launch

    def finish_launch(self, **_arguments: object) -> None:
        self.calls.append("finish_launch")

    def terminate(self) -> None:
        self.calls.append("terminate")
        self._launch = None


@pytest.fixture(autouse=True)
def _no_launch_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RP_LAUNCH_UUID", "RP_LAUNCH_ID", "LAUNCH_UUID"):
        monkeypatch.delenv(name, raising=False)


def test_a_client_that_forgets_its_launch_is_terminated_once() -> None:
    """After its end a client may know no launch any more: a later call gives the same report, closing included."""
    client = Client()
    finalizer = LaunchFinalizer(client, settings=Settings())
    first = finalizer.terminate()
    assert first.launch is not None
    assert first.launch.uuid == UUID
    assert first.step(Step.TERMINATE).attempts == 1
    assert finalizer.terminate() is first
    assert finalizer.finish() is first
    assert finalizer.report is first
    assert client.calls == ["finish_launch", "terminate"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_asks_its_client_nothing() -> None:
    """A lock of the client that was held at the fork does not keep the child: it returns at once, and does nothing."""
    client = Client()
    finalizer = LaunchFinalizer(client, settings=Settings())
    assert client.lock.acquire()
    with warnings.catch_warnings():
        # Newer Pythons warn of forks beside threads: exactly what is tried here.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        status = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(20)
            begun = time.monotonic()
            outcomes = {finalizer.finish().outcome, finalizer.terminate().outcome}
            quick = time.monotonic() - begun < 1
            status = 0 if quick and outcomes == {Outcome.NOT_OWNED} and client.calls == [] else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


class SlowClient(Client):
    """One whose finish takes as long as a test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on = threading.Event(), threading.Event()

    def finish_launch(self, **arguments: object) -> None:
        self.begun.set()
        self.go_on.wait(10)
        super().finish_launch(**arguments)


def test_a_block_whose_end_is_cancelled_ends_first() -> None:
    """Who cancels a task at the end of its block gets the cancellation when the launch is seen to, not before."""
    client = SlowClient()

    async def cancelled_at_the_end() -> bool:
        async def suite() -> None:
            async with finalizing(client, settings=Settings(), signals=False):
                pass

        task = asyncio.create_task(suite())
        await asyncio.to_thread(client.begun.wait)
        task.cancel()
        await asyncio.sleep(0)
        client.go_on.set()
        await asyncio.wait({task})
        return task.cancelled()

    assert asyncio.run(cancelled_at_the_end())
    assert client.calls == ["finish_launch", "terminate"]


def test_nobody_who_is_told_keeps_a_launch_open() -> None:
    """A terminal that is gone, and raises when it is written to, changes nothing of the end."""
    told: list[str] = []

    def tell(sentence: str) -> None:
        told.append(sentence)
        raise OSError("the terminal is gone")

    client = SlowClient()
    threading.Timer(0.7, client.go_on.set).start()
    with finalizing(client, settings=Settings(), telling=tell) as finalizer:
        pass
    assert told
    assert finalizer.report is not None
    assert client.calls == ["finish_launch", "terminate"]


class ClosingItself(Client):
    """One that closes itself when it has finished its launch."""

    def finish_launch(self, **arguments: object) -> None:
        super().finish_launch(**arguments)
        self.terminate()


def test_a_client_that_closes_itself_at_its_finish() -> None:
    """What a guarded client's own methods call in turn are its own methods, and nobody waits for himself."""
    client = ClosingItself()
    begun = time.monotonic()
    with finalizing(client, settings=Settings(), timeout=10, signals=False) as finalizer:
        finalizer.guard()
    assert client.calls == ["finish_launch", "terminate", "terminate"]
    assert time.monotonic() - begun < 5
