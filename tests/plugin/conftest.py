"""Fixtures of the plugin's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.pytest_runs import PytestRuns
from tests.support.reporting import clean_environment, client

if TYPE_CHECKING:
    from pathlib import Path

    from rp_finalizer.emulator import Emulator
    from tests.support.fault_proxy import FaultProxy

__all__ = ["clean_environment", "client"]


@pytest.fixture
def runs(tmp_path: Path, emulator: Emulator) -> PytestRuns:
    """Give runs of pytest that report to the emulator."""
    return PytestRuns(tmp_path, emulator.url)


@pytest.fixture
def faulty_runs(tmp_path: Path, fault_proxy: FaultProxy) -> PytestRuns:
    """Give runs of pytest that report over the fault proxy."""
    return PytestRuns(tmp_path, fault_proxy.url)
