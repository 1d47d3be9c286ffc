"""What the commands about the outbox share: which one is meant, and how an entry is printed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from rp_finalizer.entries import EntryState
from rp_finalizer.entry_wording import standing
from rp_finalizer.errors import SettingsError
from rp_finalizer.outbox_wiring import open_outbox

if TYPE_CHECKING:
    from rp_finalizer.entries import Entry
    from rp_finalizer.outbox_port import Outbox
    from rp_finalizer.settings import Settings

LOCK_PATIENCE = 10.0
"""Seconds that a person waits for a lock that others hold."""
AWAY_PATIENCE = 300.0
"""Seconds that a worker waits for a Redis that is away, with what it has done."""

_COLOURS = {EntryState.DONE: "green", EntryState.DEAD: "red", EntryState.READY: "yellow"}


def outbox_of(settings: Settings, *, patience: float = LOCK_PATIENCE) -> Outbox:
    """Give the outbox that the settings name. Raises `SettingsError` where it is switched off."""
    outbox = open_outbox(settings, patience=patience)
    if outbox is None:
        raise SettingsError(
            f"the outbox is switched off (from {settings.origin('outbox')}): name one with --outbox FILE"
        )
    return outbox


def print_entry(entry: Entry, now: float) -> None:
    """Print an entry on one line: which launch it is, its state, and how that came."""
    state = click.style(f"{entry.state.value:6}", fg=_COLOURS.get(entry.state))
    click.echo(f"{entry.launch.uuid}  {state}  {standing(entry, now)}")


def now() -> float:
    """Give the time that entries are compared with."""
    return time.time()
