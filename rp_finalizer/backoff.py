"""How long to wait before trying again, as pure functions."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

JITTER = 0.2
"""Waits vary by this part in both directions, so that many runs cut off together do not come back together."""

TOO_LATE = 0.05
"""Seconds: with less than this left, another request would only be cut off."""

_LONGEST_EXPONENT = 64
"""2 to the power of this exceeds every wait; more would overflow a float."""


def exponential(attempt: int, first: float, longest: float, chance: float) -> float:
    """Give the wait in seconds after the given failed attempt (1 is the first).

    It doubles from `first` up to `longest` and varies by ±20 %; `chance`, from 0 to 1, places it in that range.
    """
    plain = min(longest, first * 2.0 ** min(attempt - 1, _LONGEST_EXPONENT))
    return plain * (1 - JITTER + 2 * JITTER * chance)


def parse_retry_after(value: str | None, now: float) -> float | None:
    """Read a Retry-After header, in seconds or as a date (RFC 9110, 10.2.3), into seconds to wait.

    `now` is the wall clock in seconds since the epoch. A date that is past gives 0; None means that the server
    said nothing that can be understood.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        date = parsedate_to_datetime(text)
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        return max(0.0, date.timestamp() - now)
    except (ValueError, OverflowError):
        return None
