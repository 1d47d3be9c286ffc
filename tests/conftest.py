"""Fixtures shared by all tests."""

from __future__ import annotations

import gc
import os
from itertools import count
from typing import TYPE_CHECKING

import pytest
from reportportal_client import set_current

from rp_finalizer.emulator import Emulator
from tests.support.fault_proxy import FaultProxy
from tests.support.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

os.environ["AGENT_NO_ANALYTICS"] = "1"


def pytest_collection_finish() -> None:
    """Leave what is there to stay, tests and modules, out of all garbage collections: with it each takes 90 ms."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("leaves_clients"):
            item.add_marker(pytest.mark.filterwarnings("ignore::ResourceWarning"))
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Collect what clients leave while their own test's warnings are in force, and not in another test."""
    done = yield
    if item.get_closest_marker("leaves_clients"):
        set_current(None)  # the client library remembers a thread's last client
        gc.collect()
    return done


@pytest.fixture(scope="session")
def state_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a new folder for each test, as often as it is asked; none is made."""
    all_of_them = tmp_path_factory.mktemp("state")
    return (all_of_them / str(number) for number in count())


@pytest.fixture(autouse=True)
def own_state(state_folders: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test, and the processes it starts, an outbox of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(next(state_folders)))


@pytest.fixture(scope="session")
def running_emulator() -> Iterator[Emulator]:
    """Run one server for all tests of a process."""
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(running_emulator: Emulator) -> Emulator:
    """Give a ReportPortal that knows nothing yet."""
    running_emulator.reset()
    return running_emulator


@pytest.fixture
def fault_proxy(emulator: Emulator) -> Iterator[FaultProxy]:
    """Put a proxy in front of the emulator."""
    with FaultProxy(emulator.port) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def running_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Run one redis-server for all tests of a process."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_server(running_redis: RedisServer) -> RedisServer:
    """Give a redis-server that holds nothing."""
    running_redis.do("FLUSHALL")
    return running_redis
