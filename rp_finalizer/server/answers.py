"""Answers in JSON, and how everything that goes wrong becomes one: `{"error": ..., "message": ...}`."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from rp_finalizer.errors import EntryStateError, OutboxError, UnknownEntryError
from rp_finalizer.plain_text import flatten, shorten
from rp_finalizer.server.access import Refusal, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI, Request

RETRY_AFTER = 5
"""Seconds after which it may be worth asking an outbox again that was full or away."""
_LONGEST = 500
"""Characters of what is said about a request."""
_MOST = 5
"""Mistakes of one request that are told."""

logger = logging.getLogger(__name__)


def answer(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Give an answer in JSON; in ASCII, for a text of others may hold half a character, which UTF-8 does not take."""
    return Response(json.dumps(body), status, headers, "application/json")


def refusal(refused: Refusal, headers: Mapping[str, str] | None = None) -> Response:
    """Give the answer to what is not done."""
    response = answer({"error": refused.error, "message": refused.message}, refused.status, headers)
    for challenge in refused.challenges:
        response.headers.append("WWW-Authenticate", challenge)
    return response


def tell_errors(app: FastAPI) -> None:
    """Have an application answer all errors so."""
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(OutboxError, _outbox_away)
    app.add_exception_handler(UnknownEntryError, _unknown_entry)
    app.add_exception_handler(EntryStateError, _wrong_state)
    app.add_exception_handler(Exception, _unexpected)


def _invalid(request: Request, error: Exception) -> Response:  # noqa: ARG001  Starlette's signature
    assert isinstance(error, RequestValidationError)  # noqa: S101  as it was registered
    problems = [_problem(each) for each in error.errors()[:_MOST]]
    return refusal(Refusal(422, "invalid", shorten("; ".join(problems), _LONGEST)))


def _problem(found: Mapping[str, Any]) -> str:
    # The first part says where it stood: in the body, the path or the query.
    place, *parts = (str(part) for part in found["loc"])
    match found["type"]:
        case "json_invalid":
            return f"the body is no JSON, from character {parts[0]} on"
        case "string_pattern_mismatch":
            return f"{parts[0]}: it is no uuid"
        case _:
            return flatten(f"{shorten('.'.join(parts) or place, 100)}: {found['msg']}")


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  as it was registered
    if isinstance(error, RefusedError):
        return refusal(error.refused)
    path = shorten(flatten(request.url.path), 100)
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            refused = Refusal(404, "not-found", f"there is nothing at {path}: see /openapi.json")
        case HTTPStatus.METHOD_NOT_ALLOWED:
            refused = Refusal(405, "method-not-allowed", f"{path} is not called by {request.method[:20]}")
        case HTTPStatus.BAD_REQUEST:
            # What FastAPI says of JSON that Python cannot read: too deep, or numbers of too many digits.
            refused = Refusal(422, "invalid", "the body cannot be read as JSON")
        case status:
            refused = Refusal(status, HTTPStatus(status).phrase.lower().replace(" ", "-"), str(error.detail))
    return refusal(refused, error.headers)


def _outbox_away(request: Request, error: Exception) -> Response:  # noqa: ARG001  as above
    return refusal(Refusal(503, "outbox", str(error)), {"Retry-After": str(RETRY_AFTER)})


def _unknown_entry(request: Request, error: Exception) -> Response:  # noqa: ARG001  as above
    return refusal(Refusal(404, "unknown-entry", str(error)))


def _wrong_state(request: Request, error: Exception) -> Response:  # noqa: ARG001  as above
    return refusal(Refusal(409, "wrong-state", str(error)))


def _unexpected(request: Request, error: Exception) -> Response:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return refusal(Refusal(500, "internal", "this call failed unexpectedly; the service's log says more"))
