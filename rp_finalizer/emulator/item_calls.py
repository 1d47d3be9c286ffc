"""The calls that report what happens inside a launch: items and logs, at once (v1) or through the queue (v2)."""

from __future__ import annotations

import functools
import json
import uuid as uuids
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rp_finalizer.emulator.api_call import Operation, created, ok
from rp_finalizer.emulator.bodies import FinishItem, SaveLog, StartItem
from rp_finalizer.emulator.item_lifecycle import finish_item
from rp_finalizer.emulator.item_start import start_item
from rp_finalizer.emulator.journal import CallKind
from rp_finalizer.emulator.launch_calls import publish
from rp_finalizer.emulator.log_saving import save_log
from rp_finalizer.emulator.refusals import ErrorType, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from rp_finalizer.emulator.answers import Answer
    from rp_finalizer.emulator.api_call import ApiCall, Form
    from rp_finalizer.emulator.server_state import ServerState

JSON_PART = "json_request_part"


def start_v1(state: ServerState, call: ApiCall) -> Answer:
    """Start an item, at the root or under the parent in the path."""
    request = StartItem.parse(call.json())
    item = start_item(state.store, call.reporter(state), call.params.get("parent"), request, state.clock.now())
    return created({"id": item.uuid, "uniqueId": item.unique_id})


def start_v2(state: ServerState, call: ApiCall) -> Answer:
    """Take a start of an item; whether its launch and parent exist is found out later."""
    request = StartItem.parse(call.json())
    member = call.reporter(state)
    queued = replace(request, uuid=request.uuid or str(uuids.uuid4()))
    parent = call.params.get("parent")
    publish(
        state,
        call,
        request.launch_uuid,
        lambda: start_item(state.store, member, parent, queued, state.clock.now()),
    )
    return created({"id": queued.uuid})


def finish_v1(state: ServerState, call: ApiCall) -> Answer:
    """Finish an item."""
    request = FinishItem.parse(call.json())
    uuid = str(call.params["item"])
    finish_item(state.store, call.reporter(state), uuid, request, state.clock.now())
    return ok({"message": f"TestItem with ID = '{uuid}' successfully finished."})


def finish_v2(state: ServerState, call: ApiCall) -> Answer:
    """Take a finish of an item, which must name the launch, since that chooses the queue."""
    request = FinishItem.parse(call.json())
    member = call.reporter(state)
    uuid = str(call.params["item"])
    if request.launch_uuid is None:
        raise Refusal(ErrorType.BAD_REQUEST, "Launch UUID should not be null or empty.")
    publish(
        state,
        call,
        request.launch_uuid,
        lambda: finish_item(state.store, member, uuid, request, state.clock.now()),
    )
    return ok({"message": f"Accepted finish request for test item ID = {uuid}"})


def log_v1(state: ServerState, call: ApiCall) -> Answer:
    """Store one log entry or a batch."""

    def save(request: SaveLog, file: tuple[str | None, bytes] | None) -> str:
        return save_log(state.store, request, file).uuid

    return _log(state, call, save)


def log_v2(state: ServerState, call: ApiCall) -> Answer:
    """Take one log entry or a batch."""

    def save(request: SaveLog, file: tuple[str | None, bytes] | None) -> str:
        uuid = request.uuid or str(uuids.uuid4())
        queued = replace(request, uuid=uuid)
        work = functools.partial(save_log, state.store, queued, file)
        publish(state, call, request.launch_uuid or "", work, has_file=file is not None)
        return uuid

    return _log(state, call, save)


def _log(state: ServerState, call: ApiCall, save: Callable[[SaveLog, tuple[str | None, bytes] | None], str]) -> Answer:
    """Save what a log call carries; a batch is answered with 201 even if single entries fail."""
    if call.form is None:
        request = SaveLog.parse(call.json())
        call.reporter(state)
        return created({"id": save(request, None)})
    call.reporter(state)
    responses = []
    for entry in batch_entries(call.form):
        try:
            request = SaveLog.parse(entry)
            responses.append({"id": save(request, _file(call.form, request.file_name))})
        except Refusal as refusal:
            trace = f"com.epam.reportportal.rules.exception.ReportPortalException: {refusal.message}"
            responses.append({"stackTrace": trace, "message": refusal.message})
    return created({"responses": responses})


def batch_entries(form: Form) -> list[Any]:
    """Read the JSON part of a batch."""
    try:
        entries = json.loads(form.fields.get(JSON_PART, ""))
    except ValueError:
        entries = None
    if not isinstance(entries, list):
        raise Refusal(ErrorType.BAD_REQUEST, f"Unable to read the part '{JSON_PART}'")
    return entries


def _file(form: Form, name: str | None) -> tuple[str | None, bytes] | None:
    if name is None:
        return None
    for file in form.files:
        if file.name == name:
            return file.content_type, file.content
    raise Refusal(ErrorType.BAD_REQUEST, f"There is no request part or file with name {name}")


OPERATIONS = (
    *(
        Operation(CallKind.START_ITEM, "POST", f"/api/{version}/{{project}}/item{parent}{slash}", handler)
        for version, handler in (("v1", start_v1), ("v2", start_v2))
        for parent in ("", "/{parent}")
        for slash in ("", "/")
    ),
    *(
        Operation(CallKind.FINISH_ITEM, "PUT", f"/api/{version}/{{project}}/item/{{item}}{slash}", handler)
        for version, handler in (("v1", finish_v1), ("v2", finish_v2))
        for slash in ("", "/")
    ),
    *(
        Operation(CallKind.LOG, "POST", f"/api/{version}/{{project}}/log{entry}", handler)
        for version, handler in (("v1", log_v1), ("v2", log_v2))
        for entry in ("", "/entry")
    ),
)
