"""One session that the agent reports: prepared, guarded, finished and told."""

from __future__ import annotations

import logging
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from conftest_plugin.agent import Agent
from conftest_plugin.summary import worked_off, write_block, write_line
from conftest_plugin.workers import Workers, hand_over, left_open
from rp_finalizer.errors import OutboxError, SettingsError
from rp_finalizer.finalizer import KEPT_SHARE
from rp_finalizer.launch_finalizer import LaunchFinalizer
from rp_finalizer.lifetime import LIFETIME
from rp_finalizer.outcome import ErrorKind, Outcome
from rp_finalizer.publishing import keep_report, leave_to_caller
from rp_finalizer.redaction import Redaction
from rp_finalizer.report import Failure, Report
from rp_finalizer.reportportal.call_watching import give_up_on_hangs
from rp_finalizer.reportportal.client_kinds import is_reporting_client
from rp_finalizer.reportportal.loop_turns import turn_anywhere
from rp_finalizer.reportportal.stalls import bound, bounded_statistics
from rp_finalizer.reportportal.unsent_requests import tidy_unsent_requests
from rp_finalizer.setting_sources import from_arguments
from rp_finalizer.settings import SLOTS
from rp_finalizer.wiring import knock
from rp_finalizer.working_off import work_off

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from rp_finalizer.settings import Settings
    from rp_finalizer.worker import Tally

logger = logging.getLogger(__name__)

_OUTAGE = "rp_finalizer_outage"
_WORTH_TELLING = 0.5
"""Seconds of waiting before a line says what for."""


