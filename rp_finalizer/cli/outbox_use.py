"""What the commands about the outbox share: which one is meant, and how what it holds is told."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from rp_finalizer.entries import EntryState
from rp_finalizer.errors import SettingsError
from rp_finalizer.outbox_wiring import open_outbox
from rp_finalizer.plain_text import flatten, shorten

if TYPE_CHECKING:
    from rp_finalizer.entries import Entry
    from rp_finalizer.outbox_port import Outbox
    from rp_finalizer.settings import Settings

LOCK_PATIENCE = 10.0
"""Seconds that a person waits for a lock that others hold."""
AWAY_PATIENCE = 300.0
"""Seconds that a worker waits for a Redis that is away, with what it has done."""
LONGEST_REASON = 300
"""Characters of why an entry is not finished."""

_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))
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


def standing(entry: Entry, now: float) -> str:
    """Say in a few words how an entry stands, and why."""
    match entry.state:
        case EntryState.DONE:
            outcome = entry.report.outcome if entry.report else None
            return f"{outcome or 'finished'} {ago(entry.updated_at, now)}"
        case EntryState.DEAD:
            return shorten(flatten(entry.reason or "given up"), LONGEST_REASON)
        case EntryState.OPEN | EntryState.LEASED:
            return held_by(entry, now)
        case _:
            due = "due now" if entry.due(now) else f"due in {lasting(entry.visible_at - now)}"
            tries = f", tried {times(entry.attempts)}" if entry.attempts else ""
            return f"{due}{tries}{_because(entry)}"


def held_by(entry: Entry, now: float) -> str:
    """Say who holds an entry, and for how long yet."""
    what = "its run goes on" if entry.state is EntryState.OPEN else "worked on"
    who = holder(entry.lease_owner or "")
    left = (entry.lease_until or now) - now
    until = f"held for {lasting(left)} yet" if left > 0 else f"the lease ran out {lasting(-left)} ago"
    return f"{what}: {who}, {until}"


def holder(name: str) -> str:
    """Name a holder for people: what it does, on which host, under which process id."""
    role, _, rest = name.partition("@")
    parts = rest.split(":")
    if len(parts) != len(("host", "boot", "namespace", "pid", "begun")):
        return shorten(flatten(name), 100)
    return f"{role} {parts[3]} on {parts[0]}"


def ago(at: float, now: float) -> str:
    """Say how long ago something was."""
    return f"{lasting(now - at)} ago" if now >= at else f"in {lasting(at - now)}"


def lasting(seconds: float) -> str:
    """Say how long something takes, in the largest unit that fits."""
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def times(number: int) -> str:
    """Say how often."""
    return "once" if number == 1 else f"{number} times"


def _because(entry: Entry) -> str:
    if entry.last_error is None:
        return ""
    return f"; {entry.last_error.kind.value}: {shorten(flatten(entry.last_error.message), LONGEST_REASON)}"


def now() -> float:
    """Give the time that entries are compared with."""
    return time.time()
