"""The calls of those who watch the service: is it alive, is it of use, and its figures."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Header, Response
from prometheus_client.exposition import choose_encoder

from rp_finalizer.errors import OutboxError
from rp_finalizer.server.answers import RETRY_AFTER, answer
from rp_finalizer.server.metrics import registry_of
from rp_finalizer.server.routes import Here, refusals

probe_router = APIRouter(include_in_schema=False)
"""Nobody needs a token for these; what tests a service by its schema would take `not ready` for a mistake."""
metrics_router = APIRouter(tags=["health"])


@probe_router.api_route("/healthz", methods=["GET", "HEAD"])
async def healthz() -> Response:
    """Say that the service runs, whatever becomes of the outbox."""
    return answer({"alive": True})


@probe_router.api_route("/readyz", methods=["GET", "HEAD"])
async def readyz(service: Here) -> Response:
    """Say whether the outbox can be reached, and whether somebody works on what is due."""
    working = service.working
    state = service.watch.readiness(time.monotonic(), service.settings.lease)
    if state.ready and working is not None and not working.is_running():
        return _not_ready("stopping", "the worker is stopping", state.due)
    if state.ready:
        return answer({"ready": True, "message": state.message, "due": state.due})
    return _not_ready(state.error or "", state.message, state.due)


@metrics_router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {
            "description": "Metrics for Prometheus; OpenMetrics for who asks for that.",
            "content": {"text/plain": {"schema": {"type": "string"}}, "application/openmetrics-text": {}},
        },
        **refusals(),
    },
)
def metrics(service: Here, accept: Annotated[str, Header(include_in_schema=False)] = "") -> Response:
    """Give figures of the outbox as it stands now; `rp_finalizer_up` is 0 while it cannot be reached."""
    try:
        statistics = service.outbox.statistics()
    except OutboxError:
        statistics = None
    encode, content_type = choose_encoder(accept)
    return Response(encode(registry_of(statistics, service.working)), headers={"Content-Type": content_type})


def _not_ready(error: str, message: str, due: int | None) -> Response:
    body = {"ready": False, "error": error, "message": message, "due": due}
    return answer(body, 503, {"Retry-After": str(RETRY_AFTER)})
