"""Which shim fits a client, and what the client itself tells of its connection."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from rp_finalizer.reportportal.bounded import member_of
from rp_finalizer.reportportal.log_sender import LogSender

if TYPE_CHECKING:
    from collections.abc import Callable

    from rp_finalizer.ports import ReportingClient, Retry
    from rp_finalizer.reportportal.rest_api import RestApi

_CONNECTION = {
    "endpoint": ("endpoint",),
    "project": ("project",),
    "api_key": ("api_key", "token"),
    "oauth_uri": ("oauth_uri",),
    "oauth_username": ("oauth_username",),
    "oauth_password": ("oauth_password",),
    "oauth_client_id": ("oauth_client_id",),
    "oauth_client_secret": ("oauth_client_secret",),
    "oauth_scope": ("oauth_scope",),
}
"""Our settings, and the attributes of clients that hold them."""

_SHIMS = (
    ("reportportal_client.client", "RPClient", "sync_client", "SyncClient"),
    ("reportportal_client.aio.client", "ThreadedRPClient", "task_client", "TaskClient"),
    ("reportportal_client.aio.client", "BatchedRPClient", "task_client", "TaskClient"),
    ("reportportal_client.aio.client", "AsyncRPClient", "async_client", "AsyncClient"),
)
"""Modules and their classes; modules of ours and what in them fits these."""


def adapt(client: Any, api: RestApi | None, retry: Retry) -> ReportingClient:
    """Give the shim for a client. Of the client nothing is imported, for a class that is not loaded has no instance."""
    fitting = _shim_for(client)
    if fitting is None:
        from rp_finalizer.reportportal.duck_client import DuckClient  # noqa: PLC0415  as below

        return DuckClient(client)
    # A run has one kind of client: it is not to wait for the code of the others.
    module, name = fitting
    shim: Callable[[Any, LogSender], ReportingClient] = getattr(import_module(f"{__package__}.{module}"), name)
    return shim(client, LogSender(api, retry))


def is_reporting_client(candidate: Any) -> bool:
    """Tell the clients of reportportal-client from other objects, such as a test's stand-in for one."""
    return _shim_for(candidate) is not None


def _shim_for(client: Any) -> tuple[str, str] | None:
    for module, name, *shim in _SHIMS:
        kind = getattr(sys.modules.get(module), name, None)
        if isinstance(kind, type) and isinstance(client, kind):
            return shim[0], shim[1]
    return None


def connection_of(client: Any) -> dict[str, Any]:
    """Give what the client tells of its connection, under the names of our settings; nothing where it raises."""
    told: dict[str, Any] = {}
    # The clients built on asyncio keep their key in a connection that they share with their clones.
    for holder in (client, member_of(client, "client")):
        for setting, names in _CONNECTION.items():
            value = next((text for name in names if isinstance(text := member_of(holder, name), str) and text), None)
            if value is not None:
                told.setdefault(setting, value)
        verify = member_of(holder, "verify_ssl")
        if isinstance(verify, bool | str):
            told.setdefault("verify_ssl", verify)
    return told
