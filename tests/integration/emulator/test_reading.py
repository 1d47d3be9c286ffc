"""What is read back: resources, dates, lists with filters, sort and pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.support.rp_api import START, error_code, new_uuid

if TYPE_CHECKING:
    from rp_finalizer.emulator import Emulator
    from tests.support.rp_api import RpApi

START_TEXT = "2023-11-14T22:13:20Z"
LAUNCH_V2 = "application/x.reportportal.launch.v2+json"


def listed(api: RpApi, query: str = "", path: str = "launch") -> list[dict[str, Any]]:
    answer = api.call("GET", f"/v1/demo/{path}?{query}")
    assert answer.status_code == 200, answer.text
    content: list[dict[str, Any]] = answer.json()["content"]
    return content


def names(api: RpApi, query: str, path: str = "launch") -> list[str]:
    return [launch["name"] for launch in listed(api, query, path)]


def test_launch_in_progress(api: RpApi) -> None:
    """A launch shows what it has; keys without a value are not there at all."""
    uuid = api.start()
    shown = api.launch(uuid).json()
    assert (shown["id"], shown["uuid"], shown["name"], shown["number"]) == (1, uuid, "smoke", 1)
    assert (shown["status"], shown["mode"], shown["owner"]) == ("IN_PROGRESS", "DEFAULT", "default")
    assert (shown["rerun"], shown["hasRetries"], shown["attributes"]) == (False, False, [])
    assert shown["statistics"] == {"executions": {}, "defects": {}}
    assert not {"endTime", "description", "metadata"} & set(shown)


def test_both_names_find_a_launch(api: RpApi) -> None:
    """Both ways to read one launch take its uuid and its number; unknown ones are 404 with code 4041."""
    uuid = api.start()
    for path in (f"launch/uuid/{uuid}", "launch/uuid/1", f"launch/{uuid}", "launch/1"):
        assert api.call("GET", f"/v1/demo/{path}").json()["uuid"] == uuid
    for path in (f"launch/uuid/{new_uuid()}", "launch/uuid/4711", "launch/4711"):
        assert error_code(api.call("GET", f"/v1/demo/{path}")) == (404, 4041)


def test_dates_by_uuid(api: RpApi) -> None:
    """By uuid, dates are milliseconds, unless the newer form is asked for; both are JSON."""
    uuid = api.start(startTime="2023-11-14T22:13:20.123456Z")
    api.finish(uuid)
    for accept in (None, "*/*", "application/json", "text/html, */*;q=0.5"):
        shown = api.launch(uuid, headers={"Accept": accept}).json()
        assert (shown["startTime"], shown["endTime"]) == (START + 123, START + 1000)
        assert isinstance(shown["lastModified"], int)
    answer = api.launch(uuid, headers={"Accept": LAUNCH_V2})
    assert answer.headers["Content-Type"] == LAUNCH_V2
    assert (answer.json()["startTime"], answer.json()["endTime"]) == (
        "2023-11-14T22:13:20.123Z",
        "2023-11-14T22:13:21Z",
    )


def test_unacceptable_form(api: RpApi) -> None:
    """A form that the server does not have is refused with 406 and no error code: no word about the launch."""
    answer = api.launch(api.start(), headers={"Accept": "text/html"})
    assert answer.status_code == 406
    assert "errorCode" not in answer.json()


def test_dates_of_an_item(api: RpApi) -> None:
    """By uuid, an item's dates are milliseconds, unless the newer form is asked for; by number they are texts."""
    item = api.start_item(api.start())
    path = f"/v1/demo/item/uuid/{item}"
    assert api.call("GET", path).json()["startTime"] == START + 1
    typed = api.call("GET", path, headers={"Accept": "application/x.reportportal.test.v2+json"})
    assert typed.json()["startTime"] == api.call("GET", "/v1/demo/item/1").json()["startTime"]
    assert typed.json()["startTime"] == "2023-11-14T22:13:20.001Z"
    assert api.call("GET", path, headers={"Accept": "text/html"}).status_code == 406


def test_dates_elsewhere(api: RpApi) -> None:
    """By number and in lists, dates are ISO 8601 texts, with microseconds in lists."""
    api.start(startTime="2023-11-14T22:13:20.123456Z")
    assert api.call("GET", "/v1/demo/launch/1").json()["startTime"] == "2023-11-14T22:13:20.123Z"
    assert listed(api)[0]["startTime"] == "2023-11-14T22:13:20.123456Z"


