"""The reading of the server's answers: what a status and a body mean for a launch.

The rules come from the server's source (service-api 5.15, `FinishLaunchHandlerImpl`, `LaunchValidator`, `ErrorType`)
and from what stands before it: the gateway answers an absent API with a redirect to an HTML page, so that nothing
counts as ReportPortal's own answer that is not in its own JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from rp_finalizer.answer import Answer, Meaning
from rp_finalizer.backoff import parse_retry_after
from rp_finalizer.launch import Launch, LaunchStatus
from rp_finalizer.plain_text import flatten, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_MESSAGE = 300
"""Characters of a server's message that are passed on."""

_ANOTHER = (
    "this is not ReportPortal's API: check RP_ENDPOINT; where it is right, a proxy stands before it, or its "
    "gateway answers while the API restarts"
)

Masked = Callable[[str], str]
"""Shows the secrets in a text as `****`."""


class Expected(Enum):
    """What a successful answer to a call must hold."""

    ID = auto()
    """A finish: the launch's uuid as `id`."""
    MESSAGE = auto()
    """A stop: `message`."""
    LAUNCH = auto()
    """A read: the launch itself."""
    LAUNCHES = auto()
    """A list of launches: `content` beside `page`."""
    PAGE = auto()
    """A list: `page.totalElements`."""
    RESPONSES = auto()
    """A log batch: one member of `responses` for each entry."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer as it came: status, headers with lower-case names, body."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NoReply:
    """No HTTP answer came, or none that could be read to its end."""

    reason: str
    sent: bool
    """Whether the request may have reached the server."""
    timed_out: bool = False
    hint: str | None = None
    """What to do about it, where the reason tells."""


def read_answer(reply: Reply | NoReply, expected: Expected, now: float, masked: Masked = str) -> Answer:
    """Say what an answer means.

    `now` is in seconds since the epoch, for a Retry-After that names a date. Foreign texts are `masked` before they are
    cut to their length: half a secret at the end would not be known as one.
    """
    if isinstance(reply, NoReply) or reply.status not in {200, 201}:
        return read_refusal(reply, now, masked)
    return _read_success(reply, _json_object(reply.body), expected, masked)


def read_refusal(reply: Reply | NoReply, now: float, masked: Masked = str) -> Answer:
    """Say what an answer means that is not the success that was hoped for. `now` and `masked` are as above."""
    if isinstance(reply, NoReply):
        reason = masked(reply.reason)
        return Answer(Meaning.UNAVAILABLE, message=reason, sent=reply.sent, timed_out=reply.timed_out, hint=reply.hint)
    document = _json_object(reply.body)
    code = document.get("errorCode") if document else None
    if isinstance(code, bool) or not isinstance(code, int):
        code = None
    return Answer(
        _meaning(reply.status, code, document),
        status=reply.status,
        code=code,
        message=_message(reply, document, masked),
        retry_after=parse_retry_after(reply.headers.get("retry-after"), now),
        hint=_ANOTHER if document is None and reply.status < 429 else None,  # noqa: PLR2004  later ones pass
    )


_BY_CODE = {
    (406, 40023): Meaning.ALREADY_FINISHED,
    (406, 40021): Meaning.TOO_EARLY,
    (404, 4041): Meaning.UNKNOWN_LAUNCH,
    (404, 4040): Meaning.UNKNOWN_PROJECT,
}

_PASSING = frozenset({408, 425, 429})
"""Statuses below 500 that ask to come again."""


def _meaning(status: int, code: int | None, document: Mapping[str, Any] | None) -> Meaning:
    if (status, code) == (406, 40023) and "has items" in str((document or {}).get("message")):
        # Before version 5 the same code said that items are still open: nothing is finished then.
        return Meaning.REJECTED
    if (status, code) in _BY_CODE:
        return _BY_CODE[status, code]  # type: ignore[index]  # the line above leaves no None
    if status == 401:  # noqa: PLR2004  an HTTP status is its own name
        return Meaning.UNAUTHORIZED
    if status >= 500 or status in _PASSING or document is None:  # noqa: PLR2004
        return Meaning.UNAVAILABLE
    if code is not None:
        return Meaning.FORBIDDEN if status == 403 else Meaning.REJECTED  # noqa: PLR2004
    # Spring's own error body: 404 is a wrong path or another service; 405, 406 and 415 will not change.
    return Meaning.REJECTED if status in {400, 405, 406, 415} else Meaning.UNAVAILABLE


def _read_success(reply: Reply, document: Mapping[str, Any] | None, expected: Expected, masked: Masked) -> Answer:
    answer = Answer(Meaning.OK, status=reply.status)
    match expected, document:
        case Expected.ID, {"id": str()}:
            return answer
        case Expected.MESSAGE, {"message": str()}:
            return answer
        case Expected.PAGE, {"page": {"totalElements": int(total)}}:
            return Answer(Meaning.OK, status=reply.status, count=total)
        case Expected.RESPONSES, {"responses": [*members]}:
            refused = sum(1 for member in members if not (isinstance(member, dict) and "id" in member))
            return Answer(Meaning.OK, status=reply.status, count=len(members) - refused, failures=refused)
        case (Expected.LAUNCH, {}) | (Expected.LAUNCHES, {"content": [*_], "page": {"totalElements": int()}}):
            try:
                return _read_launches(reply.status, document or {}, expected)
            except (KeyError, TypeError, ValueError, RecursionError) as error:
                message = f"answered {reply.status} with JSON that is no launch ({_clean(str(error), masked)})"
                return Answer(Meaning.UNAVAILABLE, status=reply.status, message=message)
    hint = _ANOTHER if document is None else None
    return Answer(Meaning.UNAVAILABLE, status=reply.status, message=_message(reply, document, masked), hint=hint)


def _read_launches(status: int, document: Mapping[str, Any], expected: Expected) -> Answer:
    if expected is Expected.LAUNCH:
        return Answer(Meaning.OK, status=status, launch=read_launch(document))
    launches = tuple(read_launch(member) for member in document["content"])
    return Answer(Meaning.OK, status=status, launches=launches, count=document["page"]["totalElements"])


def read_launch(document: Mapping[str, Any]) -> Launch:
    """Read the server's `LaunchResource`. Raises KeyError, TypeError or ValueError where it is not one."""
    if not isinstance(document, dict):
        raise TypeError(f"{document!r} is no object")
    owner = document.get("owner")
    return Launch(
        uuid=_text(document["uuid"]),
        id=_whole(document["id"]),
        name=_clean(str(document.get("name") or "")),
        number=_whole(document.get("number", 0)),
        status=LaunchStatus(str(document["status"]).upper()),
        start_ms=_need_ms(document["startTime"]),
        end_ms=read_date(document.get("endTime")),
        last_modified_ms=read_date(document.get("lastModified")),
        mode=str(document.get("mode") or "DEFAULT"),
        owner=None if owner is None else _clean(str(owner)),
        statistics=_flat(document.get("statistics"), ""),
    )


