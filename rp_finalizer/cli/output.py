"""What the commands print."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from rp_finalizer.outcome import ErrorKind, Outcome, StepResult, Verdict

if TYPE_CHECKING:
    from rp_finalizer.report import Failure, Report, ReportedLaunch

_COLOURS = {"PASSED": "green", "FAILED": "red", "IN_PROGRESS": "yellow", "INTERRUPTED": "magenta"}

_SENTENCES = {
    Outcome.FINISHED: "finished and confirmed in {seconds:.2f} s",
    Outcome.ALREADY_FINISHED: "was finished already; nothing was changed",
    Outcome.NOT_OWNED: "is somebody else's to finish; left open",
    Outcome.ACCEPTED: "the server took the finish, but has not shown it yet",
    Outcome.DEFERRED: "not finished; kept to be tried again",
    Outcome.NOT_STARTED: "there is no launch to finish",
    Outcome.FAILED: "NOT finished",
}

_SEVERAL = "several launches fit; none of them {is_or_would_be} finished"
_NAMING = (
    "name it by LAUNCH (a uuid or a number), by --name, by --from-log FILE, "
    "or by RP_LAUNCH_UUID, RP_LAUNCH_ID or LAUNCH_UUID"
)


def print_json(document: dict[str, Any]) -> None:
    """Print one document on stdout."""
    click.echo(json.dumps(document, ensure_ascii=False))


def settings_error(message: str, hint: str) -> dict[str, Any]:
    """Give a usage or settings error in the form of a report's `error`."""
    return {"kind": ErrorKind.SETTINGS.value, "status": None, "code": None, "message": message, "hint": hint}


def headline(launch: ReportedLaunch) -> str:
    """Name a launch as people know it: name, number, status, page."""
    name = f"{launch.name} #{launch.number}" if launch.name else f"launch {launch.uuid or launch.id}"
    parts = [click.style(name, bold=True)]
    if launch.status is not None:
        parts.append(click.style(launch.status.value, fg=_COLOURS.get(launch.status.value)))
    if launch.url is not None:
        parts.append(launch.url)
    return "  ".join(parts)


def print_report(report: Report, *, verbose: bool, err: bool = False) -> None:
    """Print what became of the launch: one line that names it, one that says how it ended, and what to do.

    With `err` it goes to stderr, where a command's stdout belongs to somebody else.
    """
    if report.launch is not None:
        click.echo(headline(report.launch), err=err)
    click.echo(_sentence(report), err=err)
    if report.error is not None:
        print_failure(report.error, err=err)
    elif _nothing_named(report):
        click.echo(f"  {_NAMING}", err=err)
    if verbose:
        _print_trace(report)


def print_failure(failure: Failure, *, err: bool = False) -> None:
    """Print what went wrong and what to do."""
    click.echo(f"  {click.style(failure.kind.value, fg='red')}: {failure.message}", err=err)
    click.echo(f"  {failure.hint}", err=err)


def _sentence(report: Report) -> str:
    if report.outcome is None:
        return f"{_prospect(report)}; nothing was sent"
    if report.outcome is Outcome.NOT_STARTED and _several_fit(report):
        return _SEVERAL.format(is_or_would_be="is")
    sentence = _SENTENCES[report.outcome].format(seconds=report.seconds)
    logs = report.flushed.logs
    return f"{sentence} ({logs} logs flushed)" if logs else sentence


def _prospect(report: Report) -> str:
    """Say what a finish would come to, as far as a dry run can see."""
    if report.error is not None and report.error.kind in {ErrorKind.UNAVAILABLE, ErrorKind.TIMEOUT}:
        return "the server did not say whether there is a launch to finish"
    if report.launch is None:
        return _SEVERAL.format(is_or_would_be="would be") if _several_fit(report) else "there is no launch to finish"
    if report.error is not None:
        return "would NOT be finished"
    if report.launch.status is not None and report.launch.status.final:
        return "is finished already and would stay as it is"
    return "would be finished"


def _several_fit(report: Report) -> bool:
    return report.launch is None and any(each.verdict is Verdict.CONFLICT for each in report.considered)


def _nothing_named(report: Report) -> bool:
    return report.launch is None and report.outcome in {None, Outcome.NOT_STARTED}


def _print_trace(report: Report) -> None:
    for considered in report.considered:
        click.echo(f"  {considered.source.value:12} {considered.value}  {considered.verdict.value}", err=True)
    for step in report.steps:
        if step.result is not StepResult.SKIPPED:
            tries = f"  {step.attempts} tries" if step.attempts > 1 else ""
            detail = f"  {step.detail}" if step.detail else ""
            click.echo(f"  {step.step.value:10} {step.result.value:9} {step.seconds:7.3f} s{tries}{detail}", err=True)
