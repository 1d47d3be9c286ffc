"""The dates ReportPortal reads and writes (service-api, `MultiFormatDateDeserializer`)."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EARLIEST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LATEST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_ISO = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)T(?P<time>\d\d:\d\d(:\d\d)?)(\.(?P<fraction>\d{1,9}))?"
    r"(?P<offset>Z|[+-]\d\d(:?\d\d)?)?(\[[^\]]+\])?",
    re.IGNORECASE,
)
_SPACED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


def parse_time(value: object) -> int:
    """Read a date in any form the server reads; give microseconds since the epoch.

    Those are: milliseconds since the epoch as a number or as digits, RFC 1123, ISO 8601 with an offset or without
    (then UTC), and `yyyy-MM-dd HH:mm:ss`. Raises ValueError for everything else, a fractional number included, and for
    dates outside the years 1 to 9999.
    """
    moment = _microseconds(value)
    if not _EARLIEST <= moment <= _LATEST:
        raise ValueError(f"Unable to parse date '{value}'")
    return moment


def _microseconds(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value * 1000
    if not isinstance(value, str):
        raise ValueError(f"Unable to parse date '{value}'")  # noqa: TRY004  a wrong value of the caller's JSON
    text = value.strip()
    if re.fullmatch(r"-?\d{1,18}", text):
        return int(text) * 1000
    moment = _parse_iso(text) or _parse_rfc_1123(text)
    if moment is None:
        raise ValueError(f"Unable to parse date '{value}'")
    return (moment - _EPOCH) // _MICROSECOND


def _parse_iso(text: str) -> datetime | None:
    try:
        if _SPACED.fullmatch(text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
        if found := _ISO.fullmatch(text):
            fraction = (found["fraction"] or "0")[:6].ljust(6, "0")
            seconds = found["time"] if found["time"].count(":") > 1 else f"{found['time']}:00"
            offset = (found["offset"] or "Z").upper()
            return datetime.fromisoformat(f"{found['date']}T{seconds}.{fraction}{offset}")
    except ValueError:
        pass
    return None


def _parse_rfc_1123(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def format_time(microseconds: int) -> str:
    """Write a date as the server does in lists: ISO 8601 in UTC, with as many digits as it takes: 0, 3 or 6."""
    seconds, fraction = divmod(microseconds, 1_000_000)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    if not fraction:
        return f"{text}Z"
    if fraction % 1000 == 0:
        return f"{text}.{fraction // 1000:03d}Z"
    return f"{text}.{fraction:06d}Z"


class ServerClock:
    """The server's own clock, which may run ahead of the client's or behind it."""

    def __init__(self) -> None:
        self.offset = 0.0
        """Seconds added to the true time; negative for a server that is behind."""

    def now(self) -> int:
        """Give the server's time in microseconds since the epoch."""
        return time.time_ns() // 1000 + round(self.offset * 1_000_000)
