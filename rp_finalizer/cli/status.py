"""`rp-finalize status`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from rp_finalizer.cli.exits import DONE, FAILED, NO_PERMISSION, interruptible
from rp_finalizer.cli.options import Common, common_options
from rp_finalizer.cli.outbox_status import entry_of, show_outbox
from rp_finalizer.cli.outbox_use import now
from rp_finalizer.cli.output import failure_document, headline, print_failure, print_json
from rp_finalizer.entry_json import entry_to_dict
from rp_finalizer.entry_wording import standing
from rp_finalizer.launch import LaunchRef
from rp_finalizer.outcome import ErrorKind
from rp_finalizer.report import ReportedLaunch
from rp_finalizer.wiring import look_at

if TYPE_CHECKING:
    from rp_finalizer.entries import Entry
    from rp_finalizer.launch import Launch
    from rp_finalizer.report import Failure


@click.command("status")
@click.argument("launch", required=False, metavar="[LAUNCH]")
@common_options
def command(common: Common, launch: str | None) -> int:
    """Show what the outbox holds, or what the server says of a launch.

    LAUNCH is a uuid or a number; without it the outbox is shown: what waits, who works on what, what is stuck. Nothing
    is changed.
    """
    if launch is None:
        return show_outbox(common)
    ref = LaunchRef.parse(launch)
    settings = common.settings()
    with interruptible():
        sight = look_at(ref, settings, common.tell)
        uuid = sight.launch.uuid if sight.launch else ref.uuid
        entry = entry_of(uuid, settings) if uuid else None
    common.tell_no_more()
    if sight.launch is None or sight.url is None:
        failure = sight.failure
        assert failure is not None  # noqa: S101  what is not seen has its reason
        return _refuse(common, failure, entry)
    if common.as_json:
        plain = plain_launch(sight.launch, sight.url)
        plain["open_items"] = sight.open_items
        print_json({"schema": 1, "launch": plain, "entry": entry and entry_to_dict(entry)})
    elif not common.quiet:
        _print(sight.launch, sight.url, sight.open_items)
        _print_entry(entry)
    return DONE


def _refuse(common: Common, failure: Failure, entry: Entry | None) -> int:
    if common.as_json:
        kept = entry and entry_to_dict(entry)
        print_json({"schema": 1, "launch": None, "entry": kept, "error": failure_document(failure)})
    else:
        click.echo("the launch cannot be shown")
        print_failure(failure)
        _print_entry(entry)
    return NO_PERMISSION if failure.kind in {ErrorKind.UNAUTHORIZED, ErrorKind.FORBIDDEN} else FAILED


def _print_entry(entry: Entry | None) -> None:
    if entry is not None:
        click.echo(f"  outbox   {entry.state}: {standing(entry, now())}")


def _print(launch: Launch, url: str, open_items: int | None) -> None:
    reported = ReportedLaunch(launch.uuid, launch.id, launch.number, launch.name, launch.status, url)
    click.echo(headline(reported))
    click.echo(f"  uuid     {launch.uuid}")
    click.echo(f"  started  {_date(launch.start_ms)}" + (f" by {launch.owner}" if launch.owner else ""))
    if launch.end_ms is not None and launch.status.final:
        click.echo(f"  ended    {_date(launch.end_ms)}")
    counts = {name.removeprefix("executions."): n for name, n in launch.statistics.items() if "executions." in name}
    told = ", ".join(f"{number} {name}" for name, number in counts.items() if number and name != "total")
    still = f"; {open_items} still in progress" if open_items else ""
    click.echo(f"  tests    {counts.get('total', 0)} ended{f' ({told})' if told else ''}{still}")


def plain_launch(launch: Launch, url: str) -> dict[str, Any]:
    """Give what the server told of a launch as a plain object, its times in ISO 8601."""
    plain = {name: value for name, value in asdict(launch).items() if not name.endswith("_ms")}
    return plain | {
        "status": launch.status.value,
        "url": url,
        "start_time": _date(launch.start_ms),
        "end_time": _date(launch.end_ms),
        "last_modified": _date(launch.last_modified_ms),
    }


def _date(ms: int | None) -> str | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
