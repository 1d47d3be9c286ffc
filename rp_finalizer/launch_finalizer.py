"""What users hold: an object that finishes a launch once, and a block that does so at its end."""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from rp_finalizer.deadline import Deadline
from rp_finalizer.ending import Ending
from rp_finalizer.errors import BlockedLoopError, FinishArgumentError, StillFlyingError
from rp_finalizer.finalizer import RESOLVE_SHARE
from rp_finalizer.finish import Finish
from rp_finalizer.guarded_calls import GuardedCalls
from rp_finalizer.lifetime import LIFETIME
from rp_finalizer.outcome import ErrorKind, Outcome, Step, StepResult
from rp_finalizer.ports import Flushed, Pending
from rp_finalizer.report import UNKNOWN, Count, Failure, Report, StepRecord
from rp_finalizer.report_file import write_line, write_report
from rp_finalizer.reportportal.guarding import guard, unguard
from rp_finalizer.single_flight import SingleFlight
from rp_finalizer.starts import StartsSeen
from rp_finalizer.wiring import Search, build_finalizer, configure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from rp_finalizer.ports import ReportingClient
    from rp_finalizer.settings import Settings

CLOSING_TIME = 0.5
"""Seconds that closing the client gets at least, even when the budget is used up."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Closing:
    """What the end of the client adds to the report."""

    record: StepRecord
    late: Flushed
    """What became of logs that were still held."""

    def amend(self, report: Report) -> Report:
        late = self.late
        return report.with_step(self.record).with_late_logs(late.delivered.logs, late.abandoned.logs, late.told_before)


class LaunchFinalizer:
    """Finishes launches of one client, or one named launch, and says what became of them.

    `client` is a reportportal-client or any object with some of its methods; without one the launch is named by
    `launch` (uuid or number), the environment or the launch file. `endpoint`, `project` and `api_key` win over what
    the client tells, that over `settings`; without `settings` they are loaded from environment and file. Any setting
    may be given by name. `search` says where to look for a launch that nothing names; `telling` is told, in sentences,
    what is waited for. Raises `SettingsError` when a setting is wrong, or when there is no client and no connection.

    Usable from any thread. In a forked child nothing is finished or flushed: the parent does that.
    """

    def __init__(
        self,
        client: Any = None,
        *,
        launch: object = None,
        endpoint: str | None = None,
        project: str | None = None,
        api_key: str | None = None,
        settings: Settings | None = None,
        telling: Callable[[str], None] = logger.info,
        search: Search | None = None,
        **overrides: Any,
    ) -> None:
        given = {"endpoint": endpoint, "project": project, "api_key": api_key}
        overrides |= {name: value for name, value in given.items() if value is not None}
        self.settings = configure(client, settings, overrides)
        if client is None:
            self.settings.require_connection()
        self._stop = threading.Event()
        found = search or Search(agent_files=None if client is not None else Path())
        self._finalizer = build_finalizer(client, launch, self.settings, self._stop, telling, found)
        self._flights: SingleFlight[Report] = SingleFlight(lambda report: report.latches)
        self._ends: dict[str, float] = {}
        self._starts = StartsSeen()
        self._last_key = "no launch"
        self._closing = threading.Lock()
        self._closed = False
        self._ended = False
        self._ending = Ending(self.settings.grace, self._stop, self.terminate, telling)
        self._report: Report | None = None
        self._client = client
        shim = self._finalizer.client
        if shim is not None and self.settings.launch_file is not None:
            shim.on_start(self.keep_launch)
        self._calls = GuardedCalls(self._started, self.finish, self.terminate, shim) if shim is not None else None

    @property
    def signalled(self) -> bool:
        """Whether a signal ends the run, so that the time for its end is `grace`."""
        return self._ending.signalled

    @property
    def report(self) -> Report | None:
        """The last report; None before the first."""
        return self._report

    def finish(
        self,
        *,
        status: str | None = None,
        end_time: datetime | float | str | None = None,
        attributes: Mapping[str, Any] | Iterable[Any] | None = None,
        description: str | None = None,
        timeout: float | None = None,
        force_stop: bool = False,
    ) -> Report:
        """Finish the launch, read it back, and report; the client stays usable.

        A launch that is finished stays so: a second call gives the same report and sends nothing. After an outcome
        that is not final, a call tries again with a fresh budget. Returns within `timeout` seconds (the setting, where
        it is None) and at most a second more.

        Without a `status` the server computes it from the items. `force_stop` ends the launch by the server's stop
        call: at once, with open items interrupted, and as STOPPED without a status.

        Raises `FinishArgumentError` for a bad argument, and nothing for troubles of the server or the network.
        """
        self._refuse_running_loop("finish()", "await afinish()")
        return LIFETIME.attend(
            self._ending,
            partial(
                self._finish_now,
                status=status,
                end_time=end_time,
                attributes=attributes,
                description=description,
                timeout=timeout,
                force_stop=force_stop,
            ),
        )

    def _finish_now(self, *, timeout: float | None = None, force_stop: bool = False, **given: Any) -> Report:
        if timeout is not None and not (isinstance(timeout, int | float) and 0 < timeout < inf):
            raise FinishArgumentError("timeout", timeout, "it is a number of seconds, more than 0")
        deadline = self._deadline(timeout)
        key = self._key(deadline)
        given["status"] = given.get("status") or self._status()
        finish = Finish.of(self._end(key), **given)
        return self._finish(key, finish, deadline, again=True, force_stop=force_stop)

    def terminate(self, *, status: str | None = None) -> Report:
        """Finish the launch unless that was done, then flush and close the client, once, whatever happened before.

        Idempotent: a later call gives the same report.
        """
        self._refuse_running_loop("terminate()", "await aterminate()")
        try:
            return LIFETIME.attend(self._ending, partial(self._terminate_now, status))
        finally:
            self._unwatch_when_ended()

    def _terminate_now(self, status: str | None = None) -> Report:
        deadline = self._deadline()
        key = self._key(deadline)
        finish = Finish.of(self._end(key), status=status or self._status())
        try:
            report = self._finish(key, finish, deadline, again=False)
        finally:
            closing = self._close(deadline)
            self._ended = True
        if closing is not None:
            report = self._flights.amend(key, closing.amend) or report
            self._publish(report)
        return report

    async def afinish(self, **arguments: Any) -> Report:
        """Do what `finish` does, with the same arguments, without blocking the running loop."""
        return await self._off_the_loop(partial(self._finish_now, **arguments))

    async def aterminate(self, *, status: str | None = None) -> Report:
        """Do what `terminate` does without blocking the running loop, on which an awaited client is closed."""
        try:
            return await self._off_the_loop(partial(self._terminate_now, status))
        finally:
            self._unwatch_when_ended()

    async def _off_the_loop(self, call: Callable[[], Report]) -> Report:
        if self._flights.foreign:
            # A loop's threads do not live on in a fork; nothing is done there that could block.
            return call()
        if self._finalizer.client is not None:
            self._finalizer.client.attach(asyncio.get_running_loop())
        return await LIFETIME.attend_awaited(self._ending, call)

    def _refuse_running_loop(self, method: str, instead: str) -> None:
        client = self._finalizer.client
        if client is not None and client.awaited and asyncio._get_running_loop() is not None:  # noqa: SLF001  documented
            raise BlockedLoopError(method, instead)

    def preview(self) -> Report:
        """Say which launch would be finished, and why that one, without sending or writing anything."""
        try:
            return self._finalizer.preview(self._deadline())
        finally:
            self._finalizer.release()

    def guard(self) -> Self:
        """Make the client's own `finish_launch`, `terminate` and `close` go through this finalizer; give it back.

        Whoever calls them, any number of times, from any thread, gets what they expect, and the launch is finished as
        `finish` does it: with the end time, status, attributes and description that they give, and without the fixed
        sleep of the sync client. Pickled or cloned, the client is what it was before. Raises TypeError for a client
        whose class cannot be changed.
        """
        if self._calls is not None:
            guard(self._client, self._calls)
        self.watch()
        return self

    def unguard(self) -> None:
        """Give the client its own methods back."""
        unguard(self._client)
        LIFETIME.leave(self._ending)

    def watch(self) -> Self:
        """See to the launch from here on, whatever ends the process; give it back. `terminate` ends that.

        Ends that leave the process a chance: its exit, and SIGTERM, SIGINT and SIGHUP in the main thread. Blocks and
        guards do this by themselves. Does nothing where the setting `signals` is false, and in a forked child.
        """
        if self.settings.signals and not self._flights.foreign:
            LIFETIME.enter(self._ending)
        return self

    def _unwatch_when_ended(self) -> None:
        if self._ended:
            LIFETIME.leave(self._ending)

    def started(self, timeout: float) -> str | None:
        """Give the uuid of the client's launch, waiting so many seconds at most for the answer to its start.

        None where the client has started none, its start failed, or it was not answered in time.
        """
        client = self._finalizer.client
        if client is None or self._flights.foreign:
            return None
        try:
            return client.launch(Deadline.after(timeout, self._finalizer.clock.monotonic(), self._ending.limit))
        except RuntimeError as error:
            logger.info("there is no launch: %s", error)
            return None

    def keep_launch(self, uuid: str) -> None:
        """Write the launch's uuid into the launch file, where one is set, for whoever has to finish it later.

        This happens by itself for every launch that the client starts from now on.
        """
        path = self.settings.launch_file
        if path is None or self._flights.foreign:
            return
        try:
            write_line(uuid, path)
        except OSError as error:
            logger.warning("launch_file %s cannot be written: %s", path, error)

    def pending(self) -> Pending:
        """Tell what the client still holds; None for what cannot be known."""
        return self._finalizer.client.pending() if self._finalizer.client else Pending(0, 0)

    def refused(self) -> Count:
        """Tell what the client and its clones sent in vain since this object was made; None for what cannot be known.

        Requests about launches and items that ended in an error, and log entries that were refused or lost.
        """
        return self._finalizer.client.refused() if self._finalizer.client else UNKNOWN

    def last_refusal(self) -> str | None:
        """Say how the client's last request failed that did: `status 503`, or an error's name."""
        return self._finalizer.client.last_refusal() if self._finalizer.client else None

    def add_refused(self, count: Count) -> None:
        """Add what copies of the client in other processes sent in vain, so that reports from now on tell the sum."""
        if self._finalizer.client is not None:
            self._finalizer.client.add_refused(count)

    def _finish(self, key: str, finish: Finish, deadline: Deadline, *, again: bool, force_stop: bool = False) -> Report:
        if self._flights.foreign:
            # Its report file is the parent's to write.
            self._report = Report(Outcome.NOT_OWNED)
            return self._report

        def fly() -> Report:
            try:
                rerun = self._starts.rerun(key)
                return self._finalizer.finalize(finish, deadline, force_stop=force_stop, rerun=rerun)
            finally:
                self._finalizer.release()

        patience = deadline.remaining(self._finalizer.clock.monotonic())
        try:
            report = self._flights.run(key, fly, again=again, patience=patience)
        except StillFlyingError as error:
            told = Failure(ErrorKind.TIMEOUT, str(error), "the report of that thread's call tells what becomes of it")
            return Report(Outcome.FAILED, error=told)
        if report is not self._report:
            self._publish(report)
        return report

    def _key(self, deadline: Deadline) -> str:
        """Name the flight: the launch as it is named first, before anybody is asked about it.

        A client that forgets its launch at its end does not make us forget it. In a forked child nobody is asked: what
        the client needs for its answer may be locked there for ever.
        """
        if not self._flights.foreign:
            now = self._finalizer.clock.monotonic()
            until = deadline.keeping(1 - RESOLVE_SHARE, deadline.remaining(now))
            name = self._finalizer.resolver.first_name(until)
            if name is not None:
                self._last_key = name
                self._open_anew_when_started(name)
        return self._last_key

    def _open_anew_when_started(self, key: str) -> None:
        """Forget the end of a launch that the client has started again since: a rerun keeps its launch's uuid."""
        client = self._finalizer.client
        if client is not None and self._starts.news(key, client.starts(key)):
            self._flights.open_anew(key)
            self._finalizer.open_anew(key)
            self._ends.pop(key, None)
            self._closed = False

    def _started(self, *, rerun: bool) -> None:
        """Take note that the guarded client has started a launch, perhaps after it was terminated."""
        self._starts.note(rerun=rerun)
        if self._ended:
            self._ended = False
            self.watch()

    def _status(self) -> str | None:
        """Give what is sent because a signal ends the run."""
        return self.settings.status_on_signal if self._ending.signalled else None

    def _end(self, key: str) -> float:
        """Give the end of the launch, in seconds since the epoch: when a finish was asked for first.

        A second try sends the same end time, so that a first one which the server works off late is known as ours.
        """
        return self._ends.setdefault(key, self._finalizer.clock.epoch())

    def _close(self, deadline: Deadline) -> _Closing | None:
        """Close the client; None where there is none to close, or it was closed before."""
        client, clock, settings = self._finalizer.client, self._finalizer.clock, self.settings
        if client is None or self._flights.foreign:
            return None
        with self._closing:
            if self._closed:
                return None
            self._closed = True
            begun = clock.monotonic()
            clock.wait(min(settings.delay_before_terminate, deadline.remaining(begun)), self._stop)
            until = Deadline(max(deadline.end, clock.monotonic() + CLOSING_TIME))
            late = client.flush(until) if client.pending().logs else Flushed(attempts=0)
            problem = self._terminate(client, until) or late.problem
            self._finalizer.release()
            clock.wait(min(settings.delay_after_terminate, deadline.remaining(clock.monotonic())), self._stop)
            result = StepResult.FAILED if problem else StepResult.OK
            return _Closing(StepRecord(Step.TERMINATE, result, clock.monotonic() - begun, 1, problem), late)

    def _terminate(self, client: ReportingClient, until: Deadline) -> str | None:
        """Close the client by its own method, which may call the guarded ones in turn."""
        calls = self._calls
        assert calls is not None  # noqa: S101  there is a client
        with calls.closing():
            return client.terminate(until)

    def _publish(self, report: Report) -> None:
        self._report = report
        path = self.settings.report_file
        if path is not None:
            try:
                write_report(report, path)
            except OSError as error:
                logger.warning("report_file %s cannot be written: %s", path, error)

    def _deadline(self, timeout: float | None = None) -> Deadline:
        budget = self.settings.timeout if timeout is None else timeout
        now = self._finalizer.clock.monotonic()
        return self._ending.deadline(budget, now, doomed=LIFETIME.doomed)
