"""What an outbox holds, as `rp-finalize status` shows it."""

from __future__ import annotations

import logging
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

import click

from rp_finalizer.cli.exits import DONE, interruptible
from rp_finalizer.cli.outbox_use import LOCK_PATIENCE, now, outbox_of
from rp_finalizer.cli.output import print_json
from rp_finalizer.draining import owed_entries
from rp_finalizer.entries import EntryState
from rp_finalizer.entry_wording import ago, held_by, holder, lasting, standing
from rp_finalizer.errors import OutboxError
from rp_finalizer.holders import alive
from rp_finalizer.outbox_port import Statistics
from rp_finalizer.outbox_wiring import open_outbox
from rp_finalizer.queue_figures import empty_status_body, status_body

if TYPE_CHECKING:
    from collections.abc import Callable

    from rp_finalizer.cli.options import Common
    from rp_finalizer.entries import Entry
    from rp_finalizer.outbox_port import Outbox
    from rp_finalizer.settings import Settings

MOST_SHOWN = 10
"""Entries of a kind that are shown one by one."""
LONG_DUE = 60.0
"""Seconds for which an entry may be due before it is told that nobody works."""
MANY_TRIES = 3

_MEANINGS = {
    EntryState.OPEN: "their runs go on",
    EntryState.READY: "wait for a worker, a later run or rp-finalize drain",
    EntryState.LEASED: "are worked on",
    EntryState.DONE: "are finished",
    EntryState.DEAD: "were given up: rp-finalize entries list --state dead",
}

logger = logging.getLogger(__name__)


def entry_of(uuid: str, settings: Settings) -> Entry | None:
    """Give a launch's entry on the server that is set; None where there is none, or the outbox does not say."""
    outbox = open_outbox(settings, patience=LOCK_PATIENCE)
    try:
        entries = outbox.find(uuid) if outbox is not None and outbox.used else []
    except OutboxError as error:
        logger.warning("%s", error)
        return None
    here = [entry for entry in entries if entry.launch.endpoint == str(settings.endpoint)]
    return here[0] if here else None


def show_outbox(common: Common) -> int:
    """Show it; one that was never used is empty, and stays unmade."""
    outbox = outbox_of(common.settings())
    with interruptible():
        if common.as_json:
            print_json(status_body(outbox) if outbox.used else empty_status_body())
        elif not common.quiet:
            _print(outbox)
    return DONE


def _print(outbox: Outbox) -> None:
    click.echo(click.style(outbox.name, bold=True))
    held = outbox.statistics() if outbox.used else Statistics()
    if not any(held.by_state.values()):
        click.echo("  holds nothing: nothing is owed")
        return
    for state, meaning in _MEANINGS.items():
        if number := held.by_state.get(state, 0):
            click.echo(f"  {number:6} {state.value:7} {meaning}")
    moment = now()
    owed = owed_entries(outbox)
    _print_holders(owed)
    ready = [entry for entry in owed if entry.state is EntryState.READY]
    if ready:
        waits = min(entry.visible_at for entry in ready) - moment
        due = f"{held.due} due now" if held.due else f"the next is due in {lasting(waits)}"
        click.echo(f"  of what is owed, {due}; the oldest was made {ago(min(e.created_at for e in owed), moment)}")
    lives = cache(alive)
    _print_stuck([(entry, why) for entry in owed if (why := _stuck(entry, moment, lives))])


def _print_holders(owed: list[Entry]) -> None:
    holders = Counter(entry.lease_owner for entry in owed if entry.state.held and entry.lease_owner)
    for name, number in holders.most_common(MOST_SHOWN):
        click.echo(f"  {holder(name)} holds {number}")


def _print_stuck(stuck: list[tuple[Entry, str]]) -> None:
    if not stuck:
        return
    click.echo(click.style(f"  {len(stuck)} stuck:", fg="yellow"))
    for entry, why in stuck[:MOST_SHOWN]:
        click.echo(f"    {entry.launch.uuid}  {why}")
    if len(stuck) > MOST_SHOWN:
        click.echo(f"    and {len(stuck) - MOST_SHOWN} more: rp-finalize entries list")
    click.echo("  what is stuck is seen to by a worker, or at once by: rp-finalize drain")


def _stuck(entry: Entry, moment: float, lives: Callable[[str], bool | None]) -> str | None:
    """Say why an entry does not move; None where it does, or merely waits for its time."""
    if entry.state.held:
        if entry.due(moment):
            return held_by(entry, moment)
        dead = lives(entry.lease_owner or "") is False
        return f"its process is dead: {holder(entry.lease_owner or '')}" if dead else None
    if entry.visible_at < moment - LONG_DUE:
        return f"due for {lasting(moment - entry.visible_at)}, and nobody works on it"
    return standing(entry, moment) if entry.attempts >= MANY_TRIES else None
