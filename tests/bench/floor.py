"""The least that finishing a launch can take: three requests over a bare session, and nothing around them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self

import requests

from tests.bench.launches import KEY, PROJECT, now_ms

if TYPE_CHECKING:
    from types import TracebackType

    from tests.bench.launches import OpenLaunch

TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class FloorTimes:
    """Seconds of the three requests."""

    logs: float
    finish: float
    confirm: float

    @property
    def whole(self) -> float:
        return self.logs + self.finish + self.confirm


class Floor:
    """One session; each request is the one that it has to be, with no care for what might go wrong."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {KEY}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._session.close()

    def warm_up(self) -> None:
        """Open the connection."""
        self._call("GET", f"{self._url}/api/info")

    def finish(self, launch: OpenLaunch) -> FloorTimes:
        """Send the logs, finish the launch, and read it until it is final."""
        begun = perf_counter()
        parts = [("json_request_part", (None, json.dumps(launch.logs), "application/json"))]
        self._call("POST", f"{self._url}/api/v2/{PROJECT}/log", files=parts)
        logged = perf_counter()
        self._call("PUT", f"{self._url}/api/v2/{PROJECT}/launch/{launch.uuid}/finish", json={"endTime": now_ms()})
        finished = perf_counter()
        while self.status(launch.uuid) == "IN_PROGRESS":
            pass
        return FloorTimes(logged - begun, finished - logged, perf_counter() - finished)

    def status(self, uuid: str) -> str:
        return str(self._call("GET", f"{self._url}/api/v1/{PROJECT}/launch/uuid/{uuid}").json()["status"])

    def _call(self, method: str, url: str, **content: Any) -> requests.Response:
        answer = self._session.request(method, url, timeout=TIMEOUT, **content)
        answer.raise_for_status()
        return answer
