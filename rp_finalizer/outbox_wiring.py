"""The outbox that the settings name."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from rp_finalizer.settings.kinds import SQLITE

if TYPE_CHECKING:
    from rp_finalizer.outbox.memory import MemoryOutbox
    from rp_finalizer.outbox_port import Outbox
    from rp_finalizer.settings import Settings

FILE = "outbox.db"
"""The file's name in the folder where the system keeps a user's state."""


def open_outbox(settings: Settings, *, patience: float = 30.0) -> Outbox | None:
    """Give the outbox; None where it is switched off. Nothing is opened or made before it is used.

    `patience`: seconds that a lock held by others is waited for.
    """
    match settings.outbox:
        case "off":
            return None
        case "memory:":
            return _in_memory(settings.outbox_size)
    from rp_finalizer.outbox.sqlite import SqliteOutbox  # noqa: PLC0415  SQLite, for who needs it

    return SqliteOutbox(_path(settings), size=settings.outbox_size, patience=patience)


def _path(settings: Settings) -> Path:
    if settings.outbox is not None:
        return Path(settings.outbox.removeprefix(SQLITE))
    from platformdirs import user_state_path  # noqa: PLC0415  where nobody has named a place

    return user_state_path("rp-finalizer", appauthor=False) / FILE


@cache
def _in_memory(size: int) -> MemoryOutbox:
    """Give one for the whole process."""
    from rp_finalizer.outbox.memory import MemoryOutbox  # noqa: PLC0415  as above

    return MemoryOutbox(clock=time.time, size=size)
