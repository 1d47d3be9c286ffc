"""Reporting over v2: answered at once, done later, in order, perhaps never."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from rp_finalizer.emulator import CallKind
from rp_finalizer.launch import LaunchStatus
from tests.support.rp_api import START, error_code, new_uuid

if TYPE_CHECKING:
    from rp_finalizer.emulator import Emulator
    from tests.integration.emulator.conftest import Callers
    from tests.support.rp_api import RpApi


def finished(emulator: Emulator, uuid: str) -> bool:
    launch = emulator.launch(uuid)
    return launch is not None and launch.status.final


def test_answers_of_v2(api: RpApi, emulator: Emulator) -> None:
    """A v2 start answers 201 without a number, items and their finishes have texts of their own."""
    answer = api.call("POST", "/v2/demo/launch", {"name": "smoke", "startTime": START})
    uuid = answer.json()["id"]
    assert (answer.status_code, set(answer.json())) == (201, {"id"})
    started = api.try_start_item(uuid, version="v2")
    item = started.json()["id"]
    assert (started.status_code, set(started.json())) == (201, {"id"})
    ended = api.finish_item(item, uuid, version="v2")
    assert ended.json() == {"message": f"Accepted finish request for test item ID = {item}"}
    answer = api.finish(uuid, version="v2")
    assert answer.json() == {"id": uuid, "link": f"{emulator.url}/ui/#demo/launches/all/{uuid}"}
    assert finished(emulator, uuid)


def test_finish_answers_200_for_any_string(api: RpApi, emulator: Emulator) -> None:
    """A v2 finish says nothing about whether the launch exists; its message waits to be tried again."""
    answer = api.finish("never-heard-of", version="v2")
    assert (answer.status_code, answer.json()["id"]) == (200, "never-heard-of")
    assert emulator.queue.waiting("never-heard-of") == 1
    assert emulator.launches() == []


def test_checks_before_the_queue(api: RpApi, callers: Callers) -> None:
    """Only body, key and role are checked at once, and an item's finish must name its launch."""
    assert error_code(api.finish(new_uuid(), version="v2", endTime=None)) == (400, 4001)
    assert error_code(callers("operator_key").finish(new_uuid(), version="v2")) == (403, 4003)
    assert callers("wrong_key").finish(new_uuid(), version="v2").status_code == 401
    body = {"endTime": START, "status": "passed"}
    assert error_code(api.call("PUT", f"/v2/demo/item/{new_uuid()}", body)) == (400, 40016)


def test_unknown_until_the_start_was_handled(api: RpApi, emulator: Emulator) -> None:
    """A launch whose start still waits is unknown to reads and to a v1 finish: 404 with code 4041."""
    emulator.queue.pause()
    uuid = api.start("v2")
    assert error_code(api.launch(uuid)) == (404, 4041)
    assert error_code(api.finish(uuid)) == (404, 4041)
    emulator.queue.resume()
    emulator.wait_until(lambda: emulator.launch(uuid), timeout=5)
    assert api.launch(uuid).json()["status"] == "IN_PROGRESS"


def test_delay_per_message(api: RpApi, emulator: Emulator) -> None:
    """Every message takes its time after the one before it, in the order of arrival."""
    emulator.queue.delay = 0.1
    begun = time.monotonic()
    uuid = api.start("v2")
    api.finish_item(api.start_item(uuid, version="v2"), uuid, version="v2")
    api.finish(uuid, version="v2")
    assert emulator.queue.waiting(uuid) >= 3
    emulator.wait_until(lambda: finished(emulator, uuid), timeout=5)
    assert time.monotonic() - begun >= 0.4
    assert [item.status for item in emulator.items(uuid)] == [LaunchStatus.PASSED]
    assert emulator.queue.parked == []


def test_delay_before_the_first_message(api: RpApi, emulator: Emulator) -> None:
    """With a first delay the launch appears late, and all that waited comes at once."""
    emulator.queue.first_delay = 0.2
    begun = time.monotonic()
    uuid = api.start("v2")
    api.finish(uuid, version="v2")
    emulator.wait_until(lambda: finished(emulator, uuid), timeout=5)
    assert 0.2 <= time.monotonic() - begun < 2


