"""The page that shows the queue live."""

from __future__ import annotations

from fastapi import APIRouter

page_router = APIRouter(include_in_schema=False)
