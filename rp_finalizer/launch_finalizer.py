"""What users hold: an object that finishes a launch once, and a block that does so at its end."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import nullcontext
from functools import partial
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from rp_finalizer.closing import Closing
from rp_finalizer.deadline import Deadline
from rp_finalizer.ending import Ending
from rp_finalizer.errors import BlockedLoopError, FinishArgumentError
from rp_finalizer.finish import Finish
from rp_finalizer.guarded_calls import GuardedCalls
from rp_finalizer.launch_flights import LaunchFlights
from rp_finalizer.lifetime import LIFETIME
from rp_finalizer.outbox_wiring import in_reach
from rp_finalizer.outcome import Outcome
from rp_finalizer.ports import Pending
from rp_finalizer.precautions import Precautions
from rp_finalizer.publishing import keep_report, warn
from rp_finalizer.report import UNKNOWN, Count, Report
from rp_finalizer.reportportal.guarding import guard, unguard
from rp_finalizer.wiring import Search, build_finalizer, configure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from rp_finalizer.closing import Closed
    from rp_finalizer.outbox_port import Outbox
    from rp_finalizer.settings import Settings

logger = logging.getLogger(__name__)


class LaunchFinalizer:
    """Finishes launches of one client, or one named launch, and says what became of them.

    `client` is a reportportal-client or any object with some of its methods; without one the launch is named by
    `launch` (uuid or number), the environment or the launch file. `endpoint`, `project` and `api_key` win over what
    the client tells, that over `settings`; without `settings` they are loaded from environment and file. Any setting
    may be given by name. `outbox` keeps what cannot be finished now: a path or URL like the setting's, or an `Outbox`.
    `search` says where to look for a launch that nothing names; `telling` is told, in sentences,
    what is waited for, and `telling_end` how it ended, each time anew; by default an end that is not well is logged as
    a warning. Raises `SettingsError` when a setting is wrong, or when there is no client and no connection.

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
        outbox: str | Path | Outbox | None = None,
        telling: Callable[[str], None] = logger.info,
        telling_end: Callable[[Report], None] = warn,
        search: Search | None = None,
        **overrides: Any,
    ) -> None:
        named, kept = (outbox, None) if isinstance(outbox, str | Path) else (None, outbox)
        given = {"endpoint": endpoint, "project": project, "api_key": api_key, "outbox": named}
        overrides |= {name: value for name, value in given.items() if value is not None}
        self.settings = configure(client, settings, overrides)
        self.note = ""
        """What the person who runs the tests has to know beside the report; empty where there is nothing."""
        if client is None:
            self.settings.require_connection()
        if kept is None:
            self.settings, self.note = in_reach(self.settings)
        self._stop = threading.Event()
        telling = _told_by(telling)
        found = search or Search(agent_files=None if client is not None else Path())
        self._finalizer = build_finalizer(client, launch, self.settings, self._stop, telling, found)
        self._precautions = Precautions(self.settings, self._finalizer.target, kept)
        self._flights = LaunchFlights(self._finalizer, self._reopened, self._precautions.settle)
        self._ended = False
        self._ending = Ending(self.settings.grace, self._stop, self.terminate, telling)
        self._report: Report | None = None
        self._client = client
        self._telling_end = telling_end
        self._calls: GuardedCalls | None = None
        self._closing: Closing | None = None
        shim = self._finalizer.client
        if shim is not None:
            shim.on_start(self._launch_started)
            calls = self._calls = GuardedCalls(self._guarded_start, self.finish, self.terminate, shim)
            clock = self._finalizer.clock
            self._closing = Closing(shim, clock, self.settings, self._stop, calls.own_calls)

    @property
    def signalled(self) -> bool:
        """Whether a signal ends the run, so that the time for its end is `grace`."""
        return self._ending.signalled

    @property
    def grace_left(self) -> float:
        """Seconds until the time is over that a signal has left; infinite where none ends the run."""
        return max(0.0, self._ending.limit.at - self._finalizer.clock.monotonic())

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
        key = self._flights.key(deadline)
        given["status"] = given.get("status") or self._status()
        finish = Finish.of(self._flights.end(key), **given)
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
        key = self._flights.key(deadline)
        finish = Finish.of(self._flights.end(key), status=status or self._status())
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
        """Give the client its own methods back, and see to the launch no longer."""
        if self._calls is not None:
            unguard(self._client, self._calls)
        LIFETIME.leave(self._ending)
        self._precautions.end()

    def watch(self) -> Self:
        """See to the launch from here on, whatever ends the process; give it back. `terminate` ends that.

        Ends that leave the process a chance: its exit, and SIGTERM, SIGINT and SIGHUP in the main thread. Blocks and
        guards do this by themselves. Does nothing where the setting `signals` is false, and in a forked child.
        """
        if self._flights.foreign:
            return self
        if self.settings.signals:
            LIFETIME.enter(self._ending)
        uuid = self.started(0.0)
        if uuid is not None and self._finalizer.client is not None and self._finalizer.client.owns_launch:
            self._precautions.launch_found(uuid)
        return self

    def _unwatch_when_ended(self) -> None:
        if self._ended and not self._flights.foreign:
            LIFETIME.leave(self._ending)
            self._precautions.end()

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
        # Where the client's own finish is called, it may call the guarded methods in turn.
        with nullcontext() if self._calls is None else self._calls.own_calls():
            report = self._flights.fly(key, finish, deadline, again=again, force_stop=force_stop)
        if report is not self._report:
            self._publish(report)
            self._telling_end(report)
        return report

    def _close(self, deadline: Deadline) -> Closed | None:
        """Close the client; None where there is none to close, or it was closed before."""
        if self._closing is None or self._flights.foreign:
            return None
        try:
            return self._closing.close(deadline)
        finally:
            self._finalizer.release()

    def _launch_started(self, uuid: str) -> None:
        if not self._flights.foreign:
            self._precautions.launch_started(uuid)

    def _guarded_start(self, *, rerun: bool) -> None:
        """Take note that the guarded client has started a launch, perhaps after it was terminated."""
        self._flights.note_start(rerun=rerun)
        if self._ended:
            self._ended = False
            self.watch()

    def _reopened(self) -> None:
        if self._closing is not None:
            self._closing.reopen()

    def _status(self) -> str | None:
        """Give what is sent because a signal ends the run."""
        return self.settings.status_on_signal if self._ending.signalled else None

    def _publish(self, report: Report) -> None:
        self._report = report
        keep_report(report, self.settings.report_file)

    def _deadline(self, timeout: float | None = None) -> Deadline:
        budget = self.settings.timeout if timeout is None else timeout
        now = self._finalizer.clock.monotonic()
        return self._ending.deadline(budget, now, doomed=LIFETIME.doomed)


def _told_by(telling: Callable[[str], None]) -> Callable[[str], None]:
    """Give what tells a sentence and raises nothing: a terminal that is gone is no reason to leave a launch open."""

    def tell(sentence: str) -> None:
        try:
            telling(sentence)
        except Exception as error:  # noqa: BLE001  foreign code
            logger.debug("nobody was told %r: %r", sentence, error)

    return tell
