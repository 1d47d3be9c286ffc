"""The calls that read: launches, items, logs, the server, the caller, the project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rp_finalizer.emulator import resources
from rp_finalizer.emulator.answers import JSON, Answer
from rp_finalizer.emulator.api_call import Operation, ok
from rp_finalizer.emulator.filters import Listing, parse_conditions
from rp_finalizer.emulator.java_long import parse_long
from rp_finalizer.emulator.journal import CallKind
from rp_finalizer.emulator.list_fields import ITEM_FIELDS, LAUNCH_FIELDS, LOG_FIELDS
from rp_finalizer.emulator.media_types import (
    ITEM_V2,
    LAUNCH_V2,
    acceptable,
    dates_as_numbers,
    not_acceptable,
)
from rp_finalizer.emulator.records import ProjectRole
from rp_finalizer.emulator.refusals import ErrorType, Refusal

if TYPE_CHECKING:
    from rp_finalizer.emulator.accounts import Member
    from rp_finalizer.emulator.api_call import ApiCall
    from rp_finalizer.emulator.records import StoredItem, StoredLaunch
    from rp_finalizer.emulator.server_state import ServerState

LAUNCHES = Listing(LAUNCH_FIELDS, resources.launch_resource)
ITEMS = Listing(ITEM_FIELDS, resources.item_resource)
LOGS = Listing(LOG_FIELDS, resources.log_resource)


def launch_by_uuid(state: ServerState, call: ApiCall) -> Answer:
    """Give a launch by its uuid, and by its number, too; the Accept header chooses the form of the dates."""
    media_type = acceptable(state, call, LAUNCH_V2)
    if media_type is None:
        return not_acceptable(state, call)
    return _in_form(media_type, resources.single_launch_resource(state.store, _launch(state, call)))


def _in_form(media_type: str, resource: dict[str, Any]) -> Answer:
    return Answer(200, dates_as_numbers(resource) if media_type == JSON else resource, media_type)


def launch_by_id(state: ServerState, call: ApiCall) -> Answer:
    """Give a launch by its number, and by its uuid, too."""
    return ok(resources.single_launch_resource(state.store, _launch(state, call)))


def _launch(state: ServerState, call: ApiCall) -> StoredLaunch:
    member = call.member(state)
    name = str(call.params["launch"])
    number = parse_long(name)
    launch = state.store.launch_by_uuid(name) if number is None else state.store.launches.get(number)
    if launch is None:
        raise Refusal(ErrorType.LAUNCH_NOT_FOUND, name)
    _demand_readable(member, launch)
    return launch


def _demand_readable(member: Member, launch: StoredLaunch) -> None:
    hidden = launch.mode == "DEBUG" and member.role is ProjectRole.CUSTOMER
    if launch.project != member.project or hidden:
        raise Refusal(ErrorType.ACCESS_DENIED)


def list_launches(state: ServerState, call: ApiCall) -> Answer:
    """List a project's launches of mode DEFAULT."""
    return ok(LAUNCHES.page(state.store, _launches(state, call, "DEFAULT"), call.query))


def list_debug_launches(state: ServerState, call: ApiCall) -> Answer:
    """List a project's launches of mode DEBUG."""
    return ok(LAUNCHES.page(state.store, _launches(state, call, "DEBUG"), call.query))


def list_latest_launches(state: ServerState, call: ApiCall) -> Answer:
    """List the latest launch of every name."""
    latest: dict[str, StoredLaunch] = {}
    for launch in LAUNCHES.matching(state.store, _launches(state, call, "DEFAULT"), call.query):
        latest[launch.name] = max(launch, latest.get(launch.name, launch), key=lambda each: each.number)
    return ok(LAUNCHES.page(state.store, latest.values(), call.query))


def _launches(state: ServerState, call: ApiCall, mode: str) -> list[StoredLaunch]:
    member = call.member(state)
    if any(condition.field == "mode" for condition in parse_conditions(call.query)):
        message = "Filters for 'mode' aren't applicable for project's launches."
        raise Refusal(ErrorType.INCORRECT_FILTER, message)
    of_mode = (launch for launch in state.store.launches.values() if launch.mode == mode)
    return [launch for launch in of_mode if launch.project == member.project]


def launch_statuses(state: ServerState, call: ApiCall) -> Answer:
    """Give the statuses of launches by their numbers; unknown ones are left out."""
    member = call.member(state)
    launches = (state.store.launches.get(launch_id) for launch_id in call.numbers("ids"))
    known = [launch for launch in launches if launch is not None and launch.project == member.project]
    return ok({str(launch.id): launch.status.value for launch in known})


def list_items(state: ServerState, call: ApiCall) -> Answer:
    """List the items of one launch, which the filter must name by its number."""
    member = _assigned(state, call)
    parse_conditions(call.query)
    wanted = next((value for name, value in call.query if name == "filter.eq.launchId"), None)
    launch_id = parse_long((wanted or "").strip())
    if launch_id is None:
        raise Refusal(ErrorType.BAD_REQUEST, "Neither launchId nor filterId specified.")
    launch = state.store.launches.get(launch_id)
    if launch is None:
        raise Refusal(ErrorType.LAUNCH_NOT_FOUND, wanted)
    _demand_readable(member, launch)
    return ok(ITEMS.page(state.store, state.store.items_of(launch.id), call.query))


