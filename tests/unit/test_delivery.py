"""Getting one finish to one launch and seeing it there: lost answers, clocks, the way over v1, waiting."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rp_finalizer.finish import Attribute, Finish
from rp_finalizer.launch import LaunchStatus
from rp_finalizer.outcome import ErrorKind, Outcome, Step, StepResult
from rp_finalizer.ports import Flushed
from rp_finalizer.report import Count
from tests.support.fakes import (
    END_MS,
    HANG,
    LOST,
    NOT_SENT,
    OPEN,
    OWN_ERROR,
    TAKEN,
    UNKNOWN,
    counted,
    seen,
    seen_final,
    unavailable,
)
from tests.support.scene import (
    ALREADY,
    COUNT,
    FORBIDDEN,
    GET,
    PUT,
    PUT_NOW,
    REJECTED,
    STARTED_LATE,
    TOO_EARLY,
    UNAUTHORIZED,
    Scene,
    from_time,
    kind_of,
    of_client,
    results,
    with_settings,
)

if TYPE_CHECKING:
    from rp_finalizer.answer import Answer


class TestLostAnswers:
    def test_a_finish_whose_answer_was_lost_is_read_back_first(self) -> None:
        """The request may have been worked: the launch is looked at before the finish is repeated."""
        scene = Scene()
        report = scene.finalize(finish_queued=[LOST, TAKEN], launch_by_uuid=[OPEN, seen_final()])
        assert report.outcome is Outcome.FINISHED
        assert scene.api.names == [PUT, GET, PUT, GET]
        assert report.step(Step.FINISH).attempts == 2

    def test_a_finish_that_was_worked_is_not_repeated(self) -> None:
        """Where the reading shows the launch finished, the lost answer hid a success."""
        scene = Scene()
        report = scene.finalize(finish_queued=LOST, launch_by_uuid=seen_final())
        assert report.outcome is Outcome.FINISHED
        assert scene.api.names.count(PUT) == 1

    def test_a_finish_that_never_left_is_repeated_at_once(self) -> None:
        """A refused connection carried nothing: there is nothing to look at."""
        scene = Scene()
        report = scene.finalize(finish_queued=[NOT_SENT, TAKEN], launch_by_uuid=seen_final())
        assert report.outcome is Outcome.FINISHED
        assert scene.api.names == [PUT, PUT, GET]

    @pytest.mark.parametrize("answer", [NOT_SENT, unavailable(502), unavailable(503), unavailable(200)])
    def test_a_server_that_is_away_is_tried_until_the_time_is_up(self, answer: Answer) -> None:
        """A gateway's errors pass: they are waited out, never taken to v1, and told with how often it was tried."""
        scene = Scene()
        report = scene.finalize(finish_queued=answer, launch_by_uuid=answer)
        assert (report.outcome, kind_of(report)) == (Outcome.FAILED, ErrorKind.UNAVAILABLE)
        assert report.seconds > 29
        assert PUT_NOW not in scene.api.names
        assert not report.latches
        assert report.error is not None
        assert f"tried {report.step(Step.FINISH).attempts} times" in report.error.message
        assert "rp-finalize finish" in report.error.hint

    def test_a_server_that_hangs_costs_the_budget_and_no_more(self) -> None:
        """A server that accepts and never answers is given up at the deadline, as a time-out."""
        report = Scene().finalize(finish_queued=HANG, launch_by_uuid=HANG)
        assert (report.outcome, kind_of(report)) == (Outcome.FAILED, ErrorKind.TIMEOUT)
        assert results(report)[Step.FINISH] is StepResult.TIMED_OUT

    def test_a_wait_beyond_the_budget_is_not_waited_for(self) -> None:
        """A server that asks to come back after the deadline ends the trying at once, and its wish is told."""
        report = Scene().finalize(finish_queued=unavailable(429, retry_after=3600.0))
        assert (report.outcome, kind_of(report)) == (Outcome.FAILED, ErrorKind.UNAVAILABLE)
        assert report.seconds < 1
        assert report.error is not None
        assert "3600 s" in report.error.message


