"""`rp-finalize demo`."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rp_finalizer.cli.demo_checkout import PAYING, STAY
from rp_finalizer.cli.emulator import import_emulator
from rp_finalizer.cli.exits import DONE, FAILED, interruptible
from rp_finalizer.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rp_finalizer.emulator import Emulator
    from rp_finalizer.emulator.records import StoredLaunch

_TESTS = Path(__file__).with_name("demo_checkout.py")
_LONGEST = 60.0
"""Seconds that any of the demo's processes may take."""
_LOOK = 0.02
_END_OF_LAUNCH = ("finish-launch-v2", "finish-launch-v1")
"""What the server no longer answers when a run ends."""
_BUDGET = "3"
"""Seconds that a run's end may take, so that nobody who watches waits long."""
_REFUSED = 4
"""Tries to finish a launch that the emulated server refuses."""


@click.command("demo")
@click.option("--no-color", is_flag=True, help="No colours. [NO_COLOR]")
def command(*, no_color: bool) -> int:
    """Watch launches lose their processes and their server, and be finished all the same.

    Everything runs on this machine: an emulated ReportPortal, pytest with the real agent, and the commands you would
    use yourself.
    """
    if no_color or os.environ.get("NO_COLOR"):
        click.get_current_context().color = False
    _require_extra()
    with tempfile.TemporaryDirectory() as folder, import_emulator().Emulator() as emulator:
        shutil.copy(_TESTS, Path(folder, "test_shop.py"))
        demo = _Demo(emulator, Path(folder), _environment(emulator.url, Path(folder, "outbox.db")))
        try:
            with interruptible():
                return DONE if demo.play() else FAILED
        finally:
            demo.leave()


