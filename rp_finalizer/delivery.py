"""Getting one finish to one launch, and seeing it there: send, confirm, fall back.

v2 goes first although it is queued: the Python clients report over v2, the server works each launch's queue off in
order, and a v1 finish would overtake items that still wait and close them as interrupted. Nothing is read before the
finish: that would be one more round trip, and the confirming read tells the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import TYPE_CHECKING

from rp_finalizer import failures
from rp_finalizer.answer import Answer, Attempted, Meaning
from rp_finalizer.backoff import TOO_LATE, exponential
from rp_finalizer.confirming import Move, Watch
from rp_finalizer.deadline import Deadline
from rp_finalizer.finish import Finish
from rp_finalizer.outcome import Outcome, Step, StepResult
from rp_finalizer.report import Failure

if TYPE_CHECKING:
    from threading import Event

    from rp_finalizer.launch import LaunchRef
    from rp_finalizer.ports import Clock, LaunchApi, Retry
    from rp_finalizer.trace import Trace

FIRST_LOOK, LONGEST_LOOK = 0.02, 1.0
"""Seconds between the first two readings of a launch, doubling, and the most between any two."""

OWN_ERRORS_BEFORE_V1 = 3
"""How often ReportPortal's own 500 (its broker is down, say) is heard before its queue counts as refusing."""

_TAKEN = frozenset({Meaning.OK, Meaning.ALREADY_FINISHED})
_REFUSED = frozenset({Meaning.REJECTED, Meaning.TOO_EARLY})
_CLEAR_REFUSALS = frozenset({Meaning.UNAUTHORIZED, Meaning.FORBIDDEN, Meaning.UNKNOWN_PROJECT, Meaning.REJECTED})
_FINAL = frozenset({Move.CLAIM, Move.YIELD})
_ENDS = frozenset({Move.CLAIM, Move.YIELD, Move.SEND_AGAIN, Move.GONE})

Ending = tuple[Outcome, Failure | None]
_Call = Callable[[str, Finish, Deadline], Answer]