class TestClocks:
    def test_an_end_before_the_start_is_sent_again_behind_it(self) -> None:
        """v2 refuses such an end silently: when the start is read, the finish goes out again with start + 1 ms."""
        scene = Scene()
        report = scene.finalize(
            finish_queued=TAKEN, launch_by_uuid=[STARTED_LATE, replace(STARTED_LATE), seen_final(end_ms=END_MS + 501)]
        )
        assert report.outcome is Outcome.FINISHED
        assert [finish.end_ms for finish in scene.api.finishes] == [END_MS, END_MS + 501]
        assert PUT_NOW not in scene.api.names
        assert report.step(Step.FINISH).attempts == 2

    def test_a_later_end_changes_nothing_else(self) -> None:
        """What is sent again carries the status and all else that the first one carried."""
        scene, finish = Scene(), Finish(END_MS, "stopped", "why", (Attribute("a", "b"),))
        scene.finalize(finish, finish_queued=TAKEN, launch_by_uuid=[STARTED_LATE, seen_final(end_ms=END_MS + 501)])
        assert scene.api.finishes == [finish, finish.ending_at(END_MS + 501)]

    @pytest.mark.parametrize(
        "reading", [[STARTED_LATE], [LOST, unavailable(503), STARTED_LATE]], ids=["read at once", "read after troubles"]
    )
    def test_v1_refuses_an_end_before_the_start_and_gets_a_later_one(self, reading: list[Answer]) -> None:
        """On 40021 the start is read, if need be more than once, and the finish goes out again with start + 1 ms."""
        scene = Scene()
        report = scene.finalize(
            finish_queued=REJECTED,
            finish_now=[TOO_EARLY, TAKEN],
            launch_by_uuid=[*reading, seen_final(end_ms=END_MS + 501)],
        )
        assert report.outcome is Outcome.FINISHED
        assert scene.api.names == [PUT, PUT_NOW, *[GET] * len(reading), PUT_NOW, GET]
        assert scene.api.finishes[-1].end_ms == END_MS + 501

    def test_a_start_that_cannot_be_read_is_no_lasting_refusal(self) -> None:
        """Where the server goes away before the start is read, another try may do: nothing latches."""
        report = with_settings(timeout=3).finalize(
            finish_queued=REJECTED, finish_now=TOO_EARLY, launch_by_uuid=unavailable(503)
        )
        assert (report.outcome, kind_of(report)) == (Outcome.FAILED, ErrorKind.UNAVAILABLE)
        assert not report.latches


