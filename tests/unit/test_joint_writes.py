"""Writing what several threads want written in one transaction."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from rp_finalizer.entries import OwedLaunch
from rp_finalizer.errors import UnknownEntryError
from rp_finalizer.outbox.database import Database
from rp_finalizer.outbox.database_file import DatabaseFile
from rp_finalizer.outbox.joint_writes import JointWrites
from rp_finalizer.outbox.sqlite import SqliteOutbox

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATIENCE = 20.0


class Counting(Database):
    """A database that counts its transactions."""

    transactions = 0

    def write(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        self.transactions += 1
        return super().write(work)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Counting]:
    database = Counting(DatabaseFile(tmp_path / "a.db"), PATIENCE)
    database.write(lambda db: db.execute("CREATE TABLE told (what TEXT)"))
    database.transactions = 0
    yield database
    database.close()


def tell(what: str) -> Callable[[sqlite3.Connection], str]:
    def work(db: sqlite3.Connection) -> str:
        db.execute("INSERT INTO told VALUES (?)", (what,))
        return what

    return work


def told(database: Database) -> list[str]:
    return database.read(lambda db: [what for (what,) in db.execute("SELECT what FROM told ORDER BY what")])


def write_behind(database: Counting, *works: Callable[[sqlite3.Connection], Any]) -> list[Any]:
    """Have these written by threads that come while another one's transaction is under way; give what each got."""
    writes, begun, go_on = JointWrites(database), threading.Event(), threading.Event()
    got: list[Any] = [None] * len(works)

    def first(db: sqlite3.Connection) -> None:
        begun.set()
        go_on.wait(PATIENCE)
        tell("first")(db)

    def write(number: int) -> None:
        try:
            got[number] = writes.write(works[number])
        except Exception as error:  # noqa: BLE001  what the test looks at
            got[number] = error

    threads = [threading.Thread(target=writes.write, args=(first,))]
    threads[0].start()
    assert begun.wait(PATIENCE)
    threads += [threading.Thread(target=write, args=(number,)) for number in range(len(works))]
    for thread in threads[1:]:
        thread.start()
    while len(writes._waiting) <= len(works):
        threading.Event().wait(0.001)
    go_on.set()
    for thread in threads:
        thread.join(PATIENCE)
    return got


def test_who_waits_is_written_together(database: Counting) -> None:
    """What comes during a commit costs one more, however many threads there are, and each gets its own result."""
    assert write_behind(database, *(tell(f"each {number}") for number in range(8))) == [f"each {n}" for n in range(8)]
    assert database.transactions == 2
    assert told(database) == [*(f"each {number}" for number in range(8)), "first"]


def test_what_goes_wrong_is_undone_and_told_to_its_own_thread(database: Counting) -> None:
    """A part that raises leaves nothing behind, and the others are written."""

    def wrong(db: sqlite3.Connection) -> None:
        tell("half")(db)
        raise UnknownEntryError("x")

    one, error, other = write_behind(database, tell("one"), wrong, tell("other"))
    assert (one, other) == ("one", "other")
    assert isinstance(error, UnknownEntryError)
    assert told(database) == ["first", "one", "other"]


def test_what_breaks_the_transaction_breaks_nobody_elses(database: Counting) -> None:
    """An error of SQLite's own fails the one who made it; the others are written each by itself."""
    one, error, other = write_behind(
        database, tell("one"), lambda db: db.execute("INSERT INTO nowhere VALUES (1)"), tell("other")
    )
    assert (one, other) == ("one", "other")
    assert isinstance(error, Exception)
    assert "nowhere" in str(error)
    assert told(database) == ["first", "one", "other"]


def test_an_outbox_keeps_what_many_threads_write(tmp_path: Path) -> None:
    """Of many launches that threads add and take at once, each is there once, and none is held twice."""
    with closing(SqliteOutbox(tmp_path / "outbox.db")) as outbox:
        taken: list[str] = []

        def work(thread: int) -> None:
            for number in range(10):
                outbox.add(OwedLaunch("https://rp.example.com", "demo", f"{thread}-{number}"))
                taken.extend(entry.entry_id for entry in outbox.claim(f"worker {thread}", 1, 60.0))

        threads = [threading.Thread(target=work, args=(thread,)) for thread in range(6)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(60)
        assert len(taken) == len(set(taken)) == 60
        assert outbox.statistics().counters["added"] == 60
