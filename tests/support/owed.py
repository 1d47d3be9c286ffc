"""An outbox with launches that are owed, beside a server that holds them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import requests

from rp_finalizer.entries import Entry, EntryState, OwedLaunch
from rp_finalizer.outbox.sqlite import SqliteOutbox
from rp_finalizer.outcome import ErrorKind
from rp_finalizer.report import Failure
from tests.support.commands import Commands

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rp_finalizer.emulator import Emulator
    from rp_finalizer.outbox_port import Outbox

REFUSED = Failure(ErrorKind.UNAVAILABLE, "503 with text/html", "when ReportPortal answers again")


@dataclass(frozen=True, slots=True)
class Owed:
    """A folder's outbox, and the server that its launches are on."""

    emulator: Emulator
    path: Path
    outbox: Outbox

    def start(
        self, number: int = 1, *, project: str = "demo", hours_ago: float = 0.0, key: str = "demo_key", **more: Any
    ) -> list[str]:
        """Start launches on the server, and give their uuids."""
        uuids = [str(uuid4()) for _ in range(number)]
        start = int((time.time() - hours_ago * 3600) * 1000)
        for uuid in uuids:
            answer = requests.post(
                f"{self.emulator.url}/api/v2/{project}/launch",
                json={"name": "smoke", "uuid": uuid, "startTime": start, **more},
                headers={"Authorization": f"Bearer {key}"},
                timeout=10,
            )
            answer.raise_for_status()
        return uuids

    def launch(self, uuid: str, **more: Any) -> OwedLaunch:
        told = {"project": "demo", "end_ms": int(time.time() * 1000) + 60_000, **more}
        return OwedLaunch(self.emulator.url, uuid=uuid, **told)

    def add(self, *uuids: str, **more: Any) -> list[Entry]:
        return [self.outbox.add(self.launch(uuid), **more) for uuid in uuids]

    def add_started(self, number: int = 1) -> list[str]:
        """Start launches and owe their finish."""
        uuids = self.start(number)
        self.add(*uuids)
        return uuids

    def put_off(self, uuid: str, wait: float = 900.0) -> Entry:
        """Owe a launch that was tried in vain, and is not due for long."""
        (entry,) = self.add(uuid)
        taken = self.outbox.take(entry.entry_id, "worker", 60.0)
        self.outbox.put_off(taken.entry_id, taken.lease_token, REFUSED, wait)
        return self.entry(uuid)

    def bury(self, uuid: str, reason: str = "the server refuses for good") -> Entry:
        """Make a dead letter of a launch."""
        (entry,) = self.add(uuid)
        taken = self.outbox.take(entry.entry_id, "worker", 60.0)
        self.outbox.give_up(taken.entry_id, taken.lease_token, REFUSED, reason)
        return self.entry(uuid)

    def entry(self, uuid: str) -> Entry:
        (entry,) = self.outbox.find(uuid)
        return entry

    def state(self, uuid: str) -> EntryState:
        return self.entry(uuid).state


@pytest.fixture
def owed(emulator: Emulator, tmp_path: Path) -> Iterator[Owed]:
    """Give an empty outbox."""
    path = tmp_path / "outbox.db"
    outbox = SqliteOutbox(path)
    yield Owed(emulator, path, outbox)
    outbox.close()


@pytest.fixture
def commands(emulator: Emulator, tmp_path: Path) -> Commands:
    """Run commands in a folder with this outbox, and a connection in the environment."""
    folder = tmp_path / "work"
    folder.mkdir()
    return Commands(
        folder,
        {
            "RP_ENDPOINT": emulator.url,
            "RP_PROJECT": "demo",
            "RP_API_KEY": "demo_key",
            "RP_FINALIZER_TIMEOUT": "5",
            "RP_FINALIZER_RETRY_INITIAL": "0.02",
            "RP_FINALIZER_STABLE_FOR": "0.1",
            "RP_FINALIZER_OUTBOX": str(tmp_path / "outbox.db"),
        },
    )
