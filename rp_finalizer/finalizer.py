"""The whole sequence that ends a launch, from its name to its report. It knows ports and core only."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf
from typing import TYPE_CHECKING

from rp_finalizer import failures
from rp_finalizer.confirming import Watch
from rp_finalizer.delivery import Delivery, Ending
from rp_finalizer.outcome import Outcome, Source, Step, StepResult
from rp_finalizer.ports import Pending
from rp_finalizer.report import NOTHING, UNKNOWN, Count, Failure, Report, ReportedLaunch
from rp_finalizer.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from rp_finalizer.answer import Answer
    from rp_finalizer.deadline import Deadline
    from rp_finalizer.endpoint import Endpoint
    from rp_finalizer.finish import Finish
    from rp_finalizer.launch import Launch, LaunchRef
    from rp_finalizer.ports import Clock, LaunchApi, ReportingClient, Retry
    from rp_finalizer.resolver import Resolution, Resolver
    from rp_finalizer.settings import Settings

RESOLVE_SHARE = 1 / 3
"""The part of the budget that a client may take to say what its launch is."""

KEPT_SHARE = 1 / 3
"""The part of the budget that flushing and settling leave for finish and confirm."""

_KNOWN_TO_EXIST = frozenset({Source.CLIENT, Source.PLUGIN, Source.OUTBOX})
"""Whoever names a launch from here has started it, or seen it started: the server may not know it yet."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """Where our own requests go."""

    api: LaunchApi
    endpoint: Endpoint
    project: str

    def look_up(self, ref: LaunchRef, deadline: Deadline) -> Answer:
        """Read a launch by whichever name is known."""
        if ref.uuid is not None:
            return self.api.launch_by_uuid(ref.uuid, deadline)
        assert ref.id is not None  # noqa: S101  a ref has one of the two
        return self.api.launch_by_id(ref.id, deadline)

    def page(self, launch: Launch) -> str:
        """Give the launch's page for people."""
        return self.endpoint.launch_page(self.project, launch.id, launch.mode)


@dataclass(frozen=True, slots=True)
class Finalizer:
    """Ends launches over one connection, or by a client alone."""

    resolver: Resolver
    retry: Retry
    clock: Clock
    settings: Settings
    stop: Event
    """Set from outside to end all waiting."""
    target: Target | None = None
    """None when endpoint, project or key are not known."""
    missing: str = ""
    """Which of them, and how to set them."""
    client: ReportingClient | None = None
    telling: Callable[[str], None] = lambda sentence: logger.debug("%s", sentence)
    """Is told, in a sentence, what is waited for."""
    close_open_after: float = inf
    """Seconds a launch with open items must stand still before v1 may close these; never, while its run may live."""
    ends: dict[str, frozenset[int]] = field(default_factory=dict)
    """By launch uuid: the end times that were sent in tries whose outcome is not final, so that they count as ours."""

    def finalize(self, finish: Finish, deadline: Deadline, *, force_stop: bool = False, rerun: bool = False) -> Report:
        """Run the sequence within the deadline and report; the client is not closed by it.

        `force_stop` ends the launch by the server's stop call in place of a finish. `rerun` tells that the client has
        taken up a launch that was finished: that it still is proves nothing until `confirm_timeout` is over.
        """
        return _Finalization(self, finish, deadline, force_stop, rerun).run()

    def open_anew(self, uuid: str) -> None:
        """Forget what was sent to a launch that is started again."""
        self.ends.pop(uuid, None)

    def preview(self, deadline: Deadline) -> Report:
        """Resolve the launch and report how a finalization would begin. Nothing is sent but look-ups."""
        return _Finalization(self, None, deadline, force_stop=False, rerun=False).run()

    def release(self) -> None:
        """Let go of idle connections."""
        if self.target is not None:
            self.target.api.close()


