"""`rp-finalize worker`."""

from __future__ import annotations

import json
import logging
import os
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rp_finalizer.cli.exits import DONE, interruptible
from rp_finalizer.cli.listening import WorkerBeside, serving
from rp_finalizer.cli.options import Common, common_options
from rp_finalizer.cli.outbox_use import AWAY_PATIENCE, LOCK_PATIENCE, outbox_of
from rp_finalizer.cli.outbox_work import Work, prepare
from rp_finalizer.cli.output import print_json
from rp_finalizer.errors import OutboxError, SettingsError
from rp_finalizer.pace import Pace
from rp_finalizer.queue_figures import statistics_body
from rp_finalizer.settings.kinds import in_redis

if TYPE_CHECKING:
    from rp_finalizer.outbox_port import Outbox, Statistics

METRICS_EVERY = 2.0
"""Seconds between two writings of the file of metrics."""
PRUNE_EVERY = 3600.0

logger = logging.getLogger(__name__)


@click.command("worker")
@click.option("--concurrency", type=click.IntRange(1, 256), default=8, show_default=True, help="Launches at once.")
@click.option("--lease", metavar="SECONDS", help="For which an entry is held without a sign of life. [60]")
@click.option("--entry-timeout", metavar="SECONDS", help="For one launch. [300]")
@click.option(
    "--rate", type=click.FloatRange(min=0, min_open=True), metavar="LAUNCHES", help="A second, at most. [no limit]"
)
@click.option(
    "--metrics-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="JSON with what was done, written anew every two seconds and at the end.",
)
@click.option("--listen", metavar="HOST:PORT", help="Serve the status there, too: as serve does. [no]")
@common_options
def command(
    common: Common,
    concurrency: int,
    lease: str | None,
    entry_timeout: str | None,
    rate: float | None,
    metrics_file: Path | None,
    listen: str | None,
) -> int:
    """Work off the outbox until stopped.

    SIGTERM or SIGINT stops it: what runs is finished, nothing new is taken, and it exits with 143 or 130.
    """
    settings = common.settings(lease=lease, entry_timeout=entry_timeout)
    outbox = outbox_of(settings, patience=AWAY_PATIENCE if in_redis(settings.outbox) else LOCK_PATIENCE)
    work = prepare(common, settings, outbox, "worker", concurrency, rate or inf)
    with interruptible():
        before = outbox.statistics()
        chores = _Chores(outbox, work, before, concurrency, settings.keep_done, metrics_file)
        chores.begin()
    if not (common.quiet or common.as_json):
        click.echo(f"working off {outbox.name}, {concurrency} at once; SIGTERM or Ctrl-C ends it", err=True)
    with ExitStack() as stack:
        if listen is not None:
            beside = WorkerBeside(concurrency, Pace().look, lambda: work.running)
            with interruptible():
                stack.enter_context(serving(common, settings, listen, beside))
        interruption = work.run(once=False, look=chores.look)
        chores.end()
    _tell(common, chores)
    return interruption.exit_code if interruption else DONE


@dataclass(slots=True)
class _Chores:
    """What is done beside the work."""

    outbox: Outbox
    work: Work
    before: Statistics
    concurrency: int
    keep_done: float
    metrics_file: Path | None
    _next_metrics: float = 0.0
    _next_prune: float = 0.0
    finished: int = field(default=0, init=False)

    def begin(self) -> None:
        """Do what ends the command where it cannot be done. Raises `SettingsError` and `OutboxError`."""
        self.outbox.prune(self.keep_done)
        self._next_prune = time.monotonic() + PRUNE_EVERY
        try:
            self._write(running=True)
        except OSError as error:
            raise SettingsError(
                f"--metrics-file {self.metrics_file} cannot be written: {error.strerror}; name another"
            ) from error

    def look(self) -> None:
        """Do what is due; what goes wrong is logged, and tried again."""
        now = time.monotonic()
        try:
            if now >= self._next_prune:
                self._next_prune = now + PRUNE_EVERY
                self.outbox.prune(self.keep_done)
            if now >= self._next_metrics:
                self._next_metrics = now + METRICS_EVERY
                self._write(running=True)
        except (OSError, OutboxError) as error:
            logger.warning("%s", error)

    def end(self) -> None:
        """Write the metrics for the last time."""
        try:
            self._write(running=False)
        except (OSError, OutboxError) as error:
            logger.warning("%s", error)

    def body(self, *, running: bool) -> dict[str, object]:
        """Give the metrics."""
        look = Pace().look
        statistics = self.outbox.statistics()
        return statistics_body(
            statistics, self.before, running=running, max_concurrent=self.concurrency, check_interval=look
        )

    def _write(self, *, running: bool) -> None:
        """Write the file so that whoever reads it finds it whole."""
        if self.metrics_file is None:
            return
        text = json.dumps(self.body(running=running)) + "\n"
        new = self.metrics_file.with_name(f".{self.metrics_file.name}.{os.getpid()}")
        try:
            new.write_text(text, encoding="utf-8")
            new.replace(self.metrics_file)
        finally:
            new.unlink(missing_ok=True)


def _tell(common: Common, chores: _Chores) -> None:
    tally = chores.work.worker.tally
    if common.as_json:
        print_json({"schema": 1, **chores.body(running=False)})
    elif not common.quiet:
        click.echo(f"{tally.completed} finished, {tally.put_off} put off, {tally.given_up} given up")
