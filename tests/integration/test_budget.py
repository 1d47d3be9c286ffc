"""The shares of one call's budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rp_finalizer import LaunchFinalizer, Outcome
from tests.support.reporting import UNSENT, logged

if TYPE_CHECKING:
    from rp_finalizer.emulator import Emulator
    from tests.support.reporting import Run


@pytest.mark.parametrize("timeout", [1.0, 2.0, 60.0])
def test_a_call_with_a_budget_of_its_own_delivers_the_last_logs(emulator: Emulator, run: Run, timeout: float) -> None:
    """The time kept for finish and confirm is a share of the call's own budget, not of the setting."""
    messages = run.log(UNSENT)
    report = LaunchFinalizer(run.client).finish(timeout=timeout)
    assert report.outcome is Outcome.FINISHED
    assert report.flushed.logs == UNSENT
    assert logged(emulator, run.uuid) == messages
