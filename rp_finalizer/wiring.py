"""The one place that builds adapters from settings."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Any
from uuid import UUID

from rp_finalizer.answer import LaunchQuery, Meaning
from rp_finalizer.deadline import Deadline
from rp_finalizer.errors import SettingsError
from rp_finalizer.failures import failure_of, tries
from rp_finalizer.finalizer import Finalizer, Target
from rp_finalizer.launch import LaunchRef
from rp_finalizer.outbox.launch_source import OutboxSource
from rp_finalizer.outbox_wiring import open_outbox
from rp_finalizer.reportportal.client_kinds import adapt, connection_of
from rp_finalizer.reportportal.credentials import ApiKey, PasswordGrant
from rp_finalizer.reportportal.launch_sources import (
    AgentFileSource,
    ArgumentSource,
    ClientSource,
    EnvironmentSource,
    LaunchFileSource,
    LogSource,
    PrintedLaunches,
    ServerSource,
)
from rp_finalizer.reportportal.rest_api import RestApi
from rp_finalizer.reportportal.retrying import TenacityRetry
from rp_finalizer.reportportal.transport import Transport
from rp_finalizer.resolver import Resolver
from rp_finalizer.setting_sources import from_arguments, from_environment, from_file
from rp_finalizer.settings import SLOTS, Settings
from rp_finalizer.system_clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from rp_finalizer.answer import Answer
    from rp_finalizer.launch import Launch
    from rp_finalizer.ports import Clock, LastResort, LaunchSource, ReportingClient, Retry
    from rp_finalizer.report import Failure
    from rp_finalizer.reportportal.credentials import Credentials
    from rp_finalizer.reportportal.diagnosis import Check
    from rp_finalizer.reportportal.run_files import FileStates
    from rp_finalizer.setting_sources import Layer
    from rp_finalizer.settings import Connection, OAuth


def configure(client: Any, settings: Settings | None, overrides: Mapping[str, Any]) -> Settings:
    """Put the settings together: what is given by name, else what the client tells, else the rest.

    Without `settings` the rest is loaded from the environment and the file. Raises `SettingsError`.
    """
    told = {} if client is None else connection_of(client)
    layers = (
        from_arguments(overrides, SLOTS),
        from_arguments(told, SLOTS, origin=f"the {type(client).__name__}'s {{name}}"),
    )
    return Settings.load(over=layers) if settings is None else settings.under(*layers)


@dataclass(frozen=True, slots=True)
class Search:
    """Where to look for the launch when nothing names it, in this order."""

    agent_files: Path | None = None
    """A folder where JavaScript agents left their files."""
    log: PrintedLaunches | None = None
    """What was found in what the run printed."""
    name: str | None = None
    """The launch's name on the server, where it must be the only one in progress."""
    before: FileStates | None = None
    """The files as they were before the one run whose launch is meant; None: whichever launch is named.

    A file that has not changed since names an earlier run's launch, and the environment somebody else's: neither
    counts. What the run printed comes first then.
    """
    since: float | None = None
    """When that run began, in seconds since the epoch: the outbox's entries before it are others'."""


def build_finalizer(
    client: Any,
    launch: object,
    settings: Settings,
    stop: Event,
    telling: Callable[[str], None],
    search: Search,
) -> Finalizer:
    """Build the finalizer of one client, or, with no client, of whatever launch is named or found."""
    clock = SystemClock()
    retry = build_retry(settings, clock, stop, telling)
    api, target, missing = _connect(settings)
    shim = adapt(client, api, retry) if client is not None else None
    return Finalizer(
        resolver=Resolver(
            _sources(client, shim, launch, settings, search), _last_resorts(settings, search, api, retry)
        ),
        retry=retry,
        clock=clock,
        settings=settings,
        stop=stop,
        target=target,
        missing=missing,
        client=shim,
        telling=telling,
    )


def build_retry(settings: Settings, clock: Clock, stop: Event, telling: Callable[[str], None]) -> TenacityRetry:
    """Build the one retry layer; `telling` is told of every wait in it, which `stop` ends."""

    def tell_wait(seconds: float, answer: Answer) -> None:
        telling(f"trying again in {seconds:.1f} s: {answer.message}")

    return TenacityRetry(
        attempts=settings.retry_attempts,
        first=settings.retry_initial,
        longest=settings.retry_max,
        clock=clock,
        stop=stop,
        chance=random.random,
        waiting=tell_wait,
    )


def _connect(settings: Settings) -> tuple[RestApi | None, Target | None, str]:
    try:
        connection = settings.require_connection()
    except SettingsError as error:
        return None, None, "; ".join(error.problems)

    api = connect(connection)
    return api, Target(api, connection.endpoint, connection.project), ""


def connect(connection: Connection) -> RestApi:
    """Build what speaks to one project of one server; it keeps its connections until it is closed."""
    transport = Transport(
        verify=connection.verify_ssl,
        connect_timeout=connection.connect_timeout,
        read_timeout=connection.read_timeout,
    )
    credentials = _build_credentials(connection.credentials, transport)
    return RestApi(transport, connection.endpoint, connection.project, credentials)


