"""What is refused, with which code, and in which order the checks come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rp_finalizer.emulator import Emulator, ProjectRole
from rp_finalizer.launch import LaunchStatus
from tests.support.rp_api import START, error_code, new_uuid

if TYPE_CHECKING:
    from tests.integration.emulator.conftest import Callers
    from tests.support.rp_api import RpApi

DATES = {
    "1700000000000": 1_700_000_000_000_000,
    1700000000000: 1_700_000_000_000_000,
    "Tue, 14 Nov 2023 22:13:20 GMT": 1_700_000_000_000_000,
    "2023-11-14T22:13:20Z": 1_700_000_000_000_000,
    "2023-11-14T23:13:20.5+01:00": 1_700_000_000_500_000,
    "2023-11-14T23:13:20+01:00[Europe/Paris]": 1_700_000_000_000_000,
    "2023-11-14T22:13:20": 1_700_000_000_000_000,
    "2023-11-14 22:13:20": 1_700_000_000_000_000,
    "2023-11-14T22:13:20.123+0000": 1_700_000_000_123_000,
    "2023-11-14T22:13:20.123456+0000": 1_700_000_000_123_456,
    "2023-11-14T22:13:20.123456789Z": 1_700_000_000_123_456,
}


@pytest.mark.parametrize(("written", "expected"), DATES.items())
def test_dates_that_are_read(api: RpApi, emulator: Emulator, written: object, expected: int) -> None:
    """Every form of a date that the server knows is read, down to the microsecond."""
    launch = emulator.launch(api.start(startTime=written))
    assert launch is not None
    assert launch.start == expected


@pytest.mark.parametrize(
    "written", [1574423221000.5, "1574423221000.5", "yesterday", "", True, [1], "2023-11-14", 10**18]
)
def test_dates_that_are_not_read(api: RpApi, written: object) -> None:
    """Anything else, a fractional number included, is refused with 400 and code 4001."""
    answer = api.call("POST", "/v1/demo/launch", {"name": "smoke", "startTime": written})
    assert error_code(answer) == (400, 4001)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"endTime": None}, "Incorrect Request. [Field 'endTime' should not be null.] "),
        ({"status": "in_progress"}, "Incorrect Request. [Value is not allowed for field 'status'.] "),
        ({"status": "great"}, "Incorrect Request. [Value is not allowed for field 'status'.] "),
    ],
)
def test_finish_body_is_checked_first(api: RpApi, fields: dict[str, Any], message: str) -> None:
    """A wrong body is refused before anything is looked up, with the server's own words."""
    answer = api.finish(new_uuid(), **fields)
    assert error_code(answer) == (400, 4001)
    assert answer.json()["message"] == message


@pytest.mark.parametrize(
    "fields",
    [
        {"name": None},
        {"name": "  "},
        {"name": "n" * 257},
        {"mode": "LOUD"},
        {"attributes": [{"key": "k", "value": " "}]},
        {"attributes": [{"value": "v"}] * 257},
        {"attributes": "none"},
    ],
)
def test_start_body_is_checked(api: RpApi, emulator: Emulator, fields: dict[str, Any]) -> None:
    """A start with a wrong field is refused with 400 and code 4001, over v1 and v2, and starts nothing."""
    for version in ("v1", "v2"):
        body = {"name": "smoke", "startTime": START, **fields}
        assert error_code(api.call("POST", f"/{version}/demo/launch", body)) == (400, 4001)
    assert emulator.launches() == []


def test_aliases_and_unknown_fields(api: RpApi, emulator: Emulator) -> None:
    """The older names of fields are read, unknown fields are ignored, names are trimmed, long descriptions cut."""
    body = {"name": " smoke ", "start_time": START, "tags": [{"value": "t"}], "description": "d" * 3000, "x": {}}
    answer = api.call("POST", "/v1/demo/launch", body)
    launch = emulator.launch(answer.json()["id"])
    assert launch is not None
    assert (launch.name, launch.attributes[0].value, len(launch.description or "")) == ("smoke", "t", 2048)


