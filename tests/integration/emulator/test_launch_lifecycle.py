"""Starting, finishing and stopping launches over v1: the codes, the order of the checks, the status that comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rp_finalizer.emulator import Attribute
from rp_finalizer.launch import LaunchStatus
from tests.support.rp_api import START, error_code, new_uuid

if TYPE_CHECKING:
    from rp_finalizer.emulator import Emulator
    from tests.integration.emulator.conftest import Callers
    from tests.support.rp_api import RpApi


def test_start_tells_uuid_and_number(api: RpApi) -> None:
    """A start answers 201 with the uuid, and with the number among the launches of that name."""
    answers = [api.call("POST", "/v1/demo/launch", {"name": name, "startTime": START}) for name in ("a", "a", "b")]
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert [answer.json()["number"] for answer in answers] == [1, 2, 1]
    assert set(answers[0].json()) == {"id", "number"}


def test_start_takes_a_uuid_once(api: RpApi) -> None:
    """A uuid sent is the launch's uuid; the same one again is a database error, 500."""
    uuid = new_uuid()
    assert api.start(uuid=uuid) == uuid
    again = api.call("POST", "/v1/demo/launch", {"name": "smoke", "startTime": START, "uuid": uuid})
    assert error_code(again) == (500, 5000)


def test_finish_answers_with_number_and_link(api: RpApi, emulator: Emulator) -> None:
    """A v1 finish answers 200 with uuid, number and a link by the numeric id, and is done by then."""
    uuid = api.start()
    answer = api.finish(uuid)
    launch = emulator.launch(uuid)
    assert launch is not None
    assert answer.status_code == 200
    link = f"{emulator.url}/ui/#demo/launches/all/{launch.id}"
    assert answer.json() == {"id": uuid, "number": 1, "link": link}
    assert (launch.status, launch.end_ms) == (LaunchStatus.PASSED, START + 1000)


def test_finish_takes_a_uuid_only(api: RpApi, emulator: Emulator) -> None:
    """A number in a finish is an unknown launch, 404 with code 4041."""
    uuid = api.start()
    launch = emulator.launch(uuid)
    assert launch is not None
    answer = api.finish(str(launch.id))
    assert error_code(answer) == (404, 4041)
    assert answer.json()["message"] == f"Launch '{launch.id}' not found. Did you use correct Launch ID?"
    assert emulator.launch(uuid) == launch


def test_second_finish_is_refused(api: RpApi, emulator: Emulator) -> None:
    """A finished launch refuses another finish, 406 with code 40023, naming its number and status."""
    uuid = api.start()
    api.finish(uuid, status="failed")
    answer = api.finish(uuid, status="passed")
    launch = emulator.launch(uuid)
    assert launch is not None
    assert error_code(answer) == (406, 40023)
    expected = f"Finish launch is not allowed. Launch '{launch.id}' already finished with status 'FAILED'"
    assert answer.json()["message"] == expected
    assert launch.status is LaunchStatus.FAILED


def test_finish_before_start_is_refused(api: RpApi) -> None:
    """An end before the start is refused, 406 with code 40021; an end equal to the start is fine."""
    uuid = api.start(startTime="2026-05-04T10:00:00.000001Z")
    early = api.finish(uuid, endTime="2026-05-04T10:00:00Z")
    assert error_code(early) == (406, 40021)
    assert early.json()["message"] == (
        "Finish time '2026-05-04T10:00:00Z' is earlier than start time '2026-05-04T10:00:00.000001Z' "
        "for resource with ID '1'"
    )
    assert api.finish(uuid, endTime="2026-05-04T10:00:00.000001Z").status_code == 200


@pytest.mark.parametrize(
    "status", ["passed", "FAILED", "Stopped", "skipped", "interrupted", "cancelled", "info", "warn"]
)
def test_sent_status_is_kept_without_open_items(api: RpApi, emulator: Emulator, status: str) -> None:
    """With no item in progress the status sent is taken as it is, in any case, even over a failed item."""
    uuid = api.start()
    api.finish_item(api.start_item(uuid), uuid, status="failed")
    assert api.finish(uuid, status=status).status_code == 200
    launch = emulator.launch(uuid)
    assert launch is not None
    assert launch.status == status.upper()


@pytest.mark.parametrize(("item_status", "expected"), [("passed", "PASSED"), ("warn", "PASSED"), ("skipped", "FAILED")])
def test_status_is_computed_when_none_is_sent(api: RpApi, emulator: Emulator, item_status: str, expected: str) -> None:
    """Without a status the root items decide: anything but passed, info and warn makes the launch failed."""
    uuid = api.start()
    api.finish_item(api.start_item(uuid), uuid, status=item_status)
    api.finish(uuid, status=None)
    launch = emulator.launch(uuid)
    assert launch is not None
    assert launch.status == expected


