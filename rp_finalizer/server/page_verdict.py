"""Whether all is well with an outbox: one sentence for whoever passes the screen, and what to do where it is not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from rp_finalizer.entries import AGEING, EntryState
from rp_finalizer.entry_wording import lasting, short
from rp_finalizer.outbox_port import CLEARED
from rp_finalizer.outcome import ErrorKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rp_finalizer.entries import Entry
    from rp_finalizer.server.page_picture import Picture

LONG_DUE = 60.0
"""Seconds for which a launch may be due before nobody is said to work."""
FAR_BEHIND = AGEING
"""Seconds for which a launch may be due while others are worked on."""
_RECENT = 2
"""Minutes of the rates in which somebody who works has ended a try."""


class Mood(StrEnum):
    """How the page looks."""

    GOOD = "good"
    WARNING = "warning"
    """Somebody should look, today."""
    BAD = "bad"
    """Launches stay unfinished until somebody does something."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said first."""

    mood: Mood
    sentence: str
    """Stays the same as long as the matter does: it is read out when it changes."""
    mend: str = ""
    """What to do about it."""


def judge(picture: Picture) -> Verdict:
    """Say what is worst; the first that holds, of what keeps launches from being finished, is told."""
    return (
        _away(picture)
        or _nobody_works(picture)
        or _far_behind(picture)
        or _unanswered(picture)
        or _dead_letters(picture)
        or _well(picture)
    )


def counted(number: int, one: str, many: str) -> str:
    """Say how many there are of something."""
    return f"{number:,} {one if number == 1 else many}"


def _away(picture: Picture) -> Verdict | None:
    if picture.away is None:
        return None
    away = picture.away
    sentence = f"The outbox cannot be reached: {short(away.reason)}."
    mend = short(away.mend)
    return Verdict(Mood.BAD, sentence, f"{mend[:1].upper()}{mend[1:]}. Nothing is lost: workers go on when it is back.")


def _nobody_works(picture: Picture) -> Verdict | None:
    late = _longest_due(picture)
    recent = [minute.tally for minute in picture.minutes[-_RECENT:] if minute.tally is not None]
    busy = picture.active or any(tally.finished or tally.failed for tally in recent)
    if not picture.statistics.due or not (picture.stalled or (late > LONG_DUE and not busy)):
        return None
    launches = counted(picture.statistics.due, "launch is due", "launches are due")
    mend = "Start a worker (rp-finalize worker), or finish them at once with rp-finalize drain."
    return Verdict(Mood.BAD, f"Nobody works: {launches}, the first for {lasting(late)}.", mend)


def _far_behind(picture: Picture) -> Verdict | None:
    late = _longest_due(picture)
    if late <= FAR_BEHIND:
        return None
    mend = "Start more workers, or give them a greater --concurrency."
    return Verdict(Mood.WARNING, f"The workers are behind: a launch has been due for {lasting(late)}.", mend)


def _unanswered(picture: Picture) -> Verdict | None:
    """Tell of servers that say nothing: what is put off for that is tried again as long as it takes."""
    silent = [entry for entry in picture.waiting if entry.misses and _unavailable(entry)]
    if not silent:
        return None
    owing = {entry.launch.endpoint for entry in picture.waiting}
    recent = [minute.tally for minute in picture.minutes[-_RECENT:] if minute.tally is not None]
    # Where one of several is silent, what was finished may have been on another.
    if len(owing) == 1 and any(tally.finished for tally in recent):
        return None
    servers = sorted({entry.launch.endpoint for entry in silent})
    others = f" and {counted(len(servers) - 1, 'other', 'others')}" if len(servers) > 1 else ""
    put_off = counted(len(silent), "launch is put off", "launches are put off")
    some = "at least " if len(picture.waiting) < picture.count(EntryState.READY) else ""
    return Verdict(
        Mood.WARNING,
        f"ReportPortal does not answer at {short(servers[0])}{others}: {some}{put_off}.",
        "They are tried again by themselves, with growing waits, and no attempt is spent.",
    )


def _dead_letters(picture: Picture) -> Verdict | None:
    cleared = sum(1 for entry in picture.dead if entry.reason == CLEARED)
    number = picture.count(EntryState.DEAD) - cleared
    if number <= 0:
        return None
    sentence = f"{counted(number, 'launch was', 'launches were')} given up."
    return Verdict(Mood.WARNING, sentence, "The reasons stand under Dead letters: mend them there, then retry.")


def _well(picture: Picture) -> Verdict:
    if picture.statistics.owed == 0:
        return Verdict(Mood.GOOD, "All is well: nothing is owed.")
    return Verdict(Mood.GOOD, "All is well: nothing is stuck.")


def _longest_due(picture: Picture) -> float:
    """Give for how many seconds the longest of the first that wait has been due."""
    due: Sequence[Entry] = [entry for entry in picture.waiting if entry.due(picture.now)]
    return max((picture.now - entry.visible_at for entry in due), default=0.0)


def _unavailable(entry: Entry) -> bool:
    return entry.last_error is not None and entry.last_error.kind in {ErrorKind.UNAVAILABLE, ErrorKind.TIMEOUT}
