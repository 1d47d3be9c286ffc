"""What the page says and draws of an outbox, decided without one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rp_finalizer.entries import Entry, EntryState, OwedLaunch
from rp_finalizer.errors import OutboxError
from rp_finalizer.outbox_port import CLEARED, Statistics
from rp_finalizer.outcome import ErrorKind
from rp_finalizer.report import Failure
from rp_finalizer.server.page_chart import HEIGHT, Box, Group, draw
from rp_finalizer.server.page_picture import Picture
from rp_finalizer.server.page_rows import moment
from rp_finalizer.server.page_verdict import Mood, judge
from rp_finalizer.server.page_view import seconds
from rp_finalizer.server.rates import Minute, Tally

NOW = 1_800_000_000.0
SILENT = Failure(ErrorKind.UNAVAILABLE, "no answer", "later")


def entry(state: EntryState = EntryState.READY, *, due_for: float = 0.0, server: str = "http://rp") -> Entry:
    launch = OwedLaunch(server, "demo", "11111111-1111-4111-8111-111111111111")
    return Entry("e", launch, NOW - 3600, NOW - 1, state, visible_at=NOW - due_for)


def picture(*waiting: Entry, active: bool = False, finished: int = 0, dead: int = 0, stalled: bool = False) -> Picture:
    due = sum(each.due(NOW) for each in waiting)
    states = {EntryState.READY: len(waiting), EntryState.LEASED: int(active), EntryState.DEAD: dead}
    return Picture(
        NOW,
        "memory:",
        Statistics(by_state=states, due=due),
        waiting,
        [entry(EntryState.LEASED, due_for=-30.0)] if active else [],
        minutes=[Minute(NOW - 60, Tally(finished=finished))],
        stalled=stalled,
    )


def silent(server: str = "http://rp") -> Entry:
    return replace(entry(due_for=-30.0, server=server), misses=3, last_error=SILENT)


@pytest.mark.parametrize(
    ("shown", "mood", "begins"),
    [
        (picture(), Mood.GOOD, "All is well: nothing is owed."),
        (picture(entry(due_for=5.0), active=True), Mood.GOOD, "All is well: nothing is stuck."),
        (picture(entry(due_for=30.0)), Mood.GOOD, "All is well"),
        (picture(entry(due_for=90.0)), Mood.BAD, "Nobody works: 1 launch is due, the first for 90 s."),
        (picture(entry(due_for=90.0), active=True), Mood.GOOD, "All is well"),
        (picture(entry(due_for=90.0), finished=2), Mood.GOOD, "All is well"),
        # The service has watched longer than the queue tells, for instance where a clock was put back.
        (picture(entry(due_for=1.0), stalled=True), Mood.BAD, "Nobody works"),
        (picture(stalled=True), Mood.GOOD, "All is well"),
        (picture(entry(due_for=900.0), active=True), Mood.WARNING, "The workers are behind: a launch has been due for"),
        (picture(silent()), Mood.WARNING, "ReportPortal does not answer at http://rp: 1 launch is put off."),
        (picture(silent(), finished=3), Mood.GOOD, "All is well"),
        (picture(silent(), silent("http://b"), finished=3), Mood.WARNING, "ReportPortal does not answer at"),
        (picture(dead=2), Mood.WARNING, "2 launches were given up."),
        (picture(entry(due_for=90.0), dead=2), Mood.BAD, "Nobody works"),
        (
            replace(picture(dead=1), dead=[replace(entry(EntryState.DEAD), reason=CLEARED)]),
            Mood.GOOD,
            "All is well: nothing is owed.",
        ),
        (
            replace(picture(dead=1), away=OutboxError("redis://x", "refused", "start it")),
            Mood.BAD,
            "The outbox cannot be reached: refused.",
        ),
    ],
)
def test_verdict(shown: Picture, mood: Mood, begins: str) -> None:
    """The one sentence tells what is worst, and nothing where all goes its way."""
    verdict = judge(shown)
    assert verdict.mood is mood
    assert verdict.sentence.startswith(begins)
    assert bool(verdict.mend) is (mood is not Mood.GOOD)


def test_drawing() -> None:
    """Bars stand on each other and are as high as their numbers; where nobody looked there is a gap, not a zero."""
    tallies = [None, None, Tally(2, 3, 1), Tally(0, 0, 0), None, Tally(4, 0, 2)]
    chart = draw([Minute(NOW + 60 * number, tally) for number, tally in enumerate(tallies)])
    assert chart.top == 4
    assert chart.finished == (Box(21, 25.0, 8, 75.0),)
    assert chart.failed == (Box(21, 0.0, 8, 25.0), Box(51, 50.0, 8, 50.0))
    assert chart.unknown == (Box(0, 0, 20, HEIGHT), Box(40, 0, 10, HEIGHT))
    assert chart.added == "M20 50.0H30L30 100.0H40M50 0.0H60"
    assert chart.sentence == "In the last 3 min: 6 added, 3 finished, 3 tries failed."


def test_drawing_of_nothing() -> None:
    """Before anybody has looked there is nothing to draw, which is said."""
    chart = draw([Minute(NOW)])
    assert not chart.seen
    assert chart.sentence == "Nothing was counted yet: the service has just begun to look."


def test_numbers_beside_the_drawing() -> None:
    """The table tells five minutes a row, the latest first, and where nobody looked."""
    start = NOW // 300 * 300
    minutes = [Minute(start + 60 * number, Tally(added=1) if number >= 5 else None) for number in range(7)]
    first, second = draw(minutes).groups
    assert first == Group("08:05", Tally(added=2))
    assert second == Group("08:00", None)


@pytest.mark.parametrize(
    ("most", "top"), [(0, 2), (2, 2), (3, 4), (9, 10), (11, 20), (47, 60), (101, 200), (999, 1000)]
)
def test_scale(most: int, top: int) -> None:
    """The scale ends at a round number whose half is whole."""
    assert draw([Minute(NOW, Tally(added=most))]).top == top


@pytest.mark.parametrize(
    ("at", "clock", "relative"),
    [
        (NOW - 5, "07:59:55", "5 s ago"),
        (NOW + 90, "08:01:30", "in 90 s"),
        (NOW - 200_000, "2027-01-13 00:26", "2 d ago"),
        (-1e12, "1970-01-01 00:00", "11594907 d ago"),
        (1e18, "9999-12-31 23:59", "in 11574074053241 d"),
    ],
)
def test_moments(at: float, clock: str, relative: str) -> None:
    """A time is told by the clock and from now, whatever somebody has written there."""
    found = moment(at, NOW)
    assert (found.clock, found.relative) == (clock, relative)


@pytest.mark.parametrize(("value", "text"), [(0.0123, "12 ms"), (1.26, "1.3 s"), (59.0, "59.0 s"), (400.0, "7 min")])
def test_durations(value: float, text: str) -> None:
    """A latency is told in a unit that fits it."""
    assert seconds(value) == text
