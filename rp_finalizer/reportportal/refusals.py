"""What a client's own calls came to: how many were refused, and which launches they started.

The clients look at no status, and tell nobody of a request that failed: only who sees their calls can count.
"""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from rp_finalizer.ports import Starts
from rp_finalizer.report import UNKNOWN, Count
from rp_finalizer.reportportal.answers import Expected, Reply, read_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rp_finalizer.circuit import Circuit

_OURS: ContextVar[bool] = ContextVar("rp_finalizer_own_calls", default=False)
"""Whether the finalizer itself makes the client call."""

_JSON_PART = "json_request_part"
"""The part of a batch of logs that lists them."""


@contextmanager
def own_calls() -> Iterator[None]:
    """Mark the client's calls from here on, on helper threads and in new tasks too, as none of the test run's."""
    token = _OURS.set(True)
    try:
        yield
    finally:
        _OURS.reset(token)


class Refusals:
    """Counts what a client, its clones included, sent in vain. Safe to use from several threads.

    Nothing is raised into the client's call. What cannot be read, as the answers of a mock, makes the count unknown.
    """

    def __init__(self, *, known: bool = True) -> None:
        self._lock = threading.Lock()
        self._known = known
        self._requests: int | None = 0
        self._logs: int | None = 0
        self._starts: dict[str, Starts] = {}
        self.last: str | None = None
        """How the last request failed that did."""
        self.circuit: Circuit | None = None
        """Says whether the client's calls are sent at all; None sends all of them."""
        self._started: list[Callable[[str], None]] = []
        self._tasks: WeakSet[asyncio.Task[Any]] = WeakSet()

    def count(self) -> Count:
        """Give the requests about launches and items, and the log entries, that were refused or lost."""
        with self._lock:
            return Count(self._requests, self._logs) if self._known else UNKNOWN

    def add(self, count: Count) -> None:
        """Add what another process counted; what it does not know is not known of the sum either."""
        with self._lock:
            self._requests = _sum(self._requests, count.requests)
            self._logs = _sum(self._logs, count.logs)

    def starts(self, launch: str) -> Starts | None:
        """Tell how often the client has started a launch; None where its calls cannot be read."""
        with self._lock:
            return self._starts.get(launch, Starts()) if self._known else None

    def on_start(self, tell: Callable[[str], None]) -> None:
        """Have a function called with the uuid of every launch that is started."""
        self._started.append(tell)

    def met(self, task: asyncio.Task[Any]) -> bool:
        """Tell whether a request of this task was refused."""
        return task in self._tasks

    def failed(self, url: Any, content: Mapping[str, Any], how: str) -> None:
        """Take note of a request that got no answer, or none of success; `how` says which, in a word."""
        if _OURS.get():
            return
        try:
            requests, logs = (0, _entries(content)) if _is_of(url, "log") else (1, 0)
        except Exception:  # noqa: BLE001  foreign objects; whatever they are, the client's call goes on
            self._known = False
            return
        self.last = how
        self._refuse(requests, logs)

    def answered(self, url: Any, content: Mapping[str, Any], response: Any, status: str) -> bool:
        """Take note of an answer, whose `status` has this name; tell whether its body has more to say, to `read`."""
        try:
            taken = getattr(response, status) < 400 and "json" in response.headers.get("Content-Type", "")  # noqa: PLR2004
            telling = taken and (_is_of(url, "log") or _is_of(url, "launch"))
        except Exception:  # noqa: BLE001  as above
            self._known = False
            return False
        if not taken:
            # An answer that is not JSON, as the page that a gateway sends us on to, is none of ReportPortal's.
            self.failed(url, content, f"status {getattr(response, status)}")
        return telling

    def read(self, url: Any, content: Mapping[str, Any], body: Any) -> None:
        """Take note of what a successful answer says: single logs refused, or the uuid of a launch."""
        if _OURS.get():
            return
        try:
            if _is_of(url, "log"):
                refused = read_answer(Reply(200, body), Expected.RESPONSES, 0.0).failures
                if refused:
                    self._refuse(0, refused)
                return
            launch, rerun = str(json.loads(body)["id"]), bool(content["json"].get("rerun"))
        except Exception:  # noqa: BLE001  as above
            self._known = False
            return
        with self._lock:
            self._starts[launch] = Starts(self._starts.get(launch, Starts()).number + 1, rerun=rerun)
        for tell in self._started:
            tell(launch)

    def _refuse(self, requests: int, logs: int) -> None:
        with self._lock:
            self._requests = _sum(self._requests, requests)
            self._logs = _sum(self._logs, logs)
        if asyncio._get_running_loop() is not None and (task := asyncio.current_task()) is not None:  # noqa: SLF001  documented
            self._tasks.add(task)


class WatchedShim:
    """The part of a `ReportingClient` that tells what became of the client's own calls."""

    def __init__(self, refusals: Refusals) -> None:
        self._refusals = refusals

    def refused(self) -> Count:
        """Count what the client sent in vain; unknown where its calls cannot be seen."""
        return self._refusals.count()

    def add_refused(self, count: Count) -> None:
        """Add what a copy of the client in another process sent in vain."""
        self._refusals.add(count)

    def last_refusal(self) -> str | None:
        """Say how the last request failed that did; None where none did, or that is not seen."""
        return self._refusals.last

    def on_start(self, tell: Callable[[str], None]) -> None:
        """Have a function called with the uuid of every launch that the client starts."""
        self._refusals.on_start(tell)

    def starts(self, launch: str) -> Starts | None:
        """Tell how often the client has started a launch; None where its calls cannot be seen."""
        return self._refusals.starts(launch)


def _is_of(url: Any, resource: str) -> bool:
    """Tell whether a request is a start of a launch, or a batch of logs."""
    return str(url).endswith(f"/{resource}")


def _entries(content: Mapping[str, Any]) -> int:
    """Count the logs of a batch, in the form of either of the clients' HTTP libraries."""
    for name, part in content.get("files") or ():
        if name == _JSON_PART:
            return len(json.loads(part[1]))
    # A multipart writer of aiohttp; the first part is the JSON one.
    payload = next(iter(content["data"]))[0]
    return len(json.loads(payload.decode() if hasattr(payload, "decode") else payload._value))  # noqa: SLF001


def _sum(first: int | None, second: int | None) -> int | None:
    return None if first is None or second is None else first + second
