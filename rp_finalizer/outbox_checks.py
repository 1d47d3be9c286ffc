"""What `rp-finalize doctor` says of the outbox and of SQLite. It looks, and makes, mends and changes nothing."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING

from rp_finalizer.entries import EntryState
from rp_finalizer.errors import OutboxError
from rp_finalizer.outbox.database import VERSION
from rp_finalizer.outbox.database_file import OLDEST, DatabaseFile, has_log_bug
from rp_finalizer.outbox_wiring import path_of, short_lived
from rp_finalizer.reportportal.diagnosis.check import Check
from rp_finalizer.settings.kinds import MEMORY, OFF, in_redis

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from rp_finalizer.settings import Settings

_LOCK_PATIENCE = 2.0
"""Seconds that a lock of others is waited for."""
_OF_CONTAINERS = frozenset({"overlay", "aufs", "tmpfs", "ramfs", ""})
"""File systems that end with their container; on any other a volume of the host's is mounted."""
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_KIB = 1024


def outbox_checks(settings: Settings, environ: Mapping[str, str]) -> Iterator[Check]:
    """Check SQLite, and the outbox that the settings name."""
    if settings.outbox in {OFF, MEMORY}:
        why = "switched off" if settings.outbox == OFF else "in memory"
        yield Check.not_tried("sqlite", f"the outbox is {why}")
        yield Check("outbox", None, f"{why}: what is not finished in time is forgotten with its process")
        return
    if in_redis(settings.outbox):
        yield Check.not_tried("sqlite", "the outbox is in Redis")
        yield judge_redis(settings)
        return
    yield judge_sqlite(sqlite3.sqlite_version_info)
    yield judge_file(DatabaseFile(path_of(settings)), settings.outbox_size, environ)


def judge_redis(settings: Settings) -> Check:
    """Tell whether Redis can be reached, read and written, and what it holds."""
    from rp_finalizer.outbox.redis import OLDEST_SERVER, RedisOutbox  # noqa: PLC0415  redis-py, for who needs it

    with closing(RedisOutbox(settings.outbox or "", patience=_LOCK_PATIENCE)) as outbox:
        try:
            held = outbox.statistics()
        except OutboxError as error:
            return Check("outbox", ok=False, detail=f"{error.outbox}: {error.reason}", mend=error.mend)
        version = outbox.server_version
    shown = ".".join(map(str, version))
    if version and version < OLDEST_SERVER:
        needed = ".".join(map(str, OLDEST_SERVER))
        return Check("outbox", ok=False, detail=f"{outbox.name}: Redis {shown}", mend=f"use Redis {needed} or newer")
    dead = held.by_state.get(EntryState.DEAD, 0)
    return Check(
        "outbox", ok=True, detail=f"{outbox.name}: Redis {shown}, {held.owed} owed, {dead} given up; rp-finalize status"
    )


def judge_sqlite(version: tuple[int, int, int]) -> Check:
    """Tell the version, and what it lets the outbox do."""
    shown = ".".join(map(str, version))
    if version < OLDEST:
        needed = ".".join(map(str, OLDEST[:2]))
        mend = f"use a Python that comes with SQLite {needed} or newer, or switch the outbox off"
        return Check("sqlite", ok=False, detail=f"{shown} is too old for the outbox", mend=mend)
    if has_log_bug(version):
        detail = f"{shown}; its write-ahead log may lose a commit (mended in 3.51.3), so the journal DELETE is used"
        return Check("sqlite", ok=True, detail=detail)
    return Check("sqlite", ok=True, detail=f"{shown}; a write-ahead log is used")


def judge_file(file: DatabaseFile, size: int, environ: Mapping[str, str]) -> Check:
    """Tell whether the file can be read and written, what it holds, and whether it lasts."""
    path = file.path
    try:
        there = path.exists()
    except OSError as error:
        return _bad(file, f"nobody can look there: {error.strerror}", "name another with --outbox or outbox")
    if not there:
        return _judge_place(file, environ)
    if not path.is_file():
        return _bad(file, "it is no file", "name a file with --outbox or outbox")
    unwritable = [each for each in (path, path.parent) if not os.access(each, os.W_OK)]
    if unwritable:
        return _bad(file, f"{unwritable[0]} cannot be written", "make file and folder writable for this user")
    try:
        version, held = _look(path)
    except sqlite3.Error as error:
        return _bad(file, *_trouble(error))
    if version > VERSION:
        detail = f"a newer rp-finalizer made it (its version is {version}, this one's {VERSION})"
        return _bad(file, detail, "update rp-finalizer here, or name another outbox")
    owed = sum(number for state, number in held.items() if EntryState(state).owed)
    if owed >= size:
        mend = "work it off with rp-finalize drain, or raise outbox_size"
        return _bad(file, f"it is full: {owed} launches wait to be finished", mend)
    dead = held[EntryState.DEAD]
    lines = [
        f"{file}: {_size(path)}, version {version}, {owed} owed, {dead} given up",
        *(["rp-finalize status tells what is owed"] if owed or dead else []),
        *_caveats(file, environ),
    ]
    return Check("outbox", ok=True, detail="\n".join(lines))


def _judge_place(file: DatabaseFile, environ: Mapping[str, str]) -> Check:
    """Judge the folder that the file would be made in."""
    folder = next(each for each in file.path.absolute().parents if each.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return _bad(file, f"it cannot be made in {folder}", "make that folder writable, or name another outbox")
    lines = [f"{file}: not made yet, nothing is owed", *_caveats(file, environ)]
    return Check("outbox", ok=True, detail="\n".join(lines))


def _caveats(file: DatabaseFile, environ: Mapping[str, str]) -> list[str]:
    """Say why it may not last, or not be trusted."""
    kind, lasts = file.file_system(), short_lived(environ)
    caveats = []
    if file.on_network():
        caveats.append(f"it lies on a network file system ({kind}), whose locks may fail: a local disk is safer")
    if lasts is not None and (lasts == "this CI job" or kind in _OF_CONTAINERS):
        caveats.append(f"it is gone with {lasts} unless you keep it: mount a volume there, or cache {file.path.parent}")
    elif kind in _IN_MEMORY:
        caveats.append(f"it lies in memory ({kind}), and is gone when the machine starts anew")
    return caveats


def _look(path: Path) -> tuple[int, Counter[str]]:
    """Read the version of the file, and how many entries it holds in which state."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_LOCK_PATIENCE)) as db:
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        if not 0 < version <= VERSION:
            # One that was never used, or one that this version cannot read.
            return version, Counter()
        held: Counter[str] = Counter(dict(db.execute("SELECT state, count(*) FROM entries GROUP BY state").fetchall()))
        return version, held


def _trouble(error: sqlite3.Error) -> tuple[str, str]:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return f"it is damaged: {error}", "copy it if you need what it held; the next use sets it aside and begins anew"
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return f"it is locked by others for more than {_LOCK_PATIENCE:g} s", "end what holds it"
    return f"it cannot be read: {error}", "look at the file and its folder, or name another outbox"


def _bad(file: DatabaseFile, detail: str, mend: str) -> Check:
    return Check("outbox", ok=False, detail=f"{file}: {detail}", mend=mend)


def _size(path: Path) -> str:
    return f"{max(1, path.stat().st_size // _KIB)} KiB"
