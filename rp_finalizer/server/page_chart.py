"""The last hour as a drawing, and the same in words and numbers for whoever does not see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rp_finalizer.server.rates import Tally, total

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rp_finalizer.server.rates import Minute

HEIGHT = 100
"""Units of the drawing, top to bottom."""
STEP = 10
"""Units of a minute, left to right."""
_GAP = 2
"""Units between two bars."""
_GROUP = 5
"""Minutes of a row of the table."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in the drawing."""

    x: int
    y: float
    width: int
    height: float


@dataclass(frozen=True, slots=True)
class Group:
    """Some minutes, for the table."""

    start: str
    """Hours and minutes, UTC."""
    tally: Tally | None
    """None where nobody looked."""


@dataclass(frozen=True, slots=True)
class Chart:
    """An hour, drawn: bars for what ended, a line for what was added."""

    width: int
    top: int
    """What the upper edge stands for, a minute."""
    finished: tuple[Box, ...]
    failed: tuple[Box, ...]
    """On top of those."""
    unknown: tuple[Box, ...]
    """Where nobody looked."""
    added: str
    """The line, as the path of an SVG."""
    seen: bool
    """Whether there is anything to draw."""
    sentence: str
    groups: tuple[Group, ...]
    """The latest first."""


def draw(minutes: Sequence[Minute]) -> Chart:
    """Draw so many minutes, the latest at the right."""
    tallies = [minute.tally for minute in minutes]
    top = _round_up(max((max(t.finished + t.failed, t.added) for t in tallies if t is not None), default=0))
    finished, failed, path = [], [], []
    for index, tally in enumerate(tallies):
        if tally is None:
            continue
        x, scale = index * STEP, HEIGHT / top
        if tally.finished:
            finished.append(_bar(x, 0, tally.finished * scale))
        if tally.failed:
            failed.append(_bar(x, tally.finished * scale, tally.failed * scale))
        begins = index == 0 or tallies[index - 1] is None
        level = round(HEIGHT - tally.added * scale, 1)
        path.append(f"{'M' if begins else 'L'}{x} {level}H{x + STEP}")
    return Chart(
        width=len(minutes) * STEP,
        top=top,
        finished=tuple(finished),
        failed=tuple(failed),
        unknown=_unknown(tallies),
        added="".join(path),
        seen=any(tally is not None for tally in tallies),
        sentence=_sentence(minutes),
        groups=_groups(minutes),
    )


def _bar(x: int, below: float, height: float) -> Box:
    return Box(x + _GAP // 2, round(HEIGHT - below - height, 1), STEP - _GAP, round(height, 1))


def _unknown(tallies: Sequence[Tally | None]) -> tuple[Box, ...]:
    """Give one box for each stretch without a look."""
    boxes: list[Box] = []
    for index, tally in enumerate(tallies):
        if tally is not None:
            continue
        before = boxes[-1] if boxes else None
        if before is not None and before.x + before.width == index * STEP:
            boxes[-1] = Box(before.x, 0, before.width + STEP, HEIGHT)
        else:
            boxes.append(Box(index * STEP, 0, STEP, HEIGHT))
    return tuple(boxes)


def _round_up(number: int) -> int:
    """Give the next of 2, 4, 6, 8, 10, 20, 40 and so on: halves of these are whole."""
    size = 1
    while True:
        for factor in (2, 4, 6, 8, 10):
            if number <= factor * size:
                return factor * size
        size *= 10


def _sentence(minutes: Sequence[Minute]) -> str:
    seen = [minute for minute in minutes if minute.tally is not None]
    if not seen:
        return "Nothing was counted yet: the service has just begun to look."
    all_of_it = total(list(seen))
    length = "hour" if len(seen) >= len(minutes) else f"{len(seen)} min"
    return (
        f"In the last {length}: {all_of_it.added:,} added, {all_of_it.finished:,} finished, "
        f"{all_of_it.failed:,} tries failed."
    )


def _groups(minutes: Sequence[Minute]) -> tuple[Group, ...]:
    groups: dict[float, list[Minute]] = {}
    for minute in minutes:
        groups.setdefault(minute.start // (60 * _GROUP) * (60 * _GROUP), []).append(minute)
    return tuple(
        Group(
            datetime.fromtimestamp(start, UTC).strftime("%H:%M"),
            total(members) if any(minute.tally is not None for minute in members) else None,
        )
        for start, members in sorted(groups.items(), reverse=True)
    )
