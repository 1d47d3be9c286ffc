"""`rp-finalize emulator`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import click

from rp_finalizer.errors import SettingsError

if TYPE_CHECKING:
    from rp_finalizer.emulator import Emulator


@click.command("emulator")
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--latency", default=0.0, type=click.FloatRange(0, 60), metavar="SECONDS", help="Added to every answer.")
@click.option(
    "--queue-delay",
    default=0.0,
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="By which v2 lags behind its answers.",
)
def command(host: str, port: int, latency: float, queue_delay: float) -> None:
    """Run a ReportPortal-compatible server on this machine, until it is interrupted.

    It forgets everything when it ends. Faults are made, and what arrived is shown, under /control.
    """
    emulator = import_emulator()

    def listening(running: Emulator) -> None:
        running.latency = latency
        running.queue.delay = queue_delay
        click.echo(f"ReportPortal emulator on {running.url}, project demo. For your shell:\n")
        click.echo(f"  export RP_ENDPOINT={running.url} RP_PROJECT=demo RP_API_KEY=demo_key\n")
        click.echo("Ctrl-C ends it.")

    try:
        emulator.serve(host, port, listening=listening)
    except (OSError, ValueError) as error:
        raise SettingsError(f"cannot listen on {host}:{port}: {error}") from error


def import_emulator() -> Any:
    """Import the emulator. Raises `SettingsError` with the pip line when its extra is not installed."""
    try:
        return importlib.import_module("rp_finalizer.emulator")
    except ImportError as error:
        raise SettingsError(f"{error.name} is not installed; run: pip install 'rp-finalizer[server]'") from error
