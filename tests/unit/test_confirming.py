"""What the readings of a launch say about the finish that was sent: every rule, and what no rule may ever do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st

from rp_finalizer.confirming import Move, Watch
from rp_finalizer.launch import Launch, LaunchStatus
from tests.support.fakes import END_MS, LAUNCH, START_MS

bounded = settings(max_examples=100, deadline=None, derandomize=True, database=None)

STABLE = 5.0
WATCH = Watch(frozenset({END_MS}), STABLE)
RERUN = replace(WATCH, disbelieve_until=10.0)
"""Of a launch whose old end proves nothing in the first ten seconds."""
ORPHANED = replace(WATCH, close_open_after=60.0)
"""Of a launch whose run is known to be over."""
PASSED = replace(LAUNCH, status=LaunchStatus.PASSED, end_ms=END_MS)
OTHERS = replace(LAUNCH, status=LaunchStatus.INTERRUPTED, end_ms=END_MS + 1)
GROWN = replace(LAUNCH, statistics={"executions.total": 4})


def watched(*readings: tuple[float, Launch | None], watch: Watch = WATCH) -> Watch:
    """Give what was seen, at these times; None is a server that does not know the launch."""
    for at, launch in readings:
        watch = watch.saw(launch, at)
    return watch


@pytest.mark.parametrize(
    ("watch", "move"),
    [
        pytest.param(WATCH, Move.LOOK_AGAIN, id="nothing seen"),
        pytest.param(watched((0, None)), Move.LOOK_AGAIN, id="not known yet"),
        pytest.param(watched((0, None), (99, None)), Move.LOOK_AGAIN, id="not known for long"),
        pytest.param(watched((0, None), (1, PASSED)), Move.CLAIM, id="known late, and ours"),
        pytest.param(watched((0, PASSED)), Move.CLAIM, id="final with our end time"),
        pytest.param(watched((0, LAUNCH), (1, PASSED)), Move.CLAIM, id="final after it was open"),
        pytest.param(
            watched((0, PASSED), watch=WATCH.sending(END_MS + 5)), Move.CLAIM, id="final with an end time sent before"
        ),
        pytest.param(
            watched((0, OTHERS), watch=replace(WATCH, earlier_ends=frozenset({END_MS + 1}))),
            Move.CLAIM,
            id="final with an end time of an earlier try",
        ),
        pytest.param(watched((0, OTHERS)), Move.YIELD, id="final with another end time"),
        pytest.param(watched((9, OTHERS), watch=RERUN), Move.LOOK_AGAIN, id="final from before a rerun"),
        pytest.param(watched((9, OTHERS), (10, OTHERS), watch=RERUN), Move.YIELD, id="final for too long for a rerun"),
        pytest.param(watched((1, PASSED), watch=RERUN), Move.CLAIM, id="a rerun, final with our end time"),
        pytest.param(
            watched((1, LAUNCH), watch=RERUN.refused_as_final(0)), Move.SEND_AGAIN, id="a rerun that began after us"
        ),
        pytest.param(
            watched((1, OTHERS), watch=RERUN.refused_as_final(0)), Move.LOOK_AGAIN, id="a rerun that began not yet"
        ),
        pytest.param(
            watched((1, LAUNCH), watch=RERUN.refused_as_final(0).sending(END_MS)), Move.LOOK_AGAIN, id="sent again"
        ),
        pytest.param(
            watched((11, LAUNCH), watch=RERUN.refused_as_final(10)), Move.LOOK_AGAIN, id="refused when that was proof"
        ),
        pytest.param(watched((0, replace(PASSED, end_ms=None))), Move.YIELD, id="final without an end time"),
        pytest.param(
            watched((0, replace(LAUNCH, end_ms=END_MS))), Move.LOOK_AGAIN, id="an end time alone proves nothing"
        ),
        pytest.param(watched((0, LAUNCH), (1, None)), Move.GONE, id="seen, then unknown"),
        pytest.param(watched((0, LAUNCH), (1, None), (2, PASSED)), Move.CLAIM, id="unknown for a moment only"),
        pytest.param(
            watched((0, replace(LAUNCH, start_ms=END_MS + 1))), Move.SEND_LATER_END, id="started after our end"
        ),
        pytest.param(
            watched((0, replace(LAUNCH, start_ms=END_MS))),
            Move.SEND_LATER_END,
            id="started within the millisecond of our end",
        ),
        pytest.param(
            watched((0, replace(LAUNCH, start_ms=END_MS)), watch=WATCH.sending(END_MS + 1)),
            Move.LOOK_AGAIN,
            id="a later end was sent already",
        ),
        pytest.param(
            watched((0, replace(PASSED, start_ms=END_MS))), Move.CLAIM, id="started late, and final all the same"
        ),
        pytest.param(watched((0, LAUNCH), (4.9, LAUNCH)), Move.LOOK_AGAIN, id="still for less than it must"),
        pytest.param(watched((0, LAUNCH), (5, LAUNCH)), Move.COUNT_OPEN_ITEMS, id="still for long enough"),
        pytest.param(watched((0, LAUNCH), (5, GROWN)), Move.LOOK_AGAIN, id="changed at the last moment"),
        pytest.param(watched((0, LAUNCH), (3, GROWN), (7, GROWN)), Move.LOOK_AGAIN, id="still since a change"),
        pytest.param(watched((0, LAUNCH), (3, GROWN), (8, GROWN)), Move.COUNT_OPEN_ITEMS, id="still after a change"),
        pytest.param(watched((0, LAUNCH), (5, LAUNCH)).counted(0), Move.PASS_THE_QUEUE, id="still, nothing open"),
        pytest.param(watched((0, LAUNCH), (5, LAUNCH)).counted(1), Move.LOOK_AGAIN, id="still, an item open"),
        pytest.param(
            watched((0, LAUNCH), (59, LAUNCH), watch=ORPHANED).counted(1),
            Move.LOOK_AGAIN,
            id="nobody's run, not still for long enough",
        ),
        pytest.param(
            watched((0, LAUNCH), (60, LAUNCH), watch=ORPHANED).counted(1),
            Move.PASS_THE_QUEUE,
            id="nobody's run, still for very long with an item open",
        ),
        pytest.param(
            watched((6, GROWN), (11, GROWN), watch=watched((0, LAUNCH), (5, LAUNCH)).counted(0)),
            Move.COUNT_OPEN_ITEMS,
            id="what was counted before a change counts no more",
        ),
        pytest.param(
            watched((0, LAUNCH), watch=replace(WATCH, stable_for=0.0)), Move.COUNT_OPEN_ITEMS, id="told not to wait"
        ),
    ],
)
def test_every_state_has_its_move(watch: Watch, move: Move) -> None:
    """What was seen, and when, decides what is done next."""
    assert watch.next_move() is move


def test_at_last_an_old_end_is_believed_when_its_time_is_over() -> None:
    """Where no further reading is possible, the launch of a rerun counts as another's end, and not before its time."""
    watch = watched((9.9, OTHERS), watch=RERUN)
    assert watch.at_last(9.95) is Move.LOOK_AGAIN
    assert watch.at_last(10) is Move.YIELD
    assert watched((9.9, LAUNCH), watch=RERUN).at_last(10) is Move.LOOK_AGAIN


