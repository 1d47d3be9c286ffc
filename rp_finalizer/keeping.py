"""What an outbox holds of the launches of one run: written when a launch starts, settled when it was to be finished.

The outbox is a precaution: nothing that goes wrong with it raises anything, or keeps a launch from being finished. It
is logged, and told in the report.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from rp_finalizer.entries import EntryState, OwedLaunch, Priority
from rp_finalizer.errors import EntryStateError, LeaseLostError, OutboxError, UnknownEntryError
from rp_finalizer.outcome import ErrorKind, Outcome, Source, Step, StepResult
from rp_finalizer.report import StepRecord
from rp_finalizer.settling import Completed, GivenUp, Patience, PutOff, settle

if TYPE_CHECKING:
    from collections.abc import Callable

    from rp_finalizer.entries import Entry
    from rp_finalizer.finish import Finish
    from rp_finalizer.outbox_port import Outbox
    from rp_finalizer.ports import Clock
    from rp_finalizer.report import Failure, Report

_FINISHED = frozenset({Outcome.FINISHED, Outcome.ALREADY_FINISHED})
_UNFINISHED = frozenset({Outcome.ACCEPTED, Outcome.FAILED})
_OURS = frozenset({Source.CLIENT, Source.PLUGIN})
_LOST = (LeaseLostError, UnknownEntryError, EntryStateError)

logger = logging.getLogger(__name__)


class Hold(NamedTuple):
    """An entry that this run holds."""

    entry_id: str
    token: int


@dataclass(frozen=True, slots=True)
class Terms:
    """How a run's entries are kept. Times are seconds."""

    holder: str
    """Who holds them, as other processes see it."""
    lease: float = 60.0
    priority: Priority = Priority.NORMAL
    patience: Patience = field(default_factory=Patience)
    keep_done: float = 7 * 86400.0
    """How long finished entries are kept."""
    drain: str = "rp-finalize drain"
    """The command that works off the outbox."""
    advice: str = ""
    """What is said where an entry is left behind, because of where the outbox lies."""


