"""The whole sequence, from the launch's name to the report."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rp_finalizer.finish import Attribute, Finish
from rp_finalizer.launch import LaunchStatus
from rp_finalizer.outcome import ErrorKind, Outcome, Source, Step, StepResult
from rp_finalizer.ports import Flushed, Pending
from rp_finalizer.report import Count
from tests.support.fakes import (
    END_MS,
    FINISH,
    LAUNCH,
    LAUNCH_ID,
    NOT_SENT,
    OPEN,
    TAKEN,
    UNKNOWN,
    UUID,
    seen_final,
)
from tests.support.scene import (
    FORBIDDEN,
    GET,
    NO_PROJECT,
    NUMBER,
    PUT,
    REJECTED,
    STARTED_LATE,
    UNAUTHORIZED,
    Scene,
    kind_of,
    named,
    of_client,
    results,
    with_settings,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from rp_finalizer.answer import Answer


class TestHealthy:
    def test_a_healthy_launch_takes_one_finish_and_one_reading(self) -> None:
        """With a server that works, one request finishes, one confirms, none comes before, nothing is waited for."""
        scene = of_client(flushed=Flushed(Count(0, 214), Count(0, 0)))
        report = scene.finalize(finish_queued=TAKEN, launch_by_uuid=seen_final())
        assert report.outcome is Outcome.FINISHED
        assert scene.api.names == [PUT, GET]
        assert scene.api.finishes == [FINISH]
        assert scene.clock.waits == []
        assert report.flushed == Count(0, 214)
        assert results(report) == dict.fromkeys([Step.RESOLVE, Step.FLUSH, Step.FINISH, Step.CONFIRM], StepResult.OK)

    def test_a_report_tells_all_of_the_launch(self) -> None:
        """What was read of the launch, its page for people, and where its name came from stand in the report."""
        report = of_client().finalize(finish_queued=TAKEN, launch_by_uuid=seen_final(LaunchStatus.FAILED))
        launch = report.launch
        assert launch is not None
        assert (launch.uuid, launch.id, launch.number, launch.name) == (UUID, LAUNCH_ID, 7, "smoke")
        assert (launch.status, launch.source) == (LaunchStatus.FAILED, Source.CLIENT)
        assert launch.url == "https://rp.example.com/ui/#demo/launches/all/42"
        assert (report.endpoint, report.project) == ("https://rp.example.com", "demo")
        assert [each.verdict for each in report.considered] == ["taken"]

    def test_what_is_flushed_is_flushed_before_the_finish(self) -> None:
        """The client's last logs go out before the launch is ended."""
        scene = of_client(flush_takes=2.0)
        begun = scene.clock.now
        scene.finalize(finish_queued=TAKEN, launch_by_uuid=seen_final())
        assert scene.client is not None
        assert scene.client.done == ["flush"]
        assert scene.api.calls[0].at == begun + 2.0

    def test_all_that_is_asked_for_is_sent(self) -> None:
        """Status, description and attributes go out as they were given, and only then."""
        scene, finish = Scene(), Finish(END_MS, "failed", "why", (Attribute("a", "b"),))
        scene.finalize(finish, finish_queued=TAKEN, launch_by_uuid=seen_final())
        assert scene.api.finishes == [finish]

    def test_a_queue_that_lags_is_waited_for(self) -> None:
        """A launch that is shown open, or not at all, is looked at again, more and more rarely, never sent twice."""
        scene = Scene()
        report = scene.finalize(finish_queued=TAKEN, launch_by_uuid=[UNKNOWN, UNKNOWN, OPEN, OPEN, seen_final()])
        assert report.outcome is Outcome.FINISHED
        assert scene.api.names == [PUT, *[GET] * 5]
        assert scene.clock.waits == pytest.approx([0.02, 0.04, 0.08, 0.16])
        assert report.step(Step.CONFIRM).attempts == 5

    def test_a_launch_ended_by_another_is_told_as_such(self) -> None:
        """Final with an end time that is not ours means that somebody else finished it."""
        report = Scene().finalize(finish_queued=TAKEN, launch_by_uuid=seen_final(LaunchStatus.INTERRUPTED, END_MS + 1))
        assert report.outcome is Outcome.ALREADY_FINISHED
        assert report.launch is not None
        assert report.launch.status is LaunchStatus.INTERRUPTED


