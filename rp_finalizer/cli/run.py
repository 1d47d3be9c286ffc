"""`rp-finalize run`."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rp_finalizer.cli.exits import DONE, FAILED
from rp_finalizer.cli.options import Common, common_options, not_empty
from rp_finalizer.errors import SettingsError
from rp_finalizer.finish import FINISH_STATUSES
from rp_finalizer.outbox_wiring import files_of
from rp_finalizer.reportportal.run_files import FileStates, agent_files

if TYPE_CHECKING:
    from rp_finalizer.child_process import Supervision
    from rp_finalizer.cli.run_finish import Run
    from rp_finalizer.report import Report
    from rp_finalizer.settings import Settings

PRINT = "RP_LAUNCH_UUID_PRINT"
"""Asks the Python and Java agents to print the launch's uuid."""


@click.command("run", context_settings={"allow_interspersed_args": False})
@click.argument("command_line", metavar="COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option(
    "--status",
    type=click.Choice(FINISH_STATUSES, case_sensitive=False),
    help="Status to send in any case; without it the server computes it, and status_on_signal "
    "or status_on_crash is sent when a signal ends the command.",
)
@click.option(
    "--name",
    metavar="NAME",
    callback=not_empty,
    help="When nothing else tells: take the launch in progress that has this name, if there is one only.",
)
@click.option("--strict", is_flag=True, help="Exit with 1, not with 0, when the launch is left unfinished.")
@common_options
def command(
    common: Common, command_line: tuple[str, ...], status: str | None, name: str | None, *, strict: bool
) -> int:
    """Run a test command, and finish the launch it opened, however it ended.

    COMMAND gets our terminal, pipes and signals as if it ran alone, and its exit code is ours: 128 and the signal's
    number when a signal ended it, 127 when there is no such command, 126 when it cannot be executed.

    Its launch is taken from what it prints (RP_LAUNCH_UUID_PRINT=true is set for it), else from the launch file or the
    files of JavaScript agents in this folder, where they are new, else from the server by --name. Several printed
    launches are finished one after the other, within one timeout; report_file then holds the worst report.

    What becomes of the launch is told on stderr. With --json the command's stdout goes to stderr, too, and stdout
    holds the exit code and the reports.
    """
    if os.name != "posix":
        raise click.ClickException("run works on Linux and macOS only; elsewhere use: rp-finalize finish --from-log")
    settings = common.settings(strict=True if strict else None)
    missing = _missing(settings)
    if missing:
        # What mends it is told in the end, where it is not scrolled away.
        names = "; ".join(problem.partition(":")[0] for problem in missing)
        click.echo(f"rp-finalize: {names}: a launch that the command opens cannot be finished", err=True)
    # Windows has none of what is imported here.
    from rp_finalizer.child_process import CannotStartError, Supervision  # noqa: PLC0415

    launch_file = [] if settings.launch_file is None else [settings.launch_file]
    before = FileStates.of([*agent_files(Path()), *launch_file, *files_of(settings)])
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        with Supervision(command_line, {PRINT: "true", **os.environ}, all_to_stderr=common.as_json) as child:
            run, reports = _see_to(child, settings, before, status, name, common, missing)
    except CannotStartError as error:
        click.echo(f"rp-finalize: {error}", err=True)
        _print_document(common, error.exit_code, [])
        return error.exit_code
    for problem in child.problems():
        click.echo(f"rp-finalize: what {command_line[0]} printed is not complete: {problem.strerror}", err=True)
    code = run.exit_code
    if code == DONE and settings.strict and not all(_good(each) for each in reports):
        code = FAILED
    _print(common, reports)
    _print_document(common, code, reports)
    return code


def _missing(settings: Settings) -> tuple[str, ...]:
    """Say what the connection lacks; the command runs all the same, as it would without us."""
    try:
        settings.require_connection()
    except SettingsError as error:
        return error.problems
    return ()


def _see_to(
    child: Supervision,
    settings: Settings,
    before: FileStates,
    status: str | None,
    name: str | None,
    common: Common,
    missing: tuple[str, ...],
) -> tuple[Run, list[Report]]:
    """Wait for the command's end, and finish what it opened."""
    for reason in child.unseen:
        click.echo(f"rp-finalize: what is printed cannot be looked through: {reason}", err=True)
    begun = time.time()
    ending = child.wait(_import_ahead)
    from rp_finalizer.cli.run_finish import Run, finish_launches  # noqa: PLC0415  the command does not wait for it

    run = Run(ending, before, begun, status, name, missing)
    reports = finish_launches(run, settings, common, child.interrupted)
    common.tell_no_more()
    child.deliver_rest()
    return run, reports


def _import_ahead() -> None:
    """Import what finishing needs, while nobody waits for it."""
    from rp_finalizer import launch_finalizer  # noqa: F401, PLC0415  as it says
    from rp_finalizer.cli import run_finish  # noqa: F401, PLC0415  as it says


def _print(common: Common, reports: list[Report]) -> None:
    """Tell what became of the launches; what needs nobody's attention, in one line."""
    from rp_finalizer.cli.output import headline, print_report  # noqa: PLC0415  the command does not wait for it
    from rp_finalizer.outcome import Outcome  # noqa: PLC0415  as above

    for report in reports:
        if common.as_json or (common.quiet and _good(report)):
            continue
        if report.outcome is Outcome.ALREADY_FINISHED and report.launch is not None and not common.verbose:
            click.echo(f"{headline(report.launch)}  was finished already", err=True)
        elif report.outcome is Outcome.NOT_STARTED and not report.considered:
            click.echo("rp-finalize: the command has opened no launch that is known; see run --help", err=True)
        else:
            print_report(report, verbose=common.verbose > 0, err=True)


def _good(report: Report) -> bool:
    return report.outcome is not None and report.outcome.good


def _print_document(common: Common, code: int, reports: list[Report]) -> None:
    if common.as_json:
        from rp_finalizer.cli.output import print_json  # noqa: PLC0415  as above

        print_json({"schema": 1, "exit_code": code, "reports": [each.to_dict() for each in reports]})
