"""How items begin and end, and what that does to their parents and to the launch.

The rules are the server's (service-api, `StartTestItemHandlerImpl`, `FinishTestItemHandlerImpl`,
`AbstractFinishHierarchyHandler`, `ChangeStatusHandlerImpl`): none of them asks whether the launch is still open.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rp_finalizer.emulator.accounts import demand_launch_rights
from rp_finalizer.emulator.records import Attribute
from rp_finalizer.emulator.refusals import ErrorType, Refusal
from rp_finalizer.launch import LaunchStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rp_finalizer.emulator.accounts import Member
    from rp_finalizer.emulator.bodies import FinishItem
    from rp_finalizer.emulator.records import StoredItem, StoredLaunch
    from rp_finalizer.emulator.store import Store

STATUS_INTERRUPTED = Attribute(key="status", value="interrupted")
POSITIVE = frozenset({LaunchStatus.PASSED, LaunchStatus.INFO, LaunchStatus.WARN})
SET_BY_HAND = frozenset({LaunchStatus.PASSED, LaunchStatus.FAILED, LaunchStatus.SKIPPED})
TO_INVESTIGATE = "ti001"
ISSUE_TYPES = (TO_INVESTIGATE, "pb001", "ab001", "si001", "nd001")
NOT_AN_ISSUE = "NOT_ISSUE"
SKIPPED_ISSUE = "skippedIssue"
"""The launch's system attribute that makes skipped items issues."""


def computed_launch_status(store: Store, launch_id: int) -> LaunchStatus:
    """Compute a launch's status from its root items; PASSED where there is none."""
    return _combined(item for item in store.items_of(launch_id) if item.parent_id is None)


def _combined(items: Iterable[StoredItem]) -> LaunchStatus:
    counted = (item for item in items if item.has_stats)
    return LaunchStatus.PASSED if all(item.status in POSITIVE for item in counted) else LaunchStatus.FAILED


def close_items(store: Store, launch: StoredLaunch, status: LaunchStatus | None, end: int, now: int) -> bool:
    """Close all items of a launch that are in progress; tell whether there was one."""
    return _close(store, launch, store.open_items(launch.id), status, end, now)


def _close(
    store: Store, launch: StoredLaunch, items: list[StoredItem], status: LaunchStatus | None, end: int, now: int
) -> bool:
    """Close leaves with the given status, or as interrupted; then parents, from the deepest, by their descendants."""
    for item in items:
        if not item.has_children:
            leaf_status = status or LaunchStatus.INTERRUPTED
            issue = _default_issue(launch, item, leaf_status)
            store.put_item(_interrupted(replace(item, status=leaf_status, end=end, issue=issue, last_modified=now)))
    parents = [item for item in items if item.has_children]
    for parent in sorted(parents, key=lambda item: item.path.count("."), reverse=True):
        combined = _combined(store.descendants_of(parent.id))
        store.put_item(_interrupted(replace(parent, status=combined, end=end, last_modified=now)))
    return bool(items)


def _interrupted(item: StoredItem) -> StoredItem:
    return replace(item, attributes=tuple(dict.fromkeys((*item.attributes, STATUS_INTERRUPTED))))


def _default_issue(launch: StoredLaunch, item: StoredItem, status: LaunchStatus) -> Mapping[str, Any] | None:
    skipped_is_issue = any(
        attribute.system and attribute.key == SKIPPED_ISSUE and attribute.value.lower() == "true"
        for attribute in launch.attributes
    )
    failed = status is LaunchStatus.FAILED or (status is LaunchStatus.SKIPPED and skipped_is_issue)
    if not failed or not item.has_stats or item.retry_of is not None:
        return None
    return {"issueType": TO_INVESTIGATE, "autoAnalyzed": False, "ignoreAnalyzer": False}


