"""The page as it is to be drawn: all that the template says is decided here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rp_finalizer.entries import EntryState
from rp_finalizer.entry_wording import lasting
from rp_finalizer.plain_text import flatten, shorten
from rp_finalizer.server.page_chart import draw
from rp_finalizer.server.page_picture import SHOWN
from rp_finalizer.server.page_rows import LONGEST_NAME, at_work_row, dead_row, moment, waiting_row, worker_rows
from rp_finalizer.server.page_verdict import counted, judge

if TYPE_CHECKING:
    from rp_finalizer.server.page_chart import Chart
    from rp_finalizer.server.page_picture import Picture
    from rp_finalizer.server.page_rows import AtWork, DeadLetter, Moment, Waiting, WorkerRow
    from rp_finalizer.server.page_verdict import Verdict
    from rp_finalizer.server.state import Working

_SECOND = 1.0
_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Tile:
    """A number to be seen from afar."""

    name: str
    number: str
    meaning: str
    mood: str = ""
    target: str = ""
    """The part of the page that tells more."""


@dataclass(frozen=True, slots=True)
class View:
    """The page."""

    at: Moment
    outbox: str
    verdict: Verdict
    counts: str
    away: bool
    tiles: tuple[Tile, ...]
    workers: list[WorkerRow]
    workers_more: int
    """Entries at work whose workers were not looked up."""
    here: str
    """What the worker is doing beside which the service runs; empty where there is none."""
    waiting: list[Waiting]
    waiting_number: int
    waiting_more: int
    active: list[AtWork]
    active_more: int
    dead: list[DeadLetter]
    dead_number: int
    dead_more: int
    chart: Chart
    latency: tuple[tuple[str, str], ...]
    success: str
    errors: list[tuple[str, int]]


def view_of(picture: Picture, working: Working | None) -> View:
    """Say what the page says of an outbox."""
    statistics, now = picture.statistics, picture.now
    latency, success = statistics.percentiles, statistics.success_rate
    ready, leased, dead = (picture.count(state) for state in (EntryState.READY, EntryState.LEASED, EntryState.DEAD))
    shown = picture.waiting[:SHOWN]
    rows = [*shown, *picture.active[:SHOWN], *picture.dead[:SHOWN]]
    server = len({entry.launch.endpoint for entry in rows}) > 1
    # What a holder let go of waits, too, beside what is ready.
    number = max(len(shown), ready + sum(1 for entry in shown if entry.state.held))
    return View(
        at=moment(now, now),
        outbox=shorten(flatten(picture.outbox), LONGEST_NAME),
        verdict=judge(picture),
        counts=_counts(picture),
        away=picture.away is not None,
        tiles=_tiles(picture),
        workers=worker_rows(picture.active, now),
        workers_more=max(0, leased - len(picture.active)) if len(picture.active) >= SHOWN else 0,
        here=_here(working),
        waiting=[waiting_row(entry, position, now, server=server) for position, entry in enumerate(shown, start=1)],
        waiting_number=ready,
        waiting_more=number - len(shown),
        active=[at_work_row(entry, now, server=server) for entry in picture.active[:SHOWN]],
        active_more=max(0, len(picture.active) - SHOWN),
        dead=[dead_row(entry, now, server=server) for entry in picture.dead[:SHOWN]],
        dead_number=dead,
        dead_more=max(0, dead - SHOWN),
        chart=draw(picture.minutes),
        latency=() if latency is None else tuple((name, seconds(value)) for name, value in latency._asdict().items()),
        success="" if success is None else _percent(success),
        errors=sorted(statistics.errors.items(), key=lambda each: (-each[1], each[0])),
    )


def seconds(value: float) -> str:
    """Say how long something took."""
    if value < _SECOND:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value < _MINUTE else lasting(value)


def _counts(picture: Picture) -> str:
    if picture.away is not None or not picture.statistics.owed:
        return ""
    ready, leased = picture.count(EntryState.READY), picture.count(EntryState.LEASED)
    opened = picture.count(EntryState.OPEN)
    parts = [f"{ready:,} wait" if ready != 1 else "1 waits", f"{leased:,} at work"]
    if opened:
        parts.append(counted(opened, "run goes on", "runs go on"))
    return ", ".join(parts) + "."


def _tiles(picture: Picture) -> tuple[Tile, ...]:
    if picture.away is not None:
        return ()
    dead = picture.count(EntryState.DEAD)
    due = picture.statistics.due
    return (
        Tile("Queued", _number(picture, EntryState.READY), f"{due:,} due now", target="queue"),
        Tile("At work", _number(picture, EntryState.LEASED), "held by workers", target="active"),
        Tile("Open runs", _number(picture, EntryState.OPEN), "their runs go on"),
        Tile("Done", _number(picture, EntryState.DONE), "finished, still kept"),
        Tile("Dead letters", _number(picture, EntryState.DEAD), "given up", "warning" if dead else "", "dead"),
    )


def _number(picture: Picture, state: EntryState) -> str:
    return f"{picture.count(state):,}"


def _here(working: Working | None) -> str:
    if working is None:
        return ""
    if not working.is_running():
        return "The worker beside this service has stopped."
    at_once = counted(working.max_concurrent, "launch", "launches")
    return f"A worker runs beside this service: {at_once} at once, looks every {working.check_interval:g} s."


def _percent(part: float) -> str:
    """Give a part of all; 100 % only where it is all."""
    shown = min(part * 100, 99.9) if part < 1 else 100.0
    return f"{shown:.1f} %" if part < 1 else "100 %"