class TestFallback:
    @pytest.mark.parametrize("answer", [REJECTED, TOO_EARLY])
    def test_where_v2_refuses_v1_is_asked(self, answer: Answer) -> None:
        """A queue that takes nothing cannot be overtaken: v1 finishes at once."""
        scene = Scene()
        report = scene.finalize(finish_queued=answer, finish_now=TAKEN, launch_by_uuid=seen_final())
        assert report.outcome is Outcome.FINISHED
        assert scene.api.names == [PUT, PUT_NOW, GET]
        assert results(report) == {
            Step.RESOLVE: StepResult.OK,
            Step.FINISH: StepResult.FAILED,
            Step.FALLBACK: StepResult.OK,
            Step.CONFIRM: StepResult.OK,
        }

    def test_v1_is_tried_again_whatever_its_troubles(self) -> None:
        """Behind v1 there is no other way: own errors of ReportPortal, too, are waited out."""
        scene = Scene()
        report = scene.finalize(
            finish_queued=REJECTED, finish_now=[*[OWN_ERROR] * 5, TAKEN], launch_by_uuid=[*[OPEN] * 5, seen_final()]
        )
        assert report.outcome is Outcome.FINISHED
        assert report.step(Step.FALLBACK).attempts == 6

    def test_a_refusal_of_both_is_told_and_stays(self) -> None:
        """What v2 and v1 refuse has failed for good, with the server's own words."""
        report = Scene().finalize(finish_queued=REJECTED, finish_now=REJECTED)
        assert (report.outcome, kind_of(report)) == (Outcome.FAILED, ErrorKind.REJECTED)
        assert report.error is not None
        assert (report.error.status, report.error.code) == (400, 4001)
        assert report.latches

    def test_a_silent_queue_is_passed_when_nothing_moves_and_nothing_is_open(self) -> None:
        """v1 finishes what v2 took and forgot, after the launch was seen to stand still for `stable_for`."""
        scene = Scene()
        report = scene.finalize(
            finish_queued=TAKEN,
            launch_by_uuid=lambda: seen_final() if PUT_NOW in scene.api.names else OPEN,
            items_in_progress=counted(0),
            finish_now=TAKEN,
        )
        assert report.outcome is Outcome.FINISHED
        assert scene.api.names.count(PUT) == scene.api.names.count(PUT_NOW) == 1
        first_seen = next(call.at for call in scene.api.calls if call.name == GET)
        passed = next(call.at for call in scene.api.calls if call.name == PUT_NOW)
        assert 5.0 <= passed - first_seen < 7.0
        assert scene.told != []

    def test_a_queue_that_still_works_is_not_passed(self) -> None:
        """Every change of the launch begins the standing still anew."""
        scene = with_settings(confirm_timeout=20)
        grown = seen(statistics={"executions.total": 9})
        scene.finalize(
            finish_queued=TAKEN,
            launch_by_uuid=from_time(scene, 4.0, OPEN, grown),
            items_in_progress=counted(0),
            finish_now=TAKEN,
        )
        changed = next(call.at for call in scene.api.calls if call.answer is grown)
        passed = next(call.at for call in scene.api.calls if call.name == PUT_NOW)
        assert passed - changed >= 5.0

    def test_a_launch_that_cannot_be_read_has_not_stood_still(self) -> None:
        """A time without readings proves nothing: the launch is watched anew before the queue is passed."""
        scene = with_settings(confirm_timeout=9)
        grown = seen(statistics={"executions.total": 9})
        gone = scene.clock.now + 6.0
        report = scene.finalize(
            finish_queued=TAKEN,
            launch_by_uuid=[OPEN, lambda: unavailable(503) if scene.clock.now < gone else grown],
            items_in_progress=counted(0),
        )
        # The second script stays: away until then, changed from then on, with too little time to stand still.
        assert report.outcome is Outcome.ACCEPTED
        assert COUNT not in scene.api.names

    @pytest.mark.parametrize("items", [counted(1), counted(30), unavailable(503), FORBIDDEN])
    def test_a_launch_with_open_items_is_never_passed_to_v1(self, items: Answer) -> None:
        """With items open, or nobody knows how many, v1 would do harm: the finish was accepted and not shown."""
        scene = Scene()
        report = scene.finalize(finish_queued=TAKEN, launch_by_uuid=OPEN, items_in_progress=items)
        assert (report.outcome, kind_of(report)) == (Outcome.ACCEPTED, ErrorKind.TIMEOUT)
        assert PUT_NOW not in scene.api.names
        assert COUNT in scene.api.names
        assert results(report)[Step.CONFIRM] is StepResult.TIMED_OUT
        assert not report.latches
        assert report.error is not None
        assert "rp-finalize status" in report.error.hint
        assert ("items in progress" in report.error.message) is bool(items.count)

    def test_who_comes_after_the_run_closes_open_items_when_all_stood_still_for_very_long(self) -> None:
        """Where a queue has swallowed the finish of a dead run, v1 comes after a minute's standing still."""
        scene = with_settings(timeout=300)
        scene.close_open_after = 60.0
        report = scene.finalize(
            finish_queued=TAKEN,
            launch_by_uuid=lambda: seen_final() if PUT_NOW in scene.api.names else OPEN,
            items_in_progress=counted(3),
            finish_now=TAKEN,
        )
        assert report.outcome is Outcome.FINISHED
        first_seen = next(call.at for call in scene.api.calls if call.name == GET)
        passed = next(call.at for call in scene.api.calls if call.name == PUT_NOW)
        assert 60.0 <= passed - first_seen < 63.0

    def test_open_items_that_move_are_left_to_their_queue(self) -> None:
        """A queue that is worked off is left alone, however long it takes: the finish is accepted."""
        scene = with_settings(timeout=300)
        scene.close_open_after = 60.0

        def moving() -> Answer:
            return seen(statistics={"executions.total": int(scene.clock.now / 30)})

        report = scene.finalize(finish_queued=TAKEN, launch_by_uuid=moving, items_in_progress=counted(3))
        assert report.outcome is Outcome.ACCEPTED
        assert report.seconds < 80

    @pytest.mark.parametrize("read", [UNKNOWN, unavailable(503)])
    def test_what_is_not_seen_is_waited_for_no_longer(self, read: Answer) -> None:
        """Only a launch that is seen to stand open is worth a minute: not one that nobody knows."""
        scene = with_settings(timeout=300)
        scene.close_open_after = 60.0
        assert scene.finalize(finish_queued=TAKEN, launch_by_uuid=read).seconds < 15

    def test_where_the_budget_ends_first_there_is_no_v1(self) -> None:
        """A budget too short to see the launch stand still leaves the finish accepted."""
        scene = with_settings(timeout=4)
        report = scene.finalize(finish_queued=TAKEN, launch_by_uuid=OPEN)
        assert (report.outcome, kind_of(report)) == (Outcome.ACCEPTED, ErrorKind.TIMEOUT)
        assert report.launch is not None
        assert report.launch.status is LaunchStatus.IN_PROGRESS
        assert set(scene.api.names) == {PUT, GET}

    def test_confirming_has_a_budget_of_its_own(self) -> None:
        """Looking ends after `confirm_timeout`, whatever is left of the whole."""
        report = with_settings(confirm_timeout=2).finalize(finish_queued=TAKEN, launch_by_uuid=OPEN)
        assert report.outcome is Outcome.ACCEPTED
        assert 1.5 < report.seconds < 2.1

    @pytest.mark.parametrize("answer", [FORBIDDEN, UNAUTHORIZED, REJECTED, UNKNOWN])
    def test_what_v1_refuses_is_told(self, answer: Answer) -> None:
        """v2 took the finish and hid why it did nothing; v1 says it."""
        report = Scene().finalize(
            finish_queued=TAKEN, launch_by_uuid=OPEN, items_in_progress=counted(0), finish_now=answer
        )
        assert report.outcome is Outcome.FAILED
        assert report.error is not None
        assert (report.error.status, report.error.code) == (answer.status, answer.code)
        assert results(report)[Step.FALLBACK] is StepResult.FAILED

    def test_what_v2_took_stays_accepted_when_v1_finds_the_server_away(self) -> None:
        """A server that goes away behind a queue that took the finish may still work it off."""
        report = Scene().finalize(
            finish_queued=TAKEN, launch_by_uuid=OPEN, items_in_progress=counted(0), finish_now=unavailable(503)
        )
        assert (report.outcome, kind_of(report)) == (Outcome.ACCEPTED, ErrorKind.TIMEOUT)
        assert results(report)[Step.FALLBACK] is StepResult.FAILED

    @pytest.mark.parametrize(
        ("end_ms", "outcome"), [(END_MS, Outcome.FINISHED), (END_MS + 7, Outcome.ALREADY_FINISHED)]
    )
    def test_what_v1_finds_finished_is_read_back(self, end_ms: int, outcome: Outcome) -> None:
        """On 40023 the launch is read: it may have been our own finish that came through, or another's."""
        scene = Scene()
        report = scene.finalize(
            finish_queued=TAKEN,
            launch_by_uuid=lambda: seen_final(end_ms=end_ms) if PUT_NOW in scene.api.names else OPEN,
            items_in_progress=counted(0),
            finish_now=ALREADY,
        )
        assert report.outcome is outcome