class Keeping:
    """Keeps the launches of one run in an outbox. Safe to use from several threads."""

    def __init__(
        self, outbox: Outbox, endpoint: str, project: str, terms: Terms, clock: Clock, chance: Callable[[], float]
    ) -> None:
        self._outbox = outbox
        self._endpoint = endpoint
        self._project = project
        self._terms = terms
        self._clock = clock
        self._chance = chance
        self._lock = threading.Lock()
        self._started: dict[str, Hold | None] = {}
        """By uuid: launches that are to be finished, and what is held of them; None where that could not be written."""

    def launch(self, uuid: str) -> OwedLaunch:
        """Describe a launch of this run to whoever may have to finish it."""
        return OwedLaunch(self._endpoint, self._project, uuid)

    def started(self, uuid: str) -> Hold | None:
        """Write down a launch that has begun; None where that is not possible."""
        with self._lock:
            self._started[uuid] = None
            return self._open(uuid)

    def finished(self, uuid: str) -> bool:
        """Tell whether the outbox knows a launch as finished."""
        try:
            entry = self._entry(uuid)
        except OutboxError as error:
            logger.warning("launch %s: %s", uuid, error)
            return False
        return entry is not None and entry.state is EntryState.DONE

    def let_go(self) -> None:
        """Leave to others what was begun here and not finished, such as the launch before a client's last one."""
        with self._lock:
            started, self._started = self._started, {}
            for uuid, hold in started.items():
                try:
                    if hold is not None:
                        self._outbox.put_off(hold.entry_id, hold.token, None, 0.0)
                except (OutboxError, *_LOST) as error:
                    logger.warning("launch %s: %s", uuid, error)

    def renew(self) -> None:
        """Hold on to what is held, and write down what could not be written before."""
        with self._lock:
            for uuid, hold in self._started.items():
                try:
                    if hold is None:
                        self._open(uuid)
                    else:
                        self._outbox.renew(hold.entry_id, hold.token, self._terms.lease)
                except _LOST as error:
                    # Somebody took this run for dead: what that one did is seen at the end.
                    logger.warning("%s", error)
                except OutboxError as error:
                    logger.warning("%s", error)

    def settle(self, report: Report, finish: Finish) -> Report:
        """Complete the launch's entry, or leave it to those who come later; give the report with what that came to."""
        launch = report.launch
        if launch is None or launch.uuid is None or report.outcome not in _FINISHED | _UNFINISHED:
            return report
        begun = monotonic()
        with self._lock:
            hold = self._started.pop(launch.uuid, None)
            try:
                settled = self._settle(report, launch.uuid, hold, finish)
            except (OutboxError, *_LOST) as error:
                logger.warning("launch %s: %s", launch.uuid, error)
                settled = _not_kept(report, str(error))
        if settled is report:
            return report
        record = settled.step(Step.DEFER)
        return settled.with_step(replace(record, seconds=monotonic() - begun, attempts=1))

    def _open(self, uuid: str) -> Hold | None:
        terms = self._terms
        try:
            entry = self._outbox.open(self.launch(uuid), terms.holder, terms.lease, priority=terms.priority)
        except OutboxError as error:
            logger.warning("launch %s is not kept for the case that this process dies: %s", uuid, error)
            return None
        hold = self._started[uuid] = Hold(entry.entry_id, entry.lease_token)
        return hold

    def _settle(self, report: Report, uuid: str, hold: Hold | None, finish: Finish) -> Report:
        entry = self._entry(uuid)
        if report.outcome in _FINISHED:
            return report if entry is None else self._complete(report, entry, hold)
        if entry is None and not _worth_keeping(report):
            return report
        launch = replace(
            self.launch(uuid),
            end_ms=finish.end_ms,
            status=finish.status,
            description=finish.description,
            attributes=finish.attributes,
        )
        entry = self._taken(entry, hold, launch)
        held = (entry.entry_id, entry.lease_token)
        match settle(entry, report, self._terms.patience, self._clock.epoch(), self._chance()):
            case PutOff(wait, spent, error):
                self._outbox.put_off(*held, error, wait, spent=spent, launch=launch)
                return self._deferred(report, entry)
            case GivenUp(reason, error):
                self._outbox.give_up(*held, error, reason, launch=launch)
                return _kept(report, entry, f"a dead letter in {self._outbox.name}")
            case Completed():
                raise AssertionError  # only of what is finished

    def _complete(self, report: Report, entry: Entry, hold: Hold | None) -> Report:
        """Put the entry away; what others finished before us stays as they told it, while the server agrees."""
        if entry.state is EntryState.DONE:
            agreed = report.outcome is Outcome.ALREADY_FINISHED and entry.report and _alike(entry.report, report)
            return replace(entry.report if agreed and entry.report else report, entry=entry.entry_id)
        entry = self._taken(entry, hold, entry.launch)
        done = _kept(report, entry, f"completed in {self._outbox.name}")
        self._outbox.complete(entry.entry_id, entry.lease_token, done)
        self._outbox.prune(self._terms.keep_done)
        return done

    def _entry(self, uuid: str) -> Entry | None:
        if not self._outbox.used:
            return None
        key = self.launch(uuid).key
        return next((each for each in self._outbox.find(uuid) if each.launch.key == key), None)

    def _taken(self, entry: Entry | None, hold: Hold | None, launch: OwedLaunch) -> Entry:
        """Hold the entry: it may be another's by now, who took this run for dead, or not be there yet."""
        if entry is not None and hold == (entry.entry_id, entry.lease_token) and entry.state.held:
            return entry
        return self._outbox.open(launch, self._terms.holder, self._terms.lease, priority=self._terms.priority)

    def _deferred(self, report: Report, entry: Entry) -> Report:
        kept = _kept(report, entry, f"kept in {self._outbox.name}")
        accepted = report.outcome is Outcome.ACCEPTED
        error = kept.error
        if error is not None:
            later = (
                f"kept in the outbox: a later run finishes it, or, when ReportPortal answers again: {self._terms.drain}"
            )
            told = (error.hint if accepted else "", later, self._terms.advice)
            error = replace(error, hint="; ".join(each for each in told if each))
        outcome = Outcome.ACCEPTED if accepted else Outcome.DEFERRED
        return replace(kept, outcome=outcome, error=error)


def _alike(one: Report, other: Report) -> bool:
    """Tell whether two reports show a launch in the same state."""
    return one.launch is not None and other.launch is not None and one.launch.status is other.launch.status


def _worth_keeping(report: Report) -> bool:
    """Tell whether a launch that is in no outbox belongs there: not one that only a typing error may name."""
    error = report.error
    if error is None or error.kind is not ErrorKind.UNKNOWN_LAUNCH:
        return error is None or error.kind is not ErrorKind.SETTINGS
    return report.launch is not None and report.launch.source in _OURS


def _kept(report: Report, entry: Entry, how: str) -> Report:
    record = StepRecord(Step.DEFER, StepResult.OK, detail=how)
    return replace(report.with_step(record), entry=entry.entry_id)


def _not_kept(report: Report, problem: str) -> Report:
    told = report.with_step(StepRecord(Step.DEFER, StepResult.FAILED, detail=problem))
    error: Failure | None = told.error
    if error is None:
        return told
    return replace(told, error=replace(error, message=f"{error.message}; nor can it be kept for later: {problem}"))
