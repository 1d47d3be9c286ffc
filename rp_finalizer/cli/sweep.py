"""`rp-finalize sweep`."""

from __future__ import annotations

import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from rp_finalizer.answer import LaunchQuery
from rp_finalizer.cli.exits import DONE, FAILED, NO_PERMISSION, NOT_YET, Interrupted, exit_code, interruptible
from rp_finalizer.cli.options import Common, common_options, duration, not_empty
from rp_finalizer.cli.output import failure_document, headline, print_failure, print_json, print_report
from rp_finalizer.cli.status import plain_launch
from rp_finalizer.entry_wording import lasting
from rp_finalizer.finish import Attribute
from rp_finalizer.outcome import ErrorKind
from rp_finalizer.report import ReportedLaunch
from rp_finalizer.sweeping import Sweep

if TYPE_CHECKING:
    from rp_finalizer.launch import Launch
    from rp_finalizer.report import Report
    from rp_finalizer.sweeping import Found

LOOK = 0.2
"""Seconds between two looks at how the work goes."""
_WORST_FIRST = (FAILED, NO_PERMISSION, NOT_YET)


@click.command("sweep")
@click.option(
    "--older-than",
    default="2h",
    show_default=True,
    callback=duration,
    metavar="AGE",
    help="Launches started that long ago: 90, 15m, 2h, 7d.",
)
@click.option("--name", metavar="NAME", callback=not_empty, help="Launches of this name.")
@click.option("--attribute", "attributes", metavar="KEY:VALUE", multiple=True, help="That have it; may be repeated.")
@click.option("--mine", is_flag=True, help="Launches of the key's own user.")
@click.option("--yes", is_flag=True, help="Finish them. Without it they are shown, and nothing is changed.")
@click.option("--stop", "force_stop", is_flag=True, help="With --yes: end them by the server's stop call, as STOPPED.")
@click.option("--concurrency", type=click.IntRange(1, 256), default=8, show_default=True, help="Launches at once.")
@common_options
def command(
    common: Common,
    older_than: float,
    name: str | None,
    attributes: tuple[str, ...],
    concurrency: int,
    *,
    mine: bool,
    yes: bool,
    force_stop: bool,
) -> int:
    """Find launches that were left in progress on the server, and finish them on request.

    A launch that somebody still reports to is in progress, too: narrow the search to what you know to be over.
    """
    wanted = tuple(Attribute.parse(text) for text in attributes)
    query = LaunchQuery(
        name=name,
        attributes=tuple((each.key, each.value) for each in wanted),
        started_before_ms=int((time.time() - older_than) * 1000) if older_than else None,
    )
    hurry = threading.Event()
    sweep = Sweep(common.settings(), common.tell, hurry)
    with interruptible():
        found = sweep.find(query, mine=mine)
    common.tell_no_more()
    if not yes:
        _show(common, sweep, found, force_stop=force_stop)
        return _failed(found)
    finishing = _Finishing(common, sweep, found.launches, hurry, force_stop=force_stop)
    interruption = finishing.run(concurrency)
    common.tell_no_more()
    sweep.close()
    reports = list(finishing.reports.values())
    _tell(common, sweep, found, reports)
    if interruption is not None:
        return interruption.exit_code
    codes = {exit_code(report) for report in reports} | {_failed(found)}
    return next((code for code in _WORST_FIRST if code in codes), DONE)


@dataclass(slots=True)
class _Finishing:
    """Launches that are finished, several at once."""

    common: Common
    sweep: Sweep
    launches: tuple[Launch, ...]
    hurry: threading.Event
    reports: dict[str, Report] = field(default_factory=dict)
    """By launch uuid."""
    force_stop: bool = field(default=False, kw_only=True)

    def run(self, concurrency: int) -> Interrupted | None:
        """Finish them; a signal leaves those under way one more try, and the others as they are."""
        pool = ThreadPoolExecutor(concurrency, "rp-finalizer-sweep")
        interruption: Interrupted | None = None
        open_: set[Future[None]] = set()
        try:
            with interruptible():
                open_ = {pool.submit(self._finish, launch) for launch in self.launches}
                self._wait(open_)
        except Interrupted as error:
            interruption = error
            self.hurry.set()
            pool.shutdown(wait=False, cancel_futures=True)
            with interruptible():
                self._wait({future for future in open_ if not future.cancelled()})
        finally:
            pool.shutdown(wait=interruption is None, cancel_futures=True)
        return interruption

    def _finish(self, launch: Launch) -> None:
        self.reports[launch.uuid] = self.sweep.finish(launch, stop=self.force_stop)

    def _wait(self, futures: set[Future[None]]) -> None:
        while futures:
            done, futures = wait(futures, LOOK, FIRST_COMPLETED)
            for future in done:
                future.result()
            self.common.tell(f"finishing launches: {len(self.reports)} of {len(self.launches)}")


def _failed(found: Found) -> int:
    if found.failure is None:
        return DONE
    return NO_PERMISSION if found.failure.kind in {ErrorKind.UNAUTHORIZED, ErrorKind.FORBIDDEN} else FAILED


def _show(common: Common, sweep: Sweep, found: Found, *, force_stop: bool) -> None:
    if common.as_json:
        _print_json(sweep, found, [])
        return
    if not common.quiet:
        for launch in found.launches:
            _print_launch(launch, sweep.page(launch))
        number = len(found.launches)
        if number:
            what, which = ("launch is", "it") if number == 1 else ("launches are", "them")
            how = "stop" if force_stop else "finish"
            click.echo(f"{number} {what} in progress; nothing was changed: --yes would {how} {which}")
        elif found.failure is None:
            click.echo("no launch in progress fits")
    _print_problem(found)


def _tell(common: Common, sweep: Sweep, found: Found, reports: list[Report]) -> None:
    if common.as_json:
        _print_json(sweep, found, reports)
        return
    good = sum(exit_code(report) == DONE for report in reports)
    for report in reports:
        if exit_code(report) != DONE or not common.quiet:
            print_report(report, verbose=common.verbose > 0)
    if not common.quiet:
        left = len(found.launches) - good
        click.echo(f"{good} finished, {left} not" if found.launches else "no launch in progress fits")
    _print_problem(found)


def _print_json(sweep: Sweep, found: Found, reports: list[Report]) -> None:
    launches = [plain_launch(launch, sweep.page(launch)) for launch in found.launches]
    document = {"schema": 1, "launches": launches, "reports": [report.to_dict() for report in reports]}
    print_json(document if found.failure is None else {**document, "error": failure_document(found.failure)})


def _print_problem(found: Found) -> None:
    if found.failure is not None:
        click.echo("the server did not list all that is in progress")
        print_failure(found.failure)


def _print_launch(launch: Launch, url: str) -> None:
    click.echo(headline(ReportedLaunch(launch.uuid, launch.id, launch.number, launch.name, launch.status, url)))
    age = lasting(time.time() - launch.start_ms / 1000)
    by = f" by {launch.owner}" if launch.owner else ""
    moved = launch.last_modified_ms
    last = f", last changed {lasting(time.time() - moved / 1000)} ago" if moved else ""
    click.echo(f"  {launch.uuid}  started {age} ago{by}{last}")
