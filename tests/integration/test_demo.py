"""The demo, where somebody has seen enough of it."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from tests.support.commands import PATIENCE, SCRIPT, environment


@pytest.mark.slow
def test_a_demo_that_is_ended_leaves_nothing_behind() -> None:
    """SIGTERM ends the demo with all that it has started."""
    with subprocess.Popen(
        [SCRIPT, "demo", "--no-color"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment(),
        start_new_session=True,
    ) as demo:
        assert demo.stdout is not None
        assert any("pytest --reportportal" in line for line in demo.stdout)
        demo.terminate()
        assert demo.wait(PATIENCE) == 128 + signal.SIGTERM
        with pytest.raises(ProcessLookupError):
            os.killpg(demo.pid, 0)
