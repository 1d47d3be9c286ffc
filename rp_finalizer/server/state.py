"""What the service's calls work with."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from rp_finalizer.errors import OutboxError
from rp_finalizer.server.rates import Rates
from rp_finalizer.server.readiness import Sample, Watch, sample_of
from rp_finalizer.server.shared import Shared

if TYPE_CHECKING:
    from collections.abc import Callable

    from rp_finalizer.entries import Entry
    from rp_finalizer.outbox_port import Outbox, Statistics
    from rp_finalizer.server.access import Access
    from rp_finalizer.settings import Settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Working:
    """The worker beside which the service runs."""

    max_concurrent: int
    check_interval: float
    """Seconds for which others' new entries may wait to be seen."""
    is_running: Callable[[], bool]


class Drawn(NamedTuple):
    """The page as it is sent."""

    plain: bytes
    short: bytes
    """Compressed."""


@dataclass(slots=True)
class Service:
    """What there is for the calls. Safe to use from several threads.

    The outbox has little patience: whoever asks is told in seconds that it cannot be reached.
    """

    outbox: Outbox
    settings: Settings
    access: Access
    working: Working | None = None
    """None where only the status is served."""
    at_start: Statistics | None = None
    """What had been counted when the service began; None until the outbox was reached for the first time."""
    rates: Rates = field(default_factory=Rates)
    watch: Watch = field(default_factory=Watch)
    """What was seen of the outbox lately, by which the service is ready or not."""
    page: Shared[Drawn] = field(default_factory=Shared)
    """The page as it was drawn last, by who it is for."""
    turns: tuple[threading.Lock, ...] = field(default_factory=lambda: tuple(threading.Lock() for _ in range(64)))
    """By launch: of several who enqueue the same one at once, one is told that it is new."""

    def look(self, monotonic: float, epoch: float) -> None:
        """See how the outbox stands at a moment of either clock; done once a second by the sampler."""
        try:
            statistics = self.outbox.statistics()
            active, queue = self.outbox.active(1), self.outbox.queue(1)
        except OutboxError as error:
            if self.watch.note(Sample(monotonic, reached=False)):
                logger.warning("%s", error)
            return
        if self.at_start is None:
            self.at_start = statistics
        self.rates.note(epoch, statistics)
        if self.watch.note(sample_of(monotonic, statistics, active, queue)):
            logger.warning("outbox %s can be reached again", self.outbox.name)

    def retry(self, entry_id: str) -> Entry:
        """Make a dead letter ready again. Raises `UnknownEntryError`, `EntryStateError` and `OutboxError`."""
        try:
            return self.outbox.retry(entry_id)
        finally:
            # Also when somebody was faster: who asked has to see that.
            self.page.forget()

    def clear(self) -> int:
        """Make dead letters of all that waits; say how many. Raises `OutboxError`."""
        try:
            return self.outbox.clear()
        finally:
            self.page.forget()
