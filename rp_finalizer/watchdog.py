"""Seeing to it that a run which is alive keeps its launch, although it let the lease run out.

A laptop that slept, a process that was stopped, a machine that was busy: nobody renewed the lease, and still the run
goes on. Its launch must not be finished underneath it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from rp_finalizer.errors import LeaseLostError, UnknownEntryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rp_finalizer.entries import Entry
    from rp_finalizer.outbox_port import Outbox

LOOKED_AT = 1000
"""Entries at once."""

logger = logging.getLogger(__name__)


class Watchdog:
    """Looks after the runs of this host.

    `alive` tells of a holder whether its process still runs, None where that cannot be known from here; `lease` is how
    many seconds a run is given in its name. Of runs that are dead, or of which nothing is known, the lease stays over,
    and whoever works off the outbox takes their launches.
    """

    def __init__(self, outbox: Outbox, alive: Callable[[str], bool | None], lease: float) -> None:
        self._outbox = outbox
        self._alive = alive
        self._lease = lease
        self.renewed = 0
        """Leases, since it was made."""

    def look(self) -> int:
        """Renew the leases of runs that live; say how many. Raises `OutboxError`."""
        number = sum(1 for entry in living(self._outbox.overdue(LOOKED_AT), self._alive) if self._renew(entry))
        self.renewed += number
        return number

    def _renew(self, entry: Entry) -> bool:
        try:
            self._outbox.renew(entry.entry_id, entry.lease_token, self._lease)
        except (LeaseLostError, UnknownEntryError):
            # Somebody took it since, or its run has ended by itself.
            return False
        logger.info(
            "launch %s: its run (%s) is alive and was silent for too long; nobody else finishes it",
            entry.launch.uuid,
            entry.lease_owner,
            extra={"launch_uuid": entry.launch.uuid},
        )
        return True


def living(entries: Iterable[Entry], alive: Callable[[str], bool | None]) -> list[Entry]:
    """Give those whose holder is known to be alive."""
    return [entry for entry in entries if entry.lease_owner is not None and alive(entry.lease_owner)]
