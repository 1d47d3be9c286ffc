"""The one retry layer: when a call is tried again, and how long is waited before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenacity import RetryCallState, Retrying, retry_if_result

from rp_finalizer.answer import Answer, Attempted
from rp_finalizer.backoff import TOO_LATE, exponential

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from rp_finalizer.deadline import Deadline
    from rp_finalizer.ports import Clock


TOO_SHORT = 1.0
"""Seconds: a try that was cut off in less says nothing of the server; the answer before it does."""


def _unavailable(answer: Answer) -> bool:
    return answer.unavailable


class TenacityRetry:
    """`Retry`: exponential waits with jitter, within the deadline, ended early by an event.

    Waits start at `first` seconds and double up to `longest`; `attempts` limits the tries, 0 leaves that to the
    deadline. `chance` gives numbers from 0 to 1 for the jitter. `waiting` is told of every wait: seconds and the answer
    that it follows.
    """

    def __init__(
        self,
        *,
        attempts: int,
        first: float,
        longest: float,
        clock: Clock,
        stop: Event,
        chance: Callable[[], float],
        waiting: Callable[[float, Answer], None] | None = None,
    ) -> None:
        self._attempts = attempts
        self._first = first
        self._longest = longest
        self._clock = clock
        self._stop = stop
        self._chance = chance
        self._waiting = waiting

    def __call__(
        self, attempt: Callable[[], Answer], deadline: Deadline, again: Callable[[Answer], bool] = _unavailable
    ) -> Attempted:
        """Try until `again` says no, the tries or the time are used up, or the event is set."""
        started = begun = self._clock.monotonic()
        reasons: list[str] = []
        earlier: list[Answer] = []

        def timed() -> Answer:
            nonlocal begun
            begun = self._clock.monotonic()
            return attempt()

        def wait(state: RetryCallState) -> float:
            asked = _answer(state).retry_after
            own = exponential(state.attempt_number, self._first, self._longest, self._chance())
            left = deadline.remaining(self._clock.monotonic())
            # A wait of our own that would pass the end is cut: the time that is left is worth another try.
            return max(asked or 0.0, own if own < left else left / 2)

        def stop(state: RetryCallState) -> bool:
            reason = self._why_stop(state, deadline)
            if reason is not None:
                reasons.append(reason)
            return reason is not None

        def sleep(seconds: float) -> None:
            self._clock.wait(seconds, self._stop)

        def before_sleep(state: RetryCallState) -> None:
            earlier[:] = [_answer(state)]
            if self._waiting is not None:
                self._waiting(state.upcoming_sleep, _answer(state))

        retrying = Retrying(
            retry=retry_if_result(again),
            wait=wait,
            stop=stop,
            sleep=sleep,
            before_sleep=before_sleep,
            retry_error_callback=_answer,
        )
        answer: Answer = retrying(timed)
        ended = self._clock.monotonic()
        too_short = answer.timed_out and ended - begun < TOO_SHORT
        return Attempted(
            answer,
            attempts=int(retrying.statistics["attempt_number"]),
            seconds=ended - started,
            gave_up=reasons[-1] if reasons else None,
            telling=earlier[-1] if earlier and too_short else None,
        )

    def _why_stop(self, state: RetryCallState, deadline: Deadline) -> str | None:
        if self._stop.is_set():
            return "it was told to stop"
        if self._attempts and state.attempt_number >= self._attempts:
            return f"retry_attempts is {self._attempts}"
        left = deadline.remaining(self._clock.monotonic())
        asked = _answer(state).retry_after
        if asked is not None and asked >= left:
            return f"the server asks to wait {asked:.0f} s, and {left:.1f} s are left"
        return "the time was used up" if left < TOO_LATE else None


def _answer(state: RetryCallState) -> Answer:
    outcome = state.outcome
    assert outcome is not None  # noqa: S101  tenacity calls back after an attempt only
    answer: Answer = outcome.result()
    return answer
