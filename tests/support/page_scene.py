"""Outboxes in the states that the page shows, and the service over them."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING
from uuid import UUID

from rp_finalizer.entries import Entry, OwedLaunch, Priority
from rp_finalizer.errors import OutboxError
from rp_finalizer.outbox.memory import MemoryOutbox
from rp_finalizer.outcome import ErrorKind, Outcome
from rp_finalizer.report import Failure, Report
from rp_finalizer.server.access import Access
from rp_finalizer.server.rates import Rates
from rp_finalizer.server.state import Service
from rp_finalizer.settings import Settings

if TYPE_CHECKING:
    from rp_finalizer.outbox_port import Statistics

READER_TOKEN = "reads-0123456789"
ADMIN_TOKEN = "clears-0123456789"
TOKENS = Access(READER_TOKEN, ADMIN_TOKEN)
SERVER = "https://reportportal.example.com"
SILENT = Failure(
    ErrorKind.UNAVAILABLE,
    "503 with text/html instead of JSON (tried 3 times in 0.8 s; gave up because retry_attempts is 3)",
    "when ReportPortal answers again",
    status=503,
)
FORBIDDEN = Failure(
    ErrorKind.FORBIDDEN,
    "403: You do not have enough permissions. Access is denied.",
    "give the key's user the role of a member in this project",
    status=403,
)
WORKERS = (
    "worker@ci-runner-04:6f0c:4026531836:2211:8412",
    "worker@ci-runner-07:11ab:4026531836:1904:9233",
    "worker@ci-runner-11:92de:4026531836:877:1280",
)
PROJECTS = ("payments", "checkout", "search", "mobile-app")


class SceneOutbox(MemoryOutbox):
    """An outbox whose time can be set back, so that what is in it is old; and that can be taken away."""

    name = "redis://redis.example.com:6379/0"

    def __init__(self) -> None:
        self.back = 0.0
        """Seconds by which its clock is behind."""
        self.away = False
        self.read = 0
        """How often it was read for the page."""
        super().__init__(clock=lambda: time.time() - self.back)
        self._random = random.Random(20)

    def statistics(self) -> Statistics:
        self.read += 1
        self._reach()
        return super().statistics()

    def retry(self, entry_id: str) -> Entry:
        self._reach()
        return super().retry(entry_id)

    def clear(self) -> int:
        self._reach()
        return super().clear()

    def _reach(self) -> None:
        if self.away:
            raise OutboxError(self.name, "connection refused", "start Redis")

    def uuid(self) -> str:
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def owe(
        self,
        number: int = 1,
        *,
        priority: Priority = Priority.NORMAL,
        delay: float = 0.0,
        project: str | None = None,
        endpoint: str = SERVER,
    ) -> list[Entry]:
        """Add launches."""
        return [
            self.add(
                OwedLaunch(endpoint, project or self._random.choice(PROJECTS), self.uuid()),
                priority=priority,
                delay=delay,
            )
            for _ in range(number)
        ]

    def bury(self, reason: str, error: Failure | None = None, *, project: str | None = None) -> Entry:
        """Make a dead letter."""
        (entry,) = self.owe(project=project)
        taken = self.take(entry.entry_id, WORKERS[0], 60.0)
        self.give_up(taken.entry_id, taken.lease_token, error, reason)
        return self.find(entry.entry_id)[0]

    def put_off_one(self, wait: float, error: Failure = SILENT, *, spent: bool = False) -> None:
        (entry,) = self.owe()
        taken = self.take(entry.entry_id, WORKERS[0], 60.0)
        self.put_off(taken.entry_id, taken.lease_token, error, wait, spent=spent)

    def work(self, seconds: float) -> None:
        """Claim one launch that is due, and finish it."""
        for taken in self.claim(self._random.choice(WORKERS), 1, 60.0):
            self.complete(taken.entry_id, taken.lease_token, Report(Outcome.FINISHED, seconds=seconds))


class Hour:
    """An hour of a fleet at its work, made from its beginning to its end."""

    def __init__(self) -> None:
        self.outbox = SceneOutbox()
        self.rates = Rates()
        self.chance = random.Random(6)
        self._now = time.time()

    def at(self, seconds_ago: float) -> None:
        """Go on at that time, and note what was counted until then."""
        self.outbox.back = seconds_ago + time.time() - self._now
        self.rates.note(self._now - seconds_ago, self.outbox.statistics())

    def work(self, most: int = 100) -> None:
        """Finish what is due."""
        for _ in range(min(most, self.outbox.statistics().due)):
            self.outbox.work(self.chance.lognormvariate(-0.6, 0.7))


def busy() -> tuple[SceneOutbox, Rates]:
    """Give a fleet at its work, after an hour of it."""
    hour = Hour()
    _past(hour)
    _present(hour)
    return hour.outbox, hour.rates


def _past(hour: Hour) -> None:
    outbox, chance = hour.outbox, hour.chance
    for minute in range(59, 4, -1):
        hour.at(minute * 60.0)
        usual = 16 if 35 <= minute <= 41 else 6
        outbox.owe(chance.randint(usual - 3, usual + 3))
        hour.work(chance.randint(7, 11))
        if minute in {33, 34, 35, 36}:
            for _ in range(chance.randint(1, 4)):
                outbox.put_off_one(20.0, spent=True)
        if minute == 40:
            outbox.bury(f"the server refuses for good: {FORBIDDEN.message}", FORBIDDEN)
        if minute in {37, 19, 8}:
            outbox.open(OwedLaunch(SERVER, "checkout", outbox.uuid()), f"run@ci-runner-09:6f0c:1:{minute}:1", 7200.0)
    hour.at(250.0)
    hour.work()


def _present(hour: Hour) -> None:
    outbox = hour.outbox
    outbox.owe(2, delay=500.0)
    outbox.put_off_one(330.0)
    hour.at(190.0)
    outbox.owe(6)
    hour.work()
    hour.at(130.0)
    outbox.owe(6)
    hour.work(4)
    hour.at(75.0)
    outbox.owe(6)
    hour.work(3)
    hour.at(40.0)
    outbox.owe(3)
    outbox.owe(1, priority=Priority.LOW)
    hour.at(21.0)
    outbox.owe(2)
    outbox.owe(2, priority=Priority.HIGH)
    hour.at(9.0)
    for due, worker in zip(
        sorted(outbox.queue(), key=lambda each: each.created_at)[:6], (0, 0, 0, 1, 1, 2), strict=True
    ):
        outbox.take(due.entry_id, WORKERS[worker], 60.0)
        outbox.back -= 0.8
    missing = Failure(ErrorKind.UNKNOWN_LAUNCH, "404: 4041 Launch not found", "its start may still wait")
    hour.at(3.0)
    outbox.put_off_one(45.0, missing, spent=True)
    outbox.owe(1, priority=Priority.CRITICAL, project="payments")
    hour.at(0.0)
    outbox.back = 0.0


def stalled() -> tuple[SceneOutbox, Rates]:
    """Give a long queue that nobody works on."""
    outbox = SceneOutbox()
    outbox.back = 400.0
    outbox.owe(140)
    outbox.back = 0.0
    return outbox, Rates()


def away() -> tuple[SceneOutbox, Rates]:
    """Give an outbox that cannot be reached."""
    outbox, rates = SceneOutbox(), Rates()
    rates.note(time.time() - 120.0, outbox.statistics())
    outbox.away = True
    return outbox, rates


def empty() -> tuple[SceneOutbox, Rates]:
    """Give an outbox in which nothing ever was."""
    return SceneOutbox(), Rates()


def service_of(outbox: SceneOutbox, rates: Rates | None = None, *, access: Access = TOKENS) -> Service:
    """Give the service over an outbox."""
    return Service(outbox, Settings(), access, rates=rates or Rates())
