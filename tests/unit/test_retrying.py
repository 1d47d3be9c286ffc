"""The one retry layer: when a call is tried again, how long is waited before, and what is told of it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings, strategies as st

from rp_finalizer.answer import Answer, Attempted, Meaning
from rp_finalizer.deadline import Deadline
from rp_finalizer.reportportal.retrying import TenacityRetry
from tests.support.fakes import HANG, LOST, NOT_SENT, OWN_ERROR, TAKEN, ManualClock, refused, unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

bounded = settings(max_examples=100, deadline=None, derandomize=True, database=None)

DENIED = refused(Meaning.FORBIDDEN, 403, 4003)


@dataclass(slots=True)
class Trial:
    """A call that answers by a script, tried under a clock that stands still between waits."""

    answers: Sequence[Answer | BaseException]
    """What the tries give or raise; the last one stays."""
    attempts: int = 0
    first: float = 0.25
    longest: float = 5.0
    chance: float = 0.5
    takes: float = 0.0
    """Seconds of each try."""
    clock: ManualClock = field(default_factory=ManualClock)
    stop: threading.Event = field(default_factory=threading.Event)
    tries: list[float] = field(default_factory=list)
    """When the call was made."""
    told: list[tuple[float, Answer]] = field(default_factory=list)

    def run(self, budget: float = 30.0, again: Callable[[Answer], bool] | None = None) -> Attempted:
        retry = TenacityRetry(
            attempts=self.attempts,
            first=self.first,
            longest=self.longest,
            clock=self.clock,
            stop=self.stop,
            chance=lambda: self.chance,
            waiting=lambda seconds, answer: self.told.append((seconds, answer)),
        )
        deadline = Deadline.after(budget, self.clock.now)
        return retry(self._call, deadline) if again is None else retry(self._call, deadline, again)

    def _call(self) -> Answer:
        self.tries.append(self.clock.now)
        self.clock.advance(self.takes)
        answer = self.answers[min(len(self.tries), len(self.answers)) - 1]
        if isinstance(answer, BaseException):
            raise answer
        return answer


@pytest.mark.parametrize("answer", [TAKEN, DENIED, refused(Meaning.UNKNOWN_LAUNCH, 404, 4041)])
def test_a_clear_answer_is_not_asked_for_twice(answer: Answer) -> None:
    """Success and refusal end the trying at once, without a wait and without an excuse."""
    trial = Trial([answer])
    assert trial.run() == Attempted(answer, attempts=1, seconds=0.0)
    assert trial.clock.waits == []
    assert trial.told == []


def test_what_is_unavailable_is_tried_until_it_answers() -> None:
    """A call is repeated until its answer is clear, and all tries and their time are told."""
    trial = Trial([LOST, OWN_ERROR, TAKEN], takes=0.1)
    attempted = trial.run()
    assert (attempted.answer, attempted.attempts, attempted.gave_up) == (TAKEN, 3, None)
    assert attempted.seconds == pytest.approx(0.25 + 0.5 + 0.3)


def test_waits_double_up_to_the_longest() -> None:
    """Without jitter the waits double from the first one and stay at the longest."""
    trial = Trial([*[LOST] * 7, TAKEN])
    trial.run(budget=100)
    assert trial.clock.waits == pytest.approx([0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0])


@pytest.mark.parametrize(("chance", "wait"), [(0.0, 0.2), (1.0, 0.3)])
def test_waits_vary_by_a_fifth(chance: float, wait: float) -> None:
    """The chance decides where in its range a wait lies."""
    trial = Trial([LOST, TAKEN], chance=chance)
    trial.run()
    assert trial.clock.waits == pytest.approx([wait])


@pytest.mark.parametrize(
    ("asked", "wait"),
    [
        pytest.param(7.0, 7.0, id="longer than ours"),
        pytest.param(12.0, 12.0, id="longer than our longest"),
        pytest.param(0.1, 0.25, id="shorter than ours"),
        pytest.param(0.0, 0.25, id="at once"),
    ],
)
def test_a_wait_that_the_server_asks_for_is_kept(asked: float, wait: float) -> None:
    """A Retry-After is waited for in full; a short one does not make us hurry."""
    trial = Trial([unavailable(503, retry_after=asked), TAKEN])
    assert trial.run().answer is TAKEN
    assert trial.clock.waits == pytest.approx([wait])


@pytest.mark.parametrize("asked", [30.0, 31.0, 86400.0])
def test_a_wait_beyond_the_budget_ends_the_trying_at_once(asked: float) -> None:
    """What the server will not answer in time is not waited for, and the reason names both times."""
    answer = unavailable(503, retry_after=asked)
    trial = Trial([answer])
    attempted = trial.run(budget=30)
    assert attempted.answer is answer
    assert attempted.gave_up == f"the server asks to wait {asked:.0f} s, and 30.0 s are left"
    assert trial.clock.waits == []
    assert trial.told == []


def test_nothing_is_tried_or_waited_for_beyond_the_deadline() -> None:
    """The last wait is cut so that one more try fits in, and the trying ends with the budget."""
    trial = Trial([LOST])
    attempted = trial.run(budget=10)
    assert attempted.gave_up == "the time was used up"
    assert attempted.seconds <= 10
    assert attempted.seconds > 9.9
    assert attempted.attempts == len(trial.tries)


@bounded
@given(
    budget=st.floats(0, 100),
    first=st.floats(0.001, 50),
    longest=st.floats(0.001, 50),
    chance=st.floats(0, 1),
    takes=st.floats(0, 3),
    asked=st.none() | st.floats(0, 100),
)
def test_no_wait_passes_the_deadline(
    budget: float, first: float, longest: float, chance: float, takes: float, asked: float | None
) -> None:
    """Whatever the waits are and whatever the server asks for, every try begins before the deadline."""
    # What differs from the budget by a rounding only may end on the deadline itself.
    assume(asked is None or abs(asked - budget) > 1e-9)
    trial = Trial([unavailable(503, retry_after=asked)], 0, first, longest, chance, takes)
    trial.attempts = 50
    end = trial.clock.now + budget
    trial.run(budget)
    assert all(at <= end for at in trial.tries)
    assert trial.tries[-1] < end or len(trial.tries) == 1


def test_a_number_of_tries_can_be_set() -> None:
    """With a limit the trying ends by it, with the setting named."""
    trial = Trial([LOST], attempts=3)
    attempted = trial.run()
    assert (attempted.attempts, len(trial.tries)) == (3, 3)
    assert attempted.gave_up == "retry_attempts is 3"
    assert len(trial.clock.waits) == 2


def test_a_clear_answer_at_the_last_try_is_no_giving_up() -> None:
    """When the last try that is allowed succeeds, there is no excuse to tell."""
    assert Trial([LOST, TAKEN], attempts=2).run().gave_up is None


def test_a_stop_wakes_a_wait() -> None:
    """An event ends the wait where it is; at most one more try is made, and the reason is told."""
    trial = Trial([LOST], first=5.0)
    trial.clock.after(1.0, trial.stop.set)
    attempted = trial.run()
    assert attempted.gave_up == "it was told to stop"
    assert attempted.seconds == pytest.approx(1.0)
    assert attempted.attempts <= 2


def test_after_a_stop_nothing_is_waited_for() -> None:
    """When the event was set before, a call gets its one try and no wait."""
    trial = Trial([LOST])
    trial.stop.set()
    attempted = trial.run()
    assert (attempted.attempts, attempted.gave_up) == (1, "it was told to stop")
    assert trial.clock.waits == []


def test_every_wait_is_told_before_it_begins() -> None:
    """Whoever watches hears how long is waited, and after which answer."""
    trial = Trial([LOST, OWN_ERROR, TAKEN])
    trial.run()
    assert [answer for _, answer in trial.told] == [LOST, OWN_ERROR]
    assert [seconds for seconds, _ in trial.told] == trial.clock.waits


def test_the_caller_may_say_what_is_tried_again() -> None:
    """A rule of the caller's replaces ours: clear answers may be repeated, unavailable ones be taken."""
    trial = Trial([DENIED, LOST])
    attempted = trial.run(again=lambda answer: answer is DENIED)
    assert (attempted.answer, attempted.attempts, attempted.gave_up) == (LOST, 2, None)


def test_what_a_call_raises_goes_through() -> None:
    """A signal's exception in a try is not tried away."""
    trial = Trial([LOST, KeyboardInterrupt()])
    with pytest.raises(KeyboardInterrupt):
        trial.run()
    assert len(trial.tries) == 2


@pytest.mark.parametrize(
    ("answers", "takes", "telling"),
    [
        pytest.param([OWN_ERROR, HANG], 0.5, OWN_ERROR, id="cut off soon"),
        pytest.param([NOT_SENT, OWN_ERROR, HANG], 0.5, OWN_ERROR, id="the one right before"),
        pytest.param([OWN_ERROR, HANG], 1.5, None, id="it hung for long"),
        pytest.param([HANG], 0.5, None, id="nothing before"),
        pytest.param([OWN_ERROR, LOST], 0.5, None, id="not cut off"),
        pytest.param([OWN_ERROR, TAKEN], 0.5, None, id="a success"),
    ],
)
def test_a_try_that_was_cut_off_soon_does_not_hide_the_answer_before(
    answers: list[Answer], takes: float, telling: Answer | None
) -> None:
    """When the deadline cuts the last try short, the answer before it says what is wrong with the server."""
    assert Trial(answers, attempts=len(answers), takes=takes).run().telling is telling
