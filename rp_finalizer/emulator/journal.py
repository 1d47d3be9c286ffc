"""What arrived: every call of the API in order, as it came and as it was answered. Never a credential."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

JOURNAL_SIZE = 100_000


class CallKind(StrEnum):
    """What a call is about. Faults match by it, and what arrived is told by it."""

    ANY = "any"
    """Every call of the API; only in a match."""
    START_LAUNCH_V1 = "start-launch-v1"
    START_LAUNCH_V2 = "start-launch-v2"
    FINISH_LAUNCH_V1 = "finish-launch-v1"
    FINISH_LAUNCH_V2 = "finish-launch-v2"
    STOP_LAUNCH = "stop-launch"
    """One launch or several."""
    GET_LAUNCH = "get-launch"
    """By uuid or by number."""
    LIST_LAUNCHES = "list-launches"
    """Also the lists of DEBUG launches and of the latest."""
    LAUNCH_STATUS = "launch-status"
    UPDATE_LAUNCH = "update-launch"
    """One launch or several, in whole or in part."""
    MERGE_LAUNCHES = "merge-launches"
    DELETE_LAUNCH = "delete-launch"
    START_ITEM = "start-item"
    """Over v1 or v2, a root or a child."""
    FINISH_ITEM = "finish-item"
    UPDATE_ITEM = "update-item"
    GET_ITEM = "get-item"
    LIST_ITEMS = "list-items"
    LOG = "log"
    """One entry or a batch, over v1 or v2."""
    LIST_LOGS = "list-logs"
    INFO = "info"
    HEALTH = "health"
    USERS = "users"
    """Who am I."""
    SETTINGS = "settings"
    PROJECT = "project"
    TOKEN = "token"  # noqa: S105  a kind of call
    """An access token for a password or a refresh token."""
    OTHER = "other"
    """A path or method under `/api` or `/uat` that the server does not have."""


@dataclass(frozen=True, slots=True)
class ReceivedCall:
    """One call of the API."""

    number: int
    """From 1, in the order of arrival."""
    kind: CallKind
    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    """The parsed JSON; None where there is none, for logs and for credentials."""
    launch_uuid: str | None
    at: float
    """When the call had arrived in full, on the monotonic clock of the emulator's process."""
    user_agent: str | None
    logs: tuple[str, ...] = ()
    """The messages of the log entries that the call carries."""
    status: int | None = None
    """The HTTP status of the answer; None while there is none, or when the connection was cut."""
    applied: bool = False
    """Whether the call reached the server behind the faults."""


class Journal:
    """Keep the latest calls, `JOURNAL_SIZE` at most."""

    def __init__(self) -> None:
        self._calls: OrderedDict[int, ReceivedCall] = OrderedDict()
        self._numbers = itertools.count(1)

    def next_number(self) -> int:
        """Give the number of the next call."""
        return next(self._numbers)

    def add(self, call: ReceivedCall) -> None:
        """Note a call that has arrived."""
        self._calls[call.number] = call
        if len(self._calls) > JOURNAL_SIZE:
            self._calls.popitem(last=False)

    def settle(self, number: int, status: int | None, *, applied: bool, launch_uuid: str | None = None) -> None:
        """Note how a call was answered, and the uuid of the launch that it started."""
        if call := self._calls.get(number):
            uuid = launch_uuid or call.launch_uuid
            self._calls[number] = replace(call, status=status, applied=applied, launch_uuid=uuid)

    def calls(self, kind: str | None = None) -> list[ReceivedCall]:
        """List the calls in order of arrival, all of them or those of one kind."""
        return [call for call in self._calls.values() if kind in {None, CallKind.ANY, call.kind}]
