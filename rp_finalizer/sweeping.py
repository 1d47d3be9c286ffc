"""Launches that somebody left in progress on the server: found there, and finished or stopped."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from rp_finalizer.answer import Answer, Meaning
from rp_finalizer.deadline import Deadline
from rp_finalizer.failures import failure_of, tries
from rp_finalizer.finalizer import Finalizer, Target
from rp_finalizer.finish import Finish
from rp_finalizer.outcome import Source
from rp_finalizer.ports import Candidate
from rp_finalizer.reportportal.rest_api import PAGE_SIZE
from rp_finalizer.resolver import Resolver
from rp_finalizer.system_clock import SystemClock
from rp_finalizer.wiring import build_retry, connect

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from rp_finalizer.answer import LaunchQuery
    from rp_finalizer.launch import Launch
    from rp_finalizer.report import Failure, Report
    from rp_finalizer.settings import Settings

MOST_PAGES = 2000
"""Pages of one list that are read; a list that goes on behind them is no list."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found, the oldest first; a failure where the server did not say all."""

    launches: tuple[Launch, ...] = ()
    failure: Failure | None = None


@dataclass(slots=True)
class _Gathering:
    by_uuid: dict[str, Launch] = field(default_factory=dict)
    refusal: Failure | None = None


class Sweep:
    """Finds and finishes launches of one project, several at once. Safe to use from any thread.

    `stop` ends all waiting, after which each launch has one more try. Raises `SettingsError` where the connection is
    not set.
    """

    def __init__(self, settings: Settings, telling: Callable[[str], None], stop: threading.Event) -> None:
        connection = settings.require_connection()
        self._settings = settings
        self._telling = telling
        self._stop = stop
        self._clock = SystemClock()
        self._retry = build_retry(settings, self._clock, stop, telling)
        self._api = connect(connection)
        self._target = Target(self._api, connection.endpoint, connection.project)

    def find(self, query: LaunchQuery, *, mine: bool) -> Found:
        """Read every page of launches in progress that fit; with `mine` only those of the key's own user.

        Each call has `timeout` seconds.
        """
        if mine:
            login = self._api.whose_key(self._deadline())
            if isinstance(login, Answer):
                return Found(failure=failure_of(login, None, self._target.project))
            query = replace(query, owner=login)
        found = _Gathering()
        for debug in (False, True):
            self._gather(query, found, debug=debug)
        return Found(tuple(sorted(found.by_uuid.values(), key=lambda launch: launch.start_ms)), found.refusal)

    def finish(self, launch: Launch, *, stop: bool) -> Report:
        """Finish a launch, or stop it, within `timeout` seconds; it ended when something happened in it last."""
        finalizer = Finalizer(
            resolver=Resolver([_FoundSource(launch)]),
            retry=self._retry,
            clock=self._clock,
            settings=self._settings,
            stop=self._stop,
            target=self._target,
            telling=self._telling,
        )
        end_ms = max(launch.start_ms + 1, launch.last_modified_ms or int(self._clock.epoch() * 1000))
        return finalizer.finalize(Finish(end_ms), self._deadline(), force_stop=stop)

    def page(self, launch: Launch) -> str:
        """Give a launch's page for people."""
        return self._target.page(launch)

    def close(self) -> None:
        """Let go of the connections."""
        self._api.close()

    def _gather(self, query: LaunchQuery, found: _Gathering, *, debug: bool) -> None:
        for page in range(1, MOST_PAGES + 1):
            self._telling(f"looking for launches in progress: {len(found.by_uuid)} so far")
            deadline = self._deadline()
            ask = partial(self._api.open_launches, query, deadline, debug=debug, page=page)
            attempted = self._retry(ask, deadline)
            answer = attempted.answer
            if not answer.ok:
                if not (debug and answer.meaning is Meaning.FORBIDDEN):
                    # Who may not see debug launches has none to sweep.
                    found.refusal = failure_of(answer, None, self._target.project, tried=tries(attempted))
                return
            # Launches that start meanwhile push others to the next page: the same one may come twice.
            found.by_uuid |= {launch.uuid: launch for launch in answer.launches}
            if len(answer.launches) < PAGE_SIZE:
                return

    def _deadline(self) -> Deadline:
        return Deadline.after(self._settings.timeout, monotonic())


class _FoundSource:
    """What the list said."""

    def __init__(self, launch: Launch) -> None:
        self._launch = launch

    def candidates(self, deadline: Deadline) -> list[Candidate]:  # noqa: ARG002  nothing is waited for
        """Give it."""
        return [Candidate(Source.SERVER, self._launch.uuid, f"{self._launch.name} #{self._launch.number}")]
