"""What the emulated server keeps: launches, items, logs, users. Frozen, so that a snapshot is the record itself.

Every time is whole microseconds since the epoch, the precision at which ReportPortal compares.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rp_finalizer.launch import LaunchStatus

MICROSECONDS_PER_MILLISECOND = 1000


class ProjectRole(IntEnum):
    """What a user may do in a project; a greater role includes the lesser ones."""

    OPERATOR = 0
    """Reads only."""
    CUSTOMER = 1
    """Reports, but sees no DEBUG launches."""
    MEMBER = 2
    """Reports, and finishes what is their own."""
    PROJECT_MANAGER = 3
    """Also finishes, stops and deletes what others started."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """A label of a launch or item; system attributes are kept but never shown."""

    value: str
    key: str | None = None
    system: bool = False


@dataclass(frozen=True, slots=True)
class StoredLaunch:
    """A launch at one moment."""

    id: int
    uuid: str
    name: str
    number: int
    project: str
    owner: str
    status: LaunchStatus
    start: int
    last_modified: int
    end: int | None = None
    description: str | None = None
    attributes: tuple[Attribute, ...] = ()
    mode: str = "DEFAULT"
    rerun: bool = False
    has_retries: bool = False
    owner_id: int = 0

    @property
    def start_ms(self) -> int:
        """Give the start in milliseconds since the epoch."""
        return self.start // MICROSECONDS_PER_MILLISECOND

    @property
    def end_ms(self) -> int | None:
        """Give the end in milliseconds since the epoch; a rerun that is in progress still has its old one."""
        return None if self.end is None else self.end // MICROSECONDS_PER_MILLISECOND


@dataclass(frozen=True, slots=True)
class StoredItem:
    """A suite, test, step or nested step at one moment."""

    id: int
    uuid: str
    launch_id: int
    parent_id: int | None
    path: str
    """The ids from the root item to this one, joined by dots."""
    name: str
    type: str
    status: LaunchStatus
    start: int
    last_modified: int
    unique_id: str
    end: int | None = None
    description: str | None = None
    attributes: tuple[Attribute, ...] = ()
    parameters: tuple[tuple[str | None, str | None], ...] = ()
    code_ref: str | None = None
    test_case_id: str | None = None
    has_stats: bool = True
    """False for a nested step: it counts in no statistics and in no status."""
    has_children: bool = False
    retry_of: int | None = None
    """The later attempt that took this item's place."""
    issue: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class StoredLog:
    """A log message, of an item or of the launch itself."""

    id: int
    uuid: str
    launch_id: int
    item_id: int | None
    time: int
    level: str
    message: str
    file_name: str | None = None
    content_type: str | None = None
    content: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may call the API."""

    id: int
    login: str
    administrator: bool = False
    """Administrators may do everything, in every project."""
    projects: Mapping[str, ProjectRole] = field(default_factory=dict)
