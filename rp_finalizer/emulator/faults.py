"""Faults on request: which calls they meet, what they do to them, and how long they last."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import KW_ONLY, dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from rp_finalizer.emulator.answers import Answer
from rp_finalizer.emulator.journal import CallKind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

NOT_FOUND_PAGE = "/ui/#notfound"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong with some calls.

    A fault that neither gives a `status` nor cuts only delays. The first fault that matches a call is the one that it
    meets. Raises ValueError for an unknown kind of call.
    """

    kind: str | Collection[str] = CallKind.ANY
    """The calls it meets: a `CallKind` or several."""
    _: KW_ONLY
    path: str | None = None
    """A regular expression that must be found in the call's path."""
    status: int | None = None
    """The HTTP status answered instead of the true answer."""
    body: Any = None
    """The body of that answer: a text or bytes as they are, anything else as JSON; None takes what fits the status."""
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further headers, as `{"Retry-After": "2"}`."""
    apply: bool = False
    """Let the call take effect first, so that only its answer is late, false or lost."""
    cut: bool = False
    """Close the connection in place of an answer."""
    delay: float = 0.0
    """Seconds that the call, or with `apply` its answer, is held."""
    hang: bool = False
    """Hold it until the fault is released or removed, or the emulator ends.

    As on a slow server, a call whose caller has given up meanwhile is still done once it is let go.
    """
    skip: int = 0
    """How many matching calls pass unharmed before the first is met."""
    times: int | None = None
    """How many calls it meets; None sets no limit."""
    seconds: float | None = None
    """How long it lasts, from when it was added; None sets no limit."""

    def __post_init__(self) -> None:
        """Refuse kinds that do not exist."""
        for kind in self.kinds:
            CallKind(kind)

    @property
    def kinds(self) -> frozenset[str]:
        """Give the kinds of calls it meets as a set."""
        return frozenset({self.kind} if isinstance(self.kind, str) else self.kind)

    def matches(self, kind: CallKind, path: str) -> bool:
        """Tell whether a call is of those that it is for."""
        of_kind = CallKind.ANY in self.kinds or kind in self.kinds
        return of_kind and (self.path is None or re.search(self.path, path) is not None)

    def answer(self) -> Answer | None:
        """Give the false answer; None when the true one is to be given."""
        if self.cut:
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, b"", cut=True)
        if self.status is None:
            return None
        fitting = gateway_answer(self.status)
        headers = {**fitting.headers, **self.headers}
        if self.body is None:
            return Answer(self.status, fitting.body, self.content_type or fitting.content_type, headers)
        if isinstance(self.body, str | bytes):
            return Answer(self.status, self.body, self.content_type or "text/plain; charset=utf-8", headers)
        return Answer(self.status, json.dumps(self.body), self.content_type or "application/json", headers)


def gateway_answer(status: int) -> Answer:
    """Give what a ReportPortal installation answers with that status when its API does not answer itself."""
    if status == HTTPStatus.FOUND:
        return Answer(status, "", None, {"Location": NOT_FOUND_PAGE})
    if status == HTTPStatus.UNAUTHORIZED:
        return unauthorized("Invalid access token")
    if status == HTTPStatus.NOT_FOUND:
        return Answer(status, "404 page not found\n", "text/plain; charset=utf-8")
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return Answer(status, {"errorCode": 5000, "message": "Unclassified error [Unexpected error]"})
    if status < HTTPStatus.BAD_REQUEST:
        return Answer(status, "<!doctype html><title>ReportPortal</title>", "text/html; charset=utf-8")
    title = f"{status} {_phrase(status)}"
    page = f"<html><head><title>{title}</title></head><body><center><h1>{title}</h1></center></body></html>"
    return Answer(status, page, "text/html; charset=utf-8")


def unauthorized(description: str, error: str = "invalid_token") -> Answer:
    """Give the answer to a missing or unknown key, which has a body of its own kind."""
    return Answer(HTTPStatus.UNAUTHORIZED, {"error": error, "error_description": description}, pretty=True)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


class ActiveFault:
    """A fault that was added: how many calls it met, and the handle to end it."""

    def __init__(self, number: int, fault: Fault, since: float, faults: Faults) -> None:
        self.number = number
        self.fault = fault
        self._since = since
        self._faults = faults
        self._seen = 0
        self._hits = 0
        self._released = asyncio.Event()

    @property
    def hits(self) -> int:
        """Tell how many calls it met."""
        return self._hits

    def remove(self) -> None:
        """End the fault and let go what it holds."""
        self._faults.remove(self.number)

    def release(self) -> None:
        """Let go the calls that it holds; it holds no further ones."""
        self._faults.call_soon(self._released.set)

    def take(self, kind: CallKind, path: str, now: float) -> bool:
        """Tell whether a call meets the fault, and count it."""
        fault = self.fault
        if fault.seconds is not None and now - self._since >= fault.seconds:
            return False
        if not fault.matches(kind, path):
            return False
        self._seen += 1
        if self._seen <= fault.skip or (fault.times is not None and self._hits >= fault.times):
            return False
        self._hits += 1
        return True

    async def hold(self) -> None:
        """Wait as long as the fault holds a call."""
        if self.fault.delay or self.fault.hang:
            try:
                async with asyncio.timeout(None if self.fault.hang else self.fault.delay):
                    await self._released.wait()
            except TimeoutError:
                pass


class Faults:
    """Keep the faults in the order in which they were added."""

    def __init__(self, call_soon: Callable[[Callable[[], object]], None]) -> None:
        self.call_soon = call_soon
        self._active: dict[int, ActiveFault] = {}
        self._last_number = 0

    def add(self, fault: Fault, now: float) -> ActiveFault:
        """Add a fault, and start its time."""
        self._last_number += 1
        active = ActiveFault(self._last_number, fault, now, self)
        self._active[active.number] = active
        return active

    def remove(self, number: int) -> None:
        """End a fault, if it is still there, and let go what it holds."""
        if active := self._active.pop(number, None):
            active.release()

    def clear(self) -> None:
        """End all faults."""
        for number in list(self._active):
            self.remove(number)

    def get(self, number: int) -> ActiveFault | None:
        """Find a fault by its number."""
        return self._active.get(number)

    def active(self) -> list[ActiveFault]:
        """List the faults."""
        return list(self._active.values())

    def meet(self, kind: CallKind, path: str, now: float) -> ActiveFault | None:
        """Find the fault that a call meets, and count it there."""
        if not self._active:
            return None
        return next((active for active in self._active.values() if active.take(kind, path, now)), None)
