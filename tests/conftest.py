"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from rp_finalizer.emulator import Emulator
from tests.support.fault_proxy import FaultProxy

if TYPE_CHECKING:
    from collections.abc import Iterator

os.environ["AGENT_NO_ANALYTICS"] = "1"


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
