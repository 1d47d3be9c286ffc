"""How a log entry is stored, with or without a file."""

from __future__ import annotations

import uuid as uuids
from typing import TYPE_CHECKING

from rp_finalizer.emulator.records import StoredLog
from rp_finalizer.emulator.refusals import ErrorType, Refusal

if TYPE_CHECKING:
    from rp_finalizer.emulator.bodies import SaveLog
    from rp_finalizer.emulator.store import Store


def save_log(store: Store, request: SaveLog, file: tuple[str | None, bytes] | None = None) -> StoredLog:
    """Store a log entry under its item, else under its launch, finished or not."""
    item = store.item_by_uuid(request.item_uuid) if request.item_uuid else None
    if item is None:
        launch = store.launch_by_uuid(request.launch_uuid or "")
        if launch is None:
            raise Refusal(ErrorType.LAUNCH_NOT_FOUND, request.launch_uuid)
        launch_id = launch.id
    else:
        launch_id = item.launch_id
    log = StoredLog(
        id=store.next_id("log"),
        uuid=request.uuid or str(uuids.uuid4()),
        launch_id=launch_id,
        item_id=None if item is None else item.id,
        time=request.time,
        level=request.level,
        message=request.message,
        file_name=request.file_name,
        content_type=file[0] if file else None,
        content=file[1] if file else b"",
    )
    store.add_log(log)
    return log
