"""What stands in the page's tables: texts of others on one line and of no great length, times twice, no unsafe link."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote

from rp_finalizer.endpoint import Endpoint, validate_project
from rp_finalizer.entries import EntryState
from rp_finalizer.entry_wording import ago, holder, lasting, short, told
from rp_finalizer.errors import EndpointError, SettingsError
from rp_finalizer.plain_text import flatten, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rp_finalizer.entries import Entry, OwedLaunch

LONGEST_NAME = 80
"""Characters of a project or an address."""
_DAY = 86_400.0
_LATEST = 253_402_300_799.0
"""The last second of the year 9999."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A time, for programs and for people. All of them are UTC."""

    iso: str
    clock: str
    """Hours, minutes and seconds; with the date where that is not a day from now."""
    relative: str


@dataclass(frozen=True, slots=True)
class Launch:
    """Which launch a row is about."""

    uuid: str
    project: str
    server: str
    """Empty where all rows name the same one."""
    url: str | None
    """The project's launches in the server's own pages; None where the address is not known to be safe."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row of the queue."""

    key: str
    position: int
    launch: Launch
    priority: str
    since: Moment
    tries: int
    due: Moment | None
    """None for what is due now."""
    why: str
    """Why it was put off, or from whom it is taken."""


@dataclass(frozen=True, slots=True)
class AtWork:
    """A row of what is worked on."""

    key: str
    launch: Launch
    worker: str
    since: Moment | None
    tries: int
    left: str
    """How long the lease lasts yet."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A row of what was given up."""

    key: str
    launch: Launch
    since: Moment
    tries: int
    reason: str
    error: str
    """What went wrong last; empty where the reason says it."""
    hint: str


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """Somebody who works."""

    key: str
    name: str
    holds: int
    since: Moment | None
    """When the entry was taken that is held longest."""


def waiting_row(entry: Entry, position: int, now: float, *, server: bool) -> Waiting:
    """Tell how an entry waits, and why; `server`: on which server, too."""
    why = told(entry.last_error) if entry.last_error else ""
    if entry.state.held:
        what = "run" if entry.state is EntryState.OPEN else "lease"
        why = f"the {what} of {holder(entry.lease_owner or '')} gave no sign of life in time"
    return Waiting(
        entry.entry_id,
        position,
        launch_of(entry.launch, server=server),
        entry.priority.value,
        moment(entry.created_at, now),
        entry.attempts,
        None if entry.due(now) else moment(entry.visible_at, now),
        why,
    )


def at_work_row(entry: Entry, now: float, *, server: bool) -> AtWork:
    """Tell who works on an entry; `server` as above."""
    since = entry.held_since
    return AtWork(
        entry.entry_id,
        launch_of(entry.launch, server=server),
        holder(entry.lease_owner or ""),
        None if since is None else moment(since, now),
        entry.attempts,
        lasting((entry.lease_until or now) - now),
    )


def dead_row(entry: Entry, now: float, *, server: bool) -> DeadLetter:
    """Tell why an entry was given up; `server` as above."""
    reason = short(entry.reason or "given up")
    error = entry.last_error
    said = error is None or short(error.message) in reason
    return DeadLetter(
        entry.entry_id,
        launch_of(entry.launch, server=server),
        moment(entry.updated_at, now),
        entry.attempts,
        reason,
        "" if error is None or said else told(error),
        "" if error is None else short(error.hint),
    )


def worker_rows(active: Sequence[Entry], now: float) -> list[WorkerRow]:
    """Tell who holds how many of these, the busiest first."""
    held: dict[str, list[float]] = defaultdict(list)
    for entry in active:
        held[entry.lease_owner or ""].append(now if entry.held_since is None else entry.held_since)
    busiest = sorted(held.items(), key=lambda each: (-len(each[1]), each[0]))
    return [
        WorkerRow(shorten(flatten(name), LONGEST_NAME), holder(name), len(times), moment(min(times), now))
        for name, times in busiest
    ]


def launch_of(launch: OwedLaunch, *, server: bool) -> Launch:
    """Name a launch, and link to its server where that is safe."""
    return Launch(
        _name(launch.uuid),
        _name(launch.project),
        _name(launch.endpoint) if server else "",
        launches_page(launch.endpoint, launch.project),
    )


@lru_cache(maxsize=1024)
def launches_page(endpoint: str, project: str) -> str | None:
    """Give the address of a project's launches; None unless the endpoint is a plain http(s) one in its normal form."""
    try:
        parsed = Endpoint.parse(endpoint)
        name = quote(validate_project(project).lower(), safe="")
    except (EndpointError, SettingsError):
        return None
    return f"{parsed}/ui/#{name}/launches/all" if str(parsed) == endpoint else None


def moment(at: float, now: float) -> Moment:
    """Tell a time, which may be anything that somebody wrote."""
    whole = datetime.fromtimestamp(min(max(at, 0.0), _LATEST), UTC)
    clock = whole.strftime("%H:%M:%S" if abs(now - at) < _DAY else "%Y-%m-%d %H:%M")
    return Moment(whole.strftime("%Y-%m-%dT%H:%M:%SZ"), clock, ago(at, now))


def _name(text: str) -> str:
    return shorten(flatten(text), LONGEST_NAME)
