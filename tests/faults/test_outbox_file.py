"""What may happen to the file of an outbox, and that no launch is lost by it that could be kept."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from rp_finalizer.entries import Entry, EntryState, OwedLaunch
from rp_finalizer.errors import OutboxError
from rp_finalizer.outbox.database import Database
from rp_finalizer.outbox.database_file import DatabaseFile
from rp_finalizer.outbox.sqlite import SqliteOutbox
from rp_finalizer.outcome import Outcome
from rp_finalizer.report import Report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LEASE = 600.0
_PROCESS = """
import resource, sys, time
from pathlib import Path
from uuid import UUID
from rp_finalizer.entries import OwedLaunch
from rp_finalizer.outbox.sqlite import SqliteOutbox
from rp_finalizer.outcome import Outcome
from rp_finalizer.report import Report

outbox = SqliteOutbox(Path(sys.argv[1]))
def launch(number): return OwedLaunch("https://rp.example.com", "demo", str(UUID(int=number)))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "outbox.db"


@pytest.fixture
def outbox(path: Path) -> Iterator[SqliteOutbox]:
    with contextlib.closing(SqliteOutbox(path)) as outbox:
        yield outbox


def launch(number: int = 1) -> OwedLaunch:
    return OwedLaunch("https://rp.example.com", "demo", str(UUID(int=number)))