def finish_item(store: Store, member: Member, uuid: str, request: FinishItem, now: int) -> StoredItem:
    """Finish an item, or correct one that was finished before, even under a finished launch."""
    item = store.item_by_uuid(uuid)
    if item is None:
        raise Refusal(ErrorType.TEST_ITEM_NOT_FOUND, uuid)
    launch = store.launches[item.launch_id]
    demand_launch_rights(member, launch, ErrorType.FINISH_ITEM_NOT_ALLOWED)
    if request.status is None and not item.has_children:
        raise Refusal(
            ErrorType.AMBIGUOUS_ITEM_STATUS,
            "There is no status provided from request and there are no descendants to check statistics "
            f"for test item id '{item.id}'",
        )
    status = _parent_status(store, launch, item, request, now) if item.has_children else request.status
    if status is None:
        raise AssertionError(f"item {item.id} would be finished without a status")
    current = store.items[item.id]
    finished = replace(
        current,
        status=status,
        end=request.end,
        issue=None if item.has_children else _issue(launch, current, request, status),
        description=request.description if request.description is not None else current.description,
        attributes=_finished_attributes(current, request),
        test_case_id=request.test_case_id or current.test_case_id,
        last_modified=now,
    )
    store.put_item(finished)
    if finished.retry_of is None:
        _correct_parents(store, finished, now)
        _correct_launch(store, launch.id, now)
    return finished


def _parent_status(store: Store, launch: StoredLaunch, item: StoredItem, request: FinishItem, now: int) -> LaunchStatus:
    still_open = [child for child in store.descendants_of(item.id) if not child.status.final]
    if _close(store, launch, still_open, request.status, request.end, now) or request.status is None:
        return _combined(store.descendants_of(item.id))
    return request.status


def _finished_attributes(item: StoredItem, request: FinishItem) -> tuple[Attribute, ...]:
    kept = [attribute for attribute in item.attributes if attribute != STATUS_INTERRUPTED]
    if request.attributes is not None:
        kept = [attribute for attribute in kept if attribute.system] + list(request.attributes)
    return tuple(dict.fromkeys(kept))


def _issue(
    launch: StoredLaunch, item: StoredItem, request: FinishItem, status: LaunchStatus
) -> Mapping[str, Any] | None:
    if status not in {LaunchStatus.FAILED, LaunchStatus.SKIPPED} or item.retry_of is not None:
        return None
    if request.issue is None:
        return _default_issue(launch, item, status)
    sent = str(request.issue.get("issueType") or request.issue.get("issue_type") or "")
    if sent.upper() == NOT_AN_ISSUE:
        return None
    if sent.lower() not in ISSUE_TYPES:
        raise Refusal(
            ErrorType.AMBIGUOUS_ISSUE_TYPE,
            f"Invalid test item issue type definition '{sent}' is requested for item '{item.id}'. "
            f"Valid issue types locators are: {', '.join(ISSUE_TYPES)}",
        )
    comment = request.issue.get("comment")
    described = {"issueType": sent.lower()} if comment is None else {"issueType": sent.lower(), "comment": comment}
    return {**described, "autoAnalyzed": False, "ignoreAnalyzer": bool(request.issue.get("ignoreAnalyzer"))}


def set_status(store: Store, item: StoredItem, status: LaunchStatus, now: int) -> StoredItem:
    """Set a leaf to passed, failed or skipped by hand, finished or not, and correct what lies above it."""
    if status is item.status:
        return item
    if item.has_children and item.type != "STEP":
        raise Refusal(ErrorType.INCORRECT_REQUEST, "Unable to change status on test item with children")
    if status not in SET_BY_HAND:
        message = f"Actual status: '{item.status}' cannot be changed to '{status}'."
        raise Refusal(ErrorType.INCORRECT_REQUEST, message)
    issue = _default_issue(store.launches[item.launch_id], item, status)
    changed = replace(item, status=status, issue=issue, last_modified=now)
    store.put_item(changed)
    _correct_parents(store, changed, now)
    _correct_launch(store, changed.launch_id, now)
    return changed


def _correct_parents(store: Store, item: StoredItem, now: int) -> None:
    """Recompute finished parents that no open item lies under, upwards as long as one changes."""
    if item.parent_id is None:
        return
    parent = store.items[item.parent_id]
    if not parent.has_children or not parent.status.final:
        return
    descendants = list(store.descendants_of(parent.id))
    if any(not below.status.final for below in descendants):
        return
    status = _combined(descendants)
    if status is not parent.status:
        corrected = replace(parent, status=status, last_modified=now)
        store.put_item(corrected)
        _correct_parents(store, corrected, now)


def _correct_launch(store: Store, launch_id: int, now: int) -> None:
    """Recompute the status of a finished launch once none of its items is in progress."""
    launch = store.launches[launch_id]
    if not launch.status.final or store.open_items(launch_id):
        return
    status = computed_launch_status(store, launch_id)
    if status is not launch.status:
        store.put_launch(replace(launch, status=status, last_modified=now))
