"""A few old entries, seen to by a run that ends well: who reaches the server can finish what others could not."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, cast

from rp_finalizer.draining import Choice, ChosenEntries, choose
from rp_finalizer.holders import alive, this_process
from rp_finalizer.outbox_wiring import open_outbox, patience_of
from rp_finalizer.precautions import PATIENCE

if TYPE_CHECKING:
    from rp_finalizer.entries import Entry
    from rp_finalizer.outbox_port import Outbox
    from rp_finalizer.settings import Settings
    from rp_finalizer.worker import Tally

LEAST = 1.0
"""Seconds below which nothing is begun."""


def work_off(settings: Settings, seconds: float) -> Tally | None:
    """Work off up to `work_off` entries of this endpoint and project that are due, within so many seconds.

    None where there are none. Raises `OutboxError`.
    """
    outbox = open_outbox(settings, patience=PATIENCE) if settings.work_off and seconds >= LEAST else None
    if outbox is None or not outbox.used:
        return None
    ours = [entry for entry in outbox.queue() if _belongs(entry, settings)]
    chosen = choose(ours, Choice(limit=settings.work_off), time.time(), alive)
    return _work(outbox, chosen, settings, seconds) if chosen else None


def _belongs(entry: Entry, settings: Settings) -> bool:
    return (entry.launch.endpoint, entry.launch.project) == (str(settings.endpoint), settings.project)


def _work(outbox: Outbox, chosen: list[tuple[str, str | None]], settings: Settings, seconds: float) -> Tally:
    from rp_finalizer.entry_finishing import EntryFinisher  # noqa: PLC0415  for runs that find something
    from rp_finalizer.pace import Pace  # noqa: PLC0415  as above
    from rp_finalizer.system_clock import SystemClock  # noqa: PLC0415  as above
    from rp_finalizer.worker import Worker  # noqa: PLC0415  as above

    finisher = EntryFinisher(settings)
    worker = Worker(
        cast("Outbox", ChosenEntries(outbox, chosen, lambda: None)),
        finisher,
        owner=this_process("run"),
        clock=SystemClock(),
        chance=random.random,
        pace=Pace(concurrency=len(chosen), lease=settings.lease, entry_timeout=seconds),
        patience=patience_of(settings),
    )
    try:
        return worker.run(once=True)
    finally:
        finisher.close()
