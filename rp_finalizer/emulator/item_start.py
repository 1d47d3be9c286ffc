"""How an item comes to be: as a root or a child, as a retry of an earlier attempt, or again in a rerun."""

from __future__ import annotations

import uuid as uuids
from dataclasses import replace
from typing import TYPE_CHECKING

from rp_finalizer.emulator.records import StoredItem
from rp_finalizer.emulator.refusals import ErrorType, Refusal
from rp_finalizer.emulator.times import format_time
from rp_finalizer.launch import LaunchStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rp_finalizer.emulator.accounts import Member
    from rp_finalizer.emulator.bodies import StartItem
    from rp_finalizer.emulator.records import StoredLaunch
    from rp_finalizer.emulator.store import Store

RETRYABLE_TYPES = frozenset(
    {"STEP", "BEFORE_CLASS", "BEFORE_GROUPS", "BEFORE_METHOD", "AFTER_CLASS", "AFTER_GROUPS", "AFTER_METHOD"}
)
"""Items of these types are kept as attempts in a rerun; the others are opened again."""


def start_item(store: Store, member: Member, parent_uuid: str | None, request: StartItem, now: int) -> StoredItem:
    """Start an item under a launch, whatever that launch's status is."""
    launch = store.launch_by_uuid(request.launch_uuid)
    if launch is None:
        raise Refusal(ErrorType.LAUNCH_NOT_FOUND, request.launch_uuid)
    if parent_uuid is None:
        _demand_root(member, launch, request)
        parent = None
    else:
        parent = store.item_by_uuid(parent_uuid)
        if parent is None:
            raise Refusal(ErrorType.TEST_ITEM_NOT_FOUND, parent_uuid)
        _demand_child(parent, request)
    if launch.rerun and (earlier := _same_item(store, launch, parent, request)) is not None:
        return _start_again(store, launch, parent, earlier, request, now)
    item = _new_item(store, launch, parent, request, now)
    if request.retry or request.retry_of:
        return _start_retry(store, launch, item, _earlier_attempt(store, item, request))
    return _add(store, item)


def _demand_root(member: Member, launch: StoredLaunch, request: StartItem) -> None:
    if not member.user.administrator and launch.project != member.project:
        raise Refusal(ErrorType.ACCESS_DENIED)
    if request.start < launch.start:
        raise Refusal(ErrorType.CHILD_BEFORE_PARENT, format_time(request.start), format_time(launch.start), launch.id)
    if request.retry:
        raise Refusal(ErrorType.BAD_REQUEST, "Root test item can't be a retry.")


def _demand_child(parent: StoredItem, request: StartItem) -> None:
    if request.start < parent.start:
        raise Refusal(ErrorType.CHILD_BEFORE_PARENT, format_time(request.start), format_time(parent.start), parent.id)
    if not parent.has_stats and request.has_stats:
        raise Refusal(
            ErrorType.BAD_REQUEST,
            f"Unable to add a not nested step item, because parent item with ID = '{parent.id}' is a nested step",
        )


def _new_item(
    store: Store, launch: StoredLaunch, parent: StoredItem | None, request: StartItem, now: int
) -> StoredItem:
    number = store.next_id("item")
    path = str(number) if parent is None else f"{parent.path}.{number}"
    return StoredItem(
        id=number,
        uuid=request.uuid or str(uuids.uuid4()),
        launch_id=launch.id,
        parent_id=None if parent is None else parent.id,
        path=path,
        name=request.name,
        type=request.type,
        status=LaunchStatus.IN_PROGRESS,
        start=request.start,
        last_modified=now,
        unique_id=request.unique_id or _unique_id(store, launch, parent, request),
        description=request.description,
        attributes=request.attributes or (),
        parameters=request.parameters,
        code_ref=request.code_ref,
        test_case_id=request.test_case_id,
        has_stats=request.has_stats,
    )


def _unique_id(store: Store, launch: StoredLaunch, parent: StoredItem | None, request: StartItem) -> str:
    ancestors = [] if parent is None else [store.items[int(number)].name for number in parent.path.split(".")]
    identity = repr((launch.project, launch.name, ancestors, request.name, request.parameters))
    return f"auto:{uuids.uuid5(uuids.NAMESPACE_OID, identity).hex}"


def _add(store: Store, item: StoredItem) -> StoredItem:
    if store.item_by_uuid(item.uuid) is not None:
        raise Refusal(
            ErrorType.UNCLASSIFIED,
            'could not execute statement [ERROR: duplicate key value violates unique constraint "test_item_uuid_key"]',
        )
    store.put_item(item)
    if item.parent_id is not None and item.has_stats:
        parent = store.items[item.parent_id]
        if not parent.has_children:
            store.put_item(replace(parent, has_children=True))
    return item


def _earlier_attempt(store: Store, item: StoredItem, request: StartItem) -> StoredItem:
    named = store.item_by_uuid(request.retry_of) if request.retry_of else None
    if named is not None:
        return named
    siblings = store.children_of(item.parent_id) if item.parent_id is not None else iter(())
    for sibling in siblings:
        if sibling.unique_id == item.unique_id:
            return sibling
    raise Refusal(ErrorType.TEST_ITEM_NOT_FOUND, item.unique_id)


def _start_retry(store: Store, launch: StoredLaunch, item: StoredItem, earlier: StoredItem) -> StoredItem:
    """Add an item in place of an earlier attempt, which no longer counts."""
    added = _add(store, item)
    store.put_item(replace(earlier, retry_of=item.id))
    if not launch.has_retries:
        store.put_launch(replace(launch, has_retries=True))
    return added


def _same_item(store: Store, launch: StoredLaunch, parent: StoredItem | None, request: StartItem) -> StoredItem | None:
    candidates: Iterator[StoredItem]
    if parent is None:
        candidates = (item for item in store.items_of(launch.id) if item.parent_id is None)
    else:
        candidates = store.children_of(parent.id)
    same = (item for item in candidates if item.name == request.name and item.parameters == request.parameters)
    return next(same, None)


def _start_again(
    store: Store,
    launch: StoredLaunch,
    parent: StoredItem | None,
    earlier: StoredItem,
    request: StartItem,
    now: int,
) -> StoredItem:
    """Begin an item of a rerun that an earlier run had, too."""
    if earlier.type in RETRYABLE_TYPES:
        return _start_retry(store, launch, _new_item(store, launch, parent, request, now), earlier)
    reopened = replace(
        earlier,
        uuid=request.uuid or earlier.uuid,
        description=request.description,
        status=LaunchStatus.IN_PROGRESS,
        last_modified=now,
    )
    store.put_item(reopened)
    return reopened
