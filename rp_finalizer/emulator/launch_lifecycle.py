"""How a launch begins and ends: start, rerun, finish, stop, and the server's own clean-up.

Each function is a transition of the store; the time is an argument. The order of the checks is the server's
(service-api, `FinishLaunchHandlerImpl`, `StopLaunchHandlerImpl`, `RerunHandlerImpl`, `InterruptBrokenLaunchesJob`).
"""

from __future__ import annotations

import uuid as uuids
from dataclasses import replace
from typing import TYPE_CHECKING

from rp_finalizer.emulator.accounts import demand_launch_rights
from rp_finalizer.emulator.item_lifecycle import close_items, computed_launch_status
from rp_finalizer.emulator.records import Attribute, ProjectRole, StoredLaunch
from rp_finalizer.emulator.refusals import ErrorType, Refusal
from rp_finalizer.emulator.times import format_time
from rp_finalizer.launch import LaunchStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rp_finalizer.emulator.accounts import Member
    from rp_finalizer.emulator.bodies import FinishExecution, StartLaunch
    from rp_finalizer.emulator.store import Store

STATUS_STOPPED = Attribute(key="status", value="stopped")


def start_launch(store: Store, member: Member, request: StartLaunch, now: int) -> StoredLaunch:
    """Start a launch, or reopen one for a rerun."""
    demand_mode(member, request)
    if request.rerun:
        return _reopen(store, member, request, now)
    uuid = request.uuid or str(uuids.uuid4())
    if store.launch_by_uuid(uuid) is not None:
        raise Refusal(
            ErrorType.UNCLASSIFIED,
            'could not execute statement [ERROR: duplicate key value violates unique constraint "launch_uuid_key"]',
        )
    launch = StoredLaunch(
        id=store.next_id("launch"),
        uuid=uuid,
        name=request.name,
        number=store.next_launch_number(member.project, request.name),
        project=member.project,
        owner=member.user.login,
        owner_id=member.user.id,
        status=LaunchStatus.IN_PROGRESS,
        start=request.start,
        last_modified=now,
        description=request.description,
        attributes=request.attributes or (),
        mode=request.mode or "DEFAULT",
    )
    store.put_launch(launch)
    return launch


def demand_mode(member: Member, request: StartLaunch) -> None:
    """Refuse a DEBUG launch of a customer; over v2, too, before anything is queued."""
    if member.role is ProjectRole.CUSTOMER and request.mode == "DEBUG":
        raise Refusal(ErrorType.FORBIDDEN_OPERATION)


def find_rerun(store: Store, member: Member, request: StartLaunch) -> StoredLaunch:
    """Find the launch that a rerun reopens: the one it names, else the latest of its name."""
    if request.rerun_of:
        launch = store.launch_by_uuid(request.rerun_of)
    else:
        launch = store.latest_launch(member.project, request.name)
    if launch is None:
        raise Refusal(ErrorType.LAUNCH_NOT_FOUND, request.rerun_of or request.name)
    return launch


def _reopen(store: Store, member: Member, request: StartLaunch, now: int) -> StoredLaunch:
    """Set a launch back to work. It keeps its end time, and its uuid unless another one is sent."""
    before = find_rerun(store, member, request)
    launch = replace(
        before,
        uuid=request.uuid or before.uuid,
        mode=request.mode or before.mode,
        description=before.description if request.description is None else request.description,
        attributes=before.attributes if request.attributes is None else request.attributes,
        status=LaunchStatus.IN_PROGRESS,
        rerun=True,
        last_modified=now,
    )
    store.put_launch(launch)
    return launch


def finish_launch(store: Store, member: Member, uuid: str, request: FinishExecution, now: int) -> StoredLaunch:
    """Finish a launch that is in progress, and with it every item that still is.

    Where an item had to be closed the status is computed from the items and the one sent is ignored.
    """
    launch = store.launch_by_uuid(uuid)
    if launch is None:
        raise Refusal(ErrorType.LAUNCH_NOT_FOUND, uuid)
    _demand_finishable(member, launch, request)
    closed = close_items(store, launch, request.status, request.end, now)
    status = request.status if request.status and not closed else computed_launch_status(store, launch.id)
    description = " ".join(part for part in (launch.description, request.description) if part)
    finished = replace(
        store.launches[launch.id],
        status=status,
        end=request.end,
        description=description or None,
        attributes=add_attributes(launch.attributes, request.attributes or ()),
        last_modified=now,
    )
    store.put_launch(finished)
    return finished


def stop_launch(store: Store, member: Member, launch_id: int, request: FinishExecution, now: int) -> StoredLaunch:
    """Stop a launch that is in progress; its open items become interrupted at the server's own time."""
    demand_stoppable(store, member, launch_id, request)
    launch = store.launches[launch_id]
    _interrupt_items(store, launch_id, now)
    stopped = replace(
        launch,
        status=request.status or LaunchStatus.STOPPED,
        end=request.end,
        description=f"{request.description if request.description is not None else launch.description or ''} stopped",
        attributes=add_attributes(launch.attributes, (*(request.attributes or ()), STATUS_STOPPED)),
        last_modified=now,
    )
    store.put_launch(stopped)
    return stopped


def demand_stoppable(store: Store, member: Member, launch_id: int, request: FinishExecution) -> None:
    """Refuse a stop that cannot be done, and change nothing."""
    if launch_id not in store.launches:
        raise Refusal(ErrorType.LAUNCH_NOT_FOUND, launch_id)
    _demand_finishable(member, store.launches[launch_id], request)


def _demand_finishable(member: Member, launch: StoredLaunch, request: FinishExecution) -> None:
    demand_launch_rights(member, launch)
    if launch.status.final:
        message = f"Launch '{launch.id}' already finished with status '{launch.status}'"
        raise Refusal(ErrorType.FINISH_LAUNCH_NOT_ALLOWED, message)
    if request.end < launch.start:
        end, start = format_time(request.end), format_time(launch.start)
        raise Refusal(ErrorType.FINISH_BEFORE_START, end, start, launch.id)


def interrupt_silent_launches(store: Store, project: str, interrupt_after: int, now: int) -> list[StoredLaunch]:
    """Do what the server's hourly job does: interrupt launches that began long ago and look abandoned.

    A launch without open items is interrupted whatever it did a moment ago; with open items only when none of them
    began and nothing was logged within `interrupt_after` microseconds.
    """
    since = now - interrupt_after
    interrupted = []
    for launch in list(store.launches.values()):
        old = launch.project == project and not launch.status.final and launch.start < since
        if not old or (store.open_items(launch.id) and _shows_life(store, launch.id, since)):
            continue
        _interrupt_items(store, launch.id, now)
        ended = replace(launch, status=LaunchStatus.INTERRUPTED, end=now, last_modified=now)
        store.put_launch(ended)
        interrupted.append(ended)
    return interrupted


def _shows_life(store: Store, launch_id: int, since: int) -> bool:
    started = any(item.start >= since for item in store.open_items(launch_id))
    return started or any(log.time >= since for log in store.logs_of(launch_id))


def _interrupt_items(store: Store, launch_id: int, now: int) -> None:
    for item in store.open_items(launch_id):
        store.put_item(replace(item, status=LaunchStatus.INTERRUPTED, end=now, last_modified=now))


def add_attributes(before: tuple[Attribute, ...], added: Iterable[Attribute]) -> tuple[Attribute, ...]:
    """Add attributes to those that are there, each once."""
    return tuple(dict.fromkeys((*before, *added)))