@dataclass(slots=True)
class _Demo:
    """The acts. Each tells whether it went as it was to go."""

    emulator: Emulator
    folder: Path
    environ: Mapping[str, str]
    before: int = 0
    """Launches that there were before the present act."""
    run: subprocess.Popen[str] | None = None
    """The test run that was started last."""

    def play(self) -> bool:
        click.echo(f"ReportPortal is emulated at {self.emulator.url}, project demo.")
        acts = (
            ("A healthy run. Nothing is configured but the agent, and nothing sleeps.", self._healthy),
            ("SIGTERM in the middle of the last test, as when a CI job is cancelled.", self._terminated),
            (f"The server answers 503 to the first {_REFUSED} tries to finish the launch.", self._refused_at_first),
            ("SIGKILL in the middle: no handler, no exit hook. A small process of ours has outlived it.", self._killed),
            ("The server is away when the run ends, and comes back later.", self._deferred),
        )
        went_well = True
        for number, (title, act) in enumerate(acts, 1):
            click.echo(f"\n{click.style(f'{number}  {title}', bold=True)}")
            self.before = len(self.emulator.launches())
            went_well = act() and went_well
        return went_well

    def _healthy(self) -> bool:
        code = self._show(self._start())
        return self._ended(code, 0, "PASSED")

    def _terminated(self) -> bool:
        run = self._start(stay=_LONGEST)
        self._wait_for_last_test(run)
        run.terminate()
        code = self._show(run)
        self._show_items()
        return self._ended(code, -signal.SIGTERM, "INTERRUPTED")

    def _refused_at_first(self) -> bool:
        emulator = import_emulator()
        fault = emulator.Fault(emulator.CallKind.FINISH_LAUNCH_V2, status=503, times=_REFUSED)
        self.emulator.add_fault(fault)
        code = self._show(self._start())
        return self._ended(code, 0, "PASSED")

    def _killed(self) -> bool:
        run = self._start(stay=_LONGEST)
        self._wait_for_last_test(run)
        run.kill()
        killed = time.monotonic()
        self._show(run)
        while not self._launch().status.final and time.monotonic() - killed < _LONGEST:
            time.sleep(_LOOK)
        click.echo(f"   {time.monotonic() - killed:.1f} s later:")
        self._rp_finalize("status", self._launch().uuid)
        self._show_items()
        return self._launch().status.final

    def _deferred(self) -> bool:
        emulator = import_emulator()
        away = self.emulator.add_fault(emulator.Fault(_END_OF_LAUNCH, cut=True))
        code = self._show(self._start())
        away.remove()
        self._rp_finalize("entries", "list", "--state", "ready")
        drained = self._rp_finalize("drain")
        return drained == DONE and self._ended(code, 0, "PASSED")

    def _start(self, stay: float | None = None) -> subprocess.Popen[str]:
        _prompt("pytest --reportportal")
        run = [sys.executable, "-m", "pytest", "--reportportal", "--quiet", "-p", "no:cacheprovider"]
        # A plugin of this project's own tests, which has something to say about every run.
        run += ["-p", "no:asyncio"]
        run.append(f"--color={'yes' if sys.stdout.isatty() and click.get_current_context().color is None else 'no'}")
        environ = dict(self.environ) if stay is None else {**self.environ, STAY: str(stay)}
        self.run = subprocess.Popen(  # noqa: S603  this Python's own pytest
            run, cwd=self.folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        return self.run

    def leave(self) -> None:
        """Leave no test run behind when the demo is ended in its middle."""
        if self.run is not None and self.run.poll() is None:
            self.run.kill()
            self.run.wait()

    def _show(self, run: subprocess.Popen[str]) -> int:
        """Show what the run prints, to its end, and how that came."""
        with run:
            try:
                output, _ = run.communicate(timeout=_LONGEST)
            except subprocess.TimeoutExpired:
                run.kill()
                raise
        _quote(output)
        if run.returncode < 0:
            click.echo(f"   ({click.style(f'ended by {signal.Signals(-run.returncode).name}', fg='red')})")
        return run.returncode

    def _ended(self, code: int, expected: int, status: str) -> bool:
        """Tell whether the run has this exit code, and its launch this status."""
        return code == expected and len(self.emulator.launches()) > self.before and self._launch().status == status

    def _wait_for_last_test(self, run: subprocess.Popen[str]) -> None:
        paying = self.folder / PAYING
        while not paying.exists() and run.poll() is None:
            time.sleep(_LOOK)
        paying.unlink(missing_ok=True)

    def _launch(self) -> StoredLaunch:
        return self.emulator.launches()[self.before]

    def _show_items(self) -> None:
        for item in self.emulator.items(self._launch().uuid):
            click.echo(f"   {item.name.rpartition('::')[2]:15} {_paint(item.status.value)}")

    def _rp_finalize(self, *arguments: str) -> int:
        _prompt(" ".join(("rp-finalize", *arguments)))
        process = subprocess.run(  # noqa: S603  our own command
            [sys.executable, "-m", "rp_finalizer", *arguments],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=_LONGEST,
            check=False,
        )
        _quote(process.stdout + process.stderr)
        return process.returncode


def _require_extra() -> None:
    for module in ("pytest", "pytest_reportportal", "fastapi", "uvicorn", "multipart", "prometheus_client"):
        if find_spec(module) is None:
            raise SettingsError(f"{module} is not installed; run: pip install 'rp-finalizer[demo]'")


def _environment(url: str, outbox: Path) -> dict[str, str]:
    """Give the environment that a shell would have, without whatever points at a real ReportPortal."""
    ours = ("RP_", "LAUNCH_UUID", "PYTEST_", "GITHUB_")
    plain = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return plain | {
        "RP_ENDPOINT": url,
        "RP_PROJECT": "demo",
        "RP_API_KEY": "demo_key",
        "RP_LAUNCH": "shop",
        "RP_FINALIZER_OUTBOX": str(outbox),
        "RP_FINALIZER_TIMEOUT": _BUDGET,
        "AGENT_NO_ANALYTICS": "1",
    }


def _prompt(command_line: str) -> None:
    click.echo(f"   $ {click.style(command_line, bold=True)}")


def _quote(output: str) -> None:
    for line in output.splitlines():
        click.echo(f"   {line}".rstrip())


def _paint(status: str) -> str:
    return click.style(status, fg={"PASSED": "green", "FAILED": "red"}.get(status, "magenta"))
