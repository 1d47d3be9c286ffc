"""README's Python examples run as they are printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import PATIENCE, environment
from tests.support.reporting import finishes

if TYPE_CHECKING:
    from rp_finalizer.emulator import Emulator

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
RECIPES = README.partition("\n## Recipes\n")[2].partition("\n## ")[0]
EXAMPLES = re.findall(r"```python\n(.*?)```", RECIPES, re.DOTALL)


def test_there_are_examples() -> None:
    """The recipes for a block, a guard and asyncio have an example each."""
    assert len(EXAMPLES) == 3


@pytest.mark.parametrize("example", EXAMPLES, ids=["block", "guard", "asyncio"])
def test_example(emulator: Emulator, tmp_path: Path, example: str) -> None:
    """An example of the recipes prints what its comments say, and its launch is finished once."""
    ran = subprocess.run(
        [sys.executable, "-c", example],
        cwd=tmp_path,
        env=environment(RP_ENDPOINT=emulator.url, RP_PROJECT="demo", RP_API_KEY="demo_key", AGENT_NO_ANALYTICS="1"),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == ["finished"] * len(re.findall(r"print\(.*# finished", example))
    [launch] = emulator.launches()
    assert (launch.name, launch.status.value) == ("checkout tests", "PASSED")
    assert len(finishes(emulator)) == 1
