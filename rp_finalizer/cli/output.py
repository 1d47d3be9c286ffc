"""What the commands print."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from rp_finalizer.outcome import ErrorKind, StepResult
from rp_finalizer.wording import NAMING, headline_of, nothing_named, sentence

if TYPE_CHECKING:
    from rp_finalizer.report import Failure, Report, ReportedLaunch

_COLOURS = {"PASSED": "green", "FAILED": "red", "IN_PROGRESS": "yellow", "INTERRUPTED": "magenta"}


def print_json(document: dict[str, Any]) -> None:
    """Print one document on stdout."""
    click.echo(json.dumps(document, ensure_ascii=False))


def settings_error(message: str, hint: str, kind: ErrorKind = ErrorKind.SETTINGS) -> dict[str, Any]:
    """Give a usage or settings error in the form of a report's `error`."""
    return {"kind": kind.value, "status": None, "code": None, "message": message, "hint": hint}


def failure_document(failure: Failure) -> dict[str, Any]:
    """Give a failure in the form of a report's `error`."""
    return {name: getattr(failure, name) for name in ("kind", "status", "code", "message", "hint")}


def headline(launch: ReportedLaunch) -> str:
    """Draw the line that names a launch as people know it."""
    parts = headline_of(launch)
    status = click.style(parts.status, fg=_COLOURS.get(parts.status)) if parts.status else None
    return "  ".join(part for part in (click.style(parts.name, bold=True), status, parts.url) if part)


def print_report(report: Report, *, verbose: bool, err: bool = False) -> None:
    """Print what became of the launch: one line that names it, one that says how it ended, and what to do.

    With `err` it goes to stderr, where a command's stdout belongs to somebody else.
    """
    if report.launch is not None:
        click.echo(headline(report.launch), err=err)
    click.echo(sentence(report), err=err)
    if report.error is not None:
        print_failure(report.error, err=err)
    elif nothing_named(report):
        click.echo(f"  {NAMING}", err=err)
    if verbose:
        _print_trace(report)


def print_failure(failure: Failure, *, err: bool = False) -> None:
    """Print what went wrong and what to do."""
    click.echo(f"  {click.style(failure.kind.value, fg='red')}: {failure.message}", err=err)
    click.echo(f"  {failure.hint}", err=err)


def _print_trace(report: Report) -> None:
    for considered in report.considered:
        click.echo(f"  {considered.source.value:12} {considered.value}  {considered.verdict.value}", err=True)
    for step in report.steps:
        if step.result is not StepResult.SKIPPED:
            tries = f"  {step.attempts} tries" if step.attempts > 1 else ""
            detail = f"  {step.detail}" if step.detail else ""
            click.echo(f"  {step.step.value:10} {step.result.value:9} {step.seconds:7.3f} s{tries}{detail}", err=True)
