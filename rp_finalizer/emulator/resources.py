"""What the server shows of its records; keys without a value are left out."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from rp_finalizer.emulator.records import MICROSECONDS_PER_MILLISECOND
from rp_finalizer.emulator.store import count_executions
from rp_finalizer.emulator.times import format_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rp_finalizer.emulator.accounts import Accounts, Project
    from rp_finalizer.emulator.records import Attribute, StoredItem, StoredLaunch, StoredLog, User
    from rp_finalizer.emulator.store import Store


def launch_resource(store: Store, launch: StoredLaunch) -> dict[str, Any]:
    """Show a launch as in a list: dates as ISO 8601 texts."""
    return _present(
        {
            "owner": launch.owner,
            "description": launch.description,
            "id": launch.id,
            "uuid": launch.uuid,
            "name": launch.name,
            "number": launch.number,
            "startTime": format_time(launch.start),
            "endTime": None if launch.end is None else format_time(launch.end),
            "lastModified": format_time(launch.last_modified),
            "status": launch.status.value,
            "statistics": {"executions": dict(store.statistics(launch.id)), "defects": {}},
            "attributes": _attributes(launch.attributes),
            "mode": launch.mode,
            "analysing": [],
            "approximateDuration": 0.0,
            "hasRetries": launch.has_retries,
            "rerun": launch.rerun,
            "retentionPolicy": "REGULAR",
        }
    )


def single_launch_resource(store: Store, launch: StoredLaunch) -> dict[str, Any]:
    """Show one launch asked for by name: the start and the last change are cut to milliseconds."""
    resource = launch_resource(store, launch)
    resource["startTime"] = format_time(_whole_milliseconds(launch.start))
    resource["lastModified"] = format_time(_whole_milliseconds(launch.last_modified))
    return resource


def _whole_milliseconds(microseconds: int) -> int:
    return microseconds - microseconds % MICROSECONDS_PER_MILLISECOND


def item_resource(store: Store, item: StoredItem) -> dict[str, Any]:
    """Show an item."""
    counted = store.descendants_of(item.id) if item.has_children else iter((item,))
    ancestors = [store.items[int(number)] for number in item.path.split(".")[:-1]]
    launch = store.launches[item.launch_id]
    return _present(
        {
            "id": item.id,
            "uuid": item.uuid,
            "name": item.name,
            "codeRef": item.code_ref,
            "description": item.description,
            "parameters": [_present({"key": key, "value": value}) for key, value in item.parameters],
            "attributes": _attributes(item.attributes),
            "type": item.type,
            "startTime": format_time(item.start),
            "endTime": None if item.end is None else format_time(item.end),
            "status": item.status.value,
            "statistics": {"executions": dict(count_executions(counted)), "defects": {}},
            "parent": item.parent_id,
            "pathNames": {
                "launchPathName": {"name": launch.name, "number": launch.number},
                "itemPaths": [{"id": ancestor.id, "name": ancestor.name} for ancestor in ancestors],
            },
            "issue": item.issue,
            "hasChildren": item.has_children,
            "hasStats": item.has_stats,
            "launchId": item.launch_id,
            "uniqueId": item.unique_id,
            "testCaseId": item.test_case_id,
            "testCaseHash": zlib.crc32((item.test_case_id or item.unique_id).encode()) - 2**31,
            "patternTemplates": [],
            "path": item.path,
        }
    )


def log_resource(store: Store, log: StoredLog) -> dict[str, Any]:
    """Show a log entry; of a file only that it is there."""
    del store
    return _present(
        {
            "id": log.id,
            "uuid": log.uuid,
            "time": format_time(log.time),
            "message": log.message,
            "level": log.level,
            "itemId": log.item_id,
            "launchId": log.launch_id if log.item_id is None else None,
            "binaryContent": _binary_content(log),
        }
    )


def _binary_content(log: StoredLog) -> dict[str, Any] | None:
    if log.content_type is None:
        return None
    number = str(log.id)
    return {"id": number, "thumbnailId": number, "contentType": log.content_type}


def user_resource(accounts: Accounts, user: User) -> dict[str, Any]:
    """Show the calling user with their projects."""
    projects = {
        name: {"projectId": accounts.projects[name].id, "projectRole": role.name, "entryType": "INTERNAL"}
        for name, role in user.projects.items()
    }
    return {
        "id": user.id,
        "uuid": f"00000000-0000-4000-8000-{user.id:012d}",
        "userId": user.login,
        "email": f"{user.login}@example.com",
        "fullName": user.login,
        "accountType": "INTERNAL",
        "userRole": "ADMINISTRATOR" if user.administrator else "USER",
        "active": True,
        "assignedProjects": projects,
    }


def project_resource(project: Project) -> dict[str, Any]:
    """Show a project's configuration; attributes are texts, times in seconds."""
    attributes = {
        "job.interruptJobTime": f"{project.interrupt_after:.0f}",
        "job.keepLaunches": "7776000",
        "job.keepLogs": "7776000",
        "job.keepScreenshots": "1209600",
        "analyzer.isAutoAnalyzerEnabled": "false",
    }
    return {
        "projectId": project.id,
        "projectName": project.name,
        "entryType": "INTERNAL",
        "creationDate": format_time(project.created),
        "configuration": {"attributes": attributes, "subTypes": issue_types()},
    }


def issue_types() -> dict[str, Any]:
    """Show the defect types that every project has."""
    names = {
        "TO_INVESTIGATE": ("ti001", "To Investigate", "TI"),
        "PRODUCT_BUG": ("pb001", "Product Bug", "PB"),
        "AUTOMATION_BUG": ("ab001", "Automation Bug", "AB"),
        "SYSTEM_ISSUE": ("si001", "System Issue", "SI"),
        "NO_DEFECT": ("nd001", "No Defect", "ND"),
    }
    return {
        group: [
            {
                "id": number,
                "locator": locator,
                "typeRef": group,
                "longName": long_name,
                "shortName": short_name,
                "color": "#ffb743",
            }
        ]
        for number, (group, (locator, long_name, short_name)) in enumerate(names.items(), start=1)
    }


def _attributes(attributes: tuple[Attribute, ...]) -> list[dict[str, Any]]:
    return [_present({"key": each.key, "value": each.value}) for each in attributes if not each.system]


def _present(resource: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in resource.items() if value is not None}
