"""Reporting as a test run does it: a real client, a launch, items and logs in it."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from reportportal_client import RPClient

from rp_finalizer.emulator import CallKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rp_finalizer.emulator import Emulator, ReceivedCall

QUICK: dict[str, Any] = {"timeout": 5.0, "retry_initial": 0.02, "retry_max": 0.1, "stable_for": 0.1, "outbox": "off"}
"""Settings for tests: retries follow each other at once, a silent queue is given up soon, and nothing is kept."""
OUR_AGENT = "rp-finalizer"
"""What our own requests name themselves by."""
UNSENT = 7
"""Logs that a client holds back: fewer than its batch of 20."""

FINISH = CallKind.FINISH_LAUNCH_V2
FINISH_NOW = CallKind.FINISH_LAUNCH_V1
READ = CallKind.GET_LAUNCH


def now_ms(later: float = 0.0) -> str:
    """Give the time in the clients' form, some seconds from now."""
    return str(int((time.time() + later) * 1000))


@dataclass(frozen=True, slots=True)
class Run:
    """A client and the launch that it has started."""

    client: RPClient
    uuid: str

    def start_item(self, name: str = "a test", later: float = 0.0) -> str:
        return str(self.client.start_test_item(name, now_ms(later), "STEP"))

    def finish_item(self, item: str, status: str = "PASSED") -> None:
        self.client.finish_test_item(item, now_ms(), status=status)

    def report_item(self, name: str = "a test", status: str = "PASSED") -> str:
        item = self.start_item(name)
        self.finish_item(item, status)
        return item

    def log(self, number: int = UNSENT, item: str | None = None) -> list[str]:
        """Log so many messages, and give them."""
        messages = [f"message {each}" for each in range(number)]
        for message in messages:
            self.client.log(now_ms(), message, "INFO", item_id=item)
        return messages


@contextmanager
def connected(url: str, key: str = "demo_key", project: str = "demo", **arguments: Any) -> Iterator[RPClient]:
    """Give a client, and close it in the end."""
    client = RPClient(url, project, api_key=key, http_timeout=10.0, **arguments)
    try:
        yield client
    finally:
        client.session.close()


def start_run(client: RPClient, name: str = "smoke", later: float = 0.0) -> Run:
    """Start a launch, so many seconds later by the client's clock."""
    uuid = client.start_launch(name, now_ms(later))
    assert uuid is not None
    return Run(client, uuid)


def finishes(emulator: Emulator) -> list[ReceivedCall]:
    """Give every call that asks for the end of a launch, by whatever way."""
    kinds = {FINISH, FINISH_NOW, CallKind.STOP_LAUNCH}
    return [call for call in emulator.calls() if call.kind in kinds]


def logged(emulator: Emulator, uuid: str) -> list[str]:
    """Give the messages that the server holds for a launch."""
    return [log.message for log in emulator.logs(uuid)]


def status_of(emulator: Emulator, uuid: str) -> str:
    """Give a launch's status on the server."""
    launch = emulator.launch(uuid)
    assert launch is not None
    return launch.status.value


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings and launches of whoever runs the tests out of them."""
    for name in os.environ:
        if name.startswith("RP_") or name == "LAUNCH_UUID":
            monkeypatch.delenv(name)


@pytest.fixture
def client(emulator: Emulator) -> Iterator[RPClient]:
    """Give a client of the emulator."""
    with connected(emulator.url) as client:
        yield client


@pytest.fixture
def run(client: RPClient) -> Run:
    """Give a run that has started its launch."""
    return start_run(client)


def when_told(action: Callable[[], object]) -> Callable[[str], None]:
    """Do something when the finalizer says, for the first time, that it waits."""
    told: list[str] = []

    def tell(sentence: str) -> None:
        told.append(sentence)
        if len(told) == 1:
            action()

    return tell
