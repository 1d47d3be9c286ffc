"""Which starts of launches are news: a launch that is started again is to be finished again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rp_finalizer.ports import Starts


class StartsSeen:
    """Tells, once for each start, that a launch was started. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers: dict[str, int] = {}
        self._reruns: set[str] = set()
        self._noted: bool | None = None
        """A start that somebody saw, before it is known of which launch: whether it is a rerun."""

    def note(self, *, rerun: bool) -> None:
        """Take note that the client was told to start a launch."""
        self._noted = rerun

    def news(self, launch: str, starts: Starts | None) -> bool:
        """Tell whether the launch was started since this was asked last.

        `starts` is what the client's calls tell, which know whether a start was taken; None where they are not seen,
        and what was noted must do.
        """
        with self._lock:
            noted, self._noted = self._noted, None
            if starts is not None:
                noted = starts.rerun if starts.number > self._numbers.get(launch, 0) else None
                self._numbers[launch] = starts.number
            if noted:
                self._reruns.add(launch)
            elif noted is not None:
                self._reruns.discard(launch)
            return noted is not None

    def rerun(self, launch: str) -> bool:
        """Tell whether the last start of the launch took up one that there was."""
        return launch in self._reruns