def started(path: Path, code: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _PROCESS + code, str(path)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return out.strip()


def finish_all(outbox: SqliteOutbox) -> list[Entry]:
    done = []
    while entries := outbox.claim("the last", 10, LEASE):
        for entry in entries:
            outbox.complete(entry.entry_id, entry.lease_token, Report(Outcome.FINISHED))
            done.append(entry)
    return done


def test_only_its_owner_may_read_it(outbox: SqliteOutbox, path: Path) -> None:
    """The file tells which launches there are: that is nobody else's business."""
    outbox.add(launch())
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"this is no database at all, but of some length " * 50, b"\0" * 4096])
def test_garbage_is_set_aside_and_reported(
    outbox: SqliteOutbox, path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """What cannot be read is kept beside, for whoever wants to look, and the outbox works."""
    path.parent.mkdir()
    path.write_bytes(content)
    outbox.add(launch())
    assert outbox.statistics().owed == 1
    (aside,) = path.parent.glob("outbox.db.damaged-*")
    assert aside.read_bytes() == content
    assert str(aside) in caplog.text


def test_a_file_damaged_while_it_is_open_is_set_aside(outbox: SqliteOutbox, path: Path) -> None:
    """Pages that were overwritten are noticed when they are read."""
    for number in range(50):
        outbox.add(launch(number))
    with path.open("r+b") as file:
        file.seek(0)
        file.write(os.urandom(8192))
    outbox.add(launch(99))
    assert outbox.find(launch(99).uuid)
    assert list(path.parent.glob("outbox.db.damaged-*"))


def test_an_empty_file_is_a_new_outbox(outbox: SqliteOutbox, path: Path) -> None:
    """A file that was made and not filled is no damage."""
    path.parent.mkdir()
    path.touch()
    outbox.add(launch())
    assert [each.name for each in path.parent.iterdir() if "damaged" in each.name] == []


def test_a_file_deleted_underneath_is_made_anew(outbox: SqliteOutbox, path: Path) -> None:
    """What is added afterwards is in a file that others find, too."""
    outbox.add(launch(1))
    path.unlink()
    outbox.add(launch(2))
    with contextlib.closing(SqliteOutbox(path)) as another:
        assert [each.launch for each in another.entries()] == [launch(2)]


class DeletedMeanwhile(DatabaseFile):
    """Has its file deleted once, at the moment when that is open and not yet written to."""

    deleted = False

    def journal_mode(self) -> str:
        if not self.deleted:
            self.deleted = True
            self.path.unlink()
        return super().journal_mode()


def test_a_file_deleted_while_it_is_made_is_made_anew(path: Path) -> None:
    """What is written then is in the file that is there."""
    file = DeletedMeanwhile(path)
    with contextlib.closing(Database(file, patience=5.0)) as database:
        database.write(lambda db: db.execute("CREATE TABLE written (number)"))
        assert file.deleted
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT name FROM sqlite_master WHERE name = 'written'").fetchone()


def test_a_folder_deleted_underneath_is_made_anew(outbox: SqliteOutbox, path: Path) -> None:
    """So is its folder."""
    outbox.add(launch(1))
    for each in path.parent.iterdir():
        each.unlink()
    path.parent.rmdir()
    outbox.add(launch(2))
    assert path.exists()


def test_a_lock_held_by_others_is_waited_for(outbox: SqliteOutbox, path: Path) -> None:
    """Somebody looks into the file with a tool of theirs, for a moment."""
    outbox.add(launch(1))
    holder = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN EXCLUSIVE")
    waiting = threading.Event()

    def add() -> None:
        waiting.set()
        outbox.add(launch(2))

    adding = threading.Thread(target=add)
    adding.start()
    waiting.wait()
    holder.execute("ROLLBACK")
    holder.close()
    adding.join(30)
    assert len(outbox.entries()) == 2


def test_a_lock_held_at_the_first_moment_is_waited_for(outbox: SqliteOutbox, path: Path) -> None:
    """A process that comes while others commit opens the file all the same, to read and to write."""
    outbox.add(launch(1))
    for use in (SqliteOutbox.statistics, lambda another: another.add(launch(2))):
        holder = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        holder.execute("BEGIN EXCLUSIVE")
        with contextlib.closing(SqliteOutbox(path)) as another:
            using = threading.Thread(target=use, args=(another,))
            using.start()
            using.join(0.05)
            assert using.is_alive()
            holder.execute("ROLLBACK")
            holder.close()
            using.join(30)
    assert len(outbox.entries()) == 2


def test_processes_that_write_without_a_pause_take_turns(outbox: SqliteOutbox, path: Path) -> None:
    """Nobody who wants to write is passed over again and again: all get on at about the same speed."""
    number = 60
    outbox.statistics()
    code = f"""
print("ready", flush=True)
mine = sys.stdin.readline().strip()
for each in range({number}):
    outbox.add(launch(int(mine) + each))
    print(time.monotonic(), flush=True)
"""
    processes = [started(path, code) for _ in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for each, process in enumerate(processes):
        assert process.stdin is not None
        process.stdin.write(f"{1000 * each}\n")
        process.stdin.flush()
    times = [[float(line) for line in ended(process).split()] for process in processes]
    begun, over = max(each[0] for each in times), min(each[-1] for each in times)
    together = [sum(begun <= at <= over for at in each) for each in times]
    assert min(together) > max(together) / 3
    assert len(outbox.entries(limit=1000)) == 4 * number


def test_who_was_stopped_as_the_next_one_keeps_nobody_waiting(outbox: SqliteOutbox, path: Path) -> None:
    """Its place is waited for politely, not for ever."""
    outbox.add(launch(1))
    code = """
import fcntl
place = open(f"{sys.argv[1]}-turn")
fcntl.flock(place, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""
    holder = started(path, code)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    outbox.add(launch(2))
    holder.kill()
    holder.communicate()
    assert len(outbox.entries()) == 2


def test_a_lock_that_is_never_let_go_is_told(path: Path) -> None:
    """Patience has an end, and the error names the file and the reason."""
    with contextlib.closing(SqliteOutbox(path, patience=0.2)) as outbox:
        outbox.add(launch(1))
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as holder:
            holder.execute("BEGIN EXCLUSIVE")
            with pytest.raises(OutboxError, match=r"outbox\.db.*locked"):
                outbox.add(launch(2))
        outbox.add(launch(2))


def test_a_file_of_a_newer_version_is_left_alone(outbox: SqliteOutbox, path: Path) -> None:
    """What this version does not understand it neither changes nor calls damaged."""
    outbox.add(launch())
    outbox.close()
    with contextlib.closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(OutboxError, match="newer"):
        outbox.statistics()
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """The error names the file and what to do; nothing hangs."""
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "outbox.db", tmp_path):
        with pytest.raises(OutboxError, match="name another"):
            SqliteOutbox(path, patience=0.2).add(launch())


def test_a_disk_that_is_full_is_told_and_keeps_what_there_was(outbox: SqliteOutbox, path: Path) -> None:
    """The entry that has no room is refused; those before are whole."""
    outbox.add(launch(1))
    outbox.close()
    code = """
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
try:
    for number in range(2, 2000): outbox.add(launch(number))
except Exception as error:
    print(type(error).__name__)
"""
    assert ended(started(path, code)) == "OutboxError"
    held = outbox.entries(limit=5000)
    assert launch(1) in [each.launch for each in held]
    assert len(finish_all(outbox)) == len(held)


def test_processes_that_make_the_file_at_once_make_one(path: Path) -> None:
    """No entry of theirs is lost."""
    code = "sys.stdin.readline(); outbox.add(launch(int(sys.stdin.readline())))"
    processes = [started(path, code) for _ in range(4)]
    for number, process in enumerate(processes):
        assert process.stdin is not None
        process.stdin.write(f"\n{number}\n")
        process.stdin.flush()
    for process in processes:
        ended(process)
    with contextlib.closing(SqliteOutbox(path)) as outbox:
        assert {each.launch for each in outbox.entries()} == {launch(number) for number in range(4)}


def test_a_fork_uses_the_file_for_itself(outbox: SqliteOutbox) -> None:
    """Parent and child add, and both find both."""
    outbox.add(launch(1))
    child = os.fork()
    if child == 0:
        code = 1
        try:
            outbox.add(launch(2))
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    outbox.add(launch(3))
    assert {each.launch for each in outbox.entries()} == {launch(1), launch(2), launch(3)}


def test_killed_workers_lose_nothing_and_finish_nothing_twice(outbox: SqliteOutbox, path: Path) -> None:
    """Processes killed at any moment leave entries that others take over: all are done in the end, each once."""
    number, chance = 60, random.Random(1)
    for each in range(number):
        outbox.add(launch(each))
    code = """
while entries := outbox.claim("worker", 3, 0.05):
    for entry in entries:
        print("at work", flush=True)
        try: outbox.complete(entry.entry_id, entry.lease_token, Report(Outcome.FINISHED))
        except Exception as error: print(type(error).__name__, flush=True)
"""
    for _ in range(4):
        worker = started(path, code)
        assert worker.stdout is not None
        for _ in range(chance.randint(1, 12)):
            worker.stdout.readline()
        worker.send_signal(signal.SIGKILL)
        worker.communicate()
    ended(started(path, code))
    while outbox.statistics().owed:
        finish_all(outbox)
    done = outbox.entries(EntryState.DONE, limit=1000)
    assert len(done) == number
    assert all([event.what for event in each.history].count("finished") == 1 for each in done)
    assert outbox.statistics().counters["completed"] == number
