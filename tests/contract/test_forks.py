"""A forked child has no part in its parent's launch, whichever kind of client it has inherited."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import PATIENCE, environment
from tests.support.forking_script import KINDS, LOGS
from tests.support.reporting import finishes

if TYPE_CHECKING:
    from rp_finalizer.emulator import Emulator

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize(
    ("kind", "leaving"),
    # A child that leaves a running loop in good order takes the parent's apart: both have one epoll. That is asyncio's.
    [(kind, leaving) for kind in KINDS for leaving in ("exit", "_exit") if (kind, leaving) != ("async", "exit")],
)
def test_a_forked_child_sends_nothing_and_its_parent_everything_once(
    emulator: Emulator, kind: str, leaving: str
) -> None:
    """In the child the guarded client's ends return at once and do nothing; the parent reports and finishes on."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.forking_script", kind, leaving, emulator.url],
        cwd=ROOT,
        env=environment(AGENT_NO_ANALYTICS="1"),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["child"] == 0, done.stderr
    assert told["report"]["outcome"] == "finished"
    launch = emulator.launches()[0]
    assert launch.status.value == "PASSED"
    assert len(finishes(emulator)) == 1
    assert [item.status.value for item in emulator.items(launch.uuid)] == ["PASSED"] * 2
    messages = sorted(log.message for log in emulator.logs(launch.uuid))
    assert messages == sorted(2 * [f"line {line}" for line in range(LOGS)])
