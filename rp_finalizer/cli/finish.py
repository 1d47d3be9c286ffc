"""`rp-finalize finish`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rp_finalizer.cli.exits import DONE, Interrupted, exit_code, interruptible
from rp_finalizer.cli.options import Common, common_options, not_empty
from rp_finalizer.cli.output import print_json, print_report
from rp_finalizer.finish import FINISH_STATUSES
from rp_finalizer.launch import LaunchRef
from rp_finalizer.launch_finalizer import LaunchFinalizer
from rp_finalizer.launch_lines import LaunchFinder
from rp_finalizer.publishing import leave_to_caller
from rp_finalizer.reportportal.launch_sources import PrintedLaunches, read_output
from rp_finalizer.settings.kinds import OFF
from rp_finalizer.wiring import Search

if TYPE_CHECKING:
    from collections.abc import Callable

    from rp_finalizer.report import Report


@click.command("finish")
@click.argument("launch", required=False, metavar="[LAUNCH]")
@click.option(
    "--status",
    type=click.Choice(FINISH_STATUSES, case_sensitive=False),
    help="Status to send; without it the server computes it from the items.",
)
@click.option("--description", metavar="TEXT", help="Appended to the launch's description.")
@click.option("--attribute", "attributes", metavar="KEY:VALUE", multiple=True, help="Added; may be repeated.")
@click.option(
    "--from-log",
    "log",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="Take the last launch printed in FILE; - is standard input.",
)
@click.option(
    "--name",
    metavar="NAME",
    callback=not_empty,
    help="Take the launch in progress that has this name, if there is one only.",
)
@click.option("--stop", "force_stop", is_flag=True, help="End it by the server's stop call: at once, as STOPPED.")
@click.option("--no-defer", is_flag=True, help="Keep nothing in the outbox: what is not finished now is left.")
@click.option("--dry-run", is_flag=True, help="Say which launch would be finished, and why that one. Sends nothing.")
@common_options
def command(
    common: Common,
    launch: str | None,
    status: str | None,
    description: str | None,
    attributes: tuple[str, ...],
    log: str | None,
    name: str | None,
    *,
    force_stop: bool,
    no_defer: bool,
    dry_run: bool,
) -> int:
    """Finish one launch, read it back, and tell what became of it.

    LAUNCH is a uuid or a number; without it the launch is taken from RP_LAUNCH_UUID, RP_LAUNCH_ID, LAUNCH_UUID, the
    launch file, the files of JavaScript agents in this folder, the log, the outbox, or the server, in this order.
    """
    if launch is not None:
        LaunchRef.parse(launch)
    settings = common.settings(outbox=OFF if no_defer else None)
    settings.require_connection()
    interruption: Interrupted | None = None
    with interruptible():
        printed = None
        if log is not None:
            printed, interruption = _read_output(common, log)
        search = Search(agent_files=Path(), log=printed, name=name)
        finalizer = LaunchFinalizer(
            launch=launch, settings=settings, telling=common.tell, telling_end=leave_to_caller, search=search
        )
        finish = partial(
            finalizer.finish, status=status, description=description, attributes=attributes, force_stop=force_stop
        )
        try:
            if dry_run:
                report = finalizer.preview()
            elif interruption is not None:
                report = _once_more(common, settings.grace, finish)
            else:
                report = finish()
        except Interrupted as interrupted:
            if dry_run or interruption is not None:
                raise
            interruption = interrupted
            report = _once_more(common, settings.grace, finish)
    common.tell_no_more()
    _print(common, report)
    return interruption.exit_code if interruption else DONE if dry_run else exit_code(report)


def _read_output(common: Common, log: str) -> tuple[PrintedLaunches, Interrupted | None]:
    """Read the run's output, for as long as the run takes; a signal ends that, and what was found until then counts."""
    finder = LaunchFinder()
    common.tell("reading the run's output")
    try:
        return read_output(log, finder), None
    except Interrupted as interrupted:
        return PrintedLaunches(log, tuple(finder.found)), interrupted


def _once_more(common: Common, grace: float, finish: Callable[..., Report]) -> Report:
    """See to the launch although somebody is in a hurry; another signal ends this, too."""
    common.tell_no_more()
    click.echo(f"interrupted: trying once more, for {grace:g} s at most; interrupt again to give up", err=True)
    return finish(timeout=grace)


def _print(common: Common, report: Report) -> None:
    if common.as_json:
        print_json(report.to_dict())
    elif not (common.quiet and exit_code(report) == DONE):
        print_report(report, verbose=common.verbose > 0)
