"""Bare calls of the ReportPortal API, for tests of the server's side."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

START = 1_700_000_000_000
"""When test launches start, in milliseconds since the epoch."""
TIMEOUT = 10.0


class RpApi:
    """One caller's session. Redirects are not followed; paths are those of the service, without `/api`."""

    def __init__(self, url: str, key: str | None = "demo_key", project: str = "demo") -> None:
        self.url = url
        self.project = project
        self.session = requests.Session()
        if key is not None:
            self.session.headers["Authorization"] = f"Bearer {key}"

    def close(self) -> None:
        self.session.close()

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        options = {"timeout": TIMEOUT, "allow_redirects": False, **options}
        return self.session.request(method, f"{self.url}/api{path}", json=body, **options)

    def start(self, version: str = "v1", **fields: Any) -> str:
        body = {"name": "smoke", "startTime": str(START), **fields}
        answer = self.call("POST", f"/{version}/{self.project}/launch", body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def finish(self, launch: str, version: str = "v1", **fields: Any) -> requests.Response:
        body = {"endTime": str(START + 1000), **fields}
        return self.call("PUT", f"/{version}/{self.project}/launch/{launch}/finish", body)

    def stop(self, launch: object, **fields: Any) -> requests.Response:
        return self.call("PUT", f"/v1/{self.project}/launch/{launch}/stop", {"endTime": START + 1000, **fields})

    def launch(self, launch: object, **options: Any) -> requests.Response:
        return self.call("GET", f"/v1/{self.project}/launch/uuid/{launch}", **options)

    def start_item(self, launch: str, parent: str | None = None, version: str = "v1", **fields: Any) -> str:
        answer = self.try_start_item(launch, parent, version, **fields)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def try_start_item(
        self, launch: str, parent: str | None = None, version: str = "v1", **fields: Any
    ) -> requests.Response:
        path = f"/{version}/{self.project}/item" + (f"/{parent}" if parent else "")
        return self.call(
            "POST", path, {"name": "a test", "type": "STEP", "startTime": START + 1, "launchUuid": launch, **fields}
        )

    def finish_item(self, item: str, launch: str, version: str = "v1", **fields: Any) -> requests.Response:
        body = {"endTime": START + 2, "launchUuid": launch, "status": "passed", **fields}
        return self.call("PUT", f"/{version}/{self.project}/item/{item}", body)

    def log_batch(
        self, entries: Sequence[object], files: Mapping[str, bytes] | None = None, version: str = "v2"
    ) -> requests.Response:
        parts: list[tuple[str, Any]] = [("json_request_part", (None, json.dumps(entries), "application/json"))]
        parts += [("file", (name, content, "text/plain")) for name, content in (files or {}).items()]
        return self.call("POST", f"/{version}/{self.project}/log", files=parts)


def new_uuid() -> str:
    return str(uuid.uuid4())


def error_code(answer: requests.Response) -> tuple[int, int]:
    """Give the HTTP status with ReportPortal's own code."""
    return answer.status_code, answer.json()["errorCode"]