def test_launches_have_lanes_of_their_own(api: RpApi, emulator: Emulator) -> None:
    """The messages of one launch do not wait for those of another."""
    emulator.queue.delay = 0.5
    begun = time.monotonic()
    uuids = [api.start("v2") for _ in range(10)]
    emulator.wait_until(lambda: all(emulator.launch(uuid) for uuid in uuids), timeout=10)
    assert time.monotonic() - begun < 4


def test_setting_the_delay_to_zero_lets_all_go(api: RpApi, emulator: Emulator) -> None:
    """A delay is looked at anew when it changes: what waited for an hour is done at once."""
    emulator.queue.delay = 3600
    uuid = api.start("v2")
    emulator.queue.delay = 0
    assert emulator.wait_until(lambda: emulator.launch(uuid), timeout=5)


def test_v1_finish_overtakes_the_queue(api: RpApi, emulator: Emulator) -> None:
    """A v1 finish closes items whose finish still waits; that finish corrects them, the queued one is parked."""
    uuid = api.start("v2")
    item = api.start_item(uuid, version="v2")
    emulator.queue.pause()
    api.finish_item(item, uuid, version="v2", status="passed")
    api.finish(uuid, version="v2")
    assert api.finish(uuid).status_code == 200
    assert [item.status for item in emulator.items(uuid)] == [LaunchStatus.INTERRUPTED]
    emulator.queue.resume()
    parked = emulator.wait_until(lambda: emulator.queue.parked, timeout=5)
    assert [(message.kind, message.code) for message in parked] == [(CallKind.FINISH_LAUNCH_V2, 40023)]
    assert [item.status for item in emulator.items(uuid)] == [LaunchStatus.PASSED]


def test_refused_finish_is_parked_silently(callers: Callers, emulator: Emulator) -> None:
    """A v2 finish of another's launch answers 200, changes nothing, and is not tried again."""
    uuid = callers().start("v2")
    assert callers("member_key").finish(uuid, version="v2").status_code == 200
    (parked,) = emulator.queue.parked
    assert (parked.launch_uuid, parked.code, parked.attempts) == (uuid, 4003, 0)
    assert not finished(emulator, uuid)


def test_unknown_launch_is_tried_again(api: RpApi, emulator: Emulator) -> None:
    """A finish that came before its launch is tried again later, and then works."""
    emulator.queue.retry_factor = 0.1
    uuid = new_uuid()
    api.finish(uuid, version="v2")
    assert emulator.queue.waiting(uuid) == 1
    api.start("v2", uuid=uuid)
    emulator.wait_until(lambda: finished(emulator, uuid), timeout=5)


def test_retries_end_in_the_parking_lot(api: RpApi, emulator: Emulator) -> None:
    """After twenty further attempts a message for an unknown launch is given up."""
    emulator.queue.retry_factor = 0.0001
    api.finish(new_uuid(), version="v2")
    (parked,) = emulator.wait_until(lambda: emulator.queue.parked, timeout=10)
    assert (parked.code, parked.attempts) == (4041, 20)
    assert emulator.queue.waiting() == 0


def test_dropped_messages(api: RpApi, emulator: Emulator) -> None:
    """A message lost on request was answered, and is never done; the next one is."""
    emulator.queue.drop(CallKind.FINISH_LAUNCH_V2, times=1)
    uuid = api.start("v2")
    assert api.finish(uuid, version="v2").status_code == 200
    assert not finished(emulator, uuid)
    assert emulator.queue.dropped == [(CallKind.FINISH_LAUNCH_V2, uuid)]
    api.finish(uuid, version="v2")
    assert finished(emulator, uuid)


def test_duplicated_messages(api: RpApi, emulator: Emulator) -> None:
    """A message delivered twice is done once and refused once."""
    emulator.queue.duplicate("finish-launch-v2", times=1)
    uuid = api.start("v2")
    api.finish(uuid, version="v2")
    assert finished(emulator, uuid)
    assert [message.code for message in emulator.queue.parked] == [40023]