class TestOwnErrors:
    def test_reportportals_own_500_leads_to_v1_only_after_standing_still(self) -> None:
        """Its broker being down, v2 is heard three times, and v1 finishes once nothing moves and nothing is open."""
        scene = Scene()
        report = scene.finalize(
            finish_queued=OWN_ERROR,
            launch_by_uuid=lambda: seen_final() if PUT_NOW in scene.api.names else OPEN,
            items_in_progress=counted(0),
            finish_now=TAKEN,
        )
        assert report.outcome is Outcome.FINISHED
        assert scene.api.names.count(PUT) == 3
        sent = [call.at for call in scene.api.calls if call.name == PUT]
        passed = next(call.at for call in scene.api.calls if call.name == PUT_NOW)
        assert passed - sent[-1] >= 5.0

    def test_with_open_items_an_own_500_is_told_as_a_failure(self) -> None:
        """v2 took nothing and v1 would do harm: the finish has failed, and another try may do."""
        scene = Scene()
        report = scene.finalize(finish_queued=OWN_ERROR, launch_by_uuid=OPEN, items_in_progress=counted(2))
        assert (report.outcome, kind_of(report)) == (Outcome.FAILED, ErrorKind.UNAVAILABLE)
        assert PUT_NOW not in scene.api.names
        assert report.error is not None
        assert (report.error.code, report.latches) == (5000, False)
        assert "tried 3 times" in report.error.message

    def test_an_own_500_that_hid_a_success_is_found_out(self) -> None:
        """Where the launch is final with our end time, the finish was worked whatever was answered."""
        scene = Scene()
        report = scene.finalize(finish_queued=OWN_ERROR, launch_by_uuid=[OPEN, OPEN, OPEN, seen_final()])
        assert report.outcome is Outcome.FINISHED
        assert PUT_NOW not in scene.api.names

    def test_a_broker_that_comes_back_in_time_is_used(self) -> None:
        """One or two own errors are tried again over v2."""
        scene = Scene()
        report = scene.finalize(finish_queued=[OWN_ERROR, OWN_ERROR, TAKEN], launch_by_uuid=[OPEN, OPEN, seen_final()])
        assert report.outcome is Outcome.FINISHED
        assert PUT_NOW not in scene.api.names

    def test_a_gateways_500_is_not_reportportals_own(self) -> None:
        """A 500 without ReportPortal's code passes: it is tried again over v2 for as long as there is time."""
        scene = with_settings(timeout=10)
        report = scene.finalize(finish_queued=unavailable(500), launch_by_uuid=OPEN)
        assert (report.outcome, kind_of(report)) == (Outcome.FAILED, ErrorKind.UNAVAILABLE)
        assert scene.api.names.count(PUT) > 3
        assert PUT_NOW not in scene.api.names


