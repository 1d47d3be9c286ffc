"""What is done when a launch starts, so that it is finished even when its own process cannot do that."""

from __future__ import annotations

import logging
import os
import random
import threading
from typing import TYPE_CHECKING

from rp_finalizer.entries import OwedLaunch, Priority
from rp_finalizer.errors import SettingsError
from rp_finalizer.holders import this_process
from rp_finalizer.keeping import Keeping, Terms
from rp_finalizer.masking import MASK
from rp_finalizer.outbox_wiring import drain_command, open_outbox, patience_of, short_lived
from rp_finalizer.publishing import keep_launch
from rp_finalizer.settings.kinds import OFF, in_redis
from rp_finalizer.system_clock import SystemClock

if TYPE_CHECKING:
    from rp_finalizer.finalizer import Target
    from rp_finalizer.finish import Finish
    from rp_finalizer.guardian import Guardian
    from rp_finalizer.outbox_port import Outbox
    from rp_finalizer.report import Report
    from rp_finalizer.settings import Settings

BEATS = 3
"""How often a lease is renewed in the time that it lasts."""
PATIENCE = 2.0
"""Seconds that a run waits for a lock that others hold on its outbox."""

logger = logging.getLogger(__name__)


class Precautions:
    """The launch file, the outbox's entry and the guardian of the launches of one finalizer. Raises nothing."""

    def __init__(self, settings: Settings, target: Target | None, outbox: Outbox | None = None) -> None:
        self._settings = settings
        self._target = target
        self._told_guardian = _for_another_process(settings, outbox)
        self._keeping = _build_keeping(settings, target, outbox)
        self._guardian: Guardian | None = None
        self._lock = threading.Lock()
        self._ended: threading.Event | None = None
        """Ends the thread that renews leases; None while there is none."""

    def launch_started(self, uuid: str) -> None:
        """See to it that others know of a launch that has begun."""
        keep_launch(uuid, self._settings.launch_file)
        if self._target is None:
            return
        hold = None if self._keeping is None else self._keeping.started(uuid)
        with self._lock:
            if self._settings.guardian and self._guardian is None:
                from rp_finalizer.guardian import Guardian  # noqa: PLC0415  for runs that want one

                self._guardian = Guardian.start(self._told_guardian)
            if self._guardian is not None:
                self._guardian.watch(OwedLaunch(str(self._target.endpoint), self._target.project, uuid), hold)
            if self._ended is None and self._keeping is not None:
                self._ended = threading.Event()
                self._begin_renewing(self._ended)

    def launch_found(self, uuid: str) -> None:
        """See to it for a launch that had begun before anybody looked; not where it has its end already."""
        if self._keeping is not None and not self._keeping.finished(uuid):
            self.launch_started(uuid)

    def settle(self, report: Report, finish: Finish) -> Report:
        """Keep what is not finished for later, take note of what is, and give the report that tells it."""
        if self._keeping is not None:
            report = self._keeping.settle(report, finish)
        if self._guardian is not None and report.launch is not None and report.launch.uuid is not None:
            self._guardian.forget(report.launch.uuid)
        return report

    def end(self) -> None:
        """Have nobody see to this run any longer."""
        with self._lock:
            if self._ended is not None:
                self._ended.set()
                self._ended = None
            if self._guardian is not None:
                self._guardian.goodbye()
                self._guardian = None
        if self._keeping is not None:
            self._keeping.let_go()

    def _begin_renewing(self, ended: threading.Event) -> None:
        try:
            threading.Thread(target=self._renew, args=(ended,), name="rp-finalizer-lease", daemon=True).start()
        except RuntimeError as error:
            logger.debug("no thread to renew leases: %s", error)

    def _renew(self, ended: threading.Event) -> None:
        """Say that the run goes on. Also beside a guardian: that one knows nothing of what could not be written yet."""
        while not ended.wait(self._settings.lease / BEATS):
            if self._keeping is not None:
                self._keeping.renew()
            with self._lock:
                if self._guardian is not None:
                    self._guardian.renewed()


def _for_another_process(settings: Settings, outbox: Outbox | None) -> Settings:
    """Name the outbox that was handed over, where another process can open one of that name."""
    if outbox is None:
        return settings
    if MASK in outbox.name:
        # Nobody can open it without the password.
        return settings.replace(outbox=OFF)
    try:
        return settings.replace(outbox=outbox.name)
    except SettingsError:
        return settings.replace(outbox=OFF)


def _build_keeping(settings: Settings, target: Target | None, outbox: Outbox | None) -> Keeping | None:
    """Give what keeps launches; None where there is no outbox, or nobody knows where launches belong."""
    outbox = outbox or open_outbox(settings, patience=PATIENCE)
    if outbox is None or target is None:
        return None
    lasts = None if in_redis(settings.outbox) else short_lived(os.environ)
    terms = Terms(
        holder=this_process("run"),
        lease=settings.lease,
        priority=Priority(settings.priority),
        patience=patience_of(settings),
        keep_done=settings.keep_done,
        drain=drain_command(settings),
        advice=f"{outbox.name} may be gone with {lasts}: keep it for the next one" if lasts else "",
    )
    return Keeping(outbox, str(target.endpoint), target.project, terms, SystemClock(), random.random)
