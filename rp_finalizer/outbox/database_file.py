"""The file of an SQLite outbox: made so that only its owner reads it, set aside when it is damaged, found again."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path

from rp_finalizer.errors import OutboxError

logger = logging.getLogger(__name__)

_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "fuse.gcsfuse", "fuse.s3fs", "afs"})
"""File systems whose locks are not to be trusted, and on which a write-ahead log never works."""
OLDEST = (3, 35, 0)
"""Version of SQLite that is needed."""
_LOG_BUG = ((3, 7, 0), (3, 51, 2))
"""First and last version in which resetting the write-ahead log may lose a commit (sqlite.org, 3.51.3); but:"""
_WITHOUT_BUG = frozenset({(3, 44, 6), (3, 50, 7)})
_TRIES = 10


def has_log_bug(version: tuple[int, int, int]) -> bool:
    """Tell whether this version of SQLite may lose a commit with a write-ahead log."""
    first, last = _LOG_BUG
    return first <= version <= last and version not in _WITHOUT_BUG


class DatabaseFile:
    """Opens connections to one file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        """Name it as a setting does."""
        return f"sqlite:///{self.path}"

    def connect(self) -> tuple[sqlite3.Connection, int]:
        """Open it, made where it is not there; give the connection, and which file that is. Raises `OutboxError`."""
        if sqlite3.sqlite_version_info < OLDEST:
            raise OutboxError(str(self), f"SQLite {sqlite3.sqlite_version} is too old", "3.35 is needed")
        for _ in range(_TRIES):
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                with suppress(FileExistsError):
                    os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
                before = self.identity()
                connection = sqlite3.connect(self.path, timeout=0.0, isolation_level=None, check_same_thread=False)
            except (OSError, sqlite3.OperationalError) as error:
                raise OutboxError(str(self), f"it cannot be opened: {error}", "name another with outbox") from error
            if before == self.identity() != 0:
                return connection, before
            # Deleted or replaced just now: which file was opened is not known.
            connection.close()
        raise OutboxError(str(self), "somebody deletes it again and again", "find out who, or name another with outbox")

    def identity(self) -> int:
        """Tell one file from another of the same name; 0 where there is none."""
        try:
            return self.path.stat().st_ino
        except OSError:
            return 0

    def journal_mode(self) -> str:
        """Give the journal that is safe here: a write-ahead log where neither SQLite nor the file system spoils it."""
        return "DELETE" if has_log_bug(sqlite3.sqlite_version_info) or self.on_network() else "WAL"

    def on_network(self) -> bool:
        """Tell whether it lies on another machine."""
        return self.file_system() in _NETWORK

    def file_system(self) -> str:
        """Name the file system that it lies on; an empty text where the system does not tell."""
        try:
            lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
            folder = os.path.realpath(self.path.parent)
        except OSError:
            return ""
        best, kind = "", ""
        for line in lines:
            before, _, after = line.partition(" - ")
            point = before.split()[4].encode().decode("unicode_escape")
            inside = folder == point or folder.startswith(point.rstrip("/") + "/")
            if inside and len(point) >= len(best):
                best, kind = point, after.split()[0]
        return kind

    def set_aside(self, identity: int) -> Path | None:
        """Rename a damaged file, with what belongs to it, unless somebody has done so; give its new name."""
        if identity != self.identity():
            return None
        new = self.path.with_name(f"{self.path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}")
        try:
            self.path.rename(new)
        except FileNotFoundError:
            return None
        for suffix in ("-journal", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                self.path.with_name(self.path.name + suffix).rename(new.with_name(new.name + suffix))
        logger.error("outbox %s was damaged; it is kept as %s, and a new one begun", self, new)
        return new
