"""README's recipe for other projects works as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from rp_finalizer.emulator import Emulator, Fault, ReportingQueue

README = Path(__file__).parents[3] / "README.md"
SECTION = "A ReportPortal for your tests"


def section() -> str:
    text = README.read_text(encoding="utf-8")
    return text.partition(f"## {SECTION}\n")[2].partition("\n## ")[0]


def blocks() -> list[str]:
    """Give the code of the recipe: a conftest, then tests."""
    return re.findall(r"```python\n(.*?)```", section(), re.DOTALL)


def test_recipe(tmp_path: Path) -> None:
    """The fixture and every test of the recipe pass, in a project that has nothing but them."""
    conftest, tests = blocks()
    (tmp_path / "conftest.py").write_text(conftest, encoding="utf-8")
    (tmp_path / "test_recipe.py").write_text(tests, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "--rootdir", str(tmp_path), "-p", "no:cacheprovider"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("RP_", "PYTEST_"))}
    environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{tests.count('def test_')} passed" in done.stdout


def test_prose_names_what_there_is() -> None:
    """Every bare name in the section's prose is a member of a fault, of the queue or of the emulator."""
    prose = re.sub(r"```.*?```", "", section(), flags=re.DOTALL)
    names = re.findall(r"`(\w+)(?:=\w*)?`", prose)
    assert names
    owners = (Fault, ReportingQueue, Emulator)
    assert [name for name in names if not any(hasattr(owner, name) for owner in owners)] == []
