"""Faults on request: which calls they meet, and what the caller sees."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
import requests

from rp_finalizer.emulator import CallKind, Fault
from rp_finalizer.launch import LaunchStatus
from tests.support.rp_api import error_code

if TYPE_CHECKING:
    from rp_finalizer.emulator import Emulator
    from tests.integration.emulator.conftest import Callers
    from tests.support.rp_api import RpApi


@pytest.mark.parametrize("status", [413, 429, 502, 503, 504])
def test_gateway_errors_are_html(api: RpApi, emulator: Emulator, status: int) -> None:
    """A gateway's error is an HTML page with that status."""
    emulator.add_fault(Fault(status=status))
    answer = api.call("GET", "/info")
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert str(status) in answer.text


def test_other_statuses_look_as_in_an_installation(api: RpApi, emulator: Emulator) -> None:
    """302 leads to the page, 401 and 500 are JSON, 404 is the router's plain text."""
    expected = {302: None, 401: "application/json", 404: "text/plain; charset=utf-8", 500: "application/json"}
    for status, content_type in expected.items():
        fault = emulator.add_fault(Fault(CallKind.INFO, status=status))
        answer = api.call("GET", "/info")
        fault.remove()
        assert (answer.status_code, answer.headers.get("Content-Type")) == (status, content_type)
        if status == 302:
            assert answer.headers["Location"] == "/ui/#notfound"


def test_body_and_headers_of_a_fault(api: RpApi, emulator: Emulator) -> None:
    """A fault may carry any body and header."""
    emulator.add_fault(Fault(status=429, body={"slow": "down"}, headers={"Retry-After": "2"}))
    answer = api.call("GET", "/info")
    assert (answer.status_code, answer.headers["Retry-After"], answer.json()) == (429, "2", {"slow": "down"})


@pytest.mark.parametrize("apply", [False, True])
def test_cut_connection(api: RpApi, emulator: Emulator, *, apply: bool) -> None:
    """A cut call gets no answer at all; with `apply` it was done all the same, and other callers notice nothing."""
    uuid = api.start()
    emulator.add_fault(Fault(CallKind.FINISH_LAUNCH_V1, cut=True, apply=apply, times=1))
    with pytest.raises(requests.ConnectionError):
        api.finish(uuid)
    (call,) = emulator.calls(CallKind.FINISH_LAUNCH_V1)
    assert (call.status, call.applied) == (None, apply)
    assert api.launch(uuid).json()["status"] == ("PASSED" if apply else "IN_PROGRESS")


def test_fault_meets_its_kind_only(api: RpApi, emulator: Emulator) -> None:
    """A fault for one kind of call leaves the others alone; a spoilt finish has not happened."""
    uuid = api.start()
    fault = emulator.add_fault(Fault("finish-launch-v1", status=503))
    assert api.finish(uuid).status_code == 503
    assert api.launch(uuid).json()["status"] == "IN_PROGRESS"
    fault.remove()
    assert api.finish(uuid).status_code == 200
    assert fault.hits == 1


def test_fault_for_several_kinds(api: RpApi, emulator: Emulator) -> None:
    """A fault may name several kinds."""
    uuid = api.start()
    emulator.add_fault(Fault({CallKind.FINISH_LAUNCH_V1, CallKind.FINISH_LAUNCH_V2}, status=502))
    assert [api.finish(uuid, version).status_code for version in ("v1", "v2")] == [502, 502]


def test_unknown_kind_is_refused() -> None:
    """A fault for a kind of call that there is not is a mistake, and told so."""
    with pytest.raises(ValueError, match="finish-lunch"):
        Fault("finish-lunch", status=500)


def test_fault_by_path(api: RpApi, emulator: Emulator) -> None:
    """A fault may be for one launch only, by its path."""
    spoilt, spared = api.start(), api.start()
    emulator.add_fault(Fault(path=spoilt, status=503))
    assert [api.finish(uuid).status_code for uuid in (spoilt, spared)] == [503, 200]


def test_first_so_many_calls(api: RpApi, emulator: Emulator) -> None:
    """A fault may pass by the first calls, and meet only so many."""
    emulator.add_fault(Fault(CallKind.INFO, status=503, skip=1, times=2))
    assert [api.call("GET", "/info").status_code for _ in range(5)] == [200, 503, 503, 200, 200]


def test_fault_for_some_time(api: RpApi, emulator: Emulator) -> None:
    """A fault may end by itself after some seconds."""
    emulator.add_fault(Fault(status=503, seconds=0.3))
    begun = time.monotonic()
    assert api.call("GET", "/info").status_code == 503
    while api.call("GET", "/info").status_code == 503:
        assert time.monotonic() - begun < 5
    assert time.monotonic() - begun >= 0.3


