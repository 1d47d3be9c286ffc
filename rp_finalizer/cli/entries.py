"""`rp-finalize entries`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from rp_finalizer.cli.exits import DONE, FAILED, interruptible
from rp_finalizer.cli.options import Common, common_options
from rp_finalizer.cli.outbox_use import now, outbox_of, print_entry
from rp_finalizer.cli.output import print_json
from rp_finalizer.draining import all_entries
from rp_finalizer.entries import EntryState, OwedLaunch, Priority
from rp_finalizer.entry_json import entry_to_dict
from rp_finalizer.entry_wording import standing
from rp_finalizer.errors import BadLaunchError, EntryStateError, SettingsError, UnknownEntryError
from rp_finalizer.launch import LaunchRef
from rp_finalizer.outbox_port import CLEARED
from rp_finalizer.plain_text import flatten, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rp_finalizer.entries import Entry
    from rp_finalizer.outbox_port import Outbox

BY_HAND = "discarded by hand"
"""The reason of an entry that `discard` names."""

_names = click.argument("names", nargs=-1, metavar="[ENTRY|LAUNCH]...")


@click.group("entries")
def command() -> None:
    """List, show, add, retry and discard the entries of the outbox.

    An entry is one launch that is still to be finished, or was. A dead letter is one that was given up, with a reason.
    """


@command.command("list")
@click.option("--state", type=click.Choice(list(EntryState), case_sensitive=False), help="Those in this state only.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="The oldest N at most.")
@common_options
def list_(common: Common, state: str | None, limit: int | None) -> int:
    """List the entries, the oldest first."""
    outbox = outbox_of(common.settings())
    states = [EntryState(state)] if state else []
    with interruptible():
        found = sorted(all_entries(outbox, *states), key=lambda entry: entry.created_at) if outbox.used else []
    found = found[:limit]
    _tell(common, found)
    if not found and not (common.as_json or common.quiet):
        click.echo(f"{outbox.name} holds no {'entries' if state is None else f'{state} entries'}")
    return DONE


@command.command("show")
@_names
@common_options
def show(common: Common, names: tuple[str, ...]) -> int:
    """Show all that is kept of entries, their history included; they are named by their ids or by their launches."""
    _demand_names(names)
    outbox = outbox_of(common.settings())
    with interruptible():
        found = _find(outbox, names)
    if common.as_json:
        print_json({"schema": 1, "entries": [entry_to_dict(entry) for entry in found]})
    elif not common.quiet:
        for entry in found:
            _print_whole(entry, now())
    return DONE


@command.command("add")
@click.argument("launches", nargs=-1, metavar="LAUNCH...")
@click.option("--priority", type=click.Choice(list(Priority), case_sensitive=False), help="How urgent they are.")
@common_options
def add(common: Common, launches: tuple[str, ...], priority: str | None) -> int:
    """Add launches that are to be finished, by their uuids.

    - reads uuids from standard input, one or more a line. What is there already stays as it is.
    """
    settings = common.settings(priority=priority)
    outbox = outbox_of(settings)
    if settings.endpoint is None or settings.project is None:
        raise SettingsError("endpoint and project of the launches are not set: give --endpoint and --project")
    with interruptible():
        uuids = _uuids(launches)
        moment = now()
        added = [
            outbox.add(
                OwedLaunch.ended(str(settings.endpoint), settings.project, uuid, moment),
                priority=Priority(settings.priority),
            )
            for uuid in uuids
        ]
    _tell(common, added)
    return DONE


@command.command("retry")
@_names
@click.option("--all", "every", is_flag=True, help="All dead letters.")
@common_options
def retry(common: Common, names: tuple[str, ...], *, every: bool) -> int:
    """Make dead letters ready again, with all their attempts before them."""
    outbox = _outbox_for(common, names, every=every)
    with interruptible():
        chosen = _all(outbox, EntryState.DEAD) if every else _find(outbox, names)
        return _change(common, chosen, lambda entry: outbox.retry(entry.entry_id))


@command.command("discard")
@_names
@click.option("--all", "every", is_flag=True, help="All that are ready; what is worked on, and what runs hold, stays.")
@common_options
def discard(common: Common, names: tuple[str, ...], *, every: bool) -> int:
    """Give entries up: they become dead letters, and can be retried."""
    outbox = _outbox_for(common, names, every=every)
    reason = CLEARED if every else BY_HAND
    with interruptible():
        chosen = _all(outbox, EntryState.READY) if every else _find(outbox, names)
        return _change(common, chosen, lambda entry: outbox.discard(entry.entry_id, reason))


def _outbox_for(common: Common, names: tuple[str, ...], *, every: bool) -> Outbox:
    if every and names:
        raise click.UsageError("name entries, or give --all; not both")
    if not every:
        _demand_names(names)
    return outbox_of(common.settings())


def _demand_names(names: tuple[str, ...]) -> None:
    if not any(name.strip() for name in names):
        raise click.UsageError("name an entry by its id or by its launch's uuid")


def _find(outbox: Outbox, names: Iterable[str]) -> list[Entry]:
    """Give what is named, each once. Raises `UnknownEntryError` before anything is done where one is not there."""
    found: dict[str, Entry] = {}
    for name in names:
        entries = outbox.find(_plain(name)) if outbox.used else []
        if not entries:
            raise UnknownEntryError(name)
        found |= {entry.entry_id: entry for entry in entries}
    return list(found.values())


def _plain(name: str) -> str:
    """Give a uuid in the spelling in which it is kept."""
    try:
        return str(LaunchRef.parse(name))
    except BadLaunchError:
        return name.strip()


def _all(outbox: Outbox, state: EntryState) -> list[Entry]:
    return list(all_entries(outbox, state)) if outbox.used else []


def _change(common: Common, chosen: list[Entry], change: Callable[[Entry], Entry]) -> int:
    """Change each; what cannot be changed as it stands is told, and keeps nothing else from being changed."""
    changed, refused = [], 0
    for entry in chosen:
        try:
            changed.append(change(entry))
        except EntryStateError as error:
            refused += 1
            click.echo(f"rp-finalize: {error}", err=True)
    _tell(common, changed)
    if not chosen and not (common.as_json or common.quiet):
        click.echo("there are no such entries")
    return FAILED if refused else DONE


def _uuids(launches: tuple[str, ...]) -> list[str]:
    """Read all uuids before anything is added. Raises `BadLaunchError`."""
    texts = [text for given in launches for text in (_read_input() if given == "-" else [given])]
    if not texts:
        raise click.UsageError("name launches by their uuids, or give - to read these from standard input")
    uuids = []
    for text in texts:
        ref = LaunchRef.parse(text)
        if ref.uuid is None:
            raise BadLaunchError(text, "an entry is kept under its launch's uuid; rp-finalize status tells it")
        uuids.append(ref.uuid)
    return list(dict.fromkeys(uuids))


def _read_input() -> list[str]:
    # What is no text names no launch, and is refused as that.
    return sys.stdin.buffer.read().decode(errors="replace").split()


def _tell(common: Common, entries: list[Entry]) -> None:
    if common.as_json:
        print_json({"schema": 1, "entries": [entry_to_dict(entry) for entry in entries]})
    elif not common.quiet:
        moment = now()
        for entry in entries:
            print_entry(entry, moment)


def _print_whole(entry: Entry, moment: float) -> None:
    launch = entry.launch
    click.echo(click.style(f"{launch.uuid}  {entry.state}", bold=True))
    rows = {
        "entry": entry.entry_id,
        "server": f"{launch.endpoint}, project {launch.project}",
        "stands": standing(entry, moment),
        "priority": entry.priority.value,
        "attempts": str(entry.attempts),
        "ends": None if launch.end_ms is None else _date(launch.end_ms / 1000),
        "status": launch.status,
        "last error": entry.last_error and f"{entry.last_error.kind.value}: {entry.last_error.message}",
        "hint": entry.last_error and entry.last_error.hint,
    }
    for name, value in rows.items():
        if value:
            click.echo(f"  {name:11}{shorten(flatten(value), 500)}")
    for event in entry.history:
        click.echo(f"  {_date(event.at)}  {event.what}  {shorten(flatten(event.detail), 300)}".rstrip())


def _date(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