def test_standing_still_must_be_seen() -> None:
    """A launch that could not be read for a while has not stood still for that while."""
    watch = watched((0, LAUNCH), (4.9, LAUNCH))
    assert watch.next_move() is Move.LOOK_AGAIN
    assert watch.saw(GROWN, 60).next_move() is Move.LOOK_AGAIN
    assert watch.saw(LAUNCH, 60).next_move() is Move.COUNT_OPEN_ITEMS


READINGS = st.builds(
    Launch,
    uuid=st.just(LAUNCH.uuid),
    id=st.just(LAUNCH.id),
    name=st.just(LAUNCH.name),
    number=st.just(LAUNCH.number),
    status=st.sampled_from([LaunchStatus.IN_PROGRESS] * 3 + [LaunchStatus.PASSED, LaunchStatus.INTERRUPTED]),
    start_ms=st.sampled_from([START_MS, END_MS, END_MS + 1]),
    end_ms=st.sampled_from([None, END_MS, END_MS + 1]),
    last_modified_ms=st.integers(0, 3),
    statistics=st.dictionaries(st.just("executions.total"), st.integers(0, 3)),
)
GAPS = st.floats(0.001, 100)
"""Seconds between two readings."""


@bounded
@given(st.lists(st.tuples(GAPS, READINGS), min_size=1, max_size=8), st.integers(0, 2))
def test_a_launch_that_keeps_changing_is_never_passed_to_v1(steps: list[tuple[float, Launch]], open_items: int) -> None:
    """While every reading differs from the one before, the queue is at work, and nothing asks to pass it."""
    watch, now = WATCH, 0.0
    for gap, launch in steps:
        if watch.launch is not None and launch.unchanged_since(watch.launch):
            continue
        now += gap
        watch = watch.saw(launch, now)
        assert watch.next_move() not in {Move.COUNT_OPEN_ITEMS, Move.PASS_THE_QUEUE}
        assert watch.counted(open_items).next_move() is not Move.PASS_THE_QUEUE


@bounded
@given(st.lists(st.tuples(GAPS, st.none() | READINGS), min_size=1, max_size=8), st.integers(1, 9))
def test_a_launch_with_open_items_is_never_passed_to_v1(
    steps: list[tuple[float, Launch | None]], open_items: int
) -> None:
    """However long it stands still: v1 would close as interrupted what the queue may still finish."""
    watch, now = WATCH, 0.0
    for gap, launch in steps:
        now += gap
        watch = watch.saw(launch, now)
        assert watch.next_move() is not Move.PASS_THE_QUEUE
        assert watch.counted(open_items).next_move() is not Move.PASS_THE_QUEUE


@bounded
@given(st.lists(st.tuples(GAPS, st.none() | READINGS, st.none() | st.integers(0, 2)), max_size=8))
def test_only_a_final_launch_is_claimed_or_yielded(
    steps: list[tuple[float, Launch | None, int | None]],
) -> None:
    """Whatever was seen, an end is told only of a launch whose last reading was final, and ours by its end time."""
    watch, now = WATCH, 0.0
    for gap, launch, open_items in steps:
        now += gap
        watch = watch.saw(launch, now)
        watch = watch if open_items is None else watch.counted(open_items)
        move = watch.next_move()
        final = launch is not None and launch.status.final
        assert (move in {Move.CLAIM, Move.YIELD}) is final
        assert move is not Move.CLAIM or (launch is not None and launch.end_ms == END_MS)
        assert (move is Move.GONE) is (launch is None and watch.launch is not None)
