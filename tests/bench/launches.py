"""Launches as a test run leaves them: a few finished items, and the last logs still in the client."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from reportportal_client import RPClient

PROJECT = "demo"
KEY = "demo_key"
ITEMS = 3
LOGS = 7


@dataclass(frozen=True, slots=True)
class OpenLaunch:
    """A launch on the server, the client that opened it, and the logs it did not send yet."""

    client: RPClient
    uuid: str
    logs: list[dict[str, Any]]


def open_launch(url: str, *, holding_logs: bool) -> OpenLaunch:
    """Open a launch with finished items. The client's own connection is open then, as behind a real run."""
    client = RPClient(url, PROJECT, api_key=KEY)
    client.use_microseconds()  # waits for what the client asks the server on a thread of its own
    started = now_ms() - 60_000
    uuid = client.start_launch("benchmark", str(started))
    if uuid is None:
        raise RuntimeError(f"no launch could be started on {url}")
    items = [_finished_item(client, f"test {number}", started + number) for number in range(ITEMS)]
    logs = [_log(uuid, items[number % ITEMS], started + number) for number in range(LOGS)]
    if holding_logs:
        for log in logs:
            client.log(log["time"], log["message"], log["level"], item_id=log["itemUuid"])
    return OpenLaunch(client, uuid, logs)


def now_ms() -> int:
    return int(time.time() * 1000)


def _finished_item(client: RPClient, name: str, started: int) -> str:
    item = client.start_test_item(name, str(started), "STEP")
    if item is None:
        raise RuntimeError(f"the item {name!r} could not be started")
    client.finish_test_item(item, str(started + 1), status="PASSED")
    return item


def _log(launch: str, item: str, at: int) -> dict[str, Any]:
    """Give a log in the form in which the client sends it."""
    return {
        "launchUuid": launch,
        "level": "INFO",
        "message": "a line of some length, as tests write them to tell what they are about to do",
        "time": str(at),
        "itemUuid": item,
        "file": None,
    }
