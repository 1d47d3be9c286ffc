"""What the calls' routes share: the service at hand, and the errors that the schema tells of."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Query, Request

from rp_finalizer.queue_figures import SHOWN
from rp_finalizer.server.bodies import ErrorBody
from rp_finalizer.server.state import Service

MOST_SHOWN = 1000
"""Entries of one answer."""
_MEANINGS = {
    401: "No token, or one that is not known.",
    403: "The token is not the administrator's, or a foreign page sends this.",
    404: "There is none.",
    409: "The entry's state does not allow this.",
    413: "The body is longer than 64 KiB.",
    415: "The body is not sent as JSON.",
    422: "The body, the path or the query is not as it should be.",
    503: "The outbox is full, or cannot be reached.",
}
_OF_ALL = (401, 403, 413, 415)
_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}, "required": True}}
UUID_PATTERN = r"^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32})$"


async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Here = Annotated[Service, Depends(_service)]
Limit = Annotated[int, Query(ge=1, le=MOST_SHOWN, description=f"Entries, {SHOWN} unless it is given.")]


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the errors of a call, and those that every call may answer with."""
    return {status: _described(status) for status in sorted({*_OF_ALL, *statuses})}


def _described(status: int) -> dict[str, Any]:
    told = {"model": ErrorBody, "description": _MEANINGS[status]}
    return told if status != HTTPStatus.SERVICE_UNAVAILABLE else {**told, "headers": _RETRY_AFTER}