class TestWaiting:
    @pytest.mark.parametrize(("settle", "waited"), [(0.0, 0.0), (2.0, 2.0), (60.0, 20.0)])
    def test_settling_is_waited_for_and_leaves_a_third(self, settle: float, waited: float) -> None:
        """`settle` is waited for before the finish, and a third of the budget stays for finish and confirm."""
        scene = with_settings(settle=settle)
        begun = scene.clock.now
        report = scene.finalize(finish_queued=TAKEN, launch_by_uuid=seen_final())
        assert report.outcome is Outcome.FINISHED
        assert scene.api.calls[0].at == pytest.approx(begun + waited)

    @pytest.mark.parametrize(
        ("settings", "until"),
        [({}, 20.0), ({"flush_timeout": 3}, 3.0), ({"timeout": 6}, 4.0), ({"timeout": 90, "flush_timeout": 80}, 60.0)],
    )
    def test_flushing_leaves_a_third(self, settings: dict[str, float], until: float) -> None:
        """A flush gets its own budget at most, and leaves a third of the whole to finish and confirm."""
        scene = of_client(flush_takes=1000.0, flushed=Flushed(Count(), Count(0, 4), 3, "too slow", timed_out=True))
        scene.settings = settings
        begun = scene.clock.now
        report = scene.finalize(finish_queued=TAKEN, launch_by_uuid=seen_final())
        assert report.outcome is Outcome.FINISHED
        assert scene.client is not None
        assert scene.client.flush_until is not None
        assert scene.client.flush_until.at == pytest.approx(begun + until)
        assert (report.abandoned, report.step(Step.FLUSH).detail) == (Count(0, 4), "too slow")
        assert results(report)[Step.FLUSH] is StepResult.TIMED_OUT

    def test_logs_that_are_lost_fail_the_flush_and_not_the_finish(self) -> None:
        """A flush that the server refuses is told; the launch is finished all the same."""
        report = of_client(flushed=Flushed(Count(0, 1), Count(0, 2), problem="refused")).finalize(
            finish_queued=TAKEN, launch_by_uuid=seen_final()
        )
        assert (report.outcome, results(report)[Step.FLUSH]) == (Outcome.FINISHED, StepResult.FAILED)
        assert (report.flushed, report.abandoned) == (Count(0, 1), Count(0, 2))

    def test_a_stop_ends_the_trying(self) -> None:
        """An event from outside ends all waiting for a server that is away."""
        scene = Scene()
        scene.clock.after(1.0, scene.stop.set)
        report = scene.finalize(finish_queued=NOT_SENT)
        assert report.outcome is Outcome.FAILED
        assert report.seconds < 1.5

    def test_a_stop_ends_the_looking(self) -> None:
        """An event from outside ends the watching of a silent queue; what was taken stays accepted."""
        scene = Scene()
        scene.clock.after(1.0, scene.stop.set)
        report = scene.finalize(finish_queued=TAKEN, launch_by_uuid=OPEN)
        assert report.outcome is Outcome.ACCEPTED
        assert report.seconds < 1.5

    def test_a_reading_that_asks_to_wait_is_obeyed(self) -> None:
        """A Retry-After of a reading is waited for, and not answered with more readings."""
        scene = Scene()
        report = scene.finalize(finish_queued=TAKEN, launch_by_uuid=[unavailable(429, retry_after=3.0), seen_final()])
        assert report.outcome is Outcome.FINISHED
        assert scene.clock.waits == [3.0]

    def test_a_reading_that_asks_to_wait_for_too_long_ends_the_looking(self) -> None:
        """Where the server will not be asked again in time, the finish is accepted and not shown."""
        scene = Scene()
        report = scene.finalize(finish_queued=TAKEN, launch_by_uuid=unavailable(429, retry_after=60.0))
        assert report.outcome is Outcome.ACCEPTED
        assert scene.clock.waits == []

    def test_troubles_while_reading_are_outlived(self) -> None:
        """A reading that fails says nothing of the launch: it is read again."""
        report = Scene().finalize(finish_queued=TAKEN, launch_by_uuid=[LOST, unavailable(502), OWN_ERROR, seen_final()])
        assert report.outcome is Outcome.FINISHED

    def test_a_reading_that_hangs_ends_with_the_confirming(self) -> None:
        """A server that takes the finish and then hangs costs `confirm_timeout`."""
        report = Scene().finalize(finish_queued=TAKEN, launch_by_uuid=HANG)
        assert (report.outcome, kind_of(report)) == (Outcome.ACCEPTED, ErrorKind.TIMEOUT)
        assert report.seconds == pytest.approx(10, abs=0.1)
