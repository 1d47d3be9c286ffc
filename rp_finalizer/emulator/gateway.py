"""The way of a call through the emulator: noted, delayed, perhaps spoilt, authenticated, done, answered."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.requests import ClientDisconnect
from starlette.routing import compile_path

from rp_finalizer.emulator import bulk_calls, item_calls, launch_calls, managing_calls, reading_calls
from rp_finalizer.emulator.answers import Answer
from rp_finalizer.emulator.api_call import ApiCall, Operation
from rp_finalizer.emulator.faults import NOT_FOUND_PAGE, gateway_answer, unauthorized
from rp_finalizer.emulator.forms import read_form
from rp_finalizer.emulator.journal import CallKind, ReceivedCall
from rp_finalizer.emulator.media_types import dates_as_numbers
from rp_finalizer.emulator.refusals import ErrorType, Refusal
from rp_finalizer.emulator.times import format_time

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rp_finalizer.emulator.server_state import ServerState

_LOG = logging.getLogger(__name__)
STARTS = frozenset({CallKind.START_LAUNCH_V1, CallKind.START_LAUNCH_V2})
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
OPERATIONS = sorted(
    (
        *item_calls.OPERATIONS,
        *launch_calls.OPERATIONS,
        *bulk_calls.OPERATIONS,
        *reading_calls.OPERATIONS,
        *managing_calls.OPERATIONS,
    ),
    key=lambda operation: operation.path.startswith("/api/v1/") and operation in item_calls.OPERATIONS,
)
"""In the order in which paths are compared: what clients call most comes first, reporting over v1 last."""
_PATHS = [compile_path(operation.path)[0] for operation in OPERATIONS]


def build_app(state: ServerState, prefix: str, control: APIRouter) -> FastAPI:
    """Make the application that serves a state; `prefix` is a path that everything but `/control` lies under."""
    app = FastAPI(
        title="ReportPortal, emulated",
        version=state.version.text,
        openapi_url=f"{prefix}/api/v1/api-docs",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for operation in OPERATIONS:
        app.add_api_route(
            f"{prefix}{operation.path}",
            _endpoint(state, operation, prefix),
            methods=[operation.method],
            name=operation.kind.value,
            response_class=Response,
            response_model=None,
        )
    app.include_router(control)
    for root in ("api", "uat"):
        unknown = Operation(CallKind.OTHER, "", f"/{root}/{{rest:path}}", _unknown)
        endpoint = _endpoint(state, unknown, prefix)
        app.add_api_route(
            f"{prefix}{unknown.path}",
            endpoint,
            methods=METHODS,
            response_class=Response,
            response_model=None,
            include_in_schema=False,
        )
    for path, page in ((f"{prefix}/ui", _ui), (f"{prefix}/ui/{{rest:path}}", _ui), ("/{rest:path}", _elsewhere)):
        app.add_api_route(
            path, page, methods=METHODS, response_class=Response, response_model=None, include_in_schema=False
        )
    return app


async def _ui() -> Response:
    return Response("<!doctype html><title>ReportPortal</title><div id=app></div>", media_type="text/html")


async def _elsewhere() -> Response:
    """Answer what is neither API nor page as the gateway's catch-all does, whatever the method."""
    return Response(status_code=302, headers={"Location": NOT_FOUND_PAGE})


def _unknown(state: ServerState, call: ApiCall) -> Answer:
    """Answer a path or method that the server does not have, in its framework's words."""
    service_path = f"/{call.params['rest']}"
    known = any(pattern.match(f"/{root}{service_path}") for pattern in _PATHS for root in ("api", "uat"))
    status = HTTPStatus.METHOD_NOT_ALLOWED if known else HTTPStatus.NOT_FOUND
    now = format_time(state.clock.now())
    return Answer(status, {"timestamp": now, "status": status, "error": status.phrase, "path": service_path})


def _endpoint(state: ServerState, operation: Operation, prefix: str) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            call = await _read(request, operation, prefix)
        except ClientDisconnect:
            return Response(status_code=400)
        answer = await _serve(state, operation, call)
        if answer.cut and request.client is not None:
            state.cut(request.client.host, request.client.port)
            await asyncio.sleep(0)
        return _response(answer)

    return endpoint


