"""One answer for all who ask at about the same time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from rp_finalizer.server.shared import Shared
from tests.support.polling import until


class Clock:
    """A clock that counts how often it is asked: everybody who asks for an answer does so first."""

    def __init__(self) -> None:
        self.now = 100.0
        self.asked = 0

    def __call__(self) -> float:
        self.asked += 1
        return self.now


class Desk:
    """Makes 1, then 2, and so on, each good for a second; while it is not let go, it takes as long as that lasts."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.shared = Shared[int](self.clock)
        self.begun = 0
        self.seconds = 1.0
        self.go = threading.Event()
        self.go.set()

    def ask(self, name: str = "x") -> int:
        return self.shared.get(name, self._make)

    def _make(self) -> tuple[int, float]:
        self.begun += 1
        number = self.begun
        assert self.go.wait(10)
        return number, self.seconds


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_an_answer_is_kept_for_its_time(desk: Desk) -> None:
    """As long as it says, by its name."""
    assert [desk.ask(), desk.ask("other"), desk.ask()] == [1, 2, 1]
    desk.clock.now += 0.9
    assert desk.ask() == 1
    desk.clock.now += 0.2
    assert desk.ask() == 3


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_who_asks_meanwhile_shares(desk: Desk, seconds: float) -> None:
    """Whoever asks while an answer is made gets that one, however many ask, and also where it is kept for nobody."""
    desk.seconds = seconds
    desk.go.clear()
    with ThreadPoolExecutor(5) as threads:
        answers = [threads.submit(desk.ask) for _ in range(5)]
        until(lambda: desk.clock.asked == 5)
        desk.clock.now += 5.0
        desk.go.set()
        assert [each.result(10) for each in answers] == [1] * 5
    desk.clock.now += 0.1
    assert desk.ask() == (1 if seconds else 2)


def test_nobody_gets_what_is_older_than_a_change(desk: Desk) -> None:
    """Also not who asks while an answer is made that was begun before the change."""
    assert desk.ask() == 1
    desk.shared.forget()
    desk.go.clear()
    with ThreadPoolExecutor(2) as threads:
        before = threads.submit(desk.ask)
        until(lambda: desk.begun == 2)
        desk.shared.forget()
        seen = desk.clock.asked
        after = threads.submit(desk.ask)
        until(lambda: desk.clock.asked > seen)
        desk.go.set()
        assert (before.result(10), after.result(10)) == (2, 3)
    assert desk.ask() == 3


def test_an_error_is_its_own_callers(desk: Desk) -> None:
    """The next one tries again."""

    def fail() -> tuple[int, float]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        desk.shared.get("x", fail)
    assert desk.ask() == 1