def test_modes_have_lists_of_their_own(api: RpApi) -> None:
    """The list has launches of mode DEFAULT, the list of modes those of DEBUG; a filter by mode is refused."""
    api.start(name="seen")
    api.start(name="hidden", mode="debug")
    assert names(api, "") == ["seen"]
    assert names(api, "", "launch/mode") == ["hidden"]
    assert names(api, "", "launch/latest") == ["seen"]
    assert error_code(api.call("GET", "/v1/demo/launch?filter.eq.mode=DEBUG")) == (400, 40011)


def test_latest_of_every_name(api: RpApi) -> None:
    """The latest list has one launch a name, the one with the greatest number."""
    for name in ("a", "b", "a"):
        api.start(name=name)
    latest = {(launch["name"], launch["number"]) for launch in listed(api, path="launch/latest")}
    assert latest == {("a", 2), ("b", 1)}


@pytest.fixture
def nightly(api: RpApi) -> RpApi:
    """Report launches to choose from."""
    first = api.start(name="nightly", attributes=[{"key": "os", "value": "linux"}, {"value": "slow"}])
    api.finish(first, status="failed", endTime=START + 500)
    second = api.start(name="nightly 2", startTime=START + 5, description="the second", attributes=[{"value": "slow"}])
    api.finish_item(api.start_item(second, startTime=START + 6), second)
    api.start(name="smoke", startTime=START + 10)
    return api


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("filter.eq.name=nightly", ["nightly"]),
        ("filter.ne.name=nightly", ["nightly 2", "smoke"]),
        ("filter.!eq.name=nightly", ["nightly 2", "smoke"]),
        ("filter.cnt.name=NIGHT", ["nightly", "nightly 2"]),
        ("filter.in.name=nightly,smoke", ["nightly", "smoke"]),
        ("filter.eq.status=IN_PROGRESS", ["nightly 2", "smoke"]),
        ("filter.eq.status=in_progress&filter.cnt.name=night", ["nightly 2"]),
        ("filter.in.status=failed,PASSED", ["nightly"]),
        (f"filter.gt.startTime={START}", ["nightly 2", "smoke"]),
        (f"filter.gte.startTime={START_TEXT}", ["nightly", "nightly 2", "smoke"]),
        (f"filter.lt.startTime={START + 5}", ["nightly"]),
        (f"filter.lte.startTime={START + 5}", ["nightly", "nightly 2"]),
        (f"filter.btw.startTime={START + 1},{START + 9}", ["nightly 2"]),
        ("filter.ex.endTime=true", ["nightly"]),
        ("filter.ex.description=false", ["nightly", "smoke"]),
        ("filter.has.attributeValue=slow,linux", ["nightly"]),
        ("filter.any.attributeValue=slow,linux", ["nightly", "nightly 2"]),
        ("filter.has.compositeAttribute=os:linux", ["nightly"]),
        ("filter.eq.attributeKey=os", ["nightly"]),
        ("filter.eq.user=default&filter.eq.number=1&filter.gte.id=3", ["smoke"]),
        ("filter.gt.statistics$executions$passed=0", ["nightly 2"]),
        ("filter.eq.hasRetries=true", []),
        ("filter.eq.userId=1&filter.eq.name=smoke", ["smoke"]),
        ("filter.eq.userId=2", []),
    ],
)
def test_filters(nightly: RpApi, query: str, expected: list[str]) -> None:
    """Each condition chooses what it says, several are a conjunction, an exclamation mark negates."""
    assert names(nightly, query) == expected


def test_filter_by_uuid(api: RpApi) -> None:
    """Filtered by uuid a launch is found, and an unknown one gives an empty page, not 404."""
    uuid = api.start()
    assert [launch["uuid"] for launch in listed(api, f"filter.eq.uuid={uuid}")] == [uuid]
    assert listed(api, f"filter.eq.uuid={new_uuid()}") == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("filter.eq=x", 40011),
        ("filter.eq.a.b=x", 40011),
        ("filter.near.name=x", 40011),
        ("filter.eq.colour=x", 40011),
        ("filter.eq.status=great", 40011),
        ("filter.eq.id=one", 40011),
        ("filter.gt.startTime=yesterday", 40011),
        ("filter.btw.startTime=1", 40011),
        ("filter.eq.name=%20", 40016),
        ("page.sort=colour,DESC", 40012),
    ],
)
def test_wrong_filters_and_sorts(api: RpApi, query: str, code: int) -> None:
    """What cannot be filtered or sorted by is refused with 400 and its own code."""
    assert error_code(api.call("GET", f"/v1/demo/launch?{query}")) == (400, code)


