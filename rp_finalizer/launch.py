"""What a launch is: how it is named, which status it can have, what the server tells about it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Self
from uuid import UUID

from rp_finalizer.errors import BadLaunchError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_LAUNCH_ID = 2**63 - 1
"""The server keeps launch ids in a signed 64-bit column."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}")


class LaunchStatus(StrEnum):
    """A launch's status, spelled as the server spells it (service-api, `StatusEnum`)."""

    IN_PROGRESS = "IN_PROGRESS"
    """Started and not finished: the only status that is not final."""
    PASSED = "PASSED"
    FAILED = "FAILED"
    STOPPED = "STOPPED"
    """Ended by the stop call."""
    SKIPPED = "SKIPPED"
    INTERRUPTED = "INTERRUPTED"
    """Ended by the server's own clean-up of silent launches, or sent by a client."""
    CANCELLED = "CANCELLED"
    INFO = "INFO"
    WARN = "WARN"

    @property
    def final(self) -> bool:
        """Tell whether the launch is over. An end time proves nothing: a rerun keeps the old one."""
        return self is not LaunchStatus.IN_PROGRESS


@dataclass(frozen=True, slots=True)
class LaunchRef:
    """Name one launch: by the uuid that `finish` takes, by the number that `stop` takes, or by both."""

    uuid: str | None = None
    id: int | None = None

    def __post_init__(self) -> None:
        """Demand at least one of the two names."""
        if self.uuid is None and self.id is None:
            raise BadLaunchError("", "a launch needs a uuid or a number")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a uuid (with or without dashes, any case) or a positive number.

        Raises `BadLaunchError`, which names the text and what is allowed.
        """
        stripped = text.strip()
        if stripped.isascii() and stripped.isdigit():
            # Leading zeros say nothing, and Python refuses to convert some thousand digits.
            number = int(stripped.lstrip("0")[:20] or "0")
            if not 1 <= number <= MAX_LAUNCH_ID:
                raise BadLaunchError(text, f"a launch number lies between 1 and {MAX_LAUNCH_ID}")
            return cls(id=number)
        if _UUID.fullmatch(stripped.lower()):
            return cls(uuid=str(UUID(stripped)))
        raise BadLaunchError(text, "a launch is named by its uuid or by its number on the server")

    def __str__(self) -> str:
        """Give the uuid where it is known, else the number."""
        return self.uuid or str(self.id)


@dataclass(frozen=True, slots=True)
class Launch:
    """What the server told of a launch at one moment.

    All times are whole milliseconds since the epoch, whichever of its two date forms the server used.
    """

    uuid: str
    id: int
    name: str
    number: int
    status: LaunchStatus
    start_ms: int
    end_ms: int | None = None
    last_modified_ms: int | None = None
    mode: str = "DEFAULT"
    owner: str | None = None
    statistics: Mapping[str, int] = field(default_factory=dict)
    """How many items in which state, by `executions.total`, `executions.passed`, ..."""

    def unchanged_since(self, earlier: Launch) -> bool:
        """Tell whether the server worked nothing into the launch between two readings."""
        return (
            self.status is earlier.status
            and self.last_modified_ms == earlier.last_modified_ms
            and self.statistics == earlier.statistics
        )
