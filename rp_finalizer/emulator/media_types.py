"""The form of an answer by its media type: dates as texts or as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rp_finalizer.emulator.answers import JSON, Answer
from rp_finalizer.emulator.records import MICROSECONDS_PER_MILLISECOND
from rp_finalizer.emulator.times import format_time, parse_time

if TYPE_CHECKING:
    from rp_finalizer.emulator.api_call import ApiCall
    from rp_finalizer.emulator.server_state import ServerState

LAUNCH_V2 = "application/x.reportportal.launch.v2+json"
ITEM_V2 = "application/x.reportportal.test.v2+json"
JSON_RANGES = frozenset({"", "*/*", "application/*", JSON})
DATES = frozenset({"startTime", "endTime", "lastModified", "time", "creationDate"})


def acceptable(state: ServerState, call: ApiCall, typed: str) -> str | None:
    """Choose between plain JSON and a media type that has its dates as texts; None where the caller takes neither."""
    accepted = {part.partition(";")[0].strip().lower() for part in call.headers.get("accept", "").split(",")}
    if typed in accepted and state.version.typed_dates:
        return typed
    return JSON if accepted & JSON_RANGES else None


def not_acceptable(state: ServerState, call: ApiCall) -> Answer:
    """Answer in the framework's words, which have no error code, that there is no form that the caller takes."""
    path = call.path.partition("/api")[2]
    return Answer(
        406, {"timestamp": format_time(state.clock.now()), "status": 406, "error": "Not Acceptable", "path": path}
    )


def dates_as_numbers(body: Any) -> Any:
    """Write every date in a body as milliseconds since the epoch."""
    if isinstance(body, list):
        return [dates_as_numbers(entry) for entry in body]
    if not isinstance(body, dict):
        return body
    return {
        key: parse_time(value) // MICROSECONDS_PER_MILLISECOND
        if key in DATES and isinstance(value, str)
        else dates_as_numbers(value)
        for key, value in body.items()
    }
