"""The one place that builds adapters from settings."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Any

from rp_finalizer.errors import SettingsError
from rp_finalizer.finalizer import Finalizer, Target
from rp_finalizer.reportportal.client_kinds import adapt, connection_of
from rp_finalizer.reportportal.launch_sources import (
    ArgumentSource,
    ClientSource,
    EnvironmentSource,
    LaunchFileSource,
)
from rp_finalizer.reportportal.rest_api import RestApi
from rp_finalizer.reportportal.retrying import TenacityRetry
from rp_finalizer.reportportal.transport import Transport
from rp_finalizer.resolver import Resolver
from rp_finalizer.setting_sources import from_arguments
from rp_finalizer.settings import SLOTS, Settings
from rp_finalizer.system_clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from threading import Event

    from rp_finalizer.ports import Answer, LaunchSource, ReportingClient


def configure(client: Any, settings: Settings | None, overrides: Mapping[str, Any]) -> Settings:
    """Put the settings together: what is given by name, else what the client tells, else the rest.

    Without `settings` the rest is loaded from the environment and the file. Raises `SettingsError`.
    """
    base = Settings.load() if settings is None else settings
    told = {} if client is None else connection_of(client)
    return base.under(
        from_arguments(overrides, SLOTS),
        from_arguments(told, SLOTS, origin=f"the {type(client).__name__}'s {{name}}"),
    )


def build_finalizer(
    client: Any,
    launch: object,
    settings: Settings,
    stop: Event,
    telling: Callable[[str], None],
) -> Finalizer:
    """Build the finalizer of one client, or, with no client, of whatever launch is named."""
    clock = SystemClock()

    def tell_wait(seconds: float, answer: Answer) -> None:
        telling(f"trying again in {seconds:.1f} s: {answer.message}")

    retry = TenacityRetry(
        attempts=settings.retry_attempts,
        first=settings.retry_initial,
        longest=settings.retry_max,
        clock=clock,
        stop=stop,
        chance=random.random,
        waiting=tell_wait,
    )
    api, target, missing = _connect(settings)
    shim = adapt(client, api, retry) if client is not None else None
    return Finalizer(
        resolver=Resolver(_sources(client, shim, launch, settings)),
        retry=retry,
        clock=clock,
        settings=settings,
        stop=stop,
        target=target,
        missing=missing,
        client=shim,
        telling=telling,
    )


def _connect(settings: Settings) -> tuple[RestApi | None, Target | None, str]:
    try:
        connection = settings.require_connection()
    except SettingsError as error:
        return None, None, "; ".join(error.problems)

    def key() -> str:
        return connection.api_key

    transport = Transport(
        key=key,
        verify=connection.verify_ssl,
        connect_timeout=connection.connect_timeout,
        read_timeout=connection.read_timeout,
    )
    api = RestApi(transport, connection.endpoint, connection.project, key)
    return api, Target(api, connection.endpoint, connection.project), ""


def _sources(client: Any, shim: ReportingClient | None, launch: object, settings: Settings) -> list[LaunchSource]:
    """Give the places to look for the launch, in the promised order."""
    sources: list[LaunchSource] = []
    if launch is not None:
        sources.append(ArgumentSource(launch))
    if shim is not None:
        sources.append(ClientSource(shim, f"the {type(client).__name__}"))
    sources.append(EnvironmentSource(os.environ))
    if settings.launch_file is not None:
        sources.append(LaunchFileSource(settings.launch_file))
    return sources