async def _read(request: Request, operation: Operation, prefix: str) -> ApiCall:
    body = await request.body()
    headers = request.headers
    scheme = headers.get("x-forwarded-proto", "http")
    host = headers.get("x-forwarded-host") or headers.get("host", "127.0.0.1")
    return ApiCall(
        kind=operation.kind,
        method=request.method,
        path=request.url.path,
        params=request.path_params,
        query=request.query_params.multi_items(),
        headers=headers,
        body=body,
        form=await read_form(request),
        base_url=f"{scheme}://{host}{prefix}",
    )


async def _serve(state: ServerState, operation: Operation, call: ApiCall) -> Answer:
    """Note the call, let it meet its fault, do it, note the answer."""
    with state.changed:
        generation = state.generation
        now = time.monotonic()
        number = state.journal.next_number()
        state.journal.add(_received(number, call, now))
        met = state.faults.meet(call.kind, call.path, now)
        latency = state.latency
        state.changed.notify_all()
    if latency > 0:
        await asyncio.sleep(latency)
    done: Answer | None = None
    spoilt: Answer | None = None
    if met is not None:
        if met.fault.apply:
            done = _perform(state, operation, call, generation)
        await met.hold()
        spoilt = met.fault.answer()
    if done is None and spoilt is None:
        done = _perform(state, operation, call, generation)
    answer = spoilt or done
    if answer is None:
        raise AssertionError("a call is either done or spoilt")
    with state.changed:
        if generation == state.generation:
            applied = done is not None
            status = None if answer.cut else answer.status
            state.journal.settle(number, status, applied=applied, launch_uuid=_started(call, done))
            state.changed.notify_all()
    return answer


def _started(call: ApiCall, done: Answer | None) -> str | None:
    """Give the uuid of the launch that a call has started."""
    if done is None or call.kind not in STARTS:
        return None
    uuid = done.body.get("id")
    return uuid if isinstance(uuid, str) else None


def _perform(state: ServerState, operation: Operation, call: ApiCall, generation: int) -> Answer:
    """Do what the call asks for, in the server's order: who is it, is the body right, may they, can it be done."""
    with state.changed:
        if generation != state.generation:
            return gateway_answer(503)
        try:
            if not operation.open:
                authorization = call.headers.get("authorization")
                call.caller = state.accounts.authenticate(authorization, time.monotonic())
                if call.caller is None:
                    return _refuse_caller(state, authorization)
            answer = operation.handle(state, call)
            return answer if state.version.typed_dates else replace(answer, body=dates_as_numbers(answer.body))
        except Refusal as refusal:
            return Answer(refusal.error.http_status, refusal.to_body())
        except Exception:  # noqa: BLE001  a server answers, and logs its own mistakes
            _LOG.exception("the emulator failed at %s %s", call.method, call.path)
            return Answer(500, Refusal(ErrorType.UNCLASSIFIED, "the emulator failed").to_body())


def _refuse_caller(state: ServerState, authorization: str | None) -> Answer:
    if authorization is None:
        error = "invalid_token" if state.version.plain_401 else "unauthorized"
        return unauthorized("Full authentication is required to access this resource", error)
    if state.version.plain_401:
        return unauthorized("Invalid access token")
    return unauthorized(f"Invalid access token: {authorization.partition(' ')[2].strip()}")


def _received(number: int, call: ApiCall, now: float) -> ReceivedCall:
    logs: tuple[str, ...] = ()
    body: Any = None
    launch_uuid = call.params.get("launch")
    if call.kind is CallKind.LOG:
        entries = _log_entries(call)
        logs = tuple(str(entry.get("message")) for entry in entries)
        launch_uuid = next((entry.get("launchUuid") for entry in entries), None)
    elif call.kind is not CallKind.TOKEN:
        body = call.parsed()
        if launch_uuid is None and isinstance(body, dict):
            launch_uuid = body.get("launchUuid") or body.get("uuid")
    return ReceivedCall(
        number=number,
        kind=call.kind,
        method=call.method,
        path=call.path,
        query=dict(call.query),
        body=body,
        launch_uuid=launch_uuid,
        at=now,
        user_agent=call.headers.get("user-agent"),
        logs=logs,
    )


def _log_entries(call: ApiCall) -> list[dict[str, Any]]:
    if call.form is None:
        entry = call.parsed()
        return [entry] if isinstance(entry, dict) else []
    try:
        return [entry for entry in item_calls.batch_entries(call.form) if isinstance(entry, dict)]
    except Refusal:
        return []


def _response(answer: Answer) -> Response:
    headers = dict(answer.headers)
    if answer.content_type is not None:
        headers["content-type"] = answer.content_type
    return Response(answer.encode(), answer.status, headers)
