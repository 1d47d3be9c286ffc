"""Looking at the outbox once a second, whoever asks or does not: for rates, and for readiness."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Self

from rp_finalizer.server.readiness import LOOK_EVERY

if TYPE_CHECKING:
    from rp_finalizer.server.state import Service

LAST_LOOK = 5.0
"""Seconds that a look may take yet when the service ends."""

logger = logging.getLogger(__name__)


class Sampler:
    """Looks while its block is entered; the first look is over when the entering returns."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rp-finalizer-sampler", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._stop.set()
        self._thread.join(LAST_LOOK)

    def _run(self) -> None:
        while not self._stop.wait(LOOK_EVERY):
            self._look()

    def _look(self) -> None:
        try:
            self._service.look(time.monotonic(), time.time())
        except Exception:
            # The service answers all the same, and is not ready while nobody can look.
            logger.exception("the outbox could not be looked at")