def test_applied_but_answered_falsely(api: RpApi, emulator: Emulator) -> None:
    """A call may take effect though its answer says otherwise; trying again then meets a finished launch."""
    uuid = api.start()
    emulator.add_fault(Fault(CallKind.FINISH_LAUNCH_V1, status=504, apply=True, times=1))
    assert api.finish(uuid, status="failed").status_code == 504
    launch = emulator.launch(uuid)
    assert launch is not None
    assert launch.status is LaunchStatus.FAILED
    assert error_code(api.finish(uuid)) == (406, 40023)
    assert [(call.status, call.applied) for call in emulator.calls("finish-launch-v1")] == [(504, True), (406, True)]


def test_delay(api: RpApi, emulator: Emulator) -> None:
    """A delayed call is done late, with its true answer."""
    emulator.add_fault(Fault(CallKind.INFO, delay=0.2))
    begun = time.monotonic()
    assert api.call("GET", "/info").status_code == 200
    assert time.monotonic() - begun >= 0.2


def test_latency_of_every_call(api: RpApi, emulator: Emulator) -> None:
    """The latency is added to every call, until it is set back."""
    emulator.latency = 0.3
    begun = time.monotonic()
    api.call("GET", "/info")
    assert time.monotonic() - begun >= 0.3
    emulator.latency = 0
    begun = time.monotonic()
    api.call("GET", "/info")
    assert time.monotonic() - begun < 0.3


def test_hang_until_released(callers: Callers, emulator: Emulator) -> None:
    """A call that hangs is not done before it is released, and then answers as it should."""
    api = callers()
    uuid = api.start()
    fault = emulator.add_fault(Fault(CallKind.FINISH_LAUNCH_V1, hang=True))
    answers: list[requests.Response] = []
    caller = threading.Thread(target=lambda: answers.append(callers().finish(uuid)))
    caller.start()
    emulator.wait_until(lambda: fault.hits, timeout=5)
    assert api.launch(uuid).json()["status"] == "IN_PROGRESS"
    fault.release()
    caller.join(5)
    assert [answer.status_code for answer in answers] == [200]


def test_hang_of_the_answer_only(api: RpApi, emulator: Emulator) -> None:
    """With `apply` the call is done and only its answer hangs: a caller's timeout proves nothing."""
    uuid = api.start()
    emulator.add_fault(Fault(CallKind.FINISH_LAUNCH_V1, hang=True, apply=True))
    with pytest.raises(requests.ReadTimeout):
        api.call("PUT", f"/v1/demo/launch/{uuid}/finish", {"endTime": "2030-01-01T00:00:00Z"}, timeout=0.2)
    emulator.wait_until(lambda: emulator.launches()[0].status is LaunchStatus.PASSED, timeout=5)


def test_reset_voids_what_hangs(callers: Callers, emulator: Emulator) -> None:
    """A call held while everything is reset has no effect on what comes after."""
    fault = emulator.add_fault(Fault(CallKind.START_LAUNCH_V1, hang=True))
    body = {"name": "late", "startTime": 1}
    answers: list[requests.Response] = []
    caller = threading.Thread(target=lambda: answers.append(callers().call("POST", "/v1/demo/launch", body)))
    caller.start()
    emulator.wait_until(lambda: fault.hits, timeout=5)
    emulator.reset()
    caller.join(5)
    assert [answer.status_code for answer in answers] == [503]
    assert emulator.launches() == []


def test_first_matching_fault_wins(api: RpApi, emulator: Emulator) -> None:
    """Of several faults the first added that matches and is not used up meets a call."""
    emulator.add_fault(Fault(status=502, times=1))
    emulator.add_fault(Fault(status=503))
    assert [api.call("GET", "/info").status_code for _ in range(2)] == [502, 503]
    emulator.clear_faults()
    assert api.call("GET", "/info").status_code == 200


def test_what_arrived(api: RpApi, emulator: Emulator) -> None:
    """Every call is noted in order with what it carried and how it was answered, but never with its key."""
    uuid = api.start(description="told")
    api.finish(uuid)
    api.call("GET", "/v1/demo/launch?filter.eq.name=smoke", headers={"User-Agent": "a test"})
    start, finish, listing = emulator.calls()
    assert [call.kind for call in emulator.calls()] == ["start-launch-v1", "finish-launch-v1", "list-launches"]
    assert [call.number for call in emulator.calls()] == [1, 2, 3]
    assert (start.body["description"], start.status, start.launch_uuid) == ("told", 201, uuid)
    assert (finish.method, finish.path, finish.launch_uuid) == ("PUT", f"/api/v1/demo/launch/{uuid}/finish", uuid)
    assert start.at <= finish.at <= listing.at
    assert (listing.query, listing.user_agent) == ({"filter.eq.name": "smoke"}, "a test")
    assert "demo_key" not in repr(emulator.calls())
