"""The end of `rp-finalize run`: whatever the command opened is finished."""

from __future__ import annotations

import logging
import os
import signal
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rp_finalizer.cli.exits import Interrupted, interruptible
from rp_finalizer.errors import BadLaunchError
from rp_finalizer.launch import LaunchRef
from rp_finalizer.outbox_wiring import files_of
from rp_finalizer.outcome import ErrorKind, Outcome, Source
from rp_finalizer.publishing import leave_to_caller
from rp_finalizer.report import Failure, Report, ReportedLaunch
from rp_finalizer.report_file import write_report
from rp_finalizer.reportportal.launch_sources import LAUNCH_VARIABLES, PrintedLaunches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rp_finalizer.child_process import Ending
    from rp_finalizer.cli.options import Common
    from rp_finalizer.launch_finalizer import LaunchFinalizer
    from rp_finalizer.reportportal.run_files import FileStates
    from rp_finalizer.settings import Settings

FROM_KEYBOARD = (signal.SIGINT, signal.SIGQUIT) if os.name == "posix" else (signal.SIGINT,)
"""What a terminal sends: whoever is ended by it was asked to end."""
_OUTPUT = "the command's output"
_BAD_FIRST = (
    Outcome.FAILED,
    Outcome.DEFERRED,
    Outcome.ACCEPTED,
    Outcome.NOT_STARTED,
    Outcome.NOT_OWNED,
    Outcome.ALREADY_FINISHED,
    Outcome.FINISHED,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the command, over by now."""

    ending: Ending
    before: FileStates
    """The files that may name a launch, as they were when it began."""
    begun: float
    """When that was, in seconds since the epoch."""
    status: str | None
    """To be sent in any case."""
    name: str | None
    """What the launch is called on the server, where somebody says so."""
    missing: tuple[str, ...]
    """What the connection lacks."""

    @property
    def exit_code(self) -> int:
        """The command's own."""
        return self.ending.exit_code

    @property
    def asked(self) -> bool:
        """Whether somebody had asked for its end."""
        return self.ending.asked or self.ending.signal in FROM_KEYBOARD

    def status_to_send(self, settings: Settings) -> str | None:
        """Give the status for the finish; None lets the server compute it."""
        if self.status is not None:
            return self.status
        if self.asked:
            return settings.status_on_signal
        return None if self.ending.signal is None else settings.status_on_crash


def finish_launches(run: Run, settings: Settings, common: Common, interrupted: Callable[[], bool]) -> list[Report]:
    """Finish every launch that the run opened, within one budget, and write the report file; at least one report."""
    borrowed = [] if settings.finish_borrowed else list(_borrowed())
    printed = [each for each in run.ending.launches if LaunchRef(each) not in borrowed]
    lent = (
        borrowed
        if not printed and run.name is None
        else [LaunchRef(u) for u in run.ending.launches if u not in printed]
    )
    reports = [
        Report(Outcome.NOT_OWNED, ReportedLaunch(each.uuid, each.id, source=Source.ENVIRONMENT)) for each in lent
    ]
    if run.missing:
        error = Failure(ErrorKind.SETTINGS, "there is nothing to finish it with", "; ".join(run.missing))
        reports += [Report(Outcome.FAILED, ReportedLaunch(each, source=Source.LOG), error=error) for each in printed]
    elif printed or (not reports and _may_be_found(run, settings)):
        reports += _Finishing(run, settings, common, printed, interrupted).reports()
    reports = reports or [Report(Outcome.NOT_STARTED)]
    if settings.report_file is not None:
        try:
            write_report(_worst(reports), settings.report_file)
        except OSError as error:
            logger.warning("report_file %s cannot be written: %s", settings.report_file, error)
    return reports


def _borrowed() -> Iterator[LaunchRef]:
    """Give the launches that the environment names: agents report to them, and leave them to whoever opened them."""
    for variable in LAUNCH_VARIABLES:
        try:
            yield LaunchRef.parse(os.environ.get(variable, ""))
        except BadLaunchError:
            continue


def _may_be_found(run: Run, settings: Settings) -> bool:
    """Tell whether anything but the output may name a launch: to look there costs more than a short command."""
    from rp_finalizer.reportportal.run_files import agent_files  # noqa: PLC0415

    launch_file = [] if settings.launch_file is None else [settings.launch_file]
    files = [*agent_files(Path()), *launch_file, *files_of(settings)]
    return run.name is not None or any(run.before.changed(each) for each in files)


def _worst(reports: Sequence[Report]) -> Report:
    """Give the worst report; of several, the last."""
    return min(reversed(reports), key=lambda each: _BAD_FIRST.index(each.outcome or Outcome.FAILED))


class _Finishing:
    """The launches of one run, finished one after the other."""

    def __init__(
        self, run: Run, settings: Settings, common: Common, printed: Sequence[str], interrupted: Callable[[], bool]
    ) -> None:
        self._run = run
        self._settings = settings
        self._tell = common.tell
        self._quieten = common.tell_no_more
        self._printed = printed
        self._interrupted = interrupted
        self._reports: list[Report] = []
        self._last_try = False

    def reports(self) -> list[Report]:
        """Finish them. A signal shortens the budget, another one ends it."""
        waiting = list(self._finalizers())
        hurried = self._run.asked or self._interrupted()
        self._until = time.monotonic() + (self._settings.grace if hurried else self._settings.timeout)
        while waiting:
            try:
                with interruptible(*_ENDING):
                    self._finish(waiting)
            except Interrupted:
                self._quieten()
                if self._last_try:
                    return [*self._reports, *(self._given_up(uuid) for uuid, _ in waiting)]
                self._last_try = True
                self._until = min(self._until, time.monotonic() + self._settings.grace)
                click.echo("rp-finalize: interrupted: finishing the launch; interrupt again to give up", err=True)
        return self._reports

    def _finish(self, waiting: list[tuple[str | None, LaunchFinalizer]]) -> None:
        while waiting:
            left = max(self._until - time.monotonic(), _LEAST)
            finish = partial(waiting[0][1].finish, status=self._run.status_to_send(self._settings))
            report = finish(end_time=int(self._run.ending.at * 1000), timeout=left / len(waiting))
            del waiting[0]
            self._reports.append(report)

    def _finalizers(self) -> Iterator[tuple[str | None, LaunchFinalizer]]:
        from rp_finalizer.launch_finalizer import LaunchFinalizer  # noqa: PLC0415  not needed when nothing was opened
        from rp_finalizer.wiring import Search  # noqa: PLC0415  as above

        settings = self._settings.replace(report_file="none")
        before, begun, name = self._run.before, self._run.begun, self._run.name
        searches: list[tuple[str | None, Search]] = [
            (uuid, Search(log=PrintedLaunches(_OUTPUT, (uuid,)), before=before)) for uuid in self._printed
        ]
        for uuid, search in searches or [(None, Search(agent_files=Path(), name=name, before=before, since=begun))]:
            yield (
                uuid,
                LaunchFinalizer(settings=settings, telling=self._tell, telling_end=leave_to_caller, search=search),
            )

    @staticmethod
    def _given_up(uuid: str | None) -> Report:
        command = f"rp-finalize finish {uuid or 'LAUNCH'}"
        error = Failure(ErrorKind.TIMEOUT, "interrupted before the server showed it finished", f"run: {command}")
        return Report(Outcome.FAILED, ReportedLaunch(uuid, source=Source.LOG) if uuid else None, error=error)


_LEAST = 0.5
"""Seconds that a launch gets, although the budget is used up by others."""
_ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