@pytest.mark.parametrize("body", ["{", "[]", '"text"', ""])
def test_unreadable_json(api: RpApi, body: str) -> None:
    """A body that is no JSON object is refused with 400 and code 4001."""
    url, headers = f"{api.url}/api/v1/demo/launch", {"Content-Type": "application/json"}
    assert error_code(api.session.post(url, data=body, headers=headers, timeout=5)) == (400, 4001)


def test_other_content_type(api: RpApi) -> None:
    """A body of another content type is the server's mistake, 500 with code 5000."""
    url, headers = f"{api.url}/api/v1/demo/launch", {"Content-Type": "text/plain"}
    assert error_code(api.session.post(url, data="{}", headers=headers, timeout=5)) == (500, 5000)


def test_missing_and_unknown_key(callers: Callers) -> None:
    """Without a known key the answer is 401, with a body of another shape."""
    unknown = callers("nobody_key").call("GET", "/users")
    assert unknown.status_code == 401
    assert unknown.json() == {"error": "invalid_token", "error_description": "Invalid access token"}
    missing = callers(None).call("POST", "/v1/demo/launch", {})
    assert missing.status_code == 401
    assert missing.json()["error_description"] == "Full authentication is required to access this resource"


def test_revoked_key(api: RpApi, emulator: Emulator) -> None:
    """A key that is removed is unknown from then on."""
    assert api.call("GET", "/users").status_code == 200
    emulator.remove_key("demo_key")
    assert api.call("GET", "/users").status_code == 401


def test_members_finish_only_their_own(callers: Callers, emulator: Emulator) -> None:
    """A member may finish and stop what they started, not what others did: 403 with code 4003."""
    manager, member = callers(), callers("member_key")
    theirs, own = manager.start(), member.start()
    answer = member.finish(theirs)
    assert error_code(answer) == (403, 4003)
    assert answer.json()["message"] == "You do not have enough permissions. You are not launch owner."
    assert error_code(member.stop(1)) == (403, 4003)
    assert member.finish(own).status_code == 200
    launch = emulator.launch(theirs)
    assert launch is not None
    assert launch.status is LaunchStatus.IN_PROGRESS


def test_managers_finish_what_others_started(callers: Callers) -> None:
    """A project manager may finish everybody's launches."""
    assert callers().finish(callers("member_key").start()).status_code == 200


def test_reruns_belong_to_everybody(callers: Callers) -> None:
    """The owner rule does not hold for a launch that is a rerun."""
    manager, member = callers(), callers("member_key")
    uuid = manager.start()
    manager.start(rerun=True)
    assert member.finish(uuid).status_code == 200


def test_operators_only_read(callers: Callers) -> None:
    """An operator may not report, 403 with code 4003, but may read."""
    operator = callers("operator_key")
    uuid = callers().start()
    assert error_code(operator.call("POST", "/v1/demo/launch", {"name": "x", "startTime": START})) == (403, 4003)
    assert error_code(operator.finish(uuid)) == (403, 4003)
    assert operator.launch(uuid).status_code == 200


def test_customers_report_but_not_in_debug(callers: Callers) -> None:
    """A customer may report, but neither start nor read a DEBUG launch."""
    customer = callers("customer_key")
    assert customer.finish(customer.start()).status_code == 200
    body = {"name": "x", "startTime": START, "mode": "DEBUG"}
    assert error_code(customer.call("POST", "/v1/demo/launch", body)) == (400, 40010)
    hidden = callers().start(mode="DEBUG")
    assert error_code(customer.launch(hidden)) == (403, 4003)


def test_unknown_project(callers: Callers) -> None:
    """An unknown project is forbidden to most, unknown to an administrator, and unknown to all in some reads."""
    user, admin = callers(project="nowhere"), callers("admin_key", project="nowhere")
    body = {"name": "x", "startTime": START}
    assert error_code(user.call("POST", "/v1/nowhere/launch", body)) == (403, 4003)
    assert error_code(user.call("GET", "/v1/nowhere/launch")) == (403, 4003)
    answer = admin.call("POST", "/v1/nowhere/launch", body)
    assert error_code(answer) == (404, 4040)
    assert answer.json()["message"] == "Project 'nowhere' not found. Did you use correct project name?"
    for path in ("settings", "item?filter.eq.launchId=1", "log"):
        assert error_code(user.call("GET", f"/v1/nowhere/{path}")) == (404, 4040)