@dataclass(slots=True)
class Delivery:
    """One finish on its way to one launch."""

    api: LaunchApi
    retry: Retry
    clock: Clock
    stop: Event
    trace: Trace
    deadline: Deadline
    confirm_timeout: float
    ref: LaunchRef
    project: str
    ours: bool
    """Whether our own client started the launch: it is then known to exist, if not yet to the server."""
    finish: Finish
    watch: Watch
    telling: Callable[[str], None]
    begun: float = field(init=False)

    def run(self) -> Ending:
        """Send the finish over v2 and follow it; say how it ended."""
        self.begun = self._now()
        sent = self._send(Step.FINISH, self.api.finish_queued)
        answer = sent.answer
        if answer.launch is not None:
            self.watch = self.watch.saw(answer.launch, self._now())
        if answer.meaning in _REFUSED:
            return self._fall_back()
        if answer.meaning in _TAKEN or answer.meaning is Meaning.UNKNOWN_LAUNCH or _own_error(answer):
            return self._follow(sent)
        return Outcome.FAILED, self._failure(answer, sent)

    def run_stop(self) -> Ending:
        """End the launch by the stop call, which takes its number and is done when it is answered."""
        self.begun = self._now()
        read = self._read()
        launch = read.answer.launch
        if launch is None:
            return Outcome.FAILED, self._failure(read.answer, read)
        if launch.status.final:
            move = self.watch.next_move()
            if move is Move.LOOK_AGAIN:
                self.watch = self.watch.refused_as_final(self._now())
                move, _ = self._look(self._confirm_deadline(), ends=_ENDS)
            if move is not Move.SEND_AGAIN:
                return Outcome.FINISHED if move is Move.CLAIM else Outcome.ALREADY_FINISHED, None
        self._end_after_start()

        def stop(uuid: str, finish: Finish, deadline: Deadline) -> Answer:  # noqa: ARG001  the form of a finish
            return self.api.stop(launch.id, finish, deadline)

        return self._done_when_answered(Step.FINISH, stop, self._send(Step.FINISH, stop))

    def _follow(self, sent: Attempted) -> Ending:
        """Look until the launch is final, the rules ask for another call, or the time is up."""
        until = self._confirm_deadline()
        patient = False
        while True:
            move, last = self._look(until)
            if move is Move.LOOK_AGAIN and not patient and self._stands_open(last):
                patient = True
                until = self.deadline.at_most(self.watch.patience + 2 * LONGEST_LOOK, self._now())
                continue
            match move:
                case Move.SEND_LATER_END:
                    self._end_after_start()
                    sent = self._send(Step.FINISH, self.api.finish_queued)
                case Move.SEND_AGAIN:
                    sent = self._send(Step.FINISH, self.api.finish_queued)
                case Move.PASS_THE_QUEUE:
                    return self._fall_back(queued=sent.answer.meaning in _TAKEN)
                case _:
                    return self._ending(move, last, sent)

    def _fall_back(self, *, queued: bool = False) -> Ending:
        """Finish over v1, which is done when it is answered; `queued` tells that v2 took the finish before."""
        sent = self._send(Step.FALLBACK, self.api.finish_now)
        if sent.answer.meaning is Meaning.TOO_EARLY:
            read = self._read()
            if read.answer.launch is None:
                # Not the refusal of our clock, which would stay, but what keeps us from mending it.
                return Outcome.FAILED, self._failure(read.answer, read)
            self._end_after_start()
            sent = self._send(Step.FALLBACK, self.api.finish_now)
        if queued and sent.answer.unavailable:
            # What v2 took may still be worked off.
            seconds = self._now() - self.begun
            return Outcome.ACCEPTED, failures.not_shown(self.ref, seconds, open_items=self.watch.open_items)
        return self._done_when_answered(Step.FALLBACK, self.api.finish_now, sent)

    def _done_when_answered(self, step: Step, call: _Call, sent: Attempted) -> Ending:
        until = self._confirm_deadline()
        while sent.answer.meaning in _TAKEN:
            move, last = self._look(until, ends=_ENDS)
            if move is not Move.SEND_AGAIN:
                return self._ending(move, last, sent)
            sent = self._send(step, call)
        return Outcome.FAILED, self._failure(sent.answer, sent)

    def _ending(self, move: Move, last: Answer, sent: Attempted) -> Ending:
        """Say what it means that the looking ended so, with this last reading."""
        seconds = self._now() - self.begun
        match move:
            case Move.CLAIM:
                return Outcome.FINISHED, None
            case Move.YIELD:
                return Outcome.ALREADY_FINISHED, None
            case Move.GONE:
                return Outcome.FAILED, failures.vanished(self.ref)
        if last.meaning in _CLEAR_REFUSALS:
            return Outcome.FAILED, self._failure(last)
        if self.watch.launch is None and self.watch.unknown:
            return Outcome.FAILED, failures.never_seen(self.ref, seconds, ours=self.ours)
        if sent.answer.meaning not in _TAKEN:
            return Outcome.FAILED, self._failure(sent.answer, sent)
        return Outcome.ACCEPTED, failures.not_shown(self.ref, seconds, open_items=self.watch.open_items)

    def _stands_open(self, last: Answer) -> bool:
        """Tell whether the launch, as just read, has open items that v1 may close if it goes on standing still."""
        return last.launch is not None and bool(self.watch.open_items) and self.watch.patience < inf

    def _read(self) -> Attempted:
        """Read the launch, if need be more than once, where what it says is needed to go on."""
        read = self.retry(partial(self.api.launch_by_uuid, self._uuid, self.deadline), self.deadline)
        if read.answer.launch is not None:
            self.watch = self.watch.saw(read.answer.launch, self._now())
        return read

    def _send(self, step: Step, call: _Call) -> Attempted:
        """Send until the answer is clear; a finish whose answer was lost is read back before it is repeated."""
        self.watch = self.watch.sending(self.finish.end_ms)
        answers: list[Answer] = []

        def attempt() -> Answer:
            if answers and answers[-1].sent:
                seen = self.api.launch_by_uuid(self._uuid, self.deadline)
                if seen.launch is not None and self.watch.saw(seen.launch, self._now()).next_move() in _FINAL:
                    return Answer(Meaning.ALREADY_FINISHED, launch=seen.launch, status=seen.status)
            answers.append(call(self._uuid, self.finish, self.deadline))
            return answers[-1]

        def again(answer: Answer) -> bool:
            own_errors = sum(1 for each in answers if _own_error(each))
            return answer.unavailable and not (step is Step.FINISH and own_errors >= OWN_ERRORS_BEFORE_V1)

        with self.trace.step(step) as note:
            attempted = self.retry(attempt, self.deadline, again)
            note.attempts = attempted.attempts
            if attempted.answer.meaning not in _TAKEN:
                last = attempted.telling or attempted.answer
                note.result = StepResult.TIMED_OUT if last.timed_out else StepResult.FAILED
                note.detail = last.message
        if attempted.answer.meaning is Meaning.ALREADY_FINISHED:
            self.watch = self.watch.refused_as_final(self._now())
        return attempted

    def _look(
        self, until: Deadline, ends: frozenset[Move] = frozenset(Move) - {Move.LOOK_AGAIN}
    ) -> tuple[Move, Answer]:
        """Read until a rule gives one of these moves; `LOOK_AGAIN` when the time is up or the reading is refused."""
        looks = 0
        with self.trace.step(Step.CONFIRM) as note:
            while True:
                looks += 1
                answer = self.api.launch_by_uuid(self._uuid, until)
                note.attempts += 1
                if answer.launch is not None or answer.meaning is Meaning.UNKNOWN_LAUNCH:
                    self.watch = self.watch.saw(answer.launch, self._now())
                elif not answer.unavailable:
                    note.result, note.detail = StepResult.FAILED, answer.message
                    return Move.LOOK_AGAIN, answer
                move = self.watch.next_move()
                if move is Move.COUNT_OPEN_ITEMS:
                    move = self._count_open_items(until)
                if move in ends:
                    return move, answer
                if not self._pause(looks, answer, until):
                    if self.watch.at_last(self._now() + TOO_LATE) is Move.YIELD:
                        return Move.YIELD, answer
                    note.result = StepResult.TIMED_OUT
                    note.detail = f"seen {self.watch.launch.status}" if self.watch.launch else answer.message
                    return Move.LOOK_AGAIN, answer

    def _count_open_items(self, until: Deadline) -> Move:
        launch = self.watch.launch
        assert launch is not None  # noqa: S101  only a launch that was seen stands still
        answer = self.api.items_in_progress(launch.id, until)
        if answer.count is None:
            return Move.LOOK_AGAIN
        self.watch = self.watch.counted(answer.count)
        return self.watch.next_move()

    def _pause(self, looks: int, answer: Answer, until: Deadline) -> bool:
        """Wait before the next reading; False when the time is up or the waiting was ended."""
        left = until.remaining(self._now())
        if left < TOO_LATE or self.stop.is_set():
            return False
        # Half of what is left, at most, so that the last reading is close to the end and still in time.
        wait = min(exponential(looks, FIRST_LOOK, LONGEST_LOOK, 0.5), left / 2)
        if answer.retry_after is not None:
            if answer.retry_after >= left:
                return False
            wait = max(wait, answer.retry_after)
        if wait >= LONGEST_LOOK / 2:
            self.telling(f"waiting up to {left:.0f} s for the server to show the end of launch {self.ref}")
        return not self.clock.wait(wait, self.stop)

    def _end_after_start(self) -> None:
        """Move our end behind the launch's start: this machine's clock is behind the one that started it."""
        launch = self.watch.launch
        assert launch is not None  # noqa: S101  its start was read
        self.finish = self.finish.ending_at(max(self.finish.end_ms, launch.start_ms + 1))

    def _confirm_deadline(self) -> Deadline:
        return self.deadline.at_most(self.confirm_timeout, self._now())

    def _failure(self, answer: Answer, sent: Attempted | None = None) -> Failure:
        if sent is not None and sent.telling is not None:
            answer = sent.telling
        return failures.failure_of(answer, self.ref, self.project, tried=failures.tries(sent) if sent else "")

    @property
    def _uuid(self) -> str:
        assert self.ref.uuid is not None  # noqa: S101  a finish is delivered to a uuid; numbers are looked up before
        return self.ref.uuid

    def _now(self) -> float:
        return self.clock.monotonic()


def _own_error(answer: Answer) -> bool:
    """Tell ReportPortal's own 500, which stays, from a gateway's, which passes."""
    return answer.unavailable and answer.code is not None
