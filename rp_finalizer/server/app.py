"""The application: its calls, and how everything that goes wrong is told."""

from __future__ import annotations

import logging
from importlib.metadata import version
from typing import TYPE_CHECKING

from fastapi import FastAPI

from rp_finalizer.server.gate import Gate, answer
from rp_finalizer.server.page import page_router

if TYPE_CHECKING:
    from starlette.responses import Response

    from rp_finalizer.server.state import Service

logger = logging.getLogger(__name__)


def build_app(service: Service) -> FastAPI:
    """Make the application that serves an outbox."""
    app = FastAPI(
        title="rp-finalizer", version=version("rp-finalizer"), docs_url=None, redoc_url=None, redirect_slashes=False
    )
    app.state.service = service
    app.include_router(page_router)

    @app.get("/healthz")
    async def healthz() -> Response:
        return answer({"alive": True})

    app.add_middleware(Gate, access=service.access)
    return app
