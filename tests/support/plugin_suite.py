"""A suite for runs of the plugin, and what is promised of its launch and of what is told at the end."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.support.endings import reported_behind_the_finish
from tests.support.reporting import OUR_AGENT, finishes, logged

if TYPE_CHECKING:
    from rp_finalizer.emulator import Emulator
    from tests.support.pytest_runs import EndedPytest

TESTS, LOGS = 3, 9
"""Tests of the suite, and what each logs: a batch of the client's and a rest."""
SUITE = f"""
    import logging
    import pytest

    @pytest.mark.parametrize("number", range({TESTS}))
    def test_it(number):
        for line in range({LOGS}):
            logging.getLogger("suite").info("line %d.%d", number, line)
"""


def block_of(ended: EndedPytest, *, on_stderr: bool = False) -> str:
    """Give what is told at the end; fail where that is not told once."""
    text = ended.err if on_stderr else ended.out
    title = r"^ReportPortal:$" if on_stderr else r"^-+ ReportPortal -+$"
    _, *blocks = re.split(title, text, flags=re.MULTILINE)
    assert len(blocks) == 1, (ended.out, ended.err)
    return blocks[0].strip("\n")


def expect_all_arrived(emulator: Emulator) -> str:
    """Hold the suite's launch to what is promised: every test and log in it once, finished by us, nothing behind it."""
    [launch] = emulator.launches()
    lines = [message for message in logged(emulator, launch.uuid) if message.startswith("line ")]
    assert sorted(lines) == [f"line {number}.{line}" for number in range(TESTS) for line in range(LOGS)]
    tests = [item for item in emulator.items(launch.uuid) if item.type == "STEP"]
    assert [item.status.value for item in tests] == ["PASSED"] * TESTS
    expect_one_finish(emulator)
    return launch.uuid


def expect_one_finish(emulator: Emulator) -> None:
    assert [call.applied for call in finishes(emulator)].count(True) == 1
    assert all(OUR_AGENT in str(call.user_agent) for call in finishes(emulator))
    assert reported_behind_the_finish(emulator) == []