@dataclass(slots=True)
class _Finalization:
    """One run of the sequence."""

    of: Finalizer
    finish: Finish | None
    """None only previews."""
    deadline: Deadline
    force_stop: bool
    rerun: bool
    started: float = field(init=False)
    budget: float = field(init=False)
    """Seconds there were at the start: of one call, which may have fewer or more than the setting says."""
    trace: Trace = field(init=False)
    resolution: Resolution = field(init=False)
    launch: Launch | None = None
    """As it was read last."""
    report: Report = field(default_factory=lambda: Report(None))

    def run(self) -> Report:
        self.trace = Trace(self.of.clock.monotonic)
        self.started = self.of.clock.monotonic()
        self.budget = self.deadline.remaining(self.started)
        outcome, error = self._sequence()
        target = self.of.target
        return replace(
            self.report,
            outcome=outcome,
            launch=self._reported(),
            endpoint=str(target.endpoint) if target else None,
            project=target.project if target else None,
            refused=self.of.client.refused() if self.of.client else UNKNOWN,
            steps=self.trace.records,
            considered=self.resolution.considered,
            seconds=self.of.clock.monotonic() - self.started,
            error=error,
        )

    def _sequence(self) -> tuple[Outcome | None, Failure | None]:
        ref = self._resolve()
        if self.finish is None:
            return None, self._look_closer(ref)
        if ref is None:
            # What is held has no launch to go to; it is told, and left to the client's own close.
            held = self.of.client.pending() if self.of.client else Pending(0, 0)
            self.report = replace(self.report, abandoned=Count(held.requests, held.logs))
            return self._without_launch()
        self._flush()
        if self._borrowed() and not self.of.settings.finish_borrowed:
            return Outcome.NOT_OWNED, None
        if self.launch is not None and self.launch.status.final:
            ours = self.launch.end_ms in self.of.ends.get(self.launch.uuid, ())
            if ours or not self.rerun:
                return Outcome.FINISHED if ours else Outcome.ALREADY_FINISHED, None
        self._settle()
        if self.of.target is None:
            return self._by_client_alone(self.finish)
        if ref.uuid is None:
            # A number that could not be looked up, and a finish takes uuids only.
            return self._refused(self.resolution.refusal, ref)
        return self._deliver(self.finish, ref, self.of.target)

    def _resolve(self) -> LaunchRef | None:
        with self.trace.step(Step.RESOLVE) as note:
            until = self.deadline.keeping(1 - RESOLVE_SHARE, self.budget)
            self.resolution = self.of.resolver.resolve(self._look_up if self.of.target else None, until)
            self.launch = self.resolution.launch
            for warning in self.resolution.warnings:
                logger.warning("%s", warning)
            note.attempts = 1
            note.detail = "; ".join(self.resolution.warnings) or None
            if self.resolution.ref is None:
                note.result = StepResult.FAILED
        return self.resolution.ref

    def _look_closer(self, ref: LaunchRef | None) -> Failure | None:
        """For a preview: read the launch, and say what would stand in the way."""
        if ref is None or self.of.target is None or self.launch is not None:
            return self._without_launch()[1] if ref is None else None
        answer = self.resolution.refusal or self._look_up(ref)
        self.launch = answer.launch
        return None if answer.ok else failures.failure_of(answer, ref, self.of.target.project)

    def _flush(self) -> None:
        if self.of.client is None:
            return
        with self.trace.step(Step.FLUSH) as note:
            until = self._early_deadline().at_most(self.of.settings.flush_timeout, self.of.clock.monotonic())
            flushed = self.of.client.flush(until)
            self.report = replace(self.report, flushed=flushed.delivered, abandoned=flushed.abandoned)
            note.attempts, note.detail = flushed.attempts, flushed.problem
            if flushed.timed_out:
                note.result = StepResult.TIMED_OUT
            elif flushed.abandoned != NOTHING:
                note.result = StepResult.FAILED

    def _settle(self) -> None:
        if self.of.settings.settle:
            left = self._early_deadline().remaining(self.of.clock.monotonic())
            self.of.clock.wait(min(self.of.settings.settle, left), self.of.stop)

    def _by_client_alone(self, finish: Finish) -> Ending:
        if self.of.client is not None:
            with self.trace.step(Step.FINISH) as note:
                problem = self.of.client.finish(finish, self.deadline)
                note.attempts = 1
                note.detail = problem or "by the client itself; its result cannot be seen"
                note.result = StepResult.FAILED if problem else StepResult.OK
        return Outcome.FAILED, failures.nowhere_to_send(self.of.missing)

    def _deliver(self, finish: Finish, ref: LaunchRef, target: Target) -> Ending:
        settings, now = self.of.settings, self.of.clock.monotonic()
        earlier = self.of.ends.get(str(ref.uuid), frozenset())
        watch = Watch(
            frozenset({finish.end_ms}),
            settings.stable_for,
            self.of.close_open_after,
            earlier_ends=earlier,
            disbelieve_until=now + settings.confirm_timeout if self.rerun else 0.0,
        )
        delivery = Delivery(
            api=target.api,
            retry=self.of.retry,
            clock=self.of.clock,
            stop=self.of.stop,
            trace=self.trace,
            deadline=self.deadline,
            confirm_timeout=settings.confirm_timeout,
            ref=ref,
            project=target.project,
            ours=self._source() in _KNOWN_TO_EXIST,
            finish=finish,
            watch=watch.saw(self.launch, now) if self.launch else watch,
            telling=self.of.telling,
        )
        try:
            ending = delivery.run_stop() if self.force_stop else delivery.run()
        finally:
            # Also when a signal's exception strikes: whoever tries again is to know this end time as ours.
            self.launch = delivery.watch.launch
            self.of.ends[str(ref.uuid)] = earlier | delivery.watch.sent_ends
        if ending[0] in {Outcome.FINISHED, Outcome.ALREADY_FINISHED}:
            del self.of.ends[str(ref.uuid)]
        return ending

    def _look_up(self, ref: LaunchRef) -> Answer:
        target = self.of.target
        assert target is not None  # noqa: S101  handed to the resolver only with a target
        attempted = self.of.retry(partial(target.look_up, ref, self.deadline), self.deadline)
        answer = attempted.answer
        return answer if answer.ok else replace(answer, message=failures.with_tries(answer.message, attempted))

    def _without_launch(self) -> Ending:
        if self.resolution.refusal is not None:
            return self._refused(self.resolution.refusal, None)
        if self.resolution.warnings:
            return Outcome.NOT_STARTED, failures.malformed("; ".join(self.resolution.warnings))
        return Outcome.NOT_STARTED, None

    def _refused(self, refusal: Answer | None, ref: LaunchRef | None) -> Ending:
        assert refusal is not None  # noqa: S101  only the server's refusal keeps a named launch from being known
        project = self.of.target.project if self.of.target else ""
        return Outcome.FAILED, failures.failure_of(refusal, ref, project)

    def _borrowed(self) -> bool:
        """Tell whether the launch is another's: handed to the client, or to this process by its environment."""
        if self.of.client is None or self._source() is Source.ARGUMENT:
            return False
        return self._source() is Source.ENVIRONMENT or not self.of.client.owns_launch

    def _reported(self) -> ReportedLaunch | None:
        ref, launch, target = self.resolution.ref, self.launch, self.of.target
        if ref is None:
            return None
        if launch is None or target is None:
            return ReportedLaunch(uuid=ref.uuid, id=ref.id, source=self._source())
        return ReportedLaunch(
            uuid=launch.uuid,
            id=launch.id,
            number=launch.number,
            name=launch.name,
            status=launch.status,
            url=target.page(launch),
            source=self._source(),
        )

    def _source(self) -> Source | None:
        return self.resolution.candidate.source if self.resolution.candidate else None

    def _early_deadline(self) -> Deadline:
        return self.deadline.keeping(KEPT_SHARE, self.budget)
