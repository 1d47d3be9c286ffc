"""Which shim fits a client, and what the client itself tells of its connection."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from rp_finalizer.reportportal.bounded import member_of
from rp_finalizer.reportportal.duck_client import DuckClient
from rp_finalizer.reportportal.sync_client import SyncClient

if TYPE_CHECKING:
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


def adapt(client: Any, api: RestApi | None, retry: Retry) -> ReportingClient:
    """Give the shim for a client. Nothing is imported: whose class is not loaded has no instance."""
    sync = sys.modules.get("reportportal_client.client")
    if sync is not None and isinstance(client, sync.RPClient):
        return SyncClient(client, api, retry)
    return DuckClient(client)


def connection_of(client: Any) -> dict[str, Any]:
    """Give what the client tells of its connection, under the names of our settings; nothing where it raises."""
    told: dict[str, Any] = {}
    for setting, names in _CONNECTION.items():
        value = next((text for name in names if isinstance(text := member_of(client, name), str) and text), None)
        if value is not None:
            told[setting] = value
    verify = member_of(client, "verify_ssl")
    if isinstance(verify, bool | str):
        told["verify_ssl"] = verify
    return told
