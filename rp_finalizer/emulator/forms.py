"""Reading multipart and form bodies: the log batches of clients, and requests for tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import UploadFile

from rp_finalizer.emulator.api_call import Form, UploadedFile
from rp_finalizer.emulator.item_calls import JSON_PART

if TYPE_CHECKING:
    from fastapi import Request

MAX_PART = 128 * 1024 * 1024
"""What the server takes in one part, in bytes."""
MAX_PARTS = 10_000
FORM_TYPES = ("multipart/form-data", "application/x-www-form-urlencoded")


async def read_form(request: Request) -> Form | None:
    """Read the body if it is a form, else give None. The JSON part of a batch may come as a field or as a file."""
    if not request.headers.get("content-type", "").lower().startswith(FORM_TYPES):
        return None
    fields: dict[str, str] = {}
    files: list[UploadedFile] = []
    async with request.form(max_files=MAX_PARTS, max_fields=MAX_PARTS, max_part_size=MAX_PART) as form:
        for name, value in form.multi_items():
            if not isinstance(value, UploadFile):
                fields[name] = value
                continue
            content = await value.read()
            if name == JSON_PART:
                fields[name] = content.decode(errors="replace")
            else:
                content_type = value.content_type or "application/octet-stream"
                files.append(UploadedFile(value.filename or "", content_type, content))
    return Form(fields, tuple(files))