def _build_credentials(given: str | OAuth, transport: Transport) -> Credentials:
    return ApiKey(given) if isinstance(given, str) else PasswordGrant(given, transport)


def _sources(
    client: Any, shim: ReportingClient | None, launch: object, settings: Settings, search: Search
) -> list[LaunchSource]:
    """Give the places to look for the launch, in the promised order."""
    sources: list[LaunchSource] = []
    if launch is not None:
        sources.append(ArgumentSource(launch))
    if shim is not None:
        sources.append(ClientSource(shim, f"the {type(client).__name__}"))
    if search.before is not None:
        return sources
    sources.append(EnvironmentSource(os.environ))
    if settings.launch_file is not None:
        sources.append(LaunchFileSource(settings.launch_file))
    return sources


def _last_resorts(settings: Settings, search: Search, api: RestApi | None, retry: Retry) -> list[LastResort]:
    agents = [] if search.agent_files is None else [AgentFileSource(search.agent_files, search.before)]
    log = [] if search.log is None else [LogSource(search.log)]
    sources: list[LastResort] = [*agents, *log]
    if search.before is not None:
        path = settings.launch_file
        file = [LaunchFileSource(path)] if path is not None and search.before.changed(path) else []
        sources = [*log, *file, *agents]
    outbox = open_outbox(settings) if search.agent_files is not None else None
    if outbox is not None and settings.endpoint is not None and settings.project is not None:
        sources.append(OutboxSource(outbox, str(settings.endpoint), settings.project, search.since))
    if search.name is not None and api is not None:
        sources.append(ServerSource(api, retry, LaunchQuery(name=search.name)))
    return sources


@dataclass(frozen=True, slots=True)
class Sight:
    """What the server says of one launch."""

    launch: Launch | None = None
    url: str | None = None
    open_items: int | None = None
    """Items still in progress; None where nobody asked."""
    failure: Failure | None = None
    """Why nothing is seen, where nothing is."""


def look_at(ref: LaunchRef, settings: Settings, telling: Callable[[str], None]) -> Sight:
    """Read a launch by either of its names. Raises `SettingsError` when the connection is not set."""
    settings.require_connection()
    _, target, _ = _connect(settings)
    assert target is not None  # noqa: S101  the line before the last has seen to it
    clock = SystemClock()
    deadline = Deadline.after(settings.timeout, clock.monotonic())
    retry = build_retry(settings, clock, Event(), telling)
    attempted = retry(partial(target.look_up, ref, deadline), deadline)
    answer = attempted.answer
    if answer.launch is None:
        return Sight(failure=failure_of(answer, ref, target.project, tried=tries(attempted)))
    open_items = None
    if not answer.launch.status.final:
        open_items = target.api.items_in_progress(answer.launch.id, deadline).count
    return Sight(answer.launch, target.page(answer.launch), open_items)


def knock(settings: Settings, seconds: float) -> Failure | None:
    """Say what keeps a test run from reporting; None where nothing does, as far as one harmless question can tell.

    Asked is for a launch that does not exist: who is told that it does not has the right key for the right project.
    Takes `seconds` at most. Raises `SettingsError` when the connection is not set.
    """
    settings.require_connection()
    _, target, _ = _connect(settings)
    assert target is not None  # noqa: S101  the line before the last has seen to it
    ref = LaunchRef(uuid=str(UUID(int=0)))
    answer = target.look_up(ref, Deadline.after(seconds, monotonic()))
    target.api.close()
    known = answer.ok or answer.meaning is Meaning.UNKNOWN_LAUNCH
    return None if known else failure_of(answer, None, target.project)


def diagnose(
    over: Iterable[Layer], config: str | None, problems: Iterable[str], telling: Callable[[str], None]
) -> Iterator[Check]:
    """Check all that a finish needs, wrong settings included.

    What is `over` the environment and the file wins, the first layer most; `problems` are those already found.
    """
    # What only the doctor needs, no test run is to import.
    from rp_finalizer.outbox_checks import outbox_checks  # noqa: PLC0415
    from rp_finalizer.reportportal.diagnosis import Examination, read_settings  # noqa: PLC0415

    file = from_file(SLOTS, config=None if config is None else Path(config))
    reading = read_settings((*over, from_environment(os.environ, SLOTS), file), problems)
    settings = reading.settings
    transport = Transport(
        verify=settings.verify_ssl, connect_timeout=settings.connect_timeout, read_timeout=settings.read_timeout
    )
    given = reading.credentials
    credentials = None if given is None else _build_credentials(given, transport)
    yield from Examination(reading, transport, credentials, os.environ, Path(), telling).checks()
    for check in outbox_checks(settings, os.environ):
        yield check.fit_to_show(reading.secrets)
