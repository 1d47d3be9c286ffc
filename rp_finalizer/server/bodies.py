"""What calls take and give, as the schema tells it."""

# Pydantic reads the annotations when the classes are made.
# ruff: noqa: TC001

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from rp_finalizer.endpoint import MAX_ENDPOINT_LENGTH, MAX_SEGMENT_LENGTH
from rp_finalizer.entries import EntryState, Priority

Seconds = Annotated[float, Field(description="Seconds since the epoch.")]


class ErrorBody(BaseModel):
    """Why a call was not done."""

    error: str = Field(description="A word for programs.", examples=["unauthorized"])
    message: str = Field(description="A sentence for people, which also says what to do.")


class Order(BaseModel):
    """How a launch is to be finished; every member may be left out."""

    model_config = ConfigDict(extra="forbid", strict=True)

    priority: Priority | None = Field(
        default=None,
        strict=False,
        description="How urgent it is; as the service's settings say unless it is given.",
    )
    status: Literal["passed", "failed", "stopped", "skipped", "interrupted", "cancelled", "info", "warn"] | None = (
        Field(default=None, description="To finish it with; without one the server computes it from the items.")
    )
    endpoint: str | None = Field(
        default=None,
        max_length=MAX_ENDPOINT_LENGTH,
        description="Address of the ReportPortal; the service's own unless it is given.",
        examples=["https://rp.example.com"],
    )
    project: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_SEGMENT_LENGTH,
        description="Project; the service's own unless it is given. Others than the service's own pair of endpoint and "
        "project must stand in its table of credentials.",
    )


class OwedLaunchBody(BaseModel):
    """The launch, and what it is to be finished with."""

    endpoint: str
    project: str
    uuid: str
    end_ms: int | None = Field(description="Milliseconds since the epoch; null while its run goes on.")
    status: str | None
    description: str | None
    attributes: list[dict[str, Any]]


class EventBody(BaseModel):
    """Something that happened to an entry."""

    at: Seconds
    what: str
    detail: str


class EntryBody(BaseModel):
    """One launch that is to be finished, or was: as `rp-finalize entries list --json` tells it."""

    entry_id: str
    launch_uuid: str
    idempotency_key: str = Field(description="Endpoint, project and uuid: one entry each.")
    launch: OwedLaunchBody
    state: EntryState
    priority: Priority
    attempts: int
    misses: int = Field(description="Tries in a row that the server said nothing to.")
    created_at: Seconds
    updated_at: Seconds
    visible_at: Seconds = Field(description="Not before this: seconds since the epoch.")
    lease_owner: str | None
    lease_token: int
    lease_until: Seconds | None
    alive_at: Seconds | None = Field(description="Last sign of life of its run.")
    generation: int = Field(description="How often it was opened: a rerun opens it again.")
    last_error: dict[str, Any] | None
    reason: str | None = Field(description="Why it is a dead letter.")
    report: dict[str, Any] | None = Field(description="How it was finished.")
    history: list[EventBody]


class QueuedBody(BaseModel):
    """An entry that waits."""

    entry_id: str
    launch_uuid: str
    priority: Priority
    queue_position: int = Field(description="1 is claimed next, as things stand.")
    queued_at: Seconds
    attempts: int


class ActiveBody(BaseModel):
    """An entry at work."""

    entry_id: str
    launch_uuid: str
    worker: str | None
    started_at: Seconds | None
    attempts: int


class StatusBody(BaseModel):
    """What waits and what is worked on."""

    active_count: int
    queued_count: int
    open_count: int = Field(description="Launches whose runs go on.")
    done_count: int
    dead_count: int
    max_concurrent: int | None = Field(description="Of the service's own worker; null where it has none.")
    is_under_limit: bool | None
    queue: list[QueuedBody]
    active: list[ActiveBody]


class ActiveListBody(BaseModel):
    """The entries at work."""

    active_count: int
    active: list[ActiveBody]


class CountersBody(BaseModel):
    """What was counted."""

    added: int = Field(description="Launches.")
    completed: int = Field(description="Launches that were finished.")
    failed: int = Field(description="Tries that failed.")
    retried: int = Field(description="Those of them that another try follows.")
    recovered: int = Field(description="Entries taken over from a holder who let the lease run out.")
    dead: int = Field(description="Dead letters made.")


class LatencyBody(BaseModel):
    """Seconds that so many of a hundred finalizations took at most."""

    p50: float
    p95: float
    p99: float


class StatisticsBody(BaseModel):
    """What was done."""

    is_running: bool = Field(description="Whether a worker runs beside the service.")
    max_concurrent: int | None
    check_interval: float | None = Field(description="Seconds for which a new entry may wait to be seen.")
    counters: CountersBody = Field(description="Since the outbox was made.")
    since_start: CountersBody = Field(description="Since the service was started.")
    success_rate: float | None = Field(description="The part of all tries that ended with the launch finished, 0 to 1.")
    latency: LatencyBody | None
    errors: dict[str, int] = Field(description="Tries that ended in an error, by its kind.")
    owed: int = Field(description="Launches that still are to be finished.")
    due: int = Field(description="Entries that could be claimed now.")


class ClearedBody(BaseModel):
    """What was cleared."""

    message: str
    removed_count: int


class EnqueuedBody(BaseModel):
    """A launch that is to be finished from now on."""

    entry_id: str
    queue_position: int | None = Field(description="1 is claimed next; null when somebody works on it already.")


class KnownBody(EnqueuedBody):
    """A launch that was there already: it stays as it is."""

    entry: EntryBody
    report: dict[str, Any] | None = Field(description="How it was finished, when it was.")


class LaunchBody(BaseModel):
    """What is kept of a launch."""

    entry: EntryBody
    report: dict[str, Any] | None = Field(description="How it was finished, when it was.")


class DeadLettersBody(BaseModel):
    """A page of dead letters, by their ids."""

    dead_count: int
    dead_letters: list[EntryBody]
    next: str | None = Field(description="What `after` is for the next page; null on the last.")


class RetriedBody(BaseModel):
    """A dead letter that is ready again."""

    entry: EntryBody
    queue_position: int | None
