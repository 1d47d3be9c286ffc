"""One finalization against a server that answers by a script, under a clock that only waiting moves."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any

import pytest

from rp_finalizer.answer import Answer, Meaning
from rp_finalizer.deadline import Deadline
from rp_finalizer.endpoint import Endpoint
from rp_finalizer.finalizer import Finalizer, Target
from rp_finalizer.outcome import ErrorKind, Outcome, Source, Step, StepResult
from rp_finalizer.reportportal.retrying import TenacityRetry
from rp_finalizer.resolver import Resolver
from rp_finalizer.settings import Settings
from tests.support.fakes import (
    END_MS,
    FINISH,
    LAUNCH_ID,
    UUID,
    FakeApi,
    FakeClient,
    FakeSource,
    ManualClock,
    Scripted,
    refused,
    seen,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from rp_finalizer.finish import Finish
    from rp_finalizer.report import Report

NUMBER = str(LAUNCH_ID)
PUT, GET, PUT_NOW, COUNT = "finish_queued", "launch_by_uuid", "finish_now", "items_in_progress"
UNAUTHORIZED = refused(Meaning.UNAUTHORIZED, 401)
FORBIDDEN = refused(Meaning.FORBIDDEN, 403, 4003)
NO_PROJECT = refused(Meaning.UNKNOWN_PROJECT, 404, 4040)
REJECTED = refused(Meaning.REJECTED, 400, 4001)
TOO_EARLY = refused(Meaning.TOO_EARLY, 406, 40021)
ALREADY = refused(Meaning.ALREADY_FINISHED, 406, 40023)
STARTED_LATE = seen(start_ms=END_MS + 500)


@dataclass(slots=True)
class Scene:
    """A finalization: a server's script, a client, the places that name a launch, and the settings."""

    client: FakeClient | None = None
    source: FakeSource = field(default_factory=lambda: FakeSource(Source.ARGUMENT, (UUID,)))
    settings: dict[str, Any] = field(default_factory=dict)
    connected: bool = True
    api: FakeApi = field(default_factory=lambda: FakeApi(ManualClock()))
    stop: threading.Event = field(default_factory=threading.Event)
    told: list[str] = field(default_factory=list)
    ends: dict[str, frozenset[int]] = field(default_factory=dict)
    close_open_after: float = inf

    @property
    def clock(self) -> ManualClock:
        return self.api.clock

    def finalize(
        self, finish: Finish = FINISH, *, force_stop: bool = False, **answers: Scripted | list[Scripted]
    ) -> Report:
        """Run the sequence against these answers, and hold it to what is promised of every run."""
        self.api.script(**answers)
        begun, budget = self.clock.now, self._settings.timeout
        report = self._finalizer().finalize(finish, Deadline.after(budget, begun), force_stop=force_stop)
        assert [record.step for record in report.steps] == list(Step)
        assert report.seconds == pytest.approx(self.clock.now - begun)
        assert report.seconds <= budget + self.api.latency
        assert report.error is not None or report.outcome not in {Outcome.FAILED, Outcome.ACCEPTED}
        return report

    def preview(self, **answers: Scripted | list[Scripted]) -> Report:
        self.api.script(**answers)
        return self._finalizer().preview(Deadline.after(self._settings.timeout, self.clock.now))

    @property
    def _settings(self) -> Settings:
        return Settings().replace(**self.settings)

    def _finalizer(self) -> Finalizer:
        settings = self._settings
        retry = TenacityRetry(
            attempts=settings.retry_attempts,
            first=settings.retry_initial,
            longest=settings.retry_max,
            clock=self.clock,
            stop=self.stop,
            chance=lambda: 0.5,
        )
        return Finalizer(
            resolver=Resolver([self.source]),
            retry=retry,
            clock=self.clock,
            settings=settings,
            stop=self.stop,
            target=Target(self.api, Endpoint.parse("https://rp.example.com"), "demo") if self.connected else None,
            missing="" if self.connected else "set RP_API_KEY",
            client=self.client,
            telling=self.told.append,
            ends=self.ends,
            close_open_after=self.close_open_after,
        )


def of_client(**changes: Any) -> Scene:
    """Give a scene in which a client of ours reported the launch."""
    scene = Scene(source=FakeSource(Source.CLIENT, (UUID,)))
    scene.client = FakeClient(scene.clock, **changes)
    return scene


def with_settings(**settings: Any) -> Scene:
    return Scene(settings=settings)


def named(source: Source, *values: str) -> FakeSource:
    return FakeSource(source, values)


def results(report: Report) -> dict[Step, StepResult]:
    """Give the results of the steps that ran."""
    return {record.step: record.result for record in report.steps if record.result is not StepResult.SKIPPED}


def kind_of(report: Report) -> ErrorKind | None:
    return None if report.error is None else report.error.kind


def from_time(scene: Scene, seconds: float, before: Answer, after: Answer) -> Callable[[], Answer]:
    """Give a script that answers one thing now, and another from so many seconds on."""
    at = scene.clock.now + seconds
    return lambda: before if scene.clock.now < at else after
