"""The calls that start, finish and stop launches, at once (v1) or through the queue (v2)."""

from __future__ import annotations

import time
import uuid as uuids
from dataclasses import replace
from typing import TYPE_CHECKING

from rp_finalizer.emulator import launch_lifecycle
from rp_finalizer.emulator.api_call import Operation, created, ok
from rp_finalizer.emulator.bodies import FinishExecution, StartLaunch, parse_entities
from rp_finalizer.emulator.journal import CallKind
from rp_finalizer.emulator.reporting_queue import Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from rp_finalizer.emulator.answers import Answer
    from rp_finalizer.emulator.api_call import ApiCall
    from rp_finalizer.emulator.server_state import ServerState


def publish(
    state: ServerState, call: ApiCall, launch_uuid: str, work: Callable[[], object], *, has_file: bool = False
) -> None:
    """Put something to do into the queue, in the lane of its launch."""
    state.queue.publish(Message(call.kind, launch_uuid, work, time.monotonic(), has_file=has_file))


def start_v1(state: ServerState, call: ApiCall) -> Answer:
    """Start a launch and tell its uuid and its number among its namesakes."""
    request = StartLaunch.parse(call.json())
    launch = launch_lifecycle.start_launch(state.store, call.reporter(state), request, state.clock.now())
    return created({"id": launch.uuid, "number": launch.number})


def start_v2(state: ServerState, call: ApiCall) -> Answer:
    """Take a start of a launch; its uuid is known, the launch is not there yet."""
    request = StartLaunch.parse(call.json())
    member = call.reporter(state)
    launch_lifecycle.demand_mode(member, request)
    if request.rerun:
        uuid = request.uuid or launch_lifecycle.find_rerun(state.store, member, request).uuid
    else:
        uuid = request.uuid or str(uuids.uuid4())
    queued = replace(request, uuid=uuid)
    publish(
        state,
        call,
        uuid,
        lambda: launch_lifecycle.start_launch(state.store, member, queued, state.clock.now()),
    )
    return created({"id": uuid})


def finish_v1(state: ServerState, call: ApiCall) -> Answer:
    """Finish a launch named by its uuid; a number is unknown here."""
    request = FinishExecution.parse(call.json())
    member = call.reporter(state)
    uuid = str(call.params["launch"])
    launch = launch_lifecycle.finish_launch(state.store, member, uuid, request, state.clock.now())
    link = f"{call.base_url}/ui/#{member.project}/launches/all/{launch.id}"
    return ok({"id": launch.uuid, "number": launch.number, "link": link})


def finish_v2(state: ServerState, call: ApiCall) -> Answer:
    """Take a finish of whatever the path names, whether it exists or not."""
    request = FinishExecution.parse(call.json())
    member = call.reporter(state)
    uuid = str(call.params["launch"])
    publish(
        state,
        call,
        uuid,
        lambda: launch_lifecycle.finish_launch(state.store, member, uuid, request, state.clock.now()),
    )
    return ok({"id": uuid, "link": f"{call.base_url}/ui/#{member.project}/launches/all/{uuid}"})


def stop(state: ServerState, call: ApiCall) -> Answer:
    """Stop a launch named by its number; a uuid is no number."""
    launch_id = call.number("launch")
    request = FinishExecution.parse(call.json())
    launch_lifecycle.stop_launch(state.store, call.reporter(state), launch_id, request, state.clock.now())
    return ok(_stopped(launch_id))


def stop_several(state: ServerState, call: ApiCall) -> Answer:
    """Stop launches, all or none."""
    entities = parse_entities(call.json())
    requests = {launch_id: FinishExecution.parse(entity) for launch_id, entity in entities.items()}
    member = call.reporter(state)
    for launch_id, request in requests.items():
        launch_lifecycle.demand_stoppable(state.store, member, launch_id, request)
    for launch_id, request in requests.items():
        launch_lifecycle.stop_launch(state.store, member, launch_id, request, state.clock.now())
    return ok([_stopped(launch_id) for launch_id in requests])


def _stopped(launch_id: int) -> dict[str, str]:
    return {"message": f"Launch with ID = '{launch_id}' successfully stopped."}


OPERATIONS = (
    Operation(CallKind.START_LAUNCH_V1, "POST", "/api/v1/{project}/launch", start_v1),
    Operation(CallKind.START_LAUNCH_V2, "POST", "/api/v2/{project}/launch", start_v2),
    Operation(CallKind.FINISH_LAUNCH_V1, "PUT", "/api/v1/{project}/launch/{launch}/finish", finish_v1),
    Operation(CallKind.FINISH_LAUNCH_V2, "PUT", "/api/v2/{project}/launch/{launch}/finish", finish_v2),
    Operation(CallKind.STOP_LAUNCH, "PUT", "/api/v1/{project}/launch/stop", stop_several),
    Operation(CallKind.STOP_LAUNCH, "PUT", "/api/v1/{project}/launch/{launch}/stop", stop),
)
