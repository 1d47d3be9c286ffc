"""The workers of pytest-xdist, as the controller sees them.

Names used, as seen in pytest-xdist 3.6 to 3.8: of a node `gateway`, `_down`, `workerinput`, `workeroutput`; of a
gateway `id`, `spec.popen`, and `_rinfo().pid`. Where one is gone, its worker is left to pytest-xdist.
"""

from __future__ import annotations

import logging
import os
import signal
from time import monotonic, sleep
from typing import Any

_LOOK = 0.02

logger = logging.getLogger(__name__)


class Workers:
    """The workers that were started."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []

    def add(self, node: Any) -> None:
        """Take note of one that is being started."""
        self._nodes.append(node)

    def terminate(self) -> None:
        """Ask the processes of this machine to end, as the controller was asked: nobody else tells them in time."""
        for node in self._at_work():
            try:
                if node.gateway.spec.popen:
                    os.kill(node.gateway._rinfo().pid, signal.SIGTERM)  # noqa: SLF001  as told at the top
            except (AttributeError, OSError) as error:
                logger.debug("worker %s cannot be asked to end: %s", name_of(node), error)

    def wait(self, seconds: float) -> None:
        """Wait until all have come to their ends, for so long at most: what they still send belongs to the launch."""
        until = monotonic() + seconds
        while self._at_work() and monotonic() < until:
            sleep(_LOOK)

    def _at_work(self) -> list[Any]:
        return [node for node in self._nodes if not getattr(node, "_down", True)]


def name_of(node: Any) -> str:
    """Give the name that pytest-xdist calls a worker by."""
    return str(getattr(getattr(node, "gateway", None), "id", "of pytest-xdist"))