def read_date(value: object) -> int | None:
    """Read either of the server's date forms, epoch milliseconds or ISO 8601, into milliseconds.

    Versions differ in which call gives which form (5.13 changed it). Raises ValueError for anything else.
    """
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        if value.isascii() and value.isdigit():
            return int(value)
        date = datetime.fromisoformat(value)
        if date.tzinfo is None:
            raise ValueError(f"the date {value!r} names no time zone")
        # Not by a float: milliseconds since 1970 with microseconds behind them do not fit its 53 bits exactly.
        return int(date.replace(microsecond=0).timestamp()) * 1000 + date.microsecond // 1000
    raise ValueError(f"{value!r} is no date")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r} is no whole number")
    return value


def _need_ms(value: object) -> int:
    date = read_date(value)
    if date is None:
        raise ValueError("it has no start time")
    return date


def _flat(statistics: Any, prefix: str) -> dict[str, int]:
    numbers: dict[str, int] = {}
    if isinstance(statistics, dict):
        for name, value in statistics.items():
            if isinstance(value, dict):
                numbers |= _flat(value, f"{prefix}{name}.")
            elif isinstance(value, int):
                numbers[f"{prefix}{name}"] = value
    return numbers


def _json_object(body: bytes) -> Mapping[str, Any] | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _message(reply: Reply, document: Mapping[str, Any] | None, masked: Masked) -> str:
    if document is not None:
        own = document.get("message") or document.get("error_description") or document.get("error")
        if isinstance(own, str) and own.strip():
            return f"{reply.status}: {_clean(own, masked)}"
        return f"{reply.status} with JSON that ReportPortal does not give here"
    if location := reply.headers.get("location"):
        return f"{reply.status}: redirected to {_clean(location, masked)}"
    kind = reply.headers.get("content-type", "").partition(";")[0].strip() or "no content type"
    return f"{reply.status} with {_clean(kind, masked)}, not ReportPortal's JSON"


def _clean(text: str, masked: Masked = str) -> str:
    """Keep a foreign text from steering a terminal, flooding a log, or telling a secret."""
    return shorten(masked(flatten(text)), LONGEST_MESSAGE)
