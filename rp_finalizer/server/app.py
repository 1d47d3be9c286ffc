"""The application: its calls behind their gate."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Security
from fastapi.security import HTTPBearer

from rp_finalizer.server.access import ADMIN_TOKEN, API_TOKEN
from rp_finalizer.server.answers import tell_errors
from rp_finalizer.server.dead_letter_calls import dead_letter_router
from rp_finalizer.server.docs_page import docs_router
from rp_finalizer.server.gate import Gate
from rp_finalizer.server.health_calls import metrics_router, probe_router
from rp_finalizer.server.launch_calls import launch_router
from rp_finalizer.server.page import page_router
from rp_finalizer.server.queue_calls import queue_router
from rp_finalizer.server.schema import tell_places

if TYPE_CHECKING:
    from rp_finalizer.server.state import Service

_SUMMARY = "Launches of ReportPortal that are still to be finished: what waits, what is worked on, what was given up."
_TOKEN = f"{API_TOKEN} reads and enqueues; {ADMIN_TOKEN} also clears and retries."


def build_app(service: Service) -> FastAPI:
    """Make the application that serves an outbox."""
    app = FastAPI(
        title="rp-finalizer",
        version=version("rp-finalizer"),
        summary=_SUMMARY,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    bearer: list[Any] = [Security(HTTPBearer(auto_error=False, scheme_name="token", description=_TOKEN))]
    for router in (queue_router, launch_router, dead_letter_router, metrics_router):
        app.include_router(router, dependencies=bearer if service.access.needed else [])
    for router in (probe_router, docs_router, page_router):
        app.include_router(router)
    tell_errors(app)
    tell_places(app, service.settings)
    app.add_middleware(Gate, access=service.access)
    return app
