"""Items and logs over v1: hierarchy, statuses, lateness, batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rp_finalizer.launch import LaunchStatus
from tests.support.rp_api import START, error_code, new_uuid

if TYPE_CHECKING:
    from rp_finalizer.emulator import Emulator
    from tests.integration.emulator.conftest import Callers
    from tests.support.rp_api import RpApi


def status_of(emulator: Emulator, uuid: str) -> LaunchStatus:
    launch = emulator.launch(uuid)
    assert launch is not None
    return launch.status


def test_start_and_finish(api: RpApi, emulator: Emulator) -> None:
    """A v1 item is there at once, under its parent, and its finish says so."""
    uuid = api.start()
    suite = api.start_item(uuid, type="suite", name="suite")
    answer = api.try_start_item(uuid, suite, name="test")
    assert answer.status_code == 201
    assert set(answer.json()) == {"id", "uniqueId"}
    test = answer.json()["id"]
    finished = api.finish_item(test, uuid, status="failed")
    assert finished.json() == {"message": f"TestItem with ID = '{test}' successfully finished."}
    items = {item.name: item for item in emulator.items(uuid)}
    assert items["test"].parent_id == items["suite"].id
    assert items["test"].path == f"{items['suite'].id}.{items['test'].id}"
    assert (items["test"].status, items["suite"].has_children) == (LaunchStatus.FAILED, True)


def test_trailing_slash(api: RpApi) -> None:
    """Item calls are taken with a slash at the end, too."""
    uuid = api.start()
    body = {"name": "a", "type": "STEP", "startTime": START, "launchUuid": uuid}
    item = api.call("POST", "/v1/demo/item/", body).json()["id"]
    assert api.call("PUT", f"/v1/demo/item/{item}/", {"endTime": START, "status": "passed"}).status_code == 200


def test_what_an_item_needs(api: RpApi) -> None:
    """An item needs a known launch, a known parent, a type, and a start that is not before its parent's."""
    uuid = api.start()
    assert error_code(api.try_start_item(new_uuid())) == (404, 4041)
    assert error_code(api.try_start_item(uuid, new_uuid())) == (404, 4043)
    assert error_code(api.try_start_item(uuid, type="CHAPTER")) == (400, 4001)
    assert error_code(api.try_start_item(uuid, startTime=START - 1)) == (406, 40025)
    assert error_code(api.try_start_item(uuid, retry=True)) == (400, 40016)
    assert error_code(api.finish_item(new_uuid(), uuid)) == (404, 4043)


def test_leaf_needs_a_status(api: RpApi) -> None:
    """A leaf without a status is refused with code 40019; a parent's is computed from below."""
    uuid = api.start()
    suite = api.start_item(uuid, type="SUITE")
    test = api.start_item(uuid, suite)
    assert error_code(api.finish_item(test, uuid, status=None)) == (400, 40019)
    api.finish_item(test, uuid, status="failed")
    assert api.finish_item(suite, uuid, status=None).status_code == 200


def test_unknown_issue_type(api: RpApi) -> None:
    """A defect type that the project does not have is refused with code 40020; NOT_ISSUE is fine."""
    uuid = api.start()
    item = api.start_item(uuid)
    assert error_code(api.finish_item(item, uuid, status="failed", issue={"issueType": "zz9"})) == (400, 40020)
    assert api.finish_item(item, uuid, status="skipped", issue={"issue_type": "NOT_ISSUE"}).status_code == 200


def test_finish_of_a_parent_closes_what_is_open_below(api: RpApi, emulator: Emulator) -> None:
    """Open children are closed with their parent, as interrupted, and its status is computed."""
    uuid = api.start()
    suite = api.start_item(uuid, type="SUITE", name="suite")
    api.start_item(uuid, suite, name="open")
    api.finish_item(suite, uuid, status=None)
    assert {item.name: item.status for item in emulator.items(uuid)} == {"suite": "FAILED", "open": "INTERRUPTED"}


def test_items_of_others(callers: Callers) -> None:
    """A member may not finish an item of another's launch: 406 with code 40022, where a launch gives 403."""
    uuid = callers().start()
    item = callers().start_item(uuid)
    assert error_code(callers("member_key").finish_item(item, uuid)) == (406, 40022)


def test_nested_steps_do_not_count(api: RpApi, emulator: Emulator) -> None:
    """A failed item without statistics changes neither the status nor the numbers."""
    uuid = api.start()
    test = api.start_item(uuid)
    api.finish_item(api.start_item(uuid, test, hasStats=False), uuid, status="failed")
    api.finish_item(test, uuid, status="passed")
    api.finish(uuid)
    assert status_of(emulator, uuid) is LaunchStatus.PASSED
    assert emulator.statistics(uuid) == {"passed": 1, "total": 1}


def test_reporting_goes_on_after_the_finish(api: RpApi, emulator: Emulator) -> None:
    """A finished launch takes new items and logs; its status stays while one of them is open."""
    uuid = api.start()
    api.finish(uuid)
    late = api.start_item(uuid)
    assert api.log_batch([{"launchUuid": uuid, "time": START, "message": "late"}], version="v1").status_code == 201
    assert status_of(emulator, uuid) is LaunchStatus.PASSED
    assert [item.status for item in emulator.items(uuid)] == [LaunchStatus.IN_PROGRESS]
    api.finish_item(late, uuid, status="failed")
    assert status_of(emulator, uuid) is LaunchStatus.FAILED