def test_only_queued_kinds_can_be_dropped(emulator: Emulator) -> None:
    """Dropping what never goes through the queue is a mistake, and told so."""
    with pytest.raises(ValueError, match="not queued"):
        emulator.queue.drop("finish-launch-v1")


def test_finish_overtakes_an_item_that_is_tried_again(api: RpApi, emulator: Emulator) -> None:
    """An item's finish that came before its start is done after the launch's: it corrects what that had interrupted."""
    emulator.queue.retry_factor = 3600
    uuid, item = api.start("v2"), new_uuid()
    api.finish_item(item, uuid, version="v2", status="passed")
    api.start_item(uuid, version="v2", uuid=item)
    api.finish(uuid, version="v2")
    launch = emulator.launch(uuid)
    assert launch is not None
    assert (launch.status, emulator.items(uuid)[0].status) == (LaunchStatus.FAILED, LaunchStatus.INTERRUPTED)
    assert emulator.queue.waiting(uuid) == 1
    emulator.queue.hurry()
    emulator.wait_until(lambda: emulator.queue.waiting(uuid) == 0, timeout=5)
    launch = emulator.launch(uuid)
    assert launch is not None
    assert (launch.status, emulator.items(uuid)[0].status) == (LaunchStatus.PASSED, LaunchStatus.PASSED)
    assert emulator.items(uuid)[0].attributes == ()
    assert emulator.queue.parked == []


def test_child_waits_for_its_parent(api: RpApi, emulator: Emulator) -> None:
    """A child that came before its parent is tried again, and then stands under it."""
    emulator.queue.retry_factor = 0.05
    uuid, suite = api.start("v2"), new_uuid()
    api.start_item(uuid, suite, version="v2", name="child")
    assert emulator.items(uuid) == []
    api.start_item(uuid, version="v2", uuid=suite, type="SUITE")
    emulator.wait_until(lambda: len(emulator.items(uuid)) == 2, timeout=5)
    assert {item.name for item in emulator.items(uuid) if item.parent_id} == {"child"}


def test_files_come_later_than_the_finish(api: RpApi, emulator: Emulator) -> None:
    """A log with a file reaches the queue after the file was stored: other messages, the finish too, overtake it."""
    emulator.queue.file_delay = 3600
    uuid = api.start("v2")
    entries = [
        {"launchUuid": uuid, "time": START, "message": "with", "file": {"name": "a.txt"}},
        {"launchUuid": uuid, "time": START, "message": "without"},
    ]
    assert api.log_batch(entries, {"a.txt": b"content"}).status_code == 201
    api.finish(uuid, version="v2")
    assert finished(emulator, uuid)
    assert [log.message for log in emulator.logs(uuid)] == ["without"]
    assert emulator.queue.waiting(uuid) == 1
    emulator.queue.hurry()
    emulator.wait_until(lambda: len(emulator.logs(uuid)) == 2, timeout=5)
    assert emulator.logs(uuid)[1].content == b"content"


def test_customers_may_not_debug_over_v2(callers: Callers, emulator: Emulator) -> None:
    """A DEBUG launch of a customer is refused before anything is queued."""
    body = {"name": "x", "startTime": START, "mode": "DEBUG"}
    assert error_code(callers("customer_key").call("POST", "/v2/demo/launch", body)) == (400, 40010)
    assert (emulator.queue.waiting(), emulator.queue.parked) == (0, [])


def test_rerun_over_v2(api: RpApi, emulator: Emulator) -> None:
    """A v2 rerun answers with the uuid of the launch it reopens, whose old status is readable until it is done."""
    uuid = api.start()
    api.finish(uuid)
    emulator.queue.pause()
    assert api.start("v2", rerun=True) == uuid
    assert api.launch(uuid).json()["status"] == "PASSED"
    emulator.queue.resume()
    emulator.wait_until(lambda: not finished(emulator, uuid), timeout=5)
