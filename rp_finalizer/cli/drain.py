"""`rp-finalize drain`."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, cast

import click

from rp_finalizer.cli.exits import DONE, FAILED, NOT_YET, interruptible
from rp_finalizer.cli.options import Common, common_options, duration
from rp_finalizer.cli.outbox_use import now, outbox_of, print_entry
from rp_finalizer.cli.outbox_work import prepare
from rp_finalizer.cli.output import print_json, print_report
from rp_finalizer.draining import Choice, ChosenEntries, choose, owed_entries
from rp_finalizer.holders import alive
from rp_finalizer.outbox_wiring import drain_command
from rp_finalizer.outcome import ErrorKind, Outcome, Step, StepResult
from rp_finalizer.report import StepRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rp_finalizer.entries import Entry
    from rp_finalizer.outbox_port import Outbox
    from rp_finalizer.report import Report

MOST_TOLD = 20
"""Entries that are told one by one."""


@click.command("drain")
@click.option("--older-than", default="0", callback=duration, metavar="AGE", help="Entries made that long ago: 90, 2h.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="The N most urgent at most.")
@click.option("--concurrency", type=click.IntRange(1, 256), default=8, show_default=True, help="Launches at once.")
@common_options
def command(common: Common, older_than: float, limit: int | None, concurrency: int) -> int:
    """Work off the outbox once, and say what is left.

    Each launch that is still to be finished is tried, also one that would wait for its next try, and one whose run has
    died. What a living run or worker holds is theirs. Exit code 0 when nothing is owed any more, 1 when launches were
    given up (dead letters), 3 when something is left.
    """
    settings = common.settings()
    outbox = outbox_of(settings)
    with interruptible():
        if not outbox.used:
            return _tell(common, outbox, [], [], 0)
        outbox.prune(settings.keep_done)
        chosen = choose(owed_entries(outbox), Choice(older_than, limit), now(), cache(alive))
    with _progress(common, len(chosen)) as advance:
        view = ChosenEntries(outbox, chosen, advance)
        work = prepare(common, settings, cast("Outbox", view), "drain", concurrency)
        interruption = work.run(once=True)
    tally = work.worker.tally
    left = owed_entries(outbox)
    again = drain_command(settings)
    owed = {entry.entry_id for entry in left}
    reports = [_deferred(report, again) if report.entry in owed else report for report in tally.reports]
    code = _tell(common, outbox, reports, left, tally.given_up)
    return interruption.exit_code if interruption else code


def _deferred(report: Report, again: str) -> Report:
    """Give the report of what is not finished and still in the outbox: it is put off, not failed."""
    kept = report.with_step(StepRecord(Step.DEFER, StepResult.OK, attempts=1, detail="stays in the outbox"))
    if kept.error is not None and kept.error.kind in {ErrorKind.UNAVAILABLE, ErrorKind.TIMEOUT}:
        kept = replace(kept, error=replace(kept.error, hint=f"when ReportPortal answers again, run: {again}"))
    return replace(kept, outcome=Outcome.DEFERRED) if report.outcome is Outcome.FAILED else kept


def _tell(common: Common, outbox: Outbox, reports: list[Report], left: list[Entry], dead: int) -> int:
    """Say what was done and what is left, and give the exit code."""
    finished = sum(report.outcome in {Outcome.FINISHED, Outcome.ALREADY_FINISHED} for report in reports)
    if common.as_json:
        numbers = {"finished": finished, "left": len(left), "dead": dead}
        print_json({"schema": 1, "reports": [report.to_dict() for report in reports], **numbers})
    else:
        _print(common, outbox, reports, left, dead)
    return FAILED if dead else NOT_YET if left else DONE


def _print(common: Common, outbox: Outbox, reports: list[Report], left: list[Entry], dead: int) -> None:
    finished = [report for report in reports if report.outcome in {Outcome.FINISHED, Outcome.ALREADY_FINISHED}]
    given_up = [report for report in reports if report.outcome is Outcome.FAILED]
    for report in [*(finished if common.verbose else ()), *given_up[:MOST_TOLD]]:
        print_report(report, verbose=False)
    if common.quiet:
        return
    _print_left(left)
    if not reports and not left and not dead:
        click.echo(f"nothing is owed: {outbox.name}")
        return
    parts = [f"{len(finished)} finished", f"{len(left)} left"]
    if dead:
        parts.append(click.style(f"{dead} given up (rp-finalize entries list --state dead)", fg="red"))
    click.echo(", ".join(parts))


def _print_left(left: list[Entry]) -> None:
    moment = now()
    for entry in left[:MOST_TOLD]:
        print_entry(entry, moment)
    if len(left) > MOST_TOLD:
        click.echo(f"and {len(left) - MOST_TOLD} more: rp-finalize entries list")
    for hint in _hints(left):
        click.echo(f"  {hint}")


def _hints(left: list[Entry]) -> list[str]:
    """Give what to do about keys that are missing; all else passes, or is told with the entry."""
    errors = [entry.last_error for entry in left if entry.last_error is not None]
    return list(dict.fromkeys(each.hint for each in errors if each.kind is ErrorKind.SETTINGS))[:3]


@contextmanager
def _progress(common: Common, total: int) -> Iterator[Callable[[], None]]:
    """Show a bar while it lasts, on a terminal only; give what moves it on."""
    if not total or common.quiet or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console  # noqa: PLC0415  only where something is drawn
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("finishing launches"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(file=sys.stderr, no_color=True if click.get_current_context().color is False else None)
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)
