"""`rp-finalize demo`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rp_finalizer.cli.emulator import import_emulator
from rp_finalizer.cli.exits import DONE, FAILED

if TYPE_CHECKING:
    from collections.abc import Mapping

_LAST_TEST = "test_checkout"
_LONGEST = 60.0
"""Seconds that any of the demo's processes may take."""


@click.command("demo")
@click.option("--no-color", is_flag=True, help="No colours. [NO_COLOR]")
def command(*, no_color: bool) -> int:
    """Watch a launch lose its process, and be finished all the same.

    Everything runs on this machine: an emulated ReportPortal, a test run that reports to it with the real client, and
    the commands you would use yourself.
    """
    if no_color or os.environ.get("NO_COLOR"):
        click.get_current_context().color = False
    with tempfile.TemporaryDirectory() as folder, import_emulator().Emulator() as emulator:
        launch_file = Path(folder, "launch")
        environ = _environment(emulator.url, launch_file)
        _act(1, "A test run reports to a ReportPortal, and is killed in the middle of its third test.")
        click.echo(f"   (emulated at {emulator.url}, project demo)")
        _run_and_kill(launch_file, environ)
        launch = launch_file.read_text(encoding="utf-8").strip()
        _act(2, "Its launch is still in progress, and nobody is left to finish it.")
        _rp_finalize(environ, "status", launch)
        _act(3, "So we do: the launch's uuid is found where the run left it, in its launch file.")
        finished = _rp_finalize(environ, "finish")
        _act(4, "It is over now. Both tests that passed still say so; the third is told as interrupted.")
        shown = _rp_finalize(environ, "status", launch)
        for item in emulator.items(launch):
            click.echo(f"   {item.name:15} {_paint(item.status.value)}")
    return DONE if finished == shown == DONE else FAILED


def _environment(url: str, launch_file: Path) -> dict[str, str]:
    """Give the environment that a shell would have, without whatever points at a real ReportPortal."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("RP_", "LAUNCH_UUID"))}
    return plain | {
        "RP_ENDPOINT": url,
        "RP_PROJECT": "demo",
        "RP_API_KEY": "demo_key",
        "RP_FINALIZER_LAUNCH_FILE": str(launch_file),
        "AGENT_NO_ANALYTICS": "1",
    }


def _run_and_kill(launch_file: Path, environ: Mapping[str, str]) -> None:
    run = [sys.executable, "-m", "rp_finalizer.cli.demo_run", str(launch_file)]
    with subprocess.Popen(run, env=environ, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  our own module
        assert process.stdout is not None  # noqa: S101  asked for as a pipe
        for line in process.stdout:
            test = line.strip()
            if test == _LAST_TEST:
                click.echo(f"   {test:15} ...{click.style('killed', fg='red')} (SIGKILL: no handler, no exit hook)")
                process.kill()
            else:
                click.echo(f"   {test:15} {_paint('PASSED')}")


def _rp_finalize(environ: Mapping[str, str], *arguments: str) -> int:
    click.echo(f"   $ {click.style(' '.join(('rp-finalize', *arguments)), bold=True)}")
    process = subprocess.run(  # noqa: S603  our own command
        [sys.executable, "-m", "rp_finalizer", *arguments],
        env=environ,
        capture_output=True,
        text=True,
        timeout=_LONGEST,
        check=False,
    )
    for line in (process.stdout + process.stderr).splitlines():
        click.echo(f"   {line}")
    return process.returncode


def _act(number: int, title: str) -> None:
    click.echo(f"\n{click.style(f'{number}  {title}', bold=True)}")


def _paint(status: str) -> str:
    return click.style(status, fg={"PASSED": "green", "FAILED": "red"}.get(status, "magenta"))