def test_open_items_are_closed_and_the_status_ignored(api: RpApi, emulator: Emulator) -> None:
    """Open leaves get the status sent, parents theirs from below, all an attribute; the launch's own is computed."""
    uuid = api.start()
    suite = api.start_item(uuid, type="SUITE", name="suite")
    api.finish_item(api.start_item(uuid, suite, name="done"), uuid, status="failed")
    api.start_item(uuid, suite, name="open")
    api.finish(uuid, status="passed")
    items = {item.name: item for item in emulator.items(uuid)}
    assert {name: item.status for name, item in items.items()} == {
        "suite": "FAILED",
        "done": "FAILED",
        "open": "PASSED",
    }
    interrupted = Attribute(key="status", value="interrupted")
    assert [interrupted in items[name].attributes for name in ("suite", "done", "open")] == [True, False, True]
    assert items["open"].end == (START + 1000) * 1000
    launch = emulator.launch(uuid)
    assert launch is not None
    assert launch.status is LaunchStatus.FAILED


def test_what_is_closed_as_failed_is_to_be_investigated(api: RpApi, emulator: Emulator) -> None:
    """A leaf that the finish closes as failed gets an issue; one closed as skipped only where the launch wants it."""
    for status, wanted, locator in (
        ("failed", "false", "ti001"),
        ("skipped", "false", None),
        ("skipped", "true", "ti001"),
    ):
        uuid = api.start(attributes=[{"key": "skippedIssue", "value": wanted, "system": True}])
        api.start_item(uuid)
        api.finish(uuid, status=status)
        (item,) = emulator.items(uuid)
        assert item.status == status.upper()
        assert (item.issue or {}).get("issueType") == locator


def test_items_may_be_finished_again(api: RpApi, emulator: Emulator) -> None:
    """A second finish of an item is taken, and the launch's status follows it."""
    uuid = api.start()
    item = api.start_item(uuid)
    api.finish_item(item, uuid, status="passed")
    api.finish(uuid)
    assert api.finish_item(item, uuid, status="failed").status_code == 200
    launch = emulator.launch(uuid)
    assert launch is not None
    assert (launch.status, emulator.items(uuid)[0].status) == (LaunchStatus.FAILED, LaunchStatus.FAILED)


@pytest.mark.parametrize("call", ["finish", "stop"])
def test_order_of_the_checks(callers: Callers, emulator: Emulator, call: str) -> None:
    """Of several things that are wrong the first is told: body, role, launch, owner, status, clock."""
    manager, member, operator = callers(), callers("member_key"), callers("operator_key")
    finished = manager.start()
    manager.finish(finished)
    launch = emulator.launch(finished)
    assert launch is not None
    known: object = finished if call == "finish" else launch.id
    unknown: object = new_uuid() if call == "finish" else 4711
    nothing, early = {"endTime": None}, {"endTime": START - 1}
    assert error_code(getattr(operator, call)(unknown, **nothing)) == (400, 4001)
    assert error_code(getattr(operator, call)(unknown, **early)) == (403, 4003)
    assert error_code(getattr(member, call)(unknown, **early)) == (404, 4041)
    assert error_code(getattr(member, call)(known, **early)) == (403, 4003)
    assert error_code(getattr(manager, call)(known, **early)) == (406, 40023)
    opened = manager.start()
    number = emulator.launches()[-1].id
    assert error_code(getattr(manager, call)(opened if call == "finish" else number, **early)) == (406, 40021)


def test_open_items_without_a_status_are_interrupted(api: RpApi, emulator: Emulator) -> None:
    """Without a status open leaves become interrupted, which makes the launch failed and counts as failed."""
    uuid = api.start()
    api.start_item(uuid)
    api.finish(uuid)
    launch = emulator.launch(uuid)
    assert launch is not None
    assert [item.status for item in emulator.items(uuid)] == [LaunchStatus.INTERRUPTED]
    assert launch.status is LaunchStatus.FAILED
    assert emulator.statistics(uuid) == {"failed": 1, "total": 1}


def test_finish_adds_description_and_attributes(api: RpApi, emulator: Emulator) -> None:
    """The description sent is appended, attributes are added, and system attributes are never shown."""
    hidden = {"key": "agent", "value": "x", "system": True}
    uuid = api.start(description="before", attributes=[{"key": "build", "value": "1"}, hidden])
    api.finish(uuid, description="after", attributes=[{"value": "late"}, {"key": "build", "value": "1"}])
    shown = api.launch(uuid).json()
    assert shown["description"] == "before after"
    assert shown["attributes"] == [{"key": "build", "value": "1"}, {"value": "late"}]
    launch = emulator.launch(uuid)
    assert launch is not None
    assert Attribute(key="agent", value="x", system=True) in launch.attributes


