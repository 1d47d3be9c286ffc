"""What the doctor says of the outbox and of SQLite."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from rp_finalizer import outbox_wiring
from rp_finalizer.entries import OwedLaunch
from rp_finalizer.outbox.redis import RedisOutbox
from rp_finalizer.outbox.sqlite import SqliteOutbox
from rp_finalizer.outbox_checks import judge_sqlite, outbox_checks
from rp_finalizer.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from rp_finalizer.reportportal.diagnosis.check import Check
    from tests.support.redis_server import RedisServer

ROOT = pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")


def judged(outbox: object, environ: dict[str, str] | None = None, **more: Any) -> Check:
    """Give the check of the outbox itself; it is never one that fails without a mend."""
    settings = Settings.load(environ={}, directory="/", outbox=str(outbox), **more)
    *_, check = outbox_checks(settings, environ or {})
    assert check.name == "outbox"
    assert (check.mend is not None) == (check.ok is False)
    return check


def filled(path: Path, entries: int = 2) -> Path:
    """Make an outbox that owes so many launches, and has given up one."""
    with closing(SqliteOutbox(path)) as outbox:
        for number in range(entries + 1):
            entry = outbox.add(OwedLaunch("https://rp.example.com", "demo", str(number)))
        outbox.discard(entry.entry_id, "by hand")
    return path


def test_a_healthy_outbox(tmp_path: Path) -> None:
    """Where it is, how large, what is owed, and what shows more; looking changes nothing of it."""
    path = filled(tmp_path / "outbox.db")
    before = path.read_bytes()
    check = judged(path)
    assert check.ok is True
    assert f"sqlite:///{path}: " in check.detail
    assert "version 1, 2 owed, 1 given up" in check.detail
    assert "rp-finalize status" in check.detail
    assert path.read_bytes() == before


def test_an_outbox_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """The first entry makes the file, not the doctor."""
    check = judged(tmp_path / "new" / "outbox.db")
    assert check.ok is True
    assert "not made yet" in check.detail
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("outbox", "says"), [("off", "switched off"), ("memory:", "in memory")])
def test_no_file_at_all(outbox: str, says: str) -> None:
    """An outbox that is off, or keeps nothing, is told with what that means."""
    check = judged(outbox)
    assert check.ok is None
    assert says in check.detail
    assert "forgotten" in check.detail


def test_a_damaged_file(tmp_path: Path) -> None:
    """It is told, and left where it is."""
    path = tmp_path / "outbox.db"
    path.write_bytes(b"no database" * 1000)
    check = judged(path)
    assert check.ok is False
    assert "damaged" in check.detail
    assert [each.name for each in tmp_path.iterdir()] == ["outbox.db"]


def test_a_newer_file(tmp_path: Path) -> None:
    """What a newer version made is not judged by its content."""
    path = filled(tmp_path / "outbox.db")
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")
    check = judged(path)
    assert check.ok is False
    assert "newer rp-finalizer" in check.detail


def test_a_file_of_nothing(tmp_path: Path) -> None:
    """An empty file is an outbox that was never used."""
    path = tmp_path / "outbox.db"
    path.touch()
    assert judged(path).ok is True


def test_a_locked_file(tmp_path: Path) -> None:
    """Who holds it for long is told, after a short wait."""
    path = filled(tmp_path / "outbox.db")
    with closing(sqlite3.connect(path)) as database:
        database.execute("BEGIN EXCLUSIVE")
        check = judged(path)
    assert check.ok is False
    assert "locked" in check.detail


def test_a_full_outbox(tmp_path: Path) -> None:
    """No room for another launch is a failure, with the way out."""
    check = judged(filled(tmp_path / "outbox.db"), outbox_size=2)
    assert check.ok is False
    assert "rp-finalize drain" in str(check.mend)


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    """A folder is no outbox, nor can one be made in a file."""
    assert judged(tmp_path).ok is False
    (tmp_path / "file").touch()
    check = judged(tmp_path / "file" / "outbox.db")
    assert check.ok is False


@ROOT
def test_what_may_not_be_written(tmp_path: Path) -> None:
    """A file or folder of somebody else's is told before a run needs it."""
    path = filled(tmp_path / "outbox.db")
    path.chmod(0o400)
    assert "cannot be written" in judged(path).detail


def test_where_it_will_be_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a CI job it is said that the file has to be kept, and which folder that is."""
    monkeypatch.setattr(outbox_wiring, "_CONTAINER_MARKS", ())
    check = judged(tmp_path / "outbox.db", {"CI": "true"})
    assert check.ok is True
    assert "gone with this CI job unless you keep it" in check.detail
    assert str(tmp_path) in check.detail
    assert "gone with" not in judged(tmp_path / "outbox.db").detail


@pytest.mark.parametrize(
    ("version", "says"),
    [
        ((3, 34, 1), "too old"),
        ((3, 40, 1), "DELETE"),
        ((3, 44, 5), "DELETE"),
        ((3, 44, 6), "write-ahead log is used"),
        ((3, 50, 7), "write-ahead log is used"),
        ((3, 51, 2), "DELETE"),
        ((3, 51, 3), "write-ahead log is used"),
    ],
)
def test_versions_of_sqlite(version: tuple[int, int, int], says: str) -> None:
    """Each version is told with the journal that is safe with it."""
    check = judge_sqlite(version)
    assert says in check.detail
    assert check.ok is (says != "too old")
    assert (check.mend is not None) == (check.ok is False)


def test_an_outbox_in_redis_is_asked(redis_server: RedisServer) -> None:
    """Where it is, the server's version and what is owed; SQLite is not needed then, and nothing is written."""
    check = judged(redis_server.url)
    assert check.ok is True
    assert redis_server.do("KEYS", "*") == []
    with closing(RedisOutbox(redis_server.url)) as outbox:
        outbox.add(OwedLaunch("https://rp.example.com", "demo", "1"))
    check = judged(redis_server.url)
    assert check.detail.startswith(f"{redis_server.url}: Redis ")
    assert "1 owed, 0 given up" in check.detail


def test_a_redis_that_is_away_is_told() -> None:
    """With what to do, and without the password."""
    check = judged("redis://user:hunter2@127.0.0.1:1/0")
    assert check.ok is False
    assert "hunter2" not in f"{check.detail}{check.mend}"