class TestUnknownAndGone:
    def test_a_launch_that_vanishes_is_told(self) -> None:
        """A launch that was there and is not any more was deleted; nobody can finish it."""
        report = Scene().finalize(finish_queued=TAKEN, launch_by_uuid=[OPEN, UNKNOWN])
        assert (report.outcome, kind_of(report)) == (Outcome.FAILED, ErrorKind.UNKNOWN_LAUNCH)
        assert report.error is not None
        assert "vanished" in report.error.message

    def test_an_unknown_launch_of_ours_may_still_come(self) -> None:
        """Our own client started it: its start may wait in the queue, and the hint says so."""
        report = of_client().finalize(finish_queued=TAKEN, launch_by_uuid=UNKNOWN)
        assert (report.outcome, kind_of(report)) == (Outcome.FAILED, ErrorKind.UNKNOWN_LAUNCH)
        assert report.error is not None
        assert "queue" in report.error.hint
        assert not report.latches

    def test_an_unknown_launch_of_an_argument_is_looked_for_and_told(self) -> None:
        """A name that only somebody typed is asked for as long as a start may wait, and the hint asks for the name."""
        report = Scene().finalize(finish_queued=TAKEN, launch_by_uuid=UNKNOWN)
        assert (report.outcome, kind_of(report)) == (Outcome.FAILED, ErrorKind.UNKNOWN_LAUNCH)
        assert report.error is not None
        assert "check the uuid" in report.error.hint
        assert report.seconds > 9

    def test_a_server_that_does_not_know_the_launch_yet_is_looked_at_again(self) -> None:
        """Even where the finish itself is answered so, the launch may come, and be final with our end time."""
        scene = Scene()
        assert scene.finalize(finish_queued=UNKNOWN, launch_by_uuid=[UNKNOWN, seen_final()]).outcome is Outcome.FINISHED
        assert scene.api.names == [PUT, GET, GET]

    def test_an_unknown_number_is_not_finished(self) -> None:
        """A number that the server does not know names nothing that could be finished."""
        scene = Scene(source=named(Source.ARGUMENT, NUMBER))
        report = scene.finalize(launch_by_id=UNKNOWN)
        assert (report.outcome, kind_of(report)) == (Outcome.FAILED, ErrorKind.UNKNOWN_LAUNCH)
        assert scene.api.finishes == []

    def test_an_unknown_number_behind_a_malformed_name_is_told(self) -> None:
        """A malformed name before it does not hide what the server says of the number."""
        report = Scene(source=named(Source.ENVIRONMENT, "smoke", NUMBER)).finalize(launch_by_id=UNKNOWN)
        assert (report.outcome, kind_of(report)) == (Outcome.FAILED, ErrorKind.UNKNOWN_LAUNCH)

    def test_a_number_of_a_server_that_is_away_is_told(self) -> None:
        """A number cannot be finished without a look-up: what kept it from being known is the error."""
        scene = Scene(source=named(Source.ARGUMENT, NUMBER))
        report = scene.finalize(launch_by_id=NOT_SENT)
        assert (report.outcome, kind_of(report)) == (Outcome.FAILED, ErrorKind.UNAVAILABLE)
        assert scene.api.finishes == []
        assert report.launch is not None
        assert report.launch.id == LAUNCH_ID

    def test_a_number_is_finished_by_its_uuid(self) -> None:
        """The number is looked up, and the finish goes to the uuid."""
        scene = Scene(source=named(Source.ARGUMENT, NUMBER))
        report = scene.finalize(launch_by_id=OPEN, finish_queued=TAKEN, launch_by_uuid=seen_final())
        assert report.outcome is Outcome.FINISHED
        assert [(call.name, call.launch) for call in scene.api.calls][:2] == [("launch_by_id", 42), (PUT, UUID)]

    def test_a_launch_that_is_final_on_look_up_is_left_alone(self) -> None:
        """Where the look-up already shows the end, nothing is sent."""
        scene = Scene(source=named(Source.ARGUMENT, NUMBER))
        report = scene.finalize(launch_by_id=seen_final(LaunchStatus.INTERRUPTED, END_MS + 9))
        assert report.outcome is Outcome.ALREADY_FINISHED
        assert scene.api.names == ["launch_by_id"]
        assert report.launch is not None
        assert report.launch.status is LaunchStatus.INTERRUPTED


