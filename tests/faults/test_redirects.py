"""No redirect is followed, whatever it looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rp_finalizer import LaunchFinalizer, Outcome
from rp_finalizer.emulator import Fault
from tests.support.reporting import OUR_AGENT, QUICK

if TYPE_CHECKING:
    from rp_finalizer.emulator import Emulator
    from tests.support.reporting import Run


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location", ["/ui/#notfound", "http://[broken", "http://127.0.0.1:9/elsewhere", "\x7f%", ""], ids=repr
)
def test_a_redirect_is_told_and_not_followed(emulator: Emulator, run: Run, status: int, location: str) -> None:
    """The key goes nowhere else, and a Location that is none breaks nothing."""
    emulator.add_fault(Fault(status=status, headers={"Location": location}))
    settings = QUICK | {"timeout": 0.3, "retry_attempts": 1}
    report = LaunchFinalizer(
        launch=run.uuid, endpoint=emulator.url, project="demo", api_key="demo_key", **settings
    ).finish()
    assert report.outcome is Outcome.FAILED
    assert report.error is not None
    assert (report.error.kind, report.error.status) == ("unavailable", status)
    assert "RP_ENDPOINT" in report.error.hint
    ours = [call for call in emulator.calls() if OUR_AGENT in str(call.user_agent)]
    assert [call.status for call in ours] == [status]


def test_the_body_of_a_redirect_is_not_read_without_end(emulator: Emulator, run: Run) -> None:
    """A redirect with a body of any size is cut off like any other answer that is too large."""
    emulator.add_fault(Fault(status=302, headers={"Location": "/ui/"}, body=b"x" * (2 * 1024 * 1024)))
    report = LaunchFinalizer(
        launch=run.uuid, endpoint=emulator.url, project="demo", api_key="demo_key", **QUICK | {"retry_attempts": 1}
    ).finish()
    assert report.error is not None
    assert "302 with more than 1048576 bytes" in report.error.message