class Reporting:
    """What the plugin does in one session, on a controller, a worker, or alone.

    Nothing that ReportPortal or the network does raises anything here, and no test's result changes.
    """

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self._config = config
        self._agent = Agent(config)
        self._is_worker = hasattr(config, "workerinput")
        self._settings = settings
        self._problem: str | None = None
        """Why the connection is not fit to be used by us."""
        self._finalizer: LaunchFinalizer | None = None
        self._workers = Workers()
        self._report: Report | None = None
        self._left_open = 0
        self._worked_off: Tally | None = None
        self._ending_since: float | None = None
        self._told_waiting = False
        self._told = False
        self._undo = ExitStack()

    def prepare(self) -> None:
        """Before the agent starts: bound what it waits for, and look whether anybody answers it at all."""
        quiet = self._is_worker or self._agent.is_played
        self._redact()
        self._agent.limit_reads(self._settings.client_timeout)
        self._undo.enter_context(self._agent.not_waiting_for_launch())
        self._undo.enter_context(bounded_statistics())
        self._undo.enter_context(self._agent.making_clients(self._take_over))
        if self._is_worker:
            self._settings = self._settings.replace(
                launch_file="none", report_file="none", outbox="off", guardian=False
            )
        try:
            self._settings = self._settings.under(
                from_arguments(self._agent.connection(), SLOTS, origin="pytest-reportportal's rp_{name}")
            )
            trouble = None if quiet else knock(self._settings, self._settings.client_timeout)
        except SettingsError as error:
            self._problem = "; ".join(error.problems)
            return
        if trouble is not None and trouble.kind in _NOBODY_THERE and trouble.status is None:
            self._report_nothing(trouble)

    def _take_over(self, client: Any) -> None:
        """Keep a client that the agent has just made from troubling tests, and see to its launch."""
        if not is_reporting_client(client):
            return
        bound(client, self._settings.client_timeout)
        turn_anywhere(client)
        tidy_unsent_requests()
        if self._finalizer is not None or self._report is not None or self._problem is not None:
            # The agent makes a further one for each thread that runs tests; they share the launch. And where it has
            # given up, the client is another session's, which a test runs.
            return
        finalizer = self._finalizer = LaunchFinalizer(
            client, settings=self._settings, telling=self._tell_waiting, telling_end=leave_to_caller
        )
        give_up_on_hangs(client)
        if self._settings.guard_client:
            finalizer.guard()
        else:
            finalizer.watch()

    def begin(self) -> None:
        """After the agent's start: look whether there is a launch, or tell that nothing is reported."""
        finalizer = self._finalizer
        if self._report is not None or finalizer is None:
            return
        if not self._agent.reports or finalizer.started(self._settings.client_timeout) is None:
            finalizer.unguard()
            self._finalizer = None
            self._report_nothing(self._why_nothing(finalizer))

    @contextmanager
    def configuring(self, node: Any) -> Iterator[None]:
        """Have a worker told the launch, or that nothing is reported."""
        self._workers.add(node)
        if not self._agent.reports:
            node.workerinput[_OUTAGE] = True
        launch = self._finalizer.started(0.0) if self._finalizer is not None else None
        sending: AbstractContextManager[None] = nullcontext() if launch is None else self._agent.without_client(launch)
        with sending:
            yield

    def worker_ended(self, node: Any, error: object) -> None:
        """Add up what a worker could not report; note one that crashed."""
        refused = self._workers.ended(node, error)
        if refused is not None and self._finalizer is not None:
            self._finalizer.add_refused(refused)

    @contextmanager
    def ending(self, session: pytest.Session) -> Iterator[None]:
        """Finish the launch around the agent's end, which the first signal does not tear apart; whatever it does."""
        LIFETIME.hold()
        try:
            self._finishing(session)
            yield
        finally:
            self._finish(session)

    def _finishing(self, session: pytest.Session) -> None:
        """Before the agent's end: keep it from waiting for a day."""
        self._ending_since = monotonic()
        # Where it took longer than the grace to come here, the finalizer has forgotten the signal.
        signalled = LIFETIME.signalled and session.exitstatus == pytest.ExitCode.INTERRUPTED
        if self._finalizer is not None and not self._is_worker and (signalled or self._finalizer.signalled):
            self._end_in_time(self._finalizer)
        self._left_open = self._agent.forget_open_items()

    def _end_in_time(self, finalizer: LaunchFinalizer) -> None:
        """After a signal: see to the launch at once, for pytest-xdist may take longer to end its workers."""
        if LIFETIME.doomed:
            self._workers.terminate()
        # The same share of the time that a flush has: the rest is the finish's.
        self._workers.wait(min(finalizer.grace_left, self._settings.grace) * (1 - KEPT_SHARE))
        finalizer.terminate(status=self._settings.status_on_signal)

    def interrupted(self, item: pytest.Item) -> None:
        """Have a test that did not come to its end reported as that."""
        self._agent.interrupted(item)

    def _finish(self, session: pytest.Session) -> None:
        """After the agent's end, whatever that did: see to the launch, once more where it was not seen to."""
        try:
            if self._finalizer is not None:
                self._report = self._finalizer.terminate()
                if self._is_worker:
                    hand_over(self._config, self._report, self._left_open)
                elif self._report.outcome is Outcome.FINISHED and not self._finalizer.signalled:
                    self._work_off(self._finalizer.settings, self._report)
        finally:
            held = LIFETIME.let_go()
        if held is not None and session.exitstatus in _WELL:
            session.exitstatus = pytest.ExitCode.INTERRUPTED
        unfinished = self._report is not None and not _good(self._report)
        if self._settings.strict and not self._is_worker and unfinished and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _work_off(self, settings: Settings, report: Report) -> None:
        """Finish what earlier runs could not, in what is left of this run's own time."""
        try:
            self._worked_off = work_off(settings, settings.timeout - report.seconds)
        except OutboxError as error:
            logger.warning("%s", error)

    def end(self) -> None:
        """Finish the launch of a session that came to no end: what begins after the agent may fail."""
        if self._finalizer is not None and self._report is None:
            self._report = self._finalizer.terminate()

    def tell(self) -> None:
        """Print the block, once, and tell whoever else is to know."""
        if self._told or self._is_worker:
            return
        self._told = True
        notes = [] if self._finalizer is None else self._workers.notes()
        if self._finalizer is not None and self._finalizer.note:
            notes.append(self._finalizer.note)
        if self._left_open:
            notes.append(left_open(self._left_open))
        if self._worked_off is not None:
            notes += worked_off(self._worked_off)
        write_block(self._config, self._report, self._problem, notes)

    def close(self) -> None:
        """Leave everything as it was."""
        if self._finalizer is not None:
            self._finalizer.unguard()
        self._undo.close()

    def _redact(self) -> None:
        connection = self._agent.connection()
        redaction = Redaction([connection.get(name) for name in ("api_key", "oauth_password", "oauth_client_secret")])
        redaction.install()
        self._undo.callback(redaction.uninstall)

    def _why_nothing(self, finalizer: LaunchFinalizer) -> Failure:
        trouble = knock(self._settings, self._settings.client_timeout)
        how = finalizer.last_refusal()
        return trouble or Failure(
            ErrorKind.REJECTED if (how or "").startswith("status 4") else ErrorKind.UNAVAILABLE,
            f"the server did not start a launch{f' ({how})' if how else ''}",
            "see its answer in the log of reportportal_client: pytest -o log_cli=true -o log_cli_level=WARNING",
        )

    def _report_nothing(self, trouble: Failure) -> None:
        self._agent.give_up()
        trouble = replace(trouble, hint=_HINTS.get(trouble.kind, trouble.hint))
        endpoint, project = self._settings.endpoint, self._settings.project
        self._report = Report(Outcome.NOT_STARTED, endpoint=str(endpoint), project=project, error=trouble)
        if not self._is_worker:
            keep_report(self._report, self._settings.report_file)

    def _tell_waiting(self, sentence: str) -> None:
        since = self._ending_since
        if since is None or self._told_waiting or self._is_worker or monotonic() - since < _WORTH_TELLING:
            return
        self._told_waiting = True
        write_line(self._config, sentence)


def _good(report: Report) -> bool:
    return report.outcome is None or report.outcome.good


_NOBODY_THERE = frozenset({ErrorKind.UNAVAILABLE, ErrorKind.TIMEOUT})
_LATER = "the tests ran all the same; run them again when ReportPortal answers"
_HINTS = {
    ErrorKind.UNAVAILABLE: _LATER,
    ErrorKind.TIMEOUT: _LATER,
    ErrorKind.FORBIDDEN: "check rp_project, or report with the key of a user who is in that project",
}
"""What to do where there is no launch: what is advised elsewhere is about one."""
_WELL = frozenset({pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED})
