"""The calls about dead letters: launches that were given up, each for a reason."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response

from rp_finalizer.entries import EntryState
from rp_finalizer.entry_json import entry_to_dict
from rp_finalizer.queue_figures import SHOWN
from rp_finalizer.server.access import admin
from rp_finalizer.server.answers import answer
from rp_finalizer.server.bodies import DeadLettersBody, RetriedBody
from rp_finalizer.server.launch_calls import position
from rp_finalizer.server.routes import UUID_PATTERN, Here, Limit, refusals

EntryId = Annotated[str, Path(pattern=UUID_PATTERN, description="The entry's id.")]
After = Annotated[str, Query(max_length=100, description="Only entries behind this id: `next` of the page before.")]

dead_letter_router = APIRouter(prefix="/api/v1/dead-letters", tags=["dead letters"])


@dead_letter_router.get("", response_model=DeadLettersBody, responses=refusals(422, 503))
def dead_letters(service: Here, limit: Limit = SHOWN, after: After = "") -> Response:
    """List the dead letters, with their reasons, by their ids."""
    count = service.outbox.statistics().by_state.get(EntryState.DEAD, 0)
    found = service.outbox.entries(EntryState.DEAD, limit=limit + 1, after=after)
    shown = found[:limit]
    more = shown[-1].entry_id if len(found) > limit else None
    return answer({"dead_count": count, "dead_letters": [entry_to_dict(entry) for entry in shown], "next": more})


@dead_letter_router.post(
    "/{entry_id}/retry",
    response_model=RetriedBody,
    responses=refusals(404, 409, 422, 503),
    dependencies=[Depends(admin)],
    tags=["admin"],
)
def retry_dead_letter(service: Here, entry_id: EntryId) -> Response:
    """Make a dead letter ready again, with all its tries before it."""
    entry = service.retry(str(UUID(entry_id)))
    return answer({"entry": entry_to_dict(entry), "queue_position": position(service.outbox, entry.entry_id)})
