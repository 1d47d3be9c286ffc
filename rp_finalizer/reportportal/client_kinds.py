"""Which shim fits a client, and what the client itself tells of its connection."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rp_finalizer.ports import ReportingClient
from rp_finalizer.reportportal.async_client import AsyncClient
from rp_finalizer.reportportal.bounded import member_of
from rp_finalizer.reportportal.duck_client import DuckClient
from rp_finalizer.reportportal.log_sender import LogSender
from rp_finalizer.reportportal.sync_client import SyncClient
from rp_finalizer.reportportal.task_client import TaskClient

if TYPE_CHECKING:
    from rp_finalizer.ports import Retry
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

_Shim = Callable[[Any, LogSender], ReportingClient]

_SHIMS: tuple[tuple[str, str, _Shim], ...] = (
    ("reportportal_client.client", "RPClient", SyncClient),
    ("reportportal_client.aio.client", "ThreadedRPClient", TaskClient),
    ("reportportal_client.aio.client", "BatchedRPClient", TaskClient),
    ("reportportal_client.aio.client", "AsyncRPClient", AsyncClient),
)
"""Modules, their classes, and what fits these."""


def adapt(client: Any, api: RestApi | None, retry: Retry) -> ReportingClient:
    """Give the shim for a client. Nothing is imported: whose class is not loaded has no instance."""
    shim = _shim_for(client)
    return DuckClient(client) if shim is None else shim(client, LogSender(api, retry))


def is_reporting_client(candidate: Any) -> bool:
    """Tell the clients of reportportal-client from other objects, such as a test's stand-in for one."""
    return _shim_for(candidate) is not None


def _shim_for(client: Any) -> _Shim | None:
    for module, name, shim in _SHIMS:
        kind = getattr(sys.modules.get(module), name, None)
        if isinstance(kind, type) and isinstance(client, kind):
            return shim
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
