"""What differs between versions of the server, and what our side makes of it."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from rp_finalizer import ErrorKind, LaunchFinalizer, Outcome
from rp_finalizer.emulator import Emulator, Fault
from tests.support.reporting import FINISH, FINISH_NOW, QUICK, connected, finishes, start_run, status_of
from tests.support.rp_api import START, RpApi, new_uuid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rp_finalizer.emulator import StoredLaunch
    from tests.support.reporting import Run

LAUNCH_V2 = "application/x.reportportal.launch.v2+json"
WRONG_KEY = "a_key_that_nobody_has"
NO_KEY = "Full authentication is required to access this resource"

BEFORE_TYPED_DATES = ("5.0.0", "5.11.2", "5.12.0")
SINCE_TYPED_DATES = ("5.13.0", "5.15.1", "6.0.0")
VERSIONS = (*BEFORE_TYPED_DATES, *SINCE_TYPED_DATES)


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[[str], Emulator]]:
    """Give a server of any version that knows nothing yet; one runs for each version that was asked for."""
    with ExitStack() as running:
        by_version: dict[str, Emulator] = {}

        def give(version: str) -> Emulator:
            if version not in by_version:
                by_version[version] = running.enter_context(Emulator(version=version))
            by_version[version].reset()
            return by_version[version]

        yield give


def finalizer_for(server: Emulator, launch: object, **settings: Any) -> LaunchFinalizer:
    """Give a finalizer without a client."""
    connection = {"endpoint": server.url, "project": "demo", "api_key": "demo_key"}
    return LaunchFinalizer(launch=launch, **{**QUICK, **connection, **settings})


def stored(server: Emulator, uuid: str) -> StoredLaunch:
    launch = server.launch(uuid)
    assert launch is not None
    return launch


class TestDates:
    """Since 5.13 dates are ISO 8601, but for `launch/uuid`, which keeps milliseconds unless a media type is named."""

    @pytest.mark.parametrize("version", VERSIONS)
    def test_form_by_version(self, serve: Callable[[str], Emulator], version: str) -> None:
        """Lists and reads by number have the version's form, reads by uuid milliseconds; an old server has no other."""
        server = serve(version)
        api = RpApi(server.url)
        uuid = api.start()
        typed = api.launch(uuid, headers={"Accept": LAUNCH_V2})
        listed = api.call("GET", "/v1/demo/launch").json()["content"][0]["startTime"]
        by_number = api.call("GET", "/v1/demo/launch/1").json()["startTime"]
        assert api.launch(uuid).json()["startTime"] == START
        if version in BEFORE_TYPED_DATES:
            assert (listed, by_number) == (START, START)
            assert (typed.status_code, "errorCode" in typed.json()) == (406, False)
        else:
            assert listed == by_number == typed.json()["startTime"] == "2023-11-14T22:13:20Z"
        assert api.call("GET", "/info").json()["build"]["version"] == version
        api.close()

    @pytest.mark.parametrize("by", ["client", "number"])
    @pytest.mark.parametrize("version", VERSIONS)
    def test_our_end_time_is_known_again(self, serve: Callable[[str], Emulator], version: str, by: str) -> None:
        """A launch that begins a moment from now is finished after that, and read back as finished by us."""
        server = serve(version)
        with connected(server.url) as client:
            run = start_run(client, later=2.0)
            launch = stored(server, run.uuid)
            report = (LaunchFinalizer(client, **QUICK) if by == "client" else finalizer_for(server, launch.id)).finish()
        assert report.outcome is Outcome.FINISHED
        ended = stored(server, run.uuid)
        assert ended.end_ms is not None
        assert (ended.status, ended.end_ms > ended.start_ms) == ("PASSED", True)

    @pytest.mark.parametrize("by", ["uuid", "number"])
    @pytest.mark.parametrize("version", VERSIONS)
    def test_anothers_end_time_is_not_ours(self, serve: Callable[[str], Emulator], version: str, by: str) -> None:
        """A launch that somebody else has finished is told as such, with its status."""
        server = serve(version)
        api = RpApi(server.url)
        uuid = api.start()
        api.finish(uuid, status="cancelled")
        report = finalizer_for(server, uuid if by == "uuid" else 1).finish()
        assert report.outcome is Outcome.ALREADY_FINISHED
        assert report.launch is not None
        assert report.launch.status == "CANCELLED"
        assert stored(server, uuid).end_ms == START + 1000
        api.close()