def test_sort(nightly: RpApi) -> None:
    """Lists are sorted by the fields named, in the direction named last, and then by number."""
    assert names(nightly, "page.sort=name,DESC") == ["smoke", "nightly 2", "nightly"]
    assert names(nightly, "page.sort=startTime") == ["nightly", "nightly 2", "smoke"]
    assert names(nightly, "page.sort=number,startTime,DESC") == ["smoke", "nightly 2", "nightly"]
    assert names(nightly, "page.sort=endTime,ASC")[-1] == "nightly"


def test_pages(api: RpApi) -> None:
    """Pages count from 1, have 20 entries unless told otherwise, 50 for 0, and tell how many there are in all."""
    for number in range(55):
        api.start(name=f"{number:02}")
    first = api.call("GET", "/v1/demo/launch").json()
    assert first["page"] == {"number": 1, "size": 20, "totalElements": 55, "totalPages": 3}
    assert names(api, "page.page=3") == [f"{number:02}" for number in range(40, 55)]
    assert names(api, "page.page=2&page.size=2") == ["02", "03"]
    assert len(listed(api, "page.size=0")) == 50
    assert len(listed(api, "page.size=1000")) == 55
    assert listed(api, "page.page=9") == []


def test_statuses(api: RpApi) -> None:
    """The statuses of several launches come by their numbers, without those that are unknown."""
    api.start()
    api.finish(api.start())
    answer = api.call("GET", "/v1/demo/launch/status?ids=1,2,4711")
    assert answer.json() == {"1": "IN_PROGRESS", "2": "PASSED"}
    assert error_code(api.call("GET", "/v1/demo/launch/status")) == (400, 4001)


def test_items_of_a_launch(api: RpApi) -> None:
    """Items are listed by their launch's number, which is demanded, and filtered by status."""
    uuid = api.start()
    api.start_item(uuid, name="open")
    api.finish_item(api.start_item(uuid, name="done"), uuid)
    query = "filter.eq.launchId=1&filter.eq.status=IN_PROGRESS&page.size=1"
    assert names(api, query, "item") == ["open"]
    assert names(api, "filter.eq.launchId=1", "item") == ["open", "done"]
    assert error_code(api.call("GET", "/v1/demo/item")) == (400, 40016)
    assert error_code(api.call("GET", f"/v1/demo/item?filter.eq.launchId={uuid}")) == (400, 40016)
    assert error_code(api.call("GET", "/v1/demo/item?filter.eq.launchId=4711")) == (404, 4041)


def test_logs_are_listed(api: RpApi) -> None:
    """Logs are listed by item and level."""
    uuid = api.start()
    api.start_item(uuid)
    item = api.call("GET", "/v1/demo/item?filter.eq.launchId=1").json()["content"][0]
    for level in ("INFO", "ERROR"):
        entry = {"launchUuid": uuid, "itemUuid": item["uuid"], "time": START, "level": level, "message": level}
        api.call("POST", "/v1/demo/log", entry)
    assert [log["message"] for log in listed(api, f"filter.eq.item={item['id']}", "log")] == ["INFO", "ERROR"]
    assert [log["message"] for log in listed(api, "filter.eq.level=ERROR", "log")] == ["ERROR"]


def test_server_caller_and_project(api: RpApi, emulator: Emulator) -> None:
    """Info and health need no key; the caller and the project's settings are told with one."""
    assert api.call("GET", "/info", headers={"Authorization": None}).json()["build"]["version"] == "5.15.1"
    assert api.call("GET", "/health", headers={"Authorization": None}).json()["status"] == "UP"
    assert api.call("GET", "/v1/api-docs", headers={"Authorization": None}).json()["openapi"].startswith("3.")
    for name in ("info", "health"):
        assert set(requests.get(f"{emulator.url}/composite/{name}", timeout=5).json()) == {"api", "uat"}
    for path in ("/users", "/users/"):
        user = api.call("GET", path).json()
        assert (user["userId"], user["assignedProjects"]["demo"]["projectRole"]) == ("default", "PROJECT_MANAGER")
    assert set(api.call("GET", "/v1/demo/settings").json()) == {"project", "subTypes"}
    emulator.add_project("demo", interrupt_after=3600)
    attributes = api.call("GET", "/v1/project/demo").json()["configuration"]["attributes"]
    assert attributes["job.interruptJobTime"] == "3600"


def test_server_clock(api: RpApi, emulator: Emulator) -> None:
    """The server's clock may be hours ahead of the caller's: what it dates itself shows it."""
    emulator.clock_offset = 7200
    api.start()
    launch = emulator.launches()[0]
    modified = api.launch(launch.uuid).json()["lastModified"]
    emulator.clock_offset = 0
    api.start()
    assert modified - api.launch(emulator.launches()[1].uuid).json()["lastModified"] > 7_000_000
