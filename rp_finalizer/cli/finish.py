"""`rp-finalize finish`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rp_finalizer.cli.exits import DONE, Interrupted, exit_code, interruptible
from rp_finalizer.cli.options import Common, common_options
from rp_finalizer.cli.output import print_json, print_report
from rp_finalizer.finish import FINISH_STATUSES
from rp_finalizer.launch import LaunchRef
from rp_finalizer.launch_finalizer import LaunchFinalizer

if TYPE_CHECKING:
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
@click.option("--dry-run", is_flag=True, help="Say which launch would be finished, and why that one. Sends nothing.")
@common_options
def command(
    common: Common,
    launch: str | None,
    status: str | None,
    description: str | None,
    attributes: tuple[str, ...],
    *,
    dry_run: bool,
) -> int:
    """Finish one launch, read it back, and tell what became of it.

    LAUNCH is a uuid or a number; without it the launch is taken from RP_LAUNCH_UUID, RP_LAUNCH_ID, LAUNCH_UUID or the
    launch file, in this order.
    """
    if launch is not None:
        LaunchRef.parse(launch)
    finalizer = LaunchFinalizer(launch=launch, settings=common.settings(), telling=common.tell)
    interruption: Interrupted | None = None
    with interruptible():
        try:
            if dry_run:
                report = finalizer.preview()
            else:
                report = finalizer.finish(status=status, description=description, attributes=attributes)
        except Interrupted as interrupted:
            if dry_run:
                raise
            interruption = interrupted
            report = _once_more(common, finalizer)
    common.tell_no_more()
    _print(common, report)
    return interruption.exit_code if interruption else DONE if dry_run else exit_code(report)


def _once_more(common: Common, finalizer: LaunchFinalizer) -> Report:
    """See to the launch although somebody is in a hurry; another signal ends this, too."""
    grace = finalizer.settings.grace
    common.tell_no_more()
    click.echo(f"interrupted: trying once more, for {grace:g} s at most; interrupt again to give up", err=True)
    return finalizer.finish(timeout=grace)


def _print(common: Common, report: Report) -> None:
    if common.as_json:
        print_json(report.to_dict())
    elif not (common.quiet and exit_code(report) == DONE):
        print_report(report, verbose=common.verbose > 0)