class TestVersion4:
    """Before 5.0 a finish of a launch with open items was refused, with the code that says "finished already" now."""

    @pytest.mark.parametrize("kinds", [FINISH, FINISH_NOW, (FINISH, FINISH_NOW)], ids=["queued", "direct", "both"])
    def test_open_items_are_not_a_finished_launch(self, emulator: Emulator, run: Run, kinds: Any) -> None:
        """406/40023 with "has items" is a refusal and nothing else: only a finish that is taken counts."""
        text = "Finish launch is not allowed. Launch '1' has items '[7]' with 'IN_PROGRESS' status"
        emulator.add_fault(Fault(kinds, status=406, body={"errorCode": 40023, "message": text}))
        report = finalizer_for(emulator, run.uuid).finish()
        if kinds in (FINISH, FINISH_NOW):
            assert (report.outcome, status_of(emulator, run.uuid)) == (Outcome.FINISHED, "PASSED")
            return
        assert (report.outcome, status_of(emulator, run.uuid)) == (Outcome.FAILED, "IN_PROGRESS")
        assert report.error is not None
        assert (report.error.kind, report.error.code) == (ErrorKind.REJECTED, 40023)
        assert "has items '[7]'" in report.error.message

    def test_same_code_since_5(self, emulator: Emulator, run: Run) -> None:
        """406/40023 in version 5 says that the launch is final: what it ended with is read, and nothing has failed."""
        emulator.add_fault(Fault(FINISH, status=400, body={"errorCode": 4001, "message": "no queue"}))
        api = RpApi(emulator.url)
        api.finish(run.uuid, endTime=stored(emulator, run.uuid).start_ms + 1, status="stopped")
        report = finalizer_for(emulator, run.uuid).finish()
        assert report.outcome is Outcome.ALREADY_FINISHED
        assert report.launch is not None
        assert report.launch.status == "STOPPED"
        assert [call.status for call in emulator.calls(FINISH_NOW)] == [200, 406]
        api.close()


class TestUnauthorized:
    """Since 5.14 the server's own entry point answers; before, the framework's did, and repeated the key."""

    @pytest.mark.parametrize(
        ("version", "description"),
        [
            ("5.11.2", f"Invalid access token: {WRONG_KEY}"),
            ("5.13.0", f"Invalid access token: {WRONG_KEY}"),
            ("5.14.0", "Invalid access token"),
            ("5.15.1", "Invalid access token"),
        ],
    )
    def test_unknown_key(self, serve: Callable[[str], Emulator], version: str, description: str) -> None:
        """A key that the server does not know ends at once as unauthorized, and the report does not repeat it."""
        server = serve(version)
        wrong = RpApi(server.url, WRONG_KEY)
        assert wrong.call("GET", "/users").json() == {"error": "invalid_token", "error_description": description}
        report = finalizer_for(server, new_uuid(), api_key=WRONG_KEY).finish()
        assert report.outcome is Outcome.FAILED
        assert report.error is not None
        assert (report.error.kind, report.error.status) == (ErrorKind.UNAUTHORIZED, 401)
        assert "Invalid access token" in report.error.message
        assert WRONG_KEY not in json.dumps(report.to_dict())
        assert len(finishes(server)) == 1
        wrong.close()

    @pytest.mark.parametrize(("version", "error"), [("5.13.0", "unauthorized"), ("5.14.0", "invalid_token")])
    def test_no_key(self, serve: Callable[[str], Emulator], emulator: Emulator, version: str, error: str) -> None:
        """The answer to a call without a key, which a proxy may have taken away, is read in both of its forms."""
        server = serve(version)
        nobody = RpApi(server.url, None)
        body = nobody.call("GET", "/users").json()
        assert body == {"error": error, "error_description": NO_KEY}
        emulator.add_fault(Fault(status=401, body=body))
        report = finalizer_for(emulator, new_uuid()).finish()
        assert report.error is not None
        assert (report.error.kind, report.error.message) == (ErrorKind.UNAUTHORIZED, f"401: {NO_KEY}")
        nobody.close()


class TestQueue:
    """Since 5.12 what came too early is tried again soon and often; before, every minute and ten times."""

    @pytest.mark.parametrize(("version", "attempts"), [("5.11.2", 10), ("5.12.0", 20), ("5.15.1", 20)])
    def test_patience(self, serve: Callable[[str], Emulator], version: str, attempts: int) -> None:
        """A finish of a launch that never comes is given up after so many further attempts."""
        server = serve(version)
        server.queue.retry_factor = 0.00001
        api = RpApi(server.url)
        api.finish(new_uuid(), version="v2")
        (parked,) = server.wait_until(lambda: server.queue.parked)
        assert (parked.code, parked.attempts) == (4041, attempts)
        api.close()

    @pytest.mark.parametrize("version", ["5.11.2", "5.15.1"])
    def test_finish_that_waits_a_minute(self, serve: Callable[[str], Emulator], version: str) -> None:
        """A queued finish that came before its launch is not waited for: the launch is finished past the queue."""
        server = serve(version)
        server.queue.retry_factor = 3600
        api, uuid = RpApi(server.url), new_uuid()
        api.finish(uuid, version="v2", endTime=START + 5)
        api.start(uuid=uuid)
        report = finalizer_for(server, uuid).finish()
        assert (report.outcome, server.queue.waiting(uuid)) == (Outcome.FINISHED, 1)
        server.queue.hurry()
        (parked,) = server.wait_until(lambda: server.queue.parked)
        assert (parked.code, stored(server, uuid).status) == (40023, "PASSED")
        api.close()