def item_by_uuid(state: ServerState, call: ApiCall) -> Answer:
    """Give an item by its uuid, and by its number, too; the Accept header chooses the form of the dates."""
    media_type = acceptable(state, call, ITEM_V2)
    if media_type is None:
        return not_acceptable(state, call)
    return _in_form(media_type, _item(state, call))


def item_by_id(state: ServerState, call: ApiCall) -> Answer:
    """Give an item by its number, and by its uuid, too."""
    return ok(_item(state, call))


def _item(state: ServerState, call: ApiCall) -> dict[str, Any]:
    member = _assigned(state, call)
    found = find_item(state, str(call.params["item"]))
    _demand_readable(member, state.store.launches[found.launch_id])
    return resources.item_resource(state.store, found)


def find_item(state: ServerState, name: str) -> StoredItem:
    """Find an item by its number or uuid, or refuse."""
    number = parse_long(name)
    found = state.store.item_by_uuid(name) if number is None else state.store.items.get(number)
    if found is None:
        raise Refusal(ErrorType.TEST_ITEM_NOT_FOUND, name)
    return found


def list_logs(state: ServerState, call: ApiCall) -> Answer:
    """List log entries of the project."""
    member = _assigned(state, call)
    launches = (launch for launch in state.store.launches.values() if launch.project == member.project)
    logs = [log for launch in launches for log in state.store.logs_of(launch.id)]
    return ok(LOGS.page(state.store, logs, call.query))


def _assigned(state: ServerState, call: ApiCall) -> Member:
    return state.accounts.member_of_existing(call.user, str(call.params["project"]))


def settings(state: ServerState, call: ApiCall) -> Answer:
    """Give the project's defect types: what a client asks to see whether it may report there."""
    member = _assigned(state, call)
    return ok({"project": state.accounts.projects[member.project].id, "subTypes": resources.issue_types()})


def project(state: ServerState, call: ApiCall) -> Answer:
    """Give the project's configuration."""
    return ok(resources.project_resource(state.accounts.projects[call.member(state).project]))


def users(state: ServerState, call: ApiCall) -> Answer:
    """Give the caller."""
    return ok(resources.user_resource(state.accounts, call.user))


def info(state: ServerState, call: ApiCall) -> Answer:
    """Tell what the server is."""
    del call
    return ok(
        {
            "build": {
                "version": state.version.text,
                "branch": "rp-finalizer emulator",
                "name": "service-api",
                "artifact": "service-api",
            },
            "environment": {"rp.environment.variable.allow-delete-account": "false"},
            "extensions": {"extension": [], "result": {}},
            "metadata": {"activityAction": []},
        }
    )


def health(state: ServerState, call: ApiCall) -> Answer:
    """Tell that the server is up."""
    del state, call
    return ok({"status": "UP", "components": {"db": {"status": "UP"}, "rabbit": {"status": "UP"}}})


def composite_info(state: ServerState, call: ApiCall) -> Answer:
    """Tell what every service of the installation is."""
    api = info(state, call).body
    return ok({"api": api, "uat": {"build": {**api["build"], "name": "service-authorization"}}})


def composite_health(state: ServerState, call: ApiCall) -> Answer:
    """Tell of every service of the installation that it is up."""
    return ok({"api": health(state, call).body, "uat": {"status": "UP"}})


OPERATIONS = (
    Operation(CallKind.GET_LAUNCH, "GET", "/api/v1/{project}/launch/uuid/{launch}", launch_by_uuid),
    Operation(CallKind.LIST_LAUNCHES, "GET", "/api/v1/{project}/launch", list_launches),
    Operation(CallKind.LIST_LAUNCHES, "GET", "/api/v1/{project}/launch/mode", list_debug_launches),
    Operation(CallKind.LIST_LAUNCHES, "GET", "/api/v1/{project}/launch/latest", list_latest_launches),
    Operation(CallKind.LAUNCH_STATUS, "GET", "/api/v1/{project}/launch/status", launch_statuses),
    Operation(CallKind.GET_LAUNCH, "GET", "/api/v1/{project}/launch/{launch}", launch_by_id),
    Operation(CallKind.LIST_ITEMS, "GET", "/api/v1/{project}/item", list_items),
    Operation(CallKind.GET_ITEM, "GET", "/api/v1/{project}/item/uuid/{item}", item_by_uuid),
    Operation(CallKind.GET_ITEM, "GET", "/api/v1/{project}/item/{item}", item_by_id),
    Operation(CallKind.LIST_LOGS, "GET", "/api/v1/{project}/log", list_logs),
    Operation(CallKind.SETTINGS, "GET", "/api/v1/{project}/settings", settings),
    Operation(CallKind.PROJECT, "GET", "/api/v1/project/{project}", project),
    Operation(CallKind.USERS, "GET", "/api/users", users),
    Operation(CallKind.USERS, "GET", "/api/users/", users),
    Operation(CallKind.INFO, "GET", "/api/info", info, open=True),
    Operation(CallKind.HEALTH, "GET", "/api/health", health, open=True),
    Operation(CallKind.INFO, "GET", "/composite/info", composite_info, open=True),
    Operation(CallKind.HEALTH, "GET", "/composite/health", composite_health, open=True),
)
