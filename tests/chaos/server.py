"""The server of a chaos run, in a process of its own: starting launches, making trouble, and what came of it."""

from __future__ import annotations

import http.client
import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from tests.bench.emulator_process import EmulatorProcess
from tests.chaos.evidence import Call, Seen
from tests.chaos.server_faults import DOUBLED_BY_QUEUE, FINISHING, LOST_BY_QUEUE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.chaos.schedule import PlannedLaunch
    from tests.chaos.server_faults import PlannedFault

KEY = "demo_key"
PROJECT, SECOND_PROJECT, NO_PROJECT = "demo", "second", "gone"
SECOND_KEY = "second_key"
ADMIN_KEY = "admin_key"
"""Its owner is told that a project is not there; to others it is one they do not belong to."""
LONG = 30.0
LASTED_MS = 60_000
"""How long before its end a launch began."""


@dataclass
class Server:
    """The emulator's address, and one connection to it. For one thread."""

    url: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        self._http = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=LONG)
        self.doubled = 0

    def another(self) -> Self:
        """Give the same for another thread."""
        return type(self)(self.url)

    def close(self) -> None:
        self._http.close()

    def add_second_project(self) -> None:
        roles = {SECOND_PROJECT: "PROJECT_MANAGER"}
        self._do("POST", "/control/users", {"login": "second", "key": SECOND_KEY, "projects": roles})

    def start(self, launch: PlannedLaunch, start_ms: int) -> None:
        """Start a launch, with all that is in it."""
        project, key = (SECOND_PROJECT, SECOND_KEY) if launch.second_project else (PROJECT, KEY)
        path = f"/api/v2/{project}"
        self._do("POST", f"{path}/launch", {"name": "chaos", "uuid": launch.uuid, "startTime": start_ms}, key)
        if launch.failed_item:
            body = {"name": "a test", "type": "STEP", "startTime": start_ms, "launchUuid": launch.uuid}
            item = self._do("POST", f"{path}/item", body, key)["id"]
            ended = {"endTime": start_ms + 1, "launchUuid": launch.uuid, "status": "failed"}
            self._do("PUT", f"{path}/item/{item}", ended, key)

    def delete(self, uuid: str, end_ms: int) -> None:
        """End a launch, and delete it."""
        self._do("PUT", f"/api/v1/{PROJECT}/launch/{uuid}/finish", {"endTime": end_ms}, KEY)
        number = self._do("GET", f"/api/v1/{PROJECT}/launch/uuid/{uuid}", key=KEY)["id"]
        self._do("DELETE", f"/api/v1/{PROJECT}/launch/{number}", key=KEY)

    def add_faults(self, faults: Sequence[PlannedFault]) -> None:
        for fault in faults:
            self._do("POST", "/control/faults", fault.body())

    def begin(self, fault: Mapping[str, Any]) -> int:
        """Add trouble; give its number."""
        return int(self._do("POST", "/control/faults", fault)["id"])

    def end(self, number: int) -> None:
        """End trouble; what it holds is let go."""
        self._do("DELETE", f"/control/faults/{number}")

    def disturb_queue(self) -> None:
        """Have the queue lose the next finish, and do the one after it twice."""
        self._do("POST", "/control/queue/drop", {"kind": FINISHING[0], "times": 1})
        self._do("POST", "/control/queue/duplicate", {"kind": FINISHING[0], "times": 1})
        self.doubled += 1

    def met(self, faults: Sequence[PlannedFault]) -> dict[str, int]:
        """Count the calls that met trouble, by its name."""
        counts = dict.fromkeys(sorted({fault.name for fault in faults}), 0)
        # What was begun later is not counted here.
        for fault, state in zip(faults, self._do("GET", "/control/faults"), strict=False):
            counts[fault.name] += state["hits"]
        counts[LOST_BY_QUEUE] = len(self._do("GET", "/control/queue")["dropped"])
        counts[DOUBLED_BY_QUEUE] = self.doubled
        return counts

    def launches(self) -> dict[str, Seen]:
        """Give how all launches stand."""
        found = self._do("GET", "/control/state")["launches"]
        return {
            each["uuid"]: Seen(each["status"], None if each["end"] is None else each["end"] // 1000) for each in found
        }

    def finishing_calls(self) -> list[Call]:
        """Give every call that asked for a launch's end, in their order."""
        every = [each for kind in FINISHING for each in self._do("GET", f"/control/calls?kind={kind}")]
        every.sort(key=lambda call: call["number"])
        return [Call(each["launch_uuid"], each["at"], applied=each["applied"]) for each in every]

    def _do(self, method: str, path: str, body: Any = None, key: str | None = None) -> Any:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        self._http.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self._http.getresponse()
        text = answer.read()
        if answer.status >= http.client.BAD_REQUEST:
            raise RuntimeError(f"{method} {path}: {answer.status} {text!r}")
        return json.loads(text)


@contextmanager
def running_server() -> Iterator[Server]:
    """Give a new server."""
    with EmulatorProcess() as process:
        server = Server(process.url)
        try:
            server.add_second_project()
            yield server
        finally:
            server.close()