def test_stop_takes_a_number_only(api: RpApi, emulator: Emulator) -> None:
    """A uuid in a stop is no number, 400 with code 4001; an unknown number 404 with code 4041."""
    uuid = api.start()
    assert error_code(api.stop(uuid)) == (400, 4001)
    assert error_code(api.stop(4711)) == (404, 4041)
    launch = emulator.launch(uuid)
    assert launch is not None
    assert launch.status is LaunchStatus.IN_PROGRESS


def test_stop_interrupts_items_and_marks_the_launch(api: RpApi, emulator: Emulator) -> None:
    """A stop makes the launch stopped and its open items interrupted, and marks description and attributes."""
    uuid = api.start(description="nightly")
    api.start_item(uuid)
    answer = api.stop(1)
    assert answer.json() == {"message": "Launch with ID = '1' successfully stopped."}
    launch = emulator.launch(uuid)
    assert launch is not None
    assert (launch.status, launch.description) == (LaunchStatus.STOPPED, "nightly stopped")
    assert launch.attributes == (Attribute(key="status", value="stopped"),)
    (item,) = emulator.items(uuid)
    assert (item.status, item.end, launch.end_ms) == (LaunchStatus.INTERRUPTED, item.last_modified, START + 1000)
    assert error_code(api.stop(1)) == (406, 40023)


def test_stop_keeps_the_status_sent(api: RpApi, emulator: Emulator) -> None:
    """A status and a description in a stop are kept; the description replaces the one before."""
    uuid = api.start(description="nightly")
    api.stop(1, status="cancelled", description="by hand")
    launch = emulator.launch(uuid)
    assert launch is not None
    assert (launch.status, launch.description) == (LaunchStatus.CANCELLED, "by hand stopped")


def test_bulk_stop_is_all_or_nothing(api: RpApi, emulator: Emulator) -> None:
    """One launch that cannot be stopped leaves all of them as they were."""
    first, second = api.start(), api.start()
    api.finish(second)
    bodies = {"1": {"endTime": START + 1}, "2": {"endTime": START + 1}}
    assert error_code(api.call("PUT", "/v1/demo/launch/stop", {"entities": bodies})) == (406, 40023)
    statuses = {launch.uuid: launch.status for launch in emulator.launches()}
    assert statuses[first] is LaunchStatus.IN_PROGRESS
    answer = api.call("PUT", "/v1/demo/launch/stop", {"entities": {"1": bodies["1"]}})
    assert answer.json() == [{"message": "Launch with ID = '1' successfully stopped."}]


def test_rerun_keeps_uuid_and_end(api: RpApi, emulator: Emulator) -> None:
    """A rerun reopens the latest launch of the name: same uuid, in progress, and still with its old end time."""
    uuid = api.start()
    api.finish(uuid)
    assert api.start(rerun=True) == uuid
    shown = api.launch(uuid).json()
    assert (shown["status"], shown["rerun"], shown["endTime"]) == ("IN_PROGRESS", True, START + 1000)
    assert api.finish(uuid, endTime=START + 5000).status_code == 200
    launch = emulator.launch(uuid)
    assert launch is not None
    assert (launch.end_ms, launch.number) == (START + 5000, 1)


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("by", ["name", "uuid"])
def test_rerun_of_one_among_many(api: RpApi, emulator: Emulator, version: str, by: str) -> None:
    """Among namesakes a rerun reopens the latest, or the one whose uuid it names, under whatever name."""
    first, second, other = (api.start(name=name) for name in ("same", "same", "other"))
    for uuid in (first, second, other):
        api.finish(uuid)
    chosen = {"name": "same"} if by == "name" else {"name": "other", "rerunOf": first}
    assert api.start(version, rerun=True, **chosen) == (second if by == "name" else first)
    reopened = [launch.uuid for launch in emulator.launches() if not launch.status.final]
    assert reopened == [second if by == "name" else first]
    assert all(launch.end_ms == START + 1000 for launch in emulator.launches())


def test_rerun_of_nothing(api: RpApi) -> None:
    """A rerun of a launch that does not exist is refused, 404 with code 4041, over v1 and v2."""
    for version in ("v1", "v2"):
        body = {"name": "never seen", "startTime": START, "rerun": True}
        assert error_code(api.call("POST", f"/{version}/demo/launch", body)) == (404, 4041)


def test_rerun_takes_a_new_uuid(api: RpApi, emulator: Emulator) -> None:
    """A uuid sent with a rerun replaces the launch's own."""
    before, after = api.start(), new_uuid()
    api.start(rerun=True, rerunOf=before, uuid=after)
    assert emulator.launch(before) is None
    launch = emulator.launch(after)
    assert launch is not None
    assert launch.id == 1
