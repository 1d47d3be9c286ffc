"""The control API under `/control`: everything the Python handle can do, for programs in other languages. No key."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, HTTPException

from rp_finalizer.emulator.control_bodies import (  # noqa: TC001  FastAPI reads these annotations
    FaultBody,
    ProjectBody,
    QueueBody,
    RuleBody,
    ServerBody,
    UserBody,
)
from rp_finalizer.emulator.faults import ActiveFault, Fault
from rp_finalizer.emulator.records import ProjectRole

if TYPE_CHECKING:
    from rp_finalizer.emulator.server_state import ServerState


def control_router(state: ServerState) -> APIRouter:
    """Make the control calls for a state."""
    router = APIRouter(prefix="/control", include_in_schema=False)
    _add_server_calls(router, state)
    _add_fault_calls(router, state)
    _add_queue_calls(router, state)
    return router


def _add_server_calls(router: APIRouter, state: ServerState) -> None:
    @router.get("/state")
    async def snapshot() -> dict[str, Any]:
        with state.changed:
            return {
                "launches": [_launch_state(state, launch_id) for launch_id in state.store.launches],
                "queue": _queue_state(state),
                "latency": state.latency,
                "clock_offset": state.clock.offset,
                "token_lifetime": state.accounts.token_lifetime,
            }

    @router.get("/calls")
    async def calls(kind: str | None = None) -> list[dict[str, Any]]:
        with state.changed:
            return [asdict(call) for call in state.journal.calls(kind)]

    @router.put("/server")
    async def set_server(body: ServerBody) -> dict[str, float]:
        with state.changed:
            if body.latency is not None:
                state.latency = body.latency
            if body.clock_offset is not None:
                state.clock.offset = body.clock_offset
            if body.token_lifetime is not None:
                state.accounts.token_lifetime = body.token_lifetime
            return {
                "latency": state.latency,
                "clock_offset": state.clock.offset,
                "token_lifetime": state.accounts.token_lifetime,
            }

    _add_account_calls(router, state)


def _add_account_calls(router: APIRouter, state: ServerState) -> None:
    @router.post("/users")
    async def add_user(body: UserBody) -> dict[str, Any]:
        try:
            roles = {project: ProjectRole[role] for project, role in body.projects.items()}
        except KeyError as error:
            raise HTTPException(422, f"no such role: {error}; {', '.join(ProjectRole.__members__)} are") from None
        with state.changed:
            user = state.accounts.add_user(
                body.login, body.key, roles, administrator=body.administrator, password=body.password
            )
            return {"id": user.id, "login": user.login}

    @router.post("/projects")
    async def add_project(body: ProjectBody) -> dict[str, Any]:
        with state.changed:
            state.accounts.set_interrupt_after(body.name, body.interrupt_after)
            return asdict(state.accounts.add_project(body.name))

    @router.post("/inactivity-job")
    async def inactivity_job() -> dict[str, list[str]]:
        return {"interrupted": [launch.uuid for launch in state.run_inactivity_job()]}

    @router.post("/reset")
    async def reset() -> dict[str, bool]:
        state.reset()
        return {"reset": True}


def _add_fault_calls(router: APIRouter, state: ServerState) -> None:
    @router.get("/faults")
    async def faults() -> list[dict[str, Any]]:
        with state.changed:
            return [_fault_state(active) for active in state.faults.active()]

    @router.post("/faults")
    async def add_fault(body: FaultBody) -> dict[str, Any]:
        try:
            fault = Fault(**body.model_dump())
        except ValueError as error:
            raise HTTPException(422, str(error)) from None
        with state.changed:
            return _fault_state(state.faults.add(fault, time.monotonic()))

    @router.delete("/faults")
    async def clear_faults() -> dict[str, bool]:
        with state.changed:
            state.faults.clear()
        return {"removed": True}

    @router.delete("/faults/{number}")
    async def remove_fault(number: int) -> dict[str, bool]:
        with state.changed:
            _fault(state, number).remove()
        return {"removed": True}

    @router.post("/faults/{number}/release")
    async def release_fault(number: int) -> dict[str, bool]:
        with state.changed:
            _fault(state, number).release()
        return {"released": True}


def _add_queue_calls(router: APIRouter, state: ServerState) -> None:
    @router.get("/queue")
    async def queue() -> dict[str, Any]:
        with state.changed:
            return _queue_state(state)

    @router.put("/queue")
    async def set_queue(body: QueueBody) -> dict[str, Any]:
        with state.changed:
            for name in ("delay", "first_delay", "retry_factor", "file_delay"):
                if (value := getattr(body, name)) is not None:
                    setattr(state.queue, name, value)
            if body.paused is not None:
                (state.queue.pause if body.paused else state.queue.resume)()
            return _queue_state(state)

    @router.post("/queue/drop")
    async def drop(body: RuleBody) -> dict[str, Any]:
        return _add_rule(state, "drop", body)

    @router.post("/queue/duplicate")
    async def duplicate(body: RuleBody) -> dict[str, Any]:
        return _add_rule(state, "duplicate", body)


def _add_rule(state: ServerState, name: str, body: RuleBody) -> dict[str, Any]:
    with state.changed:
        try:
            getattr(state.queue, name)(body.kind, body.times)
        except ValueError as error:
            raise HTTPException(422, str(error)) from None
        return _queue_state(state)


def _fault(state: ServerState, number: int) -> ActiveFault:
    active = state.faults.get(number)
    if active is None:
        raise HTTPException(404, f"there is no fault {number}")
    return active


def _fault_state(active: ActiveFault) -> dict[str, Any]:
    fault = active.fault
    return {
        "id": active.number,
        "hits": active.hits,
        "kind": sorted(fault.kinds),
        "path": fault.path,
        "status": fault.status,
        "apply": fault.apply,
        "cut": fault.cut,
        "delay": fault.delay,
        "hang": fault.hang,
        "skip": fault.skip,
        "times": fault.times,
        "seconds": fault.seconds,
    }


def _queue_state(state: ServerState) -> dict[str, Any]:
    queue = state.queue
    return {
        "delay": queue.delay,
        "first_delay": queue.first_delay,
        "retry_factor": queue.retry_factor,
        "file_delay": queue.file_delay,
        "paused": queue.paused,
        "waiting": queue.waiting(),
        "parked": [asdict(message) for message in queue.parked],
        "dropped": [{"kind": kind, "launch_uuid": uuid} for kind, uuid in queue.dropped],
    }


def _launch_state(state: ServerState, launch_id: int) -> dict[str, Any]:
    launch = state.store.launches[launch_id]
    items = [
        {"uuid": item.uuid, "name": item.name, "type": item.type, "status": item.status, "parent": item.parent_id}
        for item in state.store.items_of(launch_id)
    ]
    return {**asdict(launch), "items": items, "logs": len(state.store.logs_of(launch_id))}
