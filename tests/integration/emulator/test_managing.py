"""Changing and deleting launches, the inactivity job, access tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests

from rp_finalizer.emulator import ProjectRole
from rp_finalizer.launch import LaunchStatus
from tests.support.rp_api import START, RpApi, error_code

if TYPE_CHECKING:
    from rp_finalizer.emulator import Emulator
    from tests.integration.emulator.conftest import Callers

PASSWORD = {"grant_type": "password", "username": "default", "password": "1q2w3e"}


def test_update(api: RpApi, emulator: Emulator) -> None:
    """An update overwrites description and attributes, moves between the modes, and leaves status and end alone."""
    uuid = api.start(attributes=[{"value": "old"}, {"key": "agent", "value": "x", "system": True}])
    api.finish(uuid)
    body = {"description": "new", "mode": "DEBUG", "attributes": [{"value": "new"}], "status": "failed", "endTime": 1}
    answer = api.call("PUT", "/v1/demo/launch/1/update", body)
    assert answer.json() == {"message": "Launch with ID = '1' successfully updated."}
    launch = emulator.launch(uuid)
    assert launch is not None
    assert (launch.description, launch.mode) == ("new", "DEBUG")
    assert [attribute.value for attribute in launch.attributes] == ["x", "new"]
    assert (launch.status, launch.end_ms) == (LaunchStatus.PASSED, START + 1000)


def test_update_knows_no_system_attributes(api: RpApi, emulator: Emulator) -> None:
    """An update can neither make a system attribute nor remove one."""
    uuid = api.start(attributes=[{"key": "agent", "value": "x", "system": True}])
    api.call("PUT", "/v1/demo/launch/1/update", {"attributes": [{"value": "seen", "system": True}]})
    assert api.launch(uuid).json()["attributes"] == [{"value": "seen"}]
    assert len(emulator.launches()[0].attributes) == 2


def test_status_of_an_item_set_by_hand(api: RpApi, emulator: Emulator) -> None:
    """A leaf may be set to passed, failed or skipped, which the suite and the finished launch above it follow."""
    uuid = api.start()
    suite = api.start_item(uuid, type="SUITE")
    test = api.start_item(uuid, suite)
    api.finish_item(test, uuid, status="failed")
    api.finish(uuid)
    path = "/v1/demo/item/{}/update"
    assert api.call("PUT", path.format(2), {"status": "passed"}).status_code == 200
    assert {item.status for item in emulator.items(uuid)} == {LaunchStatus.PASSED}
    assert emulator.launches()[0].status is LaunchStatus.PASSED
    assert emulator.items(uuid)[1].issue is None
    for number, status in ((1, "failed"), (2, "interrupted"), (2, "in_progress")):
        assert error_code(api.call("PUT", path.format(number), {"status": status})) == (400, 4001)
    assert api.call("PUT", path.format(2), {"status": "no such word"}).status_code == 200
    assert emulator.launches()[0].status is LaunchStatus.PASSED


def test_bulk_update_is_all_or_nothing(api: RpApi, emulator: Emulator) -> None:
    """Several launches are changed together, or none of them."""
    api.start()
    api.start()
    entities = {"1": {"description": "new"}, "3": {"description": "new"}}
    assert error_code(api.call("PUT", "/v1/demo/launch/update", {"entities": entities})) == (404, 4041)
    assert [launch.description for launch in emulator.launches()] == [None, None]
    answer = api.call("PUT", "/v1/demo/launch/update", {"entities": {"2": {"description": "new"}}})
    assert [entry["message"] for entry in answer.json()] == ["Launch with ID = '2' successfully updated."]
    assert [launch.description for launch in emulator.launches()] == [None, "new"]


def test_delete(api: RpApi, emulator: Emulator) -> None:
    """A finished launch can be deleted and is unknown then; one in progress cannot, 406 with code 4063."""
    uuid = api.start()
    api.start_item(uuid)
    assert error_code(api.call("DELETE", "/v1/demo/launch/1")) == (406, 4063)
    api.finish(uuid)
    assert api.call("DELETE", "/v1/demo/launch/1").status_code == 200
    assert error_code(api.launch(uuid)) == (404, 4041)
    assert emulator.items(uuid) == []


def test_delete_takes_what_lies_below(api: RpApi, emulator: Emulator) -> None:
    """What another launch reported under an item of the deleted launch goes with it."""
    gone, left = api.start(), api.start()
    below = api.start_item(left, api.start_item(gone, type="SUITE"))
    api.finish(gone)
    assert api.call("DELETE", "/v1/demo/launch/1").status_code == 200
    assert emulator.items(left) == []
    assert error_code(api.call("GET", f"/v1/demo/item/uuid/{below}")) == (404, 4043)


def test_delete_leaves_what_lies_above(api: RpApi, emulator: Emulator) -> None:
    """A parent in another launch stays, and can still be finished."""
    gone, left = api.start(), api.start()
    above = api.start_item(left, type="SUITE")
    api.start_item(gone, above)
    api.finish(gone)
    assert api.call("DELETE", "/v1/demo/launch/1").status_code == 200
    assert api.finish_item(above, left, status="passed").status_code == 200
    assert [item.uuid for item in emulator.items(left)] == [above]


def test_bulk_delete(api: RpApi) -> None:
    """A bulk delete answers 200 and tells of each launch what became of it."""
    api.finish(api.start())
    api.start()
    answer = api.call("DELETE", "/v1/demo/launch?ids=1,2,3")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["successfullyDeleted"], body["notFound"]) == ([1], [3])
    assert [error["errorCode"] for error in body["errors"]] == [4063]


def test_launches_of_other_projects_are_not_deleted(callers: Callers, emulator: Emulator) -> None:
    """A launch of another project is refused with code 40010, in bulk as well, but not to an administrator."""
    emulator.add_user("other", "other_key", {"other": ProjectRole.PROJECT_MANAGER})
    other = callers("other_key", project="other")
    other.finish(other.start())
    assert error_code(callers().call("DELETE", "/v1/demo/launch/1")) == (400, 40010)
    errors = callers().call("DELETE", "/v1/demo/launch?ids=1").json()["errors"]
    assert [error["errorCode"] for error in errors] == [40010]
    assert callers("admin_key").call("DELETE", "/v1/demo/launch/1").status_code == 200


def test_members_delete_only_their_own(callers: Callers) -> None:
    """A member may delete what they started, a manager everything."""
    manager, member = callers(), callers("member_key")
    for api in (manager, member):
        api.finish(api.start())
    assert error_code(member.call("DELETE", "/v1/demo/launch/1")) == (403, 4003)
    assert manager.call("DELETE", "/v1/demo/launch?ids=1,2").json()["successfullyDeleted"] == [1, 2]


def test_inactivity_job(api: RpApi, emulator: Emulator) -> None:
    """The job interrupts old launches at the server's time; a finish that comes after it is refused."""
    old = api.start(startTime=START)
    api.start(startTime="2100-01-01T00:00:00Z")
    assert [launch.uuid for launch in emulator.run_inactivity_job()] == [old]
    launch = emulator.launch(old)
    assert launch is not None
    assert launch.status is LaunchStatus.INTERRUPTED
    assert launch.end == launch.last_modified
    answer = api.finish(old)
    assert error_code(answer) == (406, 40023)
    assert "'INTERRUPTED'" in answer.json()["message"]