class TestNothingToFinish:
    def test_without_a_launch_there_is_nothing_to_do(self) -> None:
        """No name, no request; what the client holds is told, and left to it."""
        scene = of_client(held=Pending(0, 3))
        scene.source = named(Source.CLIENT)
        report = scene.finalize()
        assert (report.outcome, report.launch) == (Outcome.NOT_STARTED, None)
        assert scene.api.calls == []
        assert scene.client is not None
        assert scene.client.done == []
        assert report.abandoned == Count(0, 3)

    def test_a_malformed_name_is_told(self) -> None:
        """Where something was to name the launch and does not, the report says which and why."""
        scene = Scene(source=named(Source.ENVIRONMENT, "smoke"))
        report = scene.finalize()
        assert (report.outcome, kind_of(report)) == (Outcome.NOT_STARTED, ErrorKind.SETTINGS)
        assert report.error is not None
        assert "'smoke'" in report.error.message

    @pytest.mark.parametrize("problem", [None, "it hung"])
    def test_without_a_connection_the_client_is_asked_and_not_believed(self, problem: str | None) -> None:
        """A client's own finish cannot be confirmed without a connection of ours: what is missing is told."""
        scene = of_client(problem=problem)
        scene.connected = False
        report = scene.finalize()
        assert (report.outcome, kind_of(report)) == (Outcome.FAILED, ErrorKind.SETTINGS)
        assert scene.client is not None
        assert scene.client.done == ["flush", "finish"]
        assert scene.client.finishes == [FINISH]
        assert results(report)[Step.FINISH] is (StepResult.FAILED if problem else StepResult.OK)
        assert report.error is not None
        assert report.error.hint == "set RP_API_KEY"


class TestOwnership:
    def test_a_borrowed_launch_is_flushed_and_left_open(self) -> None:
        """What another started is not ours to end: our logs go out, and no request touches the launch."""
        scene = of_client(owns_launch=False, flushed=Flushed(Count(0, 5)))
        report = scene.finalize()
        assert report.outcome is Outcome.NOT_OWNED
        assert scene.api.calls == []
        assert report.flushed == Count(0, 5)
        assert results(report) == {Step.RESOLVE: StepResult.OK, Step.FLUSH: StepResult.OK}

    def test_a_launch_handed_over_by_the_environment_is_borrowed(self) -> None:
        """A client without a launch of its own, in a process that was handed one, only reports into it."""
        scene = of_client()
        scene.source = named(Source.ENVIRONMENT, UUID)
        assert scene.finalize().outcome is Outcome.NOT_OWNED

    @pytest.mark.parametrize(
        "change",
        [
            lambda scene: scene.settings.update(finish_borrowed=True),
            lambda scene: setattr(scene, "source", named(Source.ARGUMENT, UUID)),
            lambda scene: setattr(scene, "client", None),
        ],
        ids=["told to", "named by the caller", "no client"],
    )
    def test_a_borrowed_launch_is_finished_when_that_is_wanted(self, change: Callable[[Scene], object]) -> None:
        """A setting, the caller's own argument, or the lack of any client says that the launch is ours to end."""
        scene = of_client(owns_launch=False)
        scene.source = named(Source.ENVIRONMENT, UUID)
        change(scene)
        assert scene.finalize(finish_queued=TAKEN, launch_by_uuid=seen_final()).outcome is Outcome.FINISHED


