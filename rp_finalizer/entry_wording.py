"""How entries are told to people: how they stand, who holds them, and for how long; on one line, and in short."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rp_finalizer.entries import EntryState
from rp_finalizer.plain_text import flatten, shorten

if TYPE_CHECKING:
    from rp_finalizer.entries import Entry
    from rp_finalizer.report import Failure

LONGEST_REASON = 300
"""Characters of why an entry is not finished."""
LONGEST_HOLDER = 100

_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))


def standing(entry: Entry, now: float) -> str:
    """Say in a few words how an entry stands, and why."""
    match entry.state:
        case EntryState.DONE:
            outcome = entry.report.outcome if entry.report else None
            return f"{outcome or 'finished'} {ago(entry.updated_at, now)}"
        case EntryState.DEAD:
            return short(entry.reason or "given up")
        case EntryState.OPEN | EntryState.LEASED:
            return held_by(entry, now)
        case _:
            due = "due now" if entry.due(now) else f"due in {lasting(entry.visible_at - now)}"
            tries = f", tried {times(entry.attempts)}" if entry.attempts else ""
            because = f"; {told(entry.last_error)}" if entry.last_error else ""
            return f"{due}{tries}{because}"


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
    whole = len(parts) == len(("host", "boot", "namespace", "pid", "begun"))
    return shorten(flatten(f"{role} {parts[3]} on {parts[0]}" if whole else name), LONGEST_HOLDER)


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


def told(error: Failure) -> str:
    """Say what went wrong: its kind and its words."""
    return f"{error.kind.value}: {short(error.message)}"


def short(text: str) -> str:
    """Put a reason on one line of no great length."""
    return shorten(flatten(text), LONGEST_REASON)
