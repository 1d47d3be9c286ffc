"""The rates of the last hour."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from hypothesis import given, strategies as st

from rp_finalizer.outbox_port import Statistics
from rp_finalizer.server.rates import MINUTES, Minute, Rates, Tally, total

if TYPE_CHECKING:
    from collections.abc import Sequence

NOON = 1_800_000_000.0 // 3600 * 3600


def counted(added: int = 0, completed: int = 0, failed: int = 0) -> Statistics:
    return Statistics(counters={"added": added, "completed": completed, "failed": failed})


def noted(*samples: tuple[float, Statistics]) -> Rates:
    rates = Rates()
    for seconds, statistics in samples:
        rates.note(NOON + seconds, statistics)
    return rates


def seen(rates: Rates, seconds: float) -> list[tuple[float, Tally]]:
    """Give the minutes in which somebody looked, by their distance from noon."""
    minutes = rates.per_minute(NOON + seconds)
    return [(each.start - NOON, each.tally) for each in minutes if each.tally is not None]


def test_growth_belongs_to_its_minute() -> None:
    """What a counter has grown by is told for the minute in which that was seen."""
    rates = noted((0, counted(5, 3, 1)), (20, counted(7, 3, 1)), (59, counted(7, 6, 2)), (61, counted(8, 6, 2)))
    assert seen(rates, 62) == [(0, Tally(2, 3, 1)), (60, Tally(1, 0, 0))]


def test_what_was_counted_before_is_nobodys() -> None:
    """What the outbox had counted when somebody first looked did not happen in that minute."""
    assert seen(noted((30, counted(5000, 4900, 70))), 31) == [(0, Tally())]


def test_minutes_without_a_look_are_unknown() -> None:
    """A minute in which nobody looked is told as unknown, not as one in which nothing happened."""
    rates = noted((0, counted()), (200, counted(4)))
    minutes = rates.per_minute(NOON + 200)
    assert len(minutes) == MINUTES
    assert minutes[-1] == Minute(NOON + 180, Tally(added=4))
    assert [each.tally for each in minutes[-4:-1]] == [Tally(), None, None]
    assert {each.tally for each in minutes[:-4]} == {None}


def test_fallen_counter_begins_anew() -> None:
    """A counter that falls back is a new beginning: no negative rate, and none that never was."""
    rates = noted((0, counted(900, 800)), (1, counted(0, 0)), (2, counted(3, 1)), (3, counted(700, 650)))
    assert seen(rates, 4) == [(0, Tally(added=700, finished=650))]


def test_an_hour_at_most_is_kept() -> None:
    """After a day of samples the last hour is told, and nothing older."""
    rates = noted(*((float(second), counted(second)) for second in range(0, 86_400, 15)))
    minutes = rates.per_minute(NOON + 86_399)
    assert [each.start - NOON for each in minutes] == [86_400 - 60 * back for back in range(MINUTES, 0, -1)]
    assert {each.tally for each in minutes} == {Tally(added=60)}


def test_clock_that_goes_back() -> None:
    """What is seen after the clock went back is counted in the latest minute, and nothing is counted twice."""
    rates = noted((125, counted(1)), (126, counted(2)), (3, counted(5)), (127, counted(6)))
    assert seen(rates, 127) == [(120, Tally(added=5))]


@given(st.lists(st.tuples(st.floats(0, 3599), st.integers(0, 50)), max_size=40))
def test_total_is_all_growth(steps: Sequence[tuple[float, int]]) -> None:
    """Within the hour the minutes together hold all that counters grew by while somebody looked."""
    rates, counter = noted((0, counted())), 0
    for second, more in sorted(steps):
        counter += more
        rates.note(NOON + second, counted(counter))
    assert total(rates.per_minute(NOON + 3599)) == Tally(added=counter)


def test_several_threads() -> None:
    """Threads that tell and ask at the same time lose nothing."""
    rates, counter, lock = noted((0, counted())), iter(range(1, 2001)), threading.Lock()

    def tell() -> None:
        for _ in range(500):
            with lock:
                rates.note(NOON + 1, counted(next(counter)))
            rates.per_minute(NOON + 1)

    threads = [threading.Thread(target=tell) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen(rates, 1) == [(0, Tally(added=2000))]