class TestRefusals:
    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            (UNAUTHORIZED, ErrorKind.UNAUTHORIZED),
            (FORBIDDEN, ErrorKind.FORBIDDEN),
            (NO_PROJECT, ErrorKind.UNKNOWN_PROJECT),
        ],
    )
    def test_a_wrong_key_or_project_is_told_at_once(self, answer: Answer, kind: ErrorKind) -> None:
        """What only a person can mend is tried once, not waited for, and stays."""
        scene = Scene()
        report = scene.finalize(finish_queued=answer)
        assert (report.outcome, kind_of(report)) == (Outcome.FAILED, kind)
        assert scene.api.names == [PUT]
        assert scene.clock.waits == []
        assert report.latches
        assert report.error is not None
        assert (report.error.status, report.error.code) == (answer.status, answer.code)
        assert report.error.hint

    @pytest.mark.parametrize("answer", [UNAUTHORIZED, FORBIDDEN, NO_PROJECT, REJECTED])
    def test_a_reading_that_is_refused_is_told_at_once(self, answer: Answer) -> None:
        """Where the launch may not be read, nothing can be confirmed, and waiting is of no use."""
        scene = Scene()
        report = scene.finalize(finish_queued=TAKEN, launch_by_uuid=answer)
        assert report.outcome is Outcome.FAILED
        assert scene.api.names == [PUT, GET]
        assert results(report)[Step.CONFIRM] is StepResult.FAILED
        assert report.error is not None
        assert report.error.status == answer.status

    def test_what_a_look_up_told_stays_known(self) -> None:
        """Where the finish is refused, the report still tells what the look-up showed of the launch."""
        scene = Scene(source=named(Source.ARGUMENT, NUMBER))
        report = scene.finalize(launch_by_id=OPEN, finish_queued=FORBIDDEN)
        assert report.outcome is Outcome.FAILED
        assert report.launch is not None
        assert (report.launch.uuid, report.launch.number) == (UUID, LAUNCH.number)

    def test_a_hint_of_the_answer_is_passed_on(self) -> None:
        """Where the answer itself tells what to do, that is what is said."""
        report = Scene().finalize(finish_queued=replace(UNAUTHORIZED, hint="renew the token"))
        assert report.error is not None
        assert report.error.hint == "renew the token"


class TestAnotherTry:
    def test_an_end_of_an_earlier_try_is_ours(self) -> None:
        """A finish that the server worked off only after we gave up is known by its end time at the next try."""
        scene = with_settings(timeout=2)
        assert scene.finalize(finish_queued=TAKEN, launch_by_uuid=OPEN).outcome is Outcome.ACCEPTED
        report = scene.finalize(Finish(END_MS + 9000), finish_queued=TAKEN, launch_by_uuid=seen_final())
        assert report.outcome is Outcome.FINISHED

    def test_an_end_of_an_earlier_try_is_ours_on_look_up_too(self) -> None:
        """Where the look-up shows the end that an earlier try sent, nothing is sent; it counts as finished by us."""
        scene = with_settings(timeout=2)
        scene.finalize(finish_queued=TAKEN, launch_by_uuid=OPEN)
        scene.source = named(Source.ARGUMENT, NUMBER)
        before = len(scene.api.finishes)
        assert scene.finalize(launch_by_id=seen_final()).outcome is Outcome.FINISHED
        assert len(scene.api.finishes) == before

    def test_what_was_finished_is_forgotten(self) -> None:
        """After a final outcome no end time is remembered: a rerun of the launch begins anew."""
        scene = Scene()
        scene.finalize(finish_queued=TAKEN, launch_by_uuid=seen_final())
        assert scene.ends == {}

    def test_an_interrupted_try_remembers_its_end(self) -> None:
        """When a signal's exception strikes after the sending, the next try still knows the end time as ours."""
        scene = Scene()

        def strike() -> Answer:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            scene.finalize(finish_queued=TAKEN, launch_by_uuid=strike)
        report = scene.finalize(Finish(END_MS + 9000), finish_queued=TAKEN, launch_by_uuid=seen_final())
        assert report.outcome is Outcome.FINISHED


