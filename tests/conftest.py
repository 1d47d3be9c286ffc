"""Fixtures shared by all tests."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

import pytest

from rp_finalizer.emulator import Emulator
from tests.support.fault_proxy import FaultProxy

if TYPE_CHECKING:
    from collections.abc import Iterator

os.environ["AGENT_NO_ANALYTICS"] = "1"


def pytest_collection_finish() -> None:
    """Leave what is there to stay, tests and modules, out of all garbage collections: with it each takes 90 ms."""
    gc.collect()
    gc.freeze()


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