def test_inactivity_job_spares_the_living(api: RpApi, emulator: Emulator) -> None:
    """A launch with open items is left alone as long as one began or logged lately; then all of it is interrupted."""
    uuid = api.start(startTime=START)
    item = api.start_item(uuid)
    log = {"launchUuid": uuid, "itemUuid": item, "time": "2100-01-01T00:00:00Z", "message": "alive"}
    api.call("POST", "/v1/demo/log", log)
    assert emulator.run_inactivity_job() == []
    emulator.clock_offset = 100 * 366 * 86400
    assert [launch.uuid for launch in emulator.run_inactivity_job()] == [uuid]
    assert [item.status for item in emulator.items(uuid)] == [LaunchStatus.INTERRUPTED]


def token(
    emulator: Emulator, form: dict[str, str], auth: tuple[str, str] | None = ("ui", "uiman")
) -> requests.Response:
    return requests.post(f"{emulator.url}/uat/sso/oauth/token", data=form, auth=auth, timeout=5)


def test_access_token(callers: Callers, emulator: Emulator) -> None:
    """A password gives a token that works as a key does, and a refresh token another one."""
    granted = token(emulator, PASSWORD).json()
    assert granted["token_type"] == "bearer"
    assert callers(granted["access_token"]).call("GET", "/users").json()["userId"] == "default"
    refreshed = token(emulator, {"grant_type": "refresh_token", "refresh_token": granted["refresh_token"]}).json()
    assert callers(refreshed["access_token"]).finish(callers().start()).status_code == 200


def test_client_of_the_token(emulator: Emulator) -> None:
    """The client names itself by HTTP Basic or in the form."""
    assert token(emulator, {**PASSWORD, "client_id": "ui", "client_secret": "uiman"}, auth=None).status_code == 200
    assert token(emulator, PASSWORD, auth=("ui", "wrong")).status_code == 401
    assert token(emulator, PASSWORD, auth=None).status_code == 401


def test_wrong_password(emulator: Emulator) -> None:
    """Wrong credentials are answered with 400 and code 4003."""
    answer = token(emulator, {**PASSWORD, "password": "guess"})
    assert error_code(answer) == (400, 4003)


def test_token_grows_old(callers: Callers, emulator: Emulator) -> None:
    """A token whose lifetime is over is unknown: 401."""
    emulator.token_lifetime = 0
    old = token(emulator, PASSWORD).json()["access_token"]
    assert callers(old).call("GET", "/users").status_code == 401


def test_passwords_are_not_noted(emulator: Emulator) -> None:
    """What arrived tells of a token's request, but of none of its secrets."""
    granted = token(emulator, PASSWORD).json()
    (call,) = emulator.calls("token")
    assert call.body is None
    assert PASSWORD["password"] not in repr(emulator.calls())
    assert granted["access_token"] not in repr(emulator.calls())