class TestStop:
    def test_a_launch_that_an_earlier_try_ended_is_ours(self) -> None:
        """Where a finish of an earlier try has come through, the stop is not sent, and the end counts as ours."""
        scene = with_settings(timeout=2)
        scene.finalize(finish_queued=TAKEN, launch_by_uuid=OPEN)
        report = scene.finalize(Finish(END_MS + 9000), force_stop=True, launch_by_uuid=seen_final())
        assert report.outcome is Outcome.FINISHED
        assert "stop" not in scene.api.names

    def test_a_stop_goes_to_the_number_and_is_confirmed(self) -> None:
        """The stop call takes the launch's number, which is read first, and its end is read back."""
        scene = Scene()
        stopped = seen_final(LaunchStatus.STOPPED)
        report = scene.finalize(force_stop=True, launch_by_uuid=[OPEN, stopped], stop=TAKEN)
        assert report.outcome is Outcome.FINISHED
        assert [(call.name, call.launch) for call in scene.api.calls] == [(GET, UUID), ("stop", LAUNCH_ID), (GET, UUID)]

    def test_a_final_launch_is_not_stopped(self) -> None:
        """What is over needs no stop."""
        scene = Scene()
        report = scene.finalize(force_stop=True, launch_by_uuid=seen_final(end_ms=END_MS + 9))
        assert report.outcome is Outcome.ALREADY_FINISHED
        assert scene.api.names == [GET]

    def test_a_stop_ends_after_the_start(self) -> None:
        """The start is known when the stop is sent: it never ends before it."""
        scene = Scene()
        scene.finalize(force_stop=True, launch_by_uuid=[STARTED_LATE, seen_final(end_ms=END_MS + 501)], stop=TAKEN)
        assert [finish.end_ms for finish in scene.api.finishes] == [END_MS + 501]

    @pytest.mark.parametrize("answer", [UNKNOWN, UNAUTHORIZED, NOT_SENT])
    def test_without_its_number_nothing_is_stopped(self, answer: Answer) -> None:
        """What keeps the launch from being read keeps it from being stopped, and is told."""
        scene = with_settings(timeout=2)
        report = scene.finalize(force_stop=True, launch_by_uuid=answer)
        assert report.outcome is Outcome.FAILED
        assert scene.api.finishes == []
        assert report.error is not None
        assert report.error.status == answer.status


class TestPreview:
    def test_a_preview_sends_nothing(self) -> None:
        """A dry run reads the launch, and neither flushes nor finishes."""
        scene = of_client()
        report = scene.preview(launch_by_uuid=OPEN)
        assert (report.outcome, report.error) == (None, None)
        assert scene.api.names == [GET]
        assert scene.client is not None
        assert scene.client.done == []
        assert report.launch is not None
        assert report.launch.number == LAUNCH.number
        assert set(results(report)) == {Step.RESOLVE}

    def test_a_preview_asks_once(self) -> None:
        """What the server said to the resolving look-up is told, and not asked for again."""
        scene = Scene(source=named(Source.ARGUMENT, NUMBER))
        assert kind_of(scene.preview(launch_by_id=UNAUTHORIZED)) is ErrorKind.UNAUTHORIZED
        assert scene.api.names == ["launch_by_id"]

    @pytest.mark.parametrize("answer", [UNKNOWN, FORBIDDEN])
    def test_a_preview_says_what_stands_in_the_way(self, answer: Answer) -> None:
        """What the server says to the look-up is told before anybody relies on it."""
        report = Scene().preview(launch_by_uuid=answer)
        assert report.outcome is None
        assert report.error is not None
        assert report.error.code == answer.code
