"""Changing many launches at once: merging them, and editing what they say of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rp_finalizer.emulator import Attribute
from rp_finalizer.launch import LaunchStatus
from tests.support.rp_api import START, error_code

if TYPE_CHECKING:
    import requests

    from rp_finalizer.emulator import Emulator
    from tests.integration.emulator.conftest import Callers
    from tests.support.rp_api import RpApi

LAUNCH_V2 = "application/x.reportportal.launch.v2+json"


def merge(api: RpApi, *launches: int, version: str = "v1", **fields: Any) -> requests.Response:
    accept = {"Accept": fields.pop("accept", None)}
    body = {"name": "merged", "launches": list(launches), "mergeType": "BASIC", **fields}
    return api.call("POST", f"/{version}/{api.project}/launch/merge", body, headers=accept)


@pytest.fixture
def two(api: RpApi) -> RpApi:
    """Report two finished launches, one of which has failed."""
    for number, status in enumerate(("passed", "failed")):
        hidden = {"key": "agent", "value": f"agent {number}", "system": True}
        uuid = api.start(
            name=f"part {number}",
            startTime=START + number,
            description=f"of {number}",
            attributes=[{"key": "part", "value": str(number)}, hidden],
        )
        suite = api.start_item(uuid, type="SUITE", name=f"suite {number}")
        api.finish_item(api.start_item(uuid, suite), uuid, status=status)
        api.finish_item(suite, uuid, status=None)
        api.log_batch([{"launchUuid": uuid, "time": START, "message": f"log {number}"}], version="v1")
        api.finish(uuid, endTime=START + 1000 + number)
    return api


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_merge_makes_one_launch(two: RpApi, emulator: Emulator, version: str) -> None:
    """Merged launches are gone at once, over v2 as well; the new one spans them and holds their items and logs."""
    answer = merge(two, 1, 2, version=version)
    assert answer.status_code == 200
    (launch,) = emulator.launches()
    shown = answer.json()
    assert (shown["id"], shown["uuid"], shown["number"]) == (launch.id, launch.uuid, 1)
    assert (shown["startTime"], shown["endTime"]) == (START, START + 1001)
    assert (shown["status"], shown["owner"], shown["description"]) == ("FAILED", "default", "of 0\n\nof 1")
    assert {item.name for item in emulator.items(launch.uuid)} == {"suite 0", "suite 1", "a test"}
    assert {item.launch_id for item in emulator.items(launch.uuid)} == {launch.id}
    assert [log.message for log in emulator.logs(launch.uuid)] == ["log 0", "log 1"]
    assert emulator.statistics(launch.uuid) == {"passed": 1, "failed": 1, "total": 2}
    assert [attribute.value for attribute in launch.attributes] == ["0", "agent 0", "1", "agent 1"]
    assert error_code(two.call("GET", "/v1/demo/launch/1")) == (404, 4041)
    assert not two.call("GET", f"/v1/demo/item?filter.eq.launchId={launch.id}&filter.eq.status=IN_PROGRESS").json()[
        "content"
    ]


def test_merge_takes_what_is_sent(two: RpApi, emulator: Emulator) -> None:
    """What a merge sends wins over what the launches had, but system attributes stay; dates may be wanted as texts."""
    sent: dict[str, Any] = {
        "description": "both",
        "attributes": [{"value": "new"}],
        "mode": "DEBUG",
        "endTime": START + 5000,
    }
    answer = merge(two, 1, accept=LAUNCH_V2, startTime=START - 1, extendSuitesDescription=True, **sent)
    assert answer.headers["Content-Type"] == LAUNCH_V2
    assert answer.json()["endTime"] == "2023-11-14T22:13:25Z"
    left, merged = emulator.launches()
    assert (left.id, merged.description, merged.mode, merged.start_ms) == (2, "both", "DEBUG", START - 1)
    assert merged.attributes == (Attribute("agent 0", "agent", system=True), Attribute("new"))
    assert merged.status is LaunchStatus.PASSED
    described = {item.name: item.description for item in emulator.items(merged.uuid)}
    assert described == {"suite 0": "\r\n@launch 'part 0 #1'", "a test": None}


def test_merge_of_what_is_in_progress(two: RpApi, emulator: Emulator) -> None:
    """A launch in progress, by a rerun too, cannot be merged, 406 with code 4063, and all stay as they are."""
    two.start(name="part 1", rerun=True)
    answer = merge(two, 1, 2)
    assert error_code(answer) == (406, 4063)
    assert answer.json()["message"] == (
        "Unable to perform operation for non-finished launch. Cannot merge launch '2' with status 'IN_PROGRESS'"
    )
    assert len(emulator.launches()) == 2


def test_merge_needs_what_is_ones_own(two: RpApi, callers: Callers) -> None:
    """A member merges their own launches only; a form that the server does not have is refused without a code."""
    member = callers("member_key")
    assert error_code(merge(member, 1, 2)) == (403, 4003)
    member.finish(member.start())
    assert merge(member, 3).status_code == 200
    unacceptable = merge(two, 1, accept="text/html")
    assert (unacceptable.status_code, "errorCode" in unacceptable.json()) == (406, False)


def test_deep_merge_is_not_emulated(two: RpApi, emulator: Emulator) -> None:
    """A deep merge says that it is not emulated, and does nothing."""
    answer = merge(two, 1, 2, mergeType="DEEP")
    assert error_code(answer) == (500, 5000)
    assert "BASIC only" in answer.json()["message"]
    assert len(emulator.launches()) == 2


def change(action: str, before: str | None = None, after: str | None = None) -> dict[str, Any]:
    attributes = {"from": before, "to": after}
    sent = {name: {"key": "part", "value": value} for name, value in attributes.items() if value is not None}
    return {"action": action, **sent}


def edit(api: RpApi, *launches: int, **fields: Any) -> requests.Response:
    return api.call("PUT", "/v1/demo/launch/info", {"ids": list(launches), **fields})


def test_edit_in_bulk(two: RpApi, emulator: Emulator) -> None:
    """Attributes are added once, replaced, removed; descriptions set or lengthened; unknown launches do not matter."""
    assert edit(two, 1, 2, 4711, attributes=[change("CREATE", after="0")]).status_code == 200
    assert (
        edit(two, 1, attributes=[change("UPDATE", "0", "first")], description=_say("CREATE", "new")).status_code == 200
    )
    answer = edit(two, 2, attributes=[change("DELETE", "1")], description=_say("UPDATE", "more"))
    assert answer.json() == {"message": "Attributes successfully updated"}
    edit(two, 2, description=_say("DELETE", "ignored"))
    first, second = emulator.launches()
    assert [attribute.value for attribute in first.attributes] == ["first", "agent 0"]
    assert [attribute.value for attribute in second.attributes] == ["agent 1", "0"]
    assert (first.description, second.description) == ("new", "of 1 more")
    assert (first.status, first.end_ms) == (LaunchStatus.PASSED, START + 1000)


def _say(action: str, comment: str) -> dict[str, str]:
    return {"action": action, "comment": comment}


def test_edit_is_all_or_nothing(two: RpApi, emulator: Emulator, callers: Callers) -> None:
    """An attribute that one of the launches lacks is refused for all, and a member may edit none."""
    before = emulator.launches()
    for action in ("UPDATE", "DELETE"):
        answer = edit(two, 1, 2, attributes=[change(action, "0", "new")])
        assert error_code(answer) == (400, 4001)
        assert f"Cannot {action.lower()} not common attribute" in answer.json()["message"]
    assert error_code(edit(callers("member_key"), 1)) == (403, 4003)
    assert emulator.launches() == before
