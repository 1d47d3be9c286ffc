"""The workers of pytest-xdist, as the controller sees them.

Names used, as seen in pytest-xdist 3.6 to 3.8: of a node `gateway`, `_down`, `workerinput`, `workeroutput`; of a
gateway `id`, `spec.popen`, and `_rinfo().pid`. Where one is gone, its worker is left to pytest-xdist.
"""

from __future__ import annotations

import logging
import os
import signal
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from rp_finalizer.report import Count

if TYPE_CHECKING:
    from rp_finalizer.report import Report

_LOOK = 0.02
_HANDED_OVER = "rp_finalizer"
"""What a worker's counts are called in what it gives the controller."""

logger = logging.getLogger(__name__)


class Workers:
    """The workers that were started."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._crashed: list[str] = []
        self._undelivered = 0
        self._left_open = 0

    def add(self, node: Any) -> None:
        """Take note of one that is being started."""
        self._nodes.append(node)

    def ended(self, node: Any, error: object) -> Count | None:
        """Take what a worker has to tell at its end; give what was refused it, None where it crashed."""
        if error is not None:
            self._crashed.append(name_of(node))
            return None
        told = getattr(node, "workeroutput", {}).get(_HANDED_OVER)
        if not told:
            return None
        self._undelivered += told["abandoned"][1] or 0
        self._left_open += told["left_open"]
        return Count(*told["refused"])

    def notes(self) -> list[str]:
        """Say what is to be known of them, in sentences."""
        notes = [
            f"worker {name} crashed: logs that it had not sent yet are lost, its open items end as interrupted"
            for name in self._crashed
        ]
        if self._undelivered:
            logs = "1 log" if self._undelivered == 1 else f"{self._undelivered} logs"
            notes.append(f"{logs} of workers could not be delivered")
        if self._left_open:
            notes.append(left_open(self._left_open))
        return notes

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


def hand_over(config: Any, report: Report, left: int) -> None:
    """Tell the controller, in a worker, what was refused or not delivered here, and how many items were left open."""
    output = getattr(config, "workeroutput", None)
    if output is not None:
        refused, abandoned = report.refused, report.abandoned
        output[_HANDED_OVER] = {
            "refused": (refused.requests, refused.logs),
            "abandoned": (abandoned.requests, abandoned.logs),
            "left_open": left,
        }


def left_open(items: int) -> str:
    """Say what becomes of items that nobody finished."""
    if items == 1:
        return "1 item was still open: it ends as interrupted"
    return f"{items} items were still open: they end as interrupted"


def name_of(node: Any) -> str:
    """Give the name that pytest-xdist calls a worker by."""
    return str(getattr(getattr(node, "gateway", None), "id", "of pytest-xdist"))
