"""Finishing the launch of an outbox entry, which another process has left behind.

An entry holds no key. Whoever works on it brings one, and sends it nowhere but where it belongs: to the endpoint and
project beside which it is set, or to those that the table of credentials names.
"""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from rp_finalizer.endpoint import Endpoint
from rp_finalizer.errors import FinalizerError, SettingsError
from rp_finalizer.finalizer import Finalizer, Target
from rp_finalizer.finish import Finish
from rp_finalizer.outcome import ErrorKind, Outcome, Source
from rp_finalizer.ports import Candidate
from rp_finalizer.report import Failure, Report, ReportedLaunch
from rp_finalizer.resolver import Resolver
from rp_finalizer.setting_sources import CREDENTIALS, TABLE, Raw
from rp_finalizer.settings import Connection
from rp_finalizer.settings.credentials_table import name_of
from rp_finalizer.settings.kinds import KEY
from rp_finalizer.system_clock import SystemClock
from rp_finalizer.wiring import build_retry, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rp_finalizer.deadline import Deadline
    from rp_finalizer.entries import Entry, OwedLaunch
    from rp_finalizer.settings import Settings

TRIES = 3
"""How often one call is tried at one go: the outbox itself tries again, and others wait for their turn."""

CLOSE_OPEN_AFTER = 60.0
"""Seconds a launch with open items must have stood still before a queue that swallowed its finish is passed by v1."""

logger = logging.getLogger(__name__)


class EntryFinisher:
    """Finishes the launches of entries, several at once, over connections that it keeps. Safe to use from any thread.

    `environ` holds the keys that the table of credentials names (None: the process's own). `stop` ends all waiting,
    after which each launch has one more try. `telling` is told, in sentences, what is waited for.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        telling: Callable[[str], None] = lambda sentence: logger.debug("%s", sentence),
        environ: Mapping[str, str] | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self._settings = settings if settings.retry_attempts else settings.replace(retry_attempts=TRIES)
        self._telling = telling
        self._environ = os.environ if environ is None else environ
        self._stop = stop or threading.Event()
        self._clock = SystemClock()
        self._retry = build_retry(self._settings, self._clock, self._stop, telling)
        self._lock = threading.Lock()
        self._targets: dict[tuple[str, str], Target] = {}
        self._ends: dict[str, frozenset[int]] = {}

    def __call__(self, entry: Entry, deadline: Deadline) -> Report:
        """Finish an entry's launch within the deadline, and report.

        Where no key is known for it nothing is sent, and the report is `failed` with an error of the kind `settings`.
        """
        launch = entry.launch
        try:
            target = self._target(launch)
        except FinalizerError as error:
            return _without_key(entry, str(error))
        finalizer = Finalizer(
            resolver=Resolver([_EntrySource(entry)]),
            retry=self._retry,
            clock=self._clock,
            settings=self._settings,
            stop=self._stop,
            target=target,
            telling=self._telling,
            close_open_after=CLOSE_OPEN_AFTER,
            ends=self._ends,
        )
        report = finalizer.finalize(finish_of(entry, self._settings.status_on_crash), deadline)
        return replace(report, entry=entry.entry_id)

    def close(self) -> None:
        """Let go of the connections; a later call opens new ones."""
        with self._lock:
            targets, self._targets = self._targets, {}
        for target in targets.values():
            target.api.close()

    def knows_key(self, launch: OwedLaunch) -> bool:
        """Tell whether there is a key for where the launch is."""
        try:
            return self._target(launch) is not None
        except FinalizerError:
            return False

    def _target(self, launch: OwedLaunch) -> Target:
        with self._lock:
            name = (launch.endpoint, launch.project)
            target = self._targets.get(name)
            if target is None:
                connection = connection_for(launch, self._settings, self._environ)
                target = Target(connect(connection), connection.endpoint, connection.project)
                self._targets[name] = target
            return target


def connection_for(launch: OwedLaunch, settings: Settings, environ: Mapping[str, str]) -> Connection:
    """Give what requests about this launch need: the one key that belongs there. Raises `SettingsError`."""
    if settings.project == launch.project and str(settings.endpoint) == launch.endpoint:
        try:
            return settings.require_connection()
        except SettingsError:
            logger.debug("no key is set beside the endpoint and project of launch %s", launch.uuid)
    place = name_of(launch.endpoint, launch.project)
    if place not in settings.credentials:
        raise SettingsError(f"no key is known for project {launch.project} on {launch.endpoint}")
    text = environ.get(settings.credentials[place], "")
    try:
        key = KEY.read(Raw(text, CREDENTIALS))
    except ValueError as error:
        raise SettingsError(f"the key for {place}, in the variable that {CREDENTIALS} names: {error}") from error
    if key is None:
        raise SettingsError(f"the variable that {CREDENTIALS} names for {place} is not set, or empty")
    return Connection(
        Endpoint.parse(launch.endpoint),
        launch.project,
        key,
        settings.verify_ssl,
        settings.connect_timeout,
        settings.read_timeout,
    )


def finish_of(entry: Entry, status_on_crash: str | None) -> Finish:
    """Say what an entry's launch is finished with.

    The run that could not say when it ended has died: its last sign of life is the end, and `status_on_crash` the
    status, unless the entry names one.
    """
    launch = entry.launch
    if launch.end_ms is not None:
        return Finish(launch.end_ms, launch.status, launch.description, launch.attributes)
    alive_at = entry.created_at if entry.alive_at is None else entry.alive_at
    return Finish(int(alive_at * 1000), launch.status or status_on_crash, launch.description, launch.attributes)


class _EntrySource:
    """What the entry says its launch is."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    def candidates(self, deadline: Deadline) -> list[Candidate]:  # noqa: ARG002  nothing is waited for
        """Give it."""
        return [Candidate(Source.OUTBOX, self._entry.launch.uuid, f"entry {self._entry.entry_id}")]


def _without_key(entry: Entry, problem: str) -> Report:
    launch = entry.launch
    return Report(
        Outcome.FAILED,
        launch=ReportedLaunch(uuid=launch.uuid, source=Source.OUTBOX),
        endpoint=launch.endpoint,
        project=launch.project,
        error=Failure(
            ErrorKind.SETTINGS,
            problem,
            f"set RP_ENDPOINT, RP_PROJECT and RP_API_KEY for it, or name the variable with its key in "
            f"[{TABLE.strip('[]')}.{CREDENTIALS}] of pyproject.toml: "
            f'"{name_of(launch.endpoint, launch.project)}" = "NAME_OF_A_VARIABLE"',
        ),
        entry=entry.entry_id,
    )