def test_late_finish_corrects_what_was_interrupted(api: RpApi, emulator: Emulator) -> None:
    """An item closed with its launch is corrected by its own late finish, and so is the launch."""
    uuid = api.start()
    suite = api.start_item(uuid, type="SUITE", name="suite")
    test = api.start_item(uuid, suite, name="test")
    api.finish(uuid)
    assert status_of(emulator, uuid) is LaunchStatus.FAILED
    api.finish_item(test, uuid, status="passed")
    items = {item.name: item for item in emulator.items(uuid)}
    assert {name: item.status for name, item in items.items()} == {"suite": "PASSED", "test": "PASSED"}
    assert items["test"].attributes == ()
    assert status_of(emulator, uuid) is LaunchStatus.PASSED


def test_retries_replace_earlier_attempts(api: RpApi, emulator: Emulator) -> None:
    """A retry takes the place of the attempt before it, which no longer counts."""
    uuid = api.start()
    suite = api.start_item(uuid, type="SUITE")
    api.finish_item(api.start_item(uuid, suite, name="flaky"), uuid, status="failed")
    api.finish_item(api.start_item(uuid, suite, name="flaky", retry=True), uuid, status="passed")
    api.finish_item(suite, uuid, status=None)
    api.finish(uuid)
    assert emulator.statistics(uuid) == {"passed": 1, "total": 1}
    assert api.launch(uuid).json()["hasRetries"] is True
    assert status_of(emulator, uuid) is LaunchStatus.PASSED


def test_rerun_begins_items_again(api: RpApi, emulator: Emulator) -> None:
    """In a rerun a suite of the same name is opened again, and a step becomes a further attempt."""
    uuid = api.start()
    suite = api.start_item(uuid, type="SUITE", name="suite")
    api.finish_item(api.start_item(uuid, suite, name="test"), uuid, status="failed")
    api.finish(uuid)
    api.start(rerun=True)
    again = api.start_item(uuid, type="SUITE", name="suite", startTime=START + 9)
    assert again == suite
    api.finish_item(api.start_item(uuid, suite, name="test", startTime=START + 9), uuid, status="passed")
    api.finish(uuid, endTime=START + 99)
    assert emulator.statistics(uuid) == {"passed": 1, "total": 1}
    assert status_of(emulator, uuid) is LaunchStatus.PASSED


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("path", ["log", "log/entry"])
def test_single_log(api: RpApi, emulator: Emulator, version: str, path: str) -> None:
    """One log entry as JSON is stored under its launch, and answered with its id."""
    uuid = api.start()
    body = {"launchUuid": uuid, "time": START, "level": "error", "message": "broken"}
    answer = api.call("POST", f"/{version}/demo/{path}", body)
    (log,) = emulator.logs(uuid)
    assert (answer.status_code, answer.json()) == (201, {"id": log.uuid})
    assert (log.level, log.message, log.item_id) == ("ERROR", "broken", None)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_log_batch_with_files(api: RpApi, emulator: Emulator, version: str) -> None:
    """A batch is stored entry by entry, files with the entries that name them."""
    uuid = api.start()
    item = api.start_item(uuid)
    entries = [
        {"launchUuid": uuid, "itemUuid": item, "time": START, "message": "with", "file": {"name": "a.txt"}},
        {"launchUuid": uuid, "time": START, "message": "without"},
    ]
    answer = api.log_batch(entries, {"a.txt": b"content"}, version=version)
    assert answer.status_code == 201
    logs = emulator.logs(uuid)
    assert [entry["id"] for entry in answer.json()["responses"]] == [log.uuid for log in logs]
    assert [(log.message, log.content, log.item_id is None) for log in logs] == [
        ("with", b"content", False),
        ("without", b"", True),
    ]
    (call,) = emulator.calls("log")
    assert (call.logs, call.launch_uuid) == (("with", "without"), uuid)


def test_log_batch_answers_201_even_if_entries_fail(api: RpApi, emulator: Emulator) -> None:
    """A v1 batch tells of each entry whether it was stored, and is 201 all the same."""
    uuid = api.start()
    entries = [
        {"launchUuid": uuid, "time": START, "message": "good"},
        {"launchUuid": new_uuid(), "time": START, "message": "nowhere"},
        {"launchUuid": uuid, "message": "without a time"},
        {"launchUuid": uuid, "time": START, "message": "no file", "file": {"name": "b.txt"}},
    ]
    answer = api.log_batch(entries, version="v1")
    assert answer.status_code == 201
    assert [sorted(entry) for entry in answer.json()["responses"]] == [["id"], *[["message", "stackTrace"]] * 3]
    assert [log.message for log in emulator.logs(uuid)] == ["good"]


def test_update_of_an_item(api: RpApi) -> None:
    """An item is found by its uuid, and changed by its number."""
    uuid = api.start()
    item = api.start_item(uuid)
    shown = api.call("GET", f"/v1/demo/item/uuid/{item}").json()
    changed = {"description": "told", "attributes": [{"value": "new"}]}
    assert api.call("PUT", f"/v1/demo/item/{shown['id']}/update", changed).status_code == 200
    shown = api.call("GET", f"/v1/demo/item/{shown['id']}").json()
    assert (shown["description"], shown["attributes"], shown["status"]) == ("told", [{"value": "new"}], "IN_PROGRESS")
