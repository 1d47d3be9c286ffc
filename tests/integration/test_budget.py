"""The shares of one call's budget."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from rp_finalizer import FinishArgumentError, LaunchFinalizer, Outcome
from rp_finalizer.emulator import Fault
from tests.support.reporting import FINISH, UNSENT, finishes, logged

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


def test_a_caller_with_less_time_does_not_wait_for_one_with_more(emulator: Emulator, run: Run) -> None:
    """Each call keeps its own budget, also while it waits for another thread's finish of the same launch."""
    held = emulator.add_fault(Fault(FINISH, hang=True))
    finalizer = LaunchFinalizer(run.client)
    patient = threading.Thread(target=finalizer.finish, kwargs={"timeout": 20.0})
    patient.start()
    emulator.wait_until(lambda: finishes(emulator) or held.hits)
    begun = time.monotonic()
    report = finalizer.finish(timeout=0.3)
    assert time.monotonic() - begun < 1.3
    assert report.outcome is Outcome.FAILED
    assert report.error is not None
    assert report.error.kind == "timeout"
    emulator.clear_faults()
    patient.join(20)
    assert finalizer.report is not None
    assert finalizer.report.outcome is Outcome.FINISHED


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), "5"], ids=repr)
def test_a_budget_that_is_none_is_refused(emulator: Emulator, run: Run, timeout: float) -> None:
    """A timeout is a number of seconds above 0; anything else is told, and nothing is sent."""
    with pytest.raises(FinishArgumentError, match="timeout"):
        LaunchFinalizer(run.client).finish(timeout=timeout)
    assert not finishes(emulator)
