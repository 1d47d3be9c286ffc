"""How finished launches become one (service-api, `MergeLaunchHandlerImpl`, `AbstractLaunchMergeStrategy`)."""

from __future__ import annotations

import uuid as uuids
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rp_finalizer.emulator.bodies import MAX_DESCRIPTION, MAX_LAUNCH_NAME
from rp_finalizer.emulator.fields import FieldReader
from rp_finalizer.emulator.records import ProjectRole, StoredLaunch
from rp_finalizer.emulator.refusals import ErrorType, Refusal
from rp_finalizer.emulator.times import format_time
from rp_finalizer.launch import LaunchStatus

if TYPE_CHECKING:
    from rp_finalizer.emulator.accounts import Member
    from rp_finalizer.emulator.records import Attribute
    from rp_finalizer.emulator.store import Store

BASIC = "BASIC"
DEEP = "DEEP"
TOP_TYPES = frozenset({"SUITE", "STORY"})
"""The types of items whose description tells, on request, from which launch they come."""


@dataclass(frozen=True, slots=True)
class MergeLaunches:
    """The body of a merge; None takes what the merged launches have."""

    name: str
    launches: tuple[int, ...]
    merge_type: str
    extend_descriptions: bool
    description: str | None
    attributes: tuple[Attribute, ...] | None
    mode: str | None
    start: int | None
    end: int | None

    @classmethod
    def parse(cls, body: object) -> MergeLaunches:
        """Read it, or refuse it and name every field that is wrong."""
        fields = FieldReader(body)
        attributes = fields.attributes()
        description = fields.text("description")
        request = cls(
            name=fields.required_text("name", longest=MAX_LAUNCH_NAME).strip(),
            launches=fields.numbers("launches"),
            merge_type=fields.required_text("mergeType", may_be_blank=True),
            extend_descriptions=fields.flag("extendSuitesDescription"),
            description=description and description[:MAX_DESCRIPTION],
            attributes=attributes and tuple(replace(attribute, system=False) for attribute in attributes),
            mode=fields.choice("mode", frozenset({"DEFAULT", "DEBUG"})),
            start=fields.time("startTime"),
            end=fields.time("endTime"),
        )
        fields.refuse_problems()
        return request


def merge_launches(store: Store, member: Member, request: MergeLaunches, now: int) -> StoredLaunch:
    """Make one launch of several that are finished: it gets their items and logs, and they are gone.

    Only the basic merge is emulated, which puts the items beside each other as they are.
    """
    launches = [store.launches[number] for number in request.launches if number in store.launches]
    if len(launches) < len(request.launches):
        raise Refusal(ErrorType.BAD_REQUEST, "Not all launches with provided ids were found")
    for launch in launches:
        _demand_mergeable(member, launch)
    if request.merge_type.upper() == DEEP:
        raise Refusal(ErrorType.UNCLASSIFIED, "the emulator merges with type BASIC only")
    if request.merge_type.upper() != BASIC:
        raise Refusal(ErrorType.UNSUPPORTED_MERGE, "null")
    merged = _merged(store, member, request, launches, now)
    store.put_launch(merged)
    for launch in launches:
        if request.extend_descriptions:
            _name_origin(store, launch)
        store.move_reports(launch.id, merged.id)
        store.delete_launch(launch.id)
    counts = store.statistics(merged.id)
    bad = counts.get("failed", 0) + counts.get("skipped", 0)
    merged = replace(merged, status=LaunchStatus.FAILED if bad else LaunchStatus.PASSED)
    store.put_launch(merged)
    return merged


def _demand_mergeable(member: Member, launch: StoredLaunch) -> None:
    if not launch.status.final:
        message = f"Cannot merge launch '{launch.id}' with status '{launch.status}'"
        raise Refusal(ErrorType.LAUNCH_IS_NOT_FINISHED, message)
    if launch.project != member.project:
        raise Refusal(ErrorType.FORBIDDEN_OPERATION, "Impossible to merge launches from different projects.")
    if member.role < ProjectRole.PROJECT_MANAGER and launch.owner != member.user.login:
        message = "You are not an owner of launches or have less than PROJECT_MANAGER project role."
        raise Refusal(ErrorType.ACCESS_DENIED, message)


def _merged(
    store: Store, member: Member, request: MergeLaunches, launches: list[StoredLaunch], now: int
) -> StoredLaunch:
    start = min(launch.start for launch in launches) if request.start is None else request.start
    end = max(launch.end or launch.start for launch in launches) if request.end is None else request.end
    number = store.next_id("launch")
    if end < start:
        raise Refusal(ErrorType.FINISH_BEFORE_START, format_time(end), format_time(start), number)
    kept = [a for launch in launches for a in launch.attributes if a.system or request.attributes is None]
    described = "\n\n".join(launch.description for launch in launches if launch.description) or None
    return StoredLaunch(
        id=number,
        uuid=str(uuids.uuid4()),
        name=request.name,
        number=store.next_launch_number(member.project, request.name),
        project=member.project,
        owner=member.user.login,
        owner_id=member.user.id,
        status=LaunchStatus.IN_PROGRESS,
        start=start,
        end=end,
        last_modified=now,
        description=described if request.description is None else request.description,
        attributes=tuple(dict.fromkeys((*kept, *(request.attributes or ())))),
        mode=request.mode or "DEFAULT",
        has_retries=any(launch.has_retries for launch in launches),
    )


def _name_origin(store: Store, launch: StoredLaunch) -> None:
    for item in list(store.items_of(launch.id)):
        if item.type in TOP_TYPES:
            description = f"{item.description or ''}\r\n@launch '{launch.name} #{launch.number}'"
            store.put_item(replace(item, description=description))