def test_projects_are_apart(callers: Callers, emulator: Emulator) -> None:
    """A launch of another project can neither be finished nor read, but an administrator may finish it anywhere."""
    emulator.add_user("other", "other_key", {"Other": ProjectRole.PROJECT_MANAGER})
    uuid = callers("other_key", project="other").start()
    manager = callers()
    assert error_code(manager.finish(uuid)) == (403, 4003)
    assert error_code(manager.launch(uuid)) == (403, 4003)
    assert error_code(manager.call("GET", "/v1/other/launch")) == (403, 4003)
    assert callers("admin_key").finish(uuid).status_code == 200


def test_project_names_are_lower_cased(callers: Callers) -> None:
    """A project is found by its name in any case, and shown in lower case."""
    api = callers(project="DEMO")
    answer = api.finish(api.start())
    assert "/ui/#demo/launches/all/1" in answer.json()["link"]


def test_braces_are_left_out(api: RpApi) -> None:
    """Braces never come back in a message."""
    assert api.finish("{x}").json()["message"] == "Launch 'x' not found. Did you use correct Launch ID?"


@pytest.mark.parametrize("fields", [{"launchUuid": "1"}, {"launchUuid": ""}, {"launch_id": "1", "launchUuid": None}])
def test_items_name_their_launch_by_uuid(api: RpApi, fields: dict[str, Any]) -> None:
    """A number, or nothing in its place, is an unknown launch to an item, by its older name as well."""
    api.start()
    assert error_code(api.try_start_item("ignored", **fields)) == (404, 4041)


def test_reruns_name_their_launch_by_uuid(api: RpApi) -> None:
    """A number is an unknown launch to a rerun, over v1 and v2."""
    api.finish(api.start())
    for version in ("v1", "v2"):
        body = {"name": "smoke", "startTime": START, "rerun": True, "rerunOf": "1"}
        assert error_code(api.call("POST", f"/{version}/demo/launch", body)) == (404, 4041)


@pytest.mark.parametrize("call", ["PUT {}/update", "DELETE {}", "DELETE ?ids={}", "GET status?ids={}"])
def test_managing_calls_name_launches_by_number(api: RpApi, call: str) -> None:
    """A uuid where a number is expected is refused with 400 and code 4001."""
    uuid = api.start()
    method, path = call.format(uuid).split()
    assert error_code(api.call(method, f"/v1/demo/launch/{path}".replace("/?", "?"), {})) == (400, 4001)


def test_only_older_names_that_the_server_knows(api: RpApi) -> None:
    """`launch_id` names the launch of an item's start, but of neither its finish nor a log."""
    uuid = api.start()
    item = api.start_item("", launchUuid=None, launch_id=uuid)
    finish = {"endTime": START + 2, "status": "passed", "launch_id": uuid}
    assert error_code(api.call("PUT", f"/v2/demo/item/{item}", finish)) == (400, 40016)
    assert error_code(api.call("POST", "/v1/demo/log", {"time": START, "launch_id": uuid})) == (404, 4041)


def test_unknown_paths_and_methods(api: RpApi) -> None:
    """A path or method that the API does not have is answered in the framework's words, without an error code."""
    for method, path, status in (
        ("GET", "/v1/demo/nothing/here/at/all", 404),
        ("POST", "/v3/demo/launch", 404),
        ("POST", "/v2/demo/log/", 404),
        ("PATCH", "/v1/demo/launch/1", 405),
        ("GET", "/v2/demo/launch", 405),
    ):
        answer = api.call(method, path)
        assert answer.status_code == answer.json()["status"] == status
        assert set(answer.json()) == {"timestamp", "status", "error", "path"}
