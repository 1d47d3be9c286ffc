"""The calls about the queue as a whole."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Response

from rp_finalizer.queue_figures import SHOWN, active_body, statistics_body, status_body
from rp_finalizer.server.access import admin
from rp_finalizer.server.answers import answer
from rp_finalizer.server.bodies import ActiveListBody, ClearedBody, StatisticsBody, StatusBody
from rp_finalizer.server.routes import Here, Limit, refusals

queue_router = APIRouter(prefix="/api/v1/queue", tags=["queue"])


@queue_router.get("/status", response_model=StatusBody, responses=refusals(422, 503))
def queue_status(service: Here, limit: Limit = SHOWN) -> Response:
    """Say what waits and what is worked on; `queue` holds those first that are claimed next."""
    working = service.working
    return answer(
        status_body(service.outbox, max_concurrent=None if working is None else working.max_concurrent, limit=limit)
    )


@queue_router.get("/statistics", response_model=StatisticsBody, responses=refusals(503))
def queue_statistics(service: Here) -> Response:
    """Say what was done, since the outbox was made and since the service started."""
    now, working = service.outbox.statistics(), service.working
    at_start = service.at_start or now
    if working is None:
        return answer(statistics_body(now, at_start))
    return answer(
        statistics_body(
            now,
            at_start,
            running=working.is_running(),
            max_concurrent=working.max_concurrent,
            check_interval=working.check_interval,
        )
    )


@queue_router.get("/active", response_model=ActiveListBody, responses=refusals(422, 503))
def queue_active(service: Here, limit: Limit = SHOWN) -> Response:
    """Give the entries at work, those first whose lease runs out first."""
    return answer(active_body(service.outbox, limit))


@queue_router.post(
    "/clear", response_model=ClearedBody, responses=refusals(503), dependencies=[Depends(admin)], tags=["admin"]
)
def queue_clear(service: Here) -> Response:
    """Make dead letters, with the reason `cleared`, of all entries that wait; they can be made ready again."""
    removed = service.clear()
    made = "1 entry is a dead letter now" if removed == 1 else f"{removed} entries are dead letters now"
    return answer({"message": made, "removed_count": removed})
