"""Whatever a server answers, in whatever order: the sequence ends in time, harms nothing, and tells the truth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings, strategies as st

from rp_finalizer.answer import Answer, Meaning
from rp_finalizer.launch import LaunchStatus
from rp_finalizer.outcome import Outcome
from tests.support.fakes import (
    END_MS,
    FINISH,
    HANG,
    LAUNCH,
    LOST,
    NOT_SENT,
    OWN_ERROR,
    TAKEN,
    UNKNOWN,
    FakeApi,
    ManualClock,
    counted,
    seen,
    unavailable,
)
from tests.support.scene import (
    ALREADY,
    COUNT,
    FORBIDDEN,
    GET,
    NO_PROJECT,
    PUT,
    PUT_NOW,
    REJECTED,
    TOO_EARLY,
    UNAUTHORIZED,
    Scene,
)

if TYPE_CHECKING:
    from rp_finalizer.launch import Launch
    from tests.support.fakes import Call

bounded = settings(
    max_examples=200, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)

TROUBLES = [LOST, NOT_SENT, HANG, OWN_ERROR, unavailable(502), unavailable(429, retry_after=2.0)]
REFUSALS = [UNKNOWN, UNAUTHORIZED, FORBIDDEN, NO_PROJECT, REJECTED]
LAUNCHES = st.builds(
    replace,
    st.just(LAUNCH),
    status=st.sampled_from([LaunchStatus.IN_PROGRESS] * 4 + [LaunchStatus.PASSED, LaunchStatus.INTERRUPTED]),
    start_ms=st.sampled_from([LAUNCH.start_ms] * 3 + [END_MS, END_MS + 500]),
    end_ms=st.sampled_from([END_MS, END_MS, END_MS + 1, END_MS + 501, None]),
    last_modified_ms=st.integers(0, 1),
)
READINGS = st.lists(LAUNCHES.map(seen) | st.sampled_from([*TROUBLES, *REFUSALS[:2]]), min_size=1, max_size=8)
FINISHES = st.lists(st.sampled_from([TAKEN] * 3 + TROUBLES + REFUSALS + [TOO_EARLY, ALREADY]), min_size=1, max_size=5)
COUNTS = st.lists(st.sampled_from([counted(0), counted(0), counted(2), LOST, FORBIDDEN]), min_size=1, max_size=3)


@dataclass(slots=True)
class Script:
    """What a server answers to each call."""

    finish_queued: list[Answer]
    finish_now: list[Answer]
    launch_by_uuid: list[Answer]
    items_in_progress: list[Answer]


SCRIPTS = st.builds(Script, FINISHES, FINISHES, READINGS, COUNTS)
STABLE_FOR = 1.0
BUDGETS = st.sampled_from([0.5, 3.0, 30.0])


def readings(calls: list[Call]) -> list[tuple[float, Launch]]:
    """Give what the server showed of the launch, and when."""
    return [(call.at, call.answer.launch) for call in calls if call.name == GET and call.answer.launch is not None]


def play(script: Script, budget: float, attempts: int) -> tuple[FakeApi, Outcome]:
    """Run the sequence; `Scene` itself holds it to the budget and to the form of its report."""
    scene = Scene(
        api=FakeApi(ManualClock()), settings={"timeout": budget, "retry_attempts": attempts, "stable_for": STABLE_FOR}
    )
    report = scene.finalize(
        finish_queued=list(script.finish_queued),
        finish_now=list(script.finish_now),
        launch_by_uuid=list(script.launch_by_uuid),
        items_in_progress=list(script.items_in_progress),
    )
    assert report.outcome is not None
    return scene.api, report.outcome


@bounded
@given(SCRIPTS, BUDGETS, st.sampled_from([0, 1, 3]))
def test_an_outcome_is_backed_by_what_was_read(script: Script, budget: float, attempts: int) -> None:
    """A launch counts as finished only when its last reading showed it final, and as ours only with an end we sent."""
    api, outcome = play(script, budget, attempts)
    _, last = ([(0.0, LAUNCH), *readings(api.calls)])[-1]
    ours = last.end_ms in {finish.end_ms for finish in api.finishes}
    match outcome:
        case Outcome.FINISHED:
            assert last.status.final
            assert ours
        case Outcome.ALREADY_FINISHED:
            assert last.status.final
            assert not ours
        case Outcome.ACCEPTED:
            answers = [call.answer for call in api.calls if call.finish is not None]
            assert (
                any(answer.meaning in {Meaning.OK, Meaning.ALREADY_FINISHED} for answer in answers) or last.status.final
            )
        case _:
            assert outcome is Outcome.FAILED


@bounded
@given(SCRIPTS, BUDGETS, st.sampled_from([0, 1, 3]))
def test_v1_is_never_asked_while_it_could_do_harm(script: Script, budget: float, attempts: int) -> None:
    """The queue is passed only when it refused the finish, or when nothing was open and nothing was seen to move."""
    api, _ = play(script, budget, attempts)
    before = list(takewhile(lambda call: call.name != PUT_NOW, api.calls))
    if before == api.calls:
        return
    if before[-1].name == PUT and before[-1].answer.meaning in {Meaning.REJECTED, Meaning.TOO_EARLY}:
        return
    assert (before[-1].name, before[-1].answer.count) == (COUNT, 0)
    seen_at, last = readings(before)[-1]
    still = list(takewhile(lambda reading: reading[1].unchanged_since(last), reversed(readings(before))))
    assert not last.status.final
    assert seen_at - still[-1][0] >= STABLE_FOR


@bounded
@given(SCRIPTS, BUDGETS, st.sampled_from([0, 1, 3]))
def test_nothing_is_sent_but_what_was_asked_for(script: Script, budget: float, attempts: int) -> None:
    """Every finish carries what the caller asked for, and an end that never moves back and only for a later start."""
    api, _ = play(script, budget, attempts)
    ends = [finish.end_ms for finish in api.finishes]
    assert ends[0] == END_MS
    assert ends == sorted(ends)
    starts = {call.answer.launch.start_ms for call in api.calls if call.answer.launch}
    assert set(ends) <= {END_MS, *(start + 1 for start in starts)}
    assert all(finish == FINISH.ending_at(finish.end_ms) for finish in api.finishes)
