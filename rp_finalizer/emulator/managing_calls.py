"""The calls that change or remove what was reported, and those that give access tokens."""

from __future__ import annotations

import base64
import binascii
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rp_finalizer.emulator import resources
from rp_finalizer.emulator.accounts import demand_launch_rights
from rp_finalizer.emulator.answers import Answer
from rp_finalizer.emulator.api_call import Operation, ok
from rp_finalizer.emulator.bodies import parse_entities
from rp_finalizer.emulator.fields import FieldReader
from rp_finalizer.emulator.item_lifecycle import set_status
from rp_finalizer.emulator.journal import CallKind
from rp_finalizer.emulator.reading_calls import find_item
from rp_finalizer.emulator.refusals import ErrorType, Refusal
from rp_finalizer.launch import LaunchStatus

if TYPE_CHECKING:
    from rp_finalizer.emulator.accounts import Member
    from rp_finalizer.emulator.api_call import ApiCall
    from rp_finalizer.emulator.records import Attribute
    from rp_finalizer.emulator.server_state import ServerState

OAUTH_CLIENT = ("ui", "uiman")


@dataclass(frozen=True, slots=True)
class _Update:
    """What an update may change; None leaves a field as it is."""

    mode: str | None
    description: str | None
    attributes: tuple[Attribute, ...] | None

    @classmethod
    def parse(cls, body: object) -> _Update:
        fields = FieldReader(body)
        mode = fields.choice("mode", frozenset({"DEFAULT", "DEBUG"}))
        attributes = fields.attributes()
        shown = None if attributes is None else tuple(replace(attribute, system=False) for attribute in attributes)
        update = cls(mode, fields.text("description"), shown)
        fields.refuse_problems()
        return update


def update_launch(state: ServerState, call: ApiCall) -> Answer:
    """Change a launch's mode, description or attributes; never its status or end."""
    launch_id = call.number("launch")
    update = _Update.parse(call.json())
    _demand_changeable(state, call.reporter(state), launch_id)
    return ok(_update_launch(state, launch_id, update))


def update_launches(state: ServerState, call: ApiCall) -> Answer:
    """Change several launches, all or none."""
    updates = {number: _Update.parse(entity) for number, entity in parse_entities(call.json()).items()}
    member = call.reporter(state)
    for launch_id in updates:
        _demand_changeable(state, member, launch_id)
    return ok([_update_launch(state, launch_id, update) for launch_id, update in updates.items()])


def _demand_changeable(state: ServerState, member: Member, launch_id: int) -> None:
    launch = state.store.launches.get(launch_id)
    if launch is None:
        raise Refusal(ErrorType.LAUNCH_NOT_FOUND, launch_id)
    demand_launch_rights(member, launch)


def _update_launch(state: ServerState, launch_id: int, update: _Update) -> dict[str, str]:
    launch = state.store.launches[launch_id]
    state.store.put_launch(
        replace(
            launch,
            mode=update.mode or launch.mode,
            description=launch.description if update.description is None else update.description,
            attributes=_overwritten(launch.attributes, update.attributes),
            last_modified=state.clock.now(),
        )
    )
    return {"message": f"Launch with ID = '{launch_id}' successfully updated."}


def update_item(state: ServerState, call: ApiCall) -> Answer:
    """Change an item's description, attributes or status; a finished launch's status follows."""
    number = call.number("item")
    update = _Update.parse(call.json())
    status = FieldReader(call.json()).text("status")
    member = call.reporter(state)
    found = find_item(state, str(number))
    demand_launch_rights(member, state.store.launches[found.launch_id])
    if status is not None and status.upper() in LaunchStatus.__members__:
        found = set_status(state.store, found, LaunchStatus(status.upper()), state.clock.now())
    state.store.put_item(
        replace(
            found,
            description=found.description if update.description is None else update.description,
            attributes=_overwritten(found.attributes, update.attributes),
            last_modified=state.clock.now(),
        )
    )
    return ok({"message": f"TestItem with ID = '{found.id}' successfully updated."})


def _overwritten(before: tuple[Attribute, ...], sent: tuple[Attribute, ...] | None) -> tuple[Attribute, ...]:
    if sent is None:
        return before
    return (*(attribute for attribute in before if attribute.system), *sent)


