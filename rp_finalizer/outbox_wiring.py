"""The outbox that the settings name."""

from __future__ import annotations

import logging
import time
from functools import cache
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from rp_finalizer.errors import OutboxError
from rp_finalizer.settings.kinds import MEMORY, OFF, SQLITE, in_redis
from rp_finalizer.settling import Patience

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rp_finalizer.outbox.memory import MemoryOutbox
    from rp_finalizer.outbox.redis import RedisOutbox
    from rp_finalizer.outbox_port import Outbox
    from rp_finalizer.settings import Settings

FILE = "outbox.db"
"""The file's name in the folder where the system keeps a user's state."""
REACH = 0.9
"""Seconds in which a run's Redis has answered, or is done without: with what else that takes, a second."""
_CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")

logger = logging.getLogger(__name__)


def open_outbox(settings: Settings, *, patience: float = 30.0) -> Outbox | None:
    """Give the outbox; None where it is switched off. Nothing is opened or made before it is used.

    `patience`: seconds that a lock held by others, or a server that is away, is waited for.
    """
    if settings.outbox == OFF:
        return None
    if settings.outbox == MEMORY:
        return _in_memory(settings.outbox_size)
    if in_redis(settings.outbox):
        return _in_redis(settings, patience)
    from rp_finalizer.outbox.sqlite import SqliteOutbox  # noqa: PLC0415  SQLite, for who needs it

    return SqliteOutbox(path_of(settings), size=settings.outbox_size, patience=patience)


def in_reach(settings: Settings) -> tuple[Settings, str]:
    """Give the settings of a run, with the local file where its Redis cannot be used; and what is to be told of that.

    It takes a second at most.
    """
    if not in_redis(settings.outbox):
        return settings, ""
    outbox = _in_redis(settings, REACH)
    try:
        outbox.reach(REACH)
    except OutboxError as error:
        local = f"{SQLITE}{_local_path().absolute()}"
        note = f"{error}; this run's launches are kept in {local} instead"
        logger.warning("%s", note)
        return settings.replace(outbox=local), note
    finally:
        outbox.close()
    return settings, ""


def path_of(settings: Settings) -> Path:
    """Give the path of an outbox that is a file."""
    if settings.outbox is not None:
        return Path(settings.outbox.removeprefix(SQLITE))
    return _local_path()


def _local_path() -> Path:
    from platformdirs import user_state_path  # noqa: PLC0415  where nobody has named a place

    return user_state_path("rp-finalizer", appauthor=False) / FILE


def files_of(settings: Settings) -> list[Path]:
    """Give the files that change with every entry; none where the outbox is no file."""
    if settings.outbox in {OFF, MEMORY} or in_redis(settings.outbox):
        return []
    path = path_of(settings)
    return [path, path.with_name(f"{path.name}-wal")]


def patience_of(settings: Settings) -> Patience:
    """Say how long an entry is tried."""
    return Patience(settings.entry_attempts, settings.entry_retry_max, settings.entry_max_age)


def drain_command(settings: Settings) -> str:
    """Give the command that works off this outbox, as whoever reads it can run it."""
    if settings.outbox is None or settings.origin("outbox").startswith("environment variable"):
        return "rp-finalize drain"
    if in_redis(settings.outbox):
        from rp_finalizer.outbox.redis_address import name_of  # noqa: PLC0415  as above

        return f"rp-finalize drain --outbox {quote(name_of(settings.outbox))}"
    return f"rp-finalize drain --outbox {quote(settings.outbox)}"


def short_lived(environ: Mapping[str, str]) -> str | None:
    """Name what this process runs in where its files are thrown away at the end; None where nothing says so."""
    if environ.get("KUBERNETES_SERVICE_HOST") or any(Path(each).exists() for each in _CONTAINER_MARKS):
        return "this container"
    return "this CI job" if environ.get("CI", "").lower() in {"true", "1"} else None


def _in_redis(settings: Settings, patience: float) -> RedisOutbox:
    from rp_finalizer.outbox.redis import RedisOutbox  # noqa: PLC0415  as above

    return RedisOutbox(settings.outbox or "", size=settings.outbox_size, patience=patience)


@cache
def _in_memory(size: int) -> MemoryOutbox:
    """Give one for the whole process."""
    from rp_finalizer.outbox.memory import MemoryOutbox  # noqa: PLC0415  as above

    return MemoryOutbox(clock=time.time, size=size)
