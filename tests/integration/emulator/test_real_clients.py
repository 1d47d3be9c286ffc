"""The clients that people use report to the emulator as they do to a server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from reportportal_client import RPClient
from reportportal_client.aio import BatchedRPClient, ThreadedRPClient

from rp_finalizer.launch import LaunchStatus

if TYPE_CHECKING:
    from rp_finalizer.emulator import Emulator


pytestmark = pytest.mark.leaves_clients


def now() -> str:
    return str(int(time.time() * 1000))


def test_sync_client(emulator: Emulator) -> None:
    """A run of the synchronous client arrives whole: launch, items, logs with a file, finish."""
    client = RPClient(emulator.url, "demo", api_key="demo_key")
    uuid = client.start_launch("sync", now(), attributes={"build": "7"})
    assert uuid
    suite = client.start_test_item("suite", now(), "SUITE")
    test = client.start_test_item("test", now(), "STEP", parent_item_id=suite)
    attachment = {"name": "page.html", "data": b"<html/>", "mime": "text/html"}
    client.log(now(), "with a file", "INFO", attachment, test)
    client.log(now(), "of the launch", "ERROR")
    client.finish_test_item(test, now(), "PASSED")
    client.finish_test_item(suite, now(), "PASSED")
    assert client.get_launch_ui_url() == f"{emulator.url}/ui/#demo/launches/all/1"
    assert client.get_project_settings()
    client.finish_launch(now())
    client.close()
    launch = emulator.launch(uuid)
    assert launch is not None
    assert (launch.status, launch.name, launch.attributes[0].value) == (LaunchStatus.PASSED, "sync", "7")
    assert {log.message: log.content for log in emulator.logs(uuid)} == {
        "with a file": b"<html/>",
        "of the launch": b"",
    }
    assert emulator.statistics(uuid) == {"passed": 1, "total": 1}


@pytest.mark.parametrize("client_type", [ThreadedRPClient, BatchedRPClient])
def test_asynchronous_clients(emulator: Emulator, client_type: type[ThreadedRPClient | BatchedRPClient]) -> None:
    """A run of a client that reports in the background arrives whole, also when the server's queue lags."""
    emulator.queue.first_delay = 0.2
    client: Any = client_type(emulator.url, "demo", api_key="demo_key")
    launch = client.start_launch("background", now())
    suite = client.start_test_item("suite", now(), "SUITE")
    test = client.start_test_item("test", now(), "STEP", parent_item_id=suite)
    for number in range(30):
        client.log(now(), f"line {number}", "INFO", item_id=test)
    client.finish_test_item(test, now(), "FAILED")
    client.finish_test_item(suite, now(), "FAILED")
    client.finish_launch(now())
    client.close()
    assert launch is not None
    (finish,) = emulator.calls("finish-launch-v2")
    uuid = finish.launch_uuid or ""
    emulator.wait_until(lambda: emulator.queue.waiting() == 0, timeout=10)
    stored = emulator.launch(uuid)
    assert stored is not None
    assert stored.status is LaunchStatus.FAILED
    assert sorted(log.message for log in emulator.logs(uuid)) == sorted(f"line {number}" for number in range(30))
    assert emulator.queue.parked == []


def test_password_grant_of_the_client(emulator: Emulator) -> None:
    """The client's own OAuth password grant gets a token and reports with it."""
    client = RPClient(
        emulator.url,
        "demo",
        oauth_uri=f"{emulator.url}/uat/sso/oauth/token",
        oauth_username="default",
        oauth_password="1q2w3e",
        oauth_client_id="ui",
        oauth_client_secret="uiman",
    )
    # Its prefetch of the server's version gets the token; a call made meanwhile would go out without one.
    emulator.wait_until(lambda: any(call.status for call in emulator.calls("info")), timeout=5)
    uuid = client.start_launch("oauth", now())
    client.close()
    launch = emulator.launch(uuid or "")
    assert launch is not None
    assert launch.owner == "default"
