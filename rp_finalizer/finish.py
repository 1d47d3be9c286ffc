"""What a finish call carries, and the forms in which callers may say it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self

from rp_finalizer.errors import FinishArgumentError
from rp_finalizer.launch import LaunchStatus

FINISH_STATUSES = tuple(status.value.lower() for status in LaunchStatus if status.final)
"""What a finish may carry; the server compares without regard to case and refuses `in_progress`."""

_LATEST_MS = 253_402_300_799_999
"""The last millisecond of the year 9999."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """A launch attribute; one without a key is a tag."""

    key: str | None
    value: str
    system: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `KEY:VALUE`, or a bare `VALUE`. Raises `FinishArgumentError` where there is no value."""
        key, colon, value = text.partition(":")
        if not colon:
            key, value = "", text
        if not value.strip():
            raise FinishArgumentError("attributes", text, "an attribute is KEY:VALUE or VALUE, and the value not empty")
        return cls(key.strip() or None, value.strip())


@dataclass(frozen=True, slots=True)
class Finish:
    """What one finish call carries."""

    end_ms: int
    """End time in milliseconds since the epoch; what is read back is compared with it."""
    status: str | None = None
    """One of `FINISH_STATUSES`, or None: the server computes it from the items, which is the truthful choice."""
    description: str | None = None
    """Appended by the server to the description that the launch has."""
    attributes: tuple[Attribute, ...] = ()
    """Added by the server to those that the launch has."""

    @classmethod
    def of(
        cls,
        now: float,
        *,
        end_time: datetime | float | str | None = None,
        status: str | None = None,
        attributes: Mapping[str, Any] | Iterable[Any] | None = None,
        description: str | None = None,
    ) -> Self:
        """Read the forms that reportportal-client takes, too.

        The end time is a datetime (without a zone: local time), milliseconds since the epoch as a number or
        as digits, or ISO 8601 text; None means now. Attributes are a mapping, or a sequence of mappings with `key`
        and `value` or of `KEY:VALUE` texts; `system` in a mapping hides the rest of it, as the client has it. Raises
        `FinishArgumentError`.
        """
        listed = tuple(_read_attributes(attributes))
        for name, text in (
            ("description", description),
            *(("attributes", f"{each.key}:{each.value}") for each in listed),
        ):
            _refuse_broken_text(name, text)
        return cls(_read_end(end_time, now), _read_status(status), description, listed)

    def ending_at(self, end_ms: int) -> Self:
        """Give the same finish with another end time."""
        return replace(self, end_ms=end_ms)


def _refuse_broken_text(name: str, text: str | None) -> None:
    """Refuse what is no text in any encoding: over v2 the server takes it, and drops the finish without a word."""
    try:
        (text or "").encode()
    except UnicodeEncodeError as error:
        raise FinishArgumentError(name, text, "it holds bytes that are no text; give it in UTF-8") from error


def _read_status(status: str | None) -> str | None:
    if status is None:
        return None
    if not isinstance(status, str) or status.strip().lower() not in FINISH_STATUSES:
        raise FinishArgumentError("status", status, f"it is one of {', '.join(FINISH_STATUSES)}")
    return status.strip().lower()


def _read_end(value: object, now: float) -> int:
    match value:
        case None:
            return int(now * 1000)
        case datetime():
            ms = _to_ms(value)
        case bool():
            ms = -1
        case int() | float():
            ms = int(value) if 0 <= value <= _LATEST_MS else -1
        case str() if value.strip().isascii() and value.strip().isdigit():
            ms = int(value.strip()[:16])
        case str():
            ms = _read_iso(value.strip())
        case _:
            ms = -1
    if not 0 < ms <= _LATEST_MS:
        raise FinishArgumentError(
            "end_time", value, "it is a datetime, milliseconds since the epoch, or a text like 2026-01-31T12:00:00Z"
        )
    return ms


def _read_iso(text: str) -> int:
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        return -1
    return _to_ms(date if date.tzinfo else date.replace(tzinfo=UTC))


def _to_ms(date: datetime) -> int:
    try:
        seconds = int(date.replace(microsecond=0).timestamp())
    except (ValueError, OverflowError, OSError):
        # A date without a zone, so near to an end of the calendar that its time in UTC lies beyond.
        return -1
    return seconds * 1000 + date.microsecond // 1000


def _read_attributes(attributes: object) -> Iterable[Attribute]:
    if attributes is None:
        return
    if isinstance(attributes, Mapping):
        hidden = attributes.get("system", False)
        attributes = [
            {"key": key, "value": value, "system": hidden} for key, value in attributes.items() if key != "system"
        ]
    if isinstance(attributes, str) or not isinstance(attributes, Iterable):
        raise FinishArgumentError("attributes", attributes, "they are a mapping or a sequence")
    for attribute in attributes:
        match attribute:
            case Attribute():
                yield attribute
            case str():
                yield Attribute.parse(attribute)
            case {"value": value} if value is not None and str(value).strip():
                key = attribute.get("key")
                yield Attribute(None if key is None else str(key), str(value), bool(attribute.get("system", False)))
            case _:
                raise FinishArgumentError("attributes", attribute, "an attribute has a value that is not empty")
