"""The calls that change many launches at once: merging them, and editing what they say of themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rp_finalizer.emulator import resources
from rp_finalizer.emulator.answers import JSON, Answer
from rp_finalizer.emulator.api_call import Operation, ok
from rp_finalizer.emulator.fields import FieldReader
from rp_finalizer.emulator.journal import CallKind
from rp_finalizer.emulator.launch_merging import MergeLaunches, merge_launches
from rp_finalizer.emulator.media_types import LAUNCH_V2, acceptable, dates_as_numbers, not_acceptable
from rp_finalizer.emulator.records import ProjectRole
from rp_finalizer.emulator.refusals import ErrorType, Refusal

if TYPE_CHECKING:
    from rp_finalizer.emulator.api_call import ApiCall
    from rp_finalizer.emulator.records import Attribute, StoredLaunch
    from rp_finalizer.emulator.server_state import ServerState

ACTIONS = frozenset({"CREATE", "UPDATE", "DELETE"})


def merge(state: ServerState, call: ApiCall) -> Answer:
    """Merge launches at once, over v2 as well; the Accept header chooses the form of the dates."""
    media_type = acceptable(state, call, LAUNCH_V2)
    if media_type is None:
        return not_acceptable(state, call)
    request = MergeLaunches.parse(call.json())
    launch = merge_launches(state.store, call.reporter(state), request, state.clock.now())
    resource: dict[str, Any] = resources.launch_resource(state.store, launch)
    return Answer(200, dates_as_numbers(resource) if media_type == JSON else resource, media_type)


@dataclass(frozen=True, slots=True)
class _AttributeChange:
    action: str | None
    before: Attribute | None
    after: Attribute | None

    def apply(self, attributes: tuple[Attribute, ...]) -> tuple[Attribute, ...]:
        """Give the attributes as they are after the change; refuse to change one that is not there."""
        if self.action == "CREATE" and self.after is not None:
            return attributes if _find(attributes, self.after) else (*attributes, self.after)
        if self.action is None or self.before is None:
            return attributes
        found = _find(attributes, self.before)
        if found is None:
            raise Refusal(ErrorType.INCORRECT_REQUEST, f"Cannot {self.action.lower()} not common attribute")
        put = (self.after,) if self.action == "UPDATE" and self.after is not None else ()
        changed = [put if attribute is found else (attribute,) for attribute in attributes]
        return tuple(attribute for several in changed for attribute in several)


def _find(attributes: tuple[Attribute, ...], wanted: Attribute) -> Attribute | None:
    same = (each for each in attributes if (each.key, each.value) == (wanted.key, wanted.value))
    return next(same, None)


@dataclass(frozen=True, slots=True)
class _InfoUpdate:
    launches: tuple[int, ...]
    comment: str | None
    comment_action: str | None
    changes: tuple[_AttributeChange, ...]

    @classmethod
    def parse(cls, body: object) -> _InfoUpdate:
        fields = FieldReader(body)
        description = fields.item("description")
        update = cls(
            launches=fields.numbers("ids"),
            comment=None if description is None else description.text("comment"),
            comment_action=None if description is None else description.choice("action", ACTIONS),
            changes=tuple(
                _AttributeChange(
                    change.choice("action", ACTIONS), change.whole_attribute("from"), change.whole_attribute("to")
                )
                for change in fields.items("attributes")
            ),
        )
        fields.refuse_problems()
        return update

    def apply(self, launch: StoredLaunch, now: int) -> StoredLaunch:
        attributes = launch.attributes
        for change in self.changes:
            attributes = change.apply(attributes)
        description = launch.description
        if self.comment is not None and self.comment_action == "CREATE":
            description = self.comment
        elif self.comment is not None and self.comment_action == "UPDATE":
            description = " ".join(part for part in (description, self.comment) if part)
        return replace(launch, description=description, attributes=attributes, last_modified=now)


def update_info(state: ServerState, call: ApiCall) -> Answer:
    """Edit the descriptions and attributes of launches, all or none; unknown ones are passed over."""
    update = _InfoUpdate.parse(call.json())
    member = call.reporter(state)
    if member.role < ProjectRole.PROJECT_MANAGER:
        raise Refusal(ErrorType.ACCESS_DENIED)
    now = state.clock.now()
    launches = [state.store.launches[number] for number in update.launches if number in state.store.launches]
    for changed in [update.apply(launch, now) for launch in launches]:
        state.store.put_launch(changed)
    return ok({"message": "Attributes successfully updated"})


OPERATIONS = (
    Operation(CallKind.MERGE_LAUNCHES, "POST", "/api/v1/{project}/launch/merge", merge),
    Operation(CallKind.MERGE_LAUNCHES, "POST", "/api/v2/{project}/launch/merge", merge),
    Operation(CallKind.UPDATE_LAUNCH, "PUT", "/api/v1/{project}/launch/info", update_info),
)