def delete_launch(state: ServerState, call: ApiCall) -> Answer:
    """Delete a launch that is not in progress."""
    launch_id = call.number("launch")
    member = call.reporter(state)
    if launch_id not in state.store.launches:
        raise Refusal(ErrorType.LAUNCH_NOT_FOUND, launch_id)
    _demand_deletable(state, member, launch_id)
    state.store.delete_launch(launch_id)
    return ok({"message": f"Launch with ID = '{launch_id}' successfully deleted."})


def delete_launches(state: ServerState, call: ApiCall) -> Answer:
    """Delete the launches that can be deleted, and tell of the others why not."""
    launch_ids = call.numbers("ids")
    member = call.reporter(state)
    deleted: list[int] = []
    not_found: list[int] = []
    errors: list[dict[str, Any]] = []
    for launch_id in launch_ids:
        if launch_id not in state.store.launches:
            not_found.append(launch_id)
            continue
        try:
            _demand_deletable(state, member, launch_id)
        except Refusal as refusal:
            errors.append(refusal.to_body())
            continue
        state.store.delete_launch(launch_id)
        deleted.append(launch_id)
    return ok({"successfullyDeleted": deleted, "notFound": not_found, "errors": errors})


def _demand_deletable(state: ServerState, member: Member, launch_id: int) -> None:
    launch = state.store.launches[launch_id]
    if not launch.status.final:
        message = f"Unable to delete launch '{launch_id}' in progress state"
        raise Refusal(ErrorType.LAUNCH_IS_NOT_FINISHED, message)
    if not member.user.administrator and launch.project != member.project:
        number = state.accounts.projects[member.project].id
        message = f"Target launch '{launch_id}' not under specified project '{number}'"
        raise Refusal(ErrorType.FORBIDDEN_OPERATION, message)
    demand_launch_rights(member, launch)


def token(state: ServerState, call: ApiCall) -> Answer:
    """Give an access token for a password or a refresh token; the service is another one, so are its errors."""
    fields = call.form.fields if call.form else {}
    if not _is_oauth_client(call, fields.get("client_id"), fields.get("client_secret")):
        return Answer(401, {"error": "invalid_client"})
    now = time.monotonic()
    if fields.get("grant_type") == "refresh_token":
        granted = state.accounts.refresh_token(fields.get("refresh_token", ""), now)
    else:
        granted = state.accounts.grant_token(fields.get("username", ""), fields.get("password", ""), now)
    if granted is None:
        return Answer(400, {"errorCode": 4003, "message": "You do not have enough permissions. Bad credentials"})
    return ok(granted)


def _is_oauth_client(call: ApiCall, client_id: str | None, secret: str | None) -> bool:
    """Accept the client's name from HTTP Basic or from the form, as clients of ReportPortal send it."""
    scheme, _, encoded = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            name, _, password = base64.b64decode(encoded).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return (name, password) == OAUTH_CLIENT
    return client_id == OAUTH_CLIENT[0] and secret in {None, OAUTH_CLIENT[1]}


def me(state: ServerState, call: ApiCall) -> Answer:
    """Give the caller, as the authorization service sees them."""
    return ok(resources.user_resource(state.accounts, call.user))


OPERATIONS = (
    Operation(CallKind.UPDATE_LAUNCH, "PUT", "/api/v1/{project}/launch/update", update_launches),
    Operation(CallKind.UPDATE_LAUNCH, "PUT", "/api/v1/{project}/launch/{launch}/update", update_launch),
    Operation(CallKind.DELETE_LAUNCH, "DELETE", "/api/v1/{project}/launch/{launch}", delete_launch),
    Operation(CallKind.DELETE_LAUNCH, "DELETE", "/api/v1/{project}/launch", delete_launches),
    Operation(CallKind.UPDATE_ITEM, "PUT", "/api/v1/{project}/item/{item}/update", update_item),
    Operation(CallKind.TOKEN, "POST", "/uat/sso/oauth/token", token, open=True),
    Operation(CallKind.USERS, "GET", "/uat/sso/me", me),
)
