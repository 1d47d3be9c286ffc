"""The queue behind v2: one lane a launch, worked off in order (service-api, `reporting/async`).

The server answers a v2 call before it does what the call says. Messages of one launch are handled one after the other;
one that refers to something unknown is tried again later, behind the others; every other refusal parks it for good.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rp_finalizer.emulator.journal import CallKind
from rp_finalizer.emulator.refusals import RETRIED_BY_THE_QUEUE, Refusal
from rp_finalizer.emulator.server_version import STEPPED_RETRIES

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

QUEUED_KINDS = frozenset(
    {
        CallKind.START_LAUNCH_V2,
        CallKind.FINISH_LAUNCH_V2,
        CallKind.START_ITEM,
        CallKind.FINISH_ITEM,
        CallKind.LOG,
    }
)


@dataclass(slots=True)
class Message:
    """A call that was answered and is still to be done."""

    kind: CallKind
    launch_uuid: str
    work: Callable[[], object]
    """Does it; raises `Refusal`."""
    arrived: float
    attempts: int = 0
    has_file: bool = False


@dataclass(frozen=True, slots=True)
class ParkedMessage:
    """A message that the server gave up on. Nobody is told, and nobody looks."""

    kind: CallKind
    launch_uuid: str
    code: int
    message: str
    attempts: int


@dataclass(slots=True)
class _Lane:
    messages: deque[Message] = field(default_factory=deque)
    last_handled: float = 0.0
    fresh: bool = True


class ReportingQueue:
    """Hold v2 messages back, lose them, double them, and do them in order. Every setting may change at any time."""

    def __init__(
        self, changed: threading.Condition, wake: Callable[[], None], retry_waits: tuple[float, ...] = STEPPED_RETRIES
    ) -> None:
        self._changed = changed
        self._wake = wake
        self._retry_waits = retry_waits
        self._delay = 0.0
        self._first_delay = 0.0
        self._retry_factor = 1.0
        self._file_delay = 0.0
        self._paused = False
        self._lanes: dict[str, _Lane] = {}
        self._later: list[tuple[float, Message]] = []
        self._drops: dict[CallKind, int | None] = {}
        self._duplicates: dict[CallKind, int | None] = {}
        self._parked: list[ParkedMessage] = []
        self._dropped: list[tuple[CallKind, str]] = []

    @property
    def delay(self) -> float:
        """Seconds that every message takes, after the one before it in its launch. 0: done before the answer."""
        return self._delay

    @delay.setter
    def delay(self, seconds: float) -> None:
        with self._changed:
            self._delay = seconds
            self._wake()

    @property
    def first_delay(self) -> float:
        """Seconds that the first message of a launch takes on top: the launch does not exist for so long."""
        return self._first_delay

    @first_delay.setter
    def first_delay(self, seconds: float) -> None:
        with self._changed:
            self._first_delay = seconds
            self._wake()

    @property
    def retry_factor(self) -> float:
        """What the waits between attempts are multiplied by; 1 is the real server's pace, 18 minutes in all."""
        return self._retry_factor

    @retry_factor.setter
    def retry_factor(self, factor: float) -> None:
        with self._changed:
            self._retry_factor = factor
            self._wake()

    @property
    def file_delay(self) -> float:
        """Seconds that a log with a file comes to the queue later: the server stores the file before."""
        return self._file_delay

    @file_delay.setter
    def file_delay(self, seconds: float) -> None:
        with self._changed:
            self._file_delay = seconds

    @property
    def paused(self) -> bool:
        """Tell whether nothing is worked off at the moment."""
        return self._paused

    @property
    def parked(self) -> list[ParkedMessage]:
        """List the messages that were given up."""
        with self._changed:
            return list(self._parked)

    @property
    def dropped(self) -> list[tuple[CallKind, str]]:
        """List the messages that were lost on request: kind of call and launch uuid."""
        with self._changed:
            return list(self._dropped)

    def waiting(self, launch_uuid: str | None = None) -> int:
        """Count the messages still to be done, retries and late files included: of one launch, or of all."""
        with self._changed:
            lanes = self._lanes.values() if launch_uuid is None else [self._lanes.get(launch_uuid, _Lane())]
            retries = [message for _, message in self._later if launch_uuid in {None, message.launch_uuid}]
            return sum(len(lane.messages) for lane in lanes) + len(retries)

    def pause(self) -> None:
        """Work nothing off until `resume`."""
        with self._changed:
            self._paused = True

    def resume(self) -> None:
        """Go on working off."""
        with self._changed:
            self._paused = False
            self._wake()

    def hurry(self) -> None:
        """Take what waits to be tried again, and late files, into their launches' lanes now."""
        with self._changed:
            self._later = [(0.0, message) for _, message in self._later]
            self._wake()

    def drop(self, kind: str, times: int | None = None) -> None:
        """Lose the next messages of a kind: so many, or all from now on; 0 loses none any more."""
        with self._changed:
            self._drops[_queued(kind)] = times

    def duplicate(self, kind: str, times: int | None = None) -> None:
        """Do the next messages of a kind twice: so many, or all from now on; 0 doubles none any more."""
        with self._changed:
            self._duplicates[_queued(kind)] = times

    def publish(self, message: Message) -> None:
        """Take a message; without a delay, and with nothing before it, it is done at once."""
        if _use_up(self._drops, message.kind):
            self._dropped.append((message.kind, message.launch_uuid))
            return
        copies = 2 if _use_up(self._duplicates, message.kind) else 1
        if message.has_file and self._file_delay > 0:
            due = message.arrived + self._file_delay
            self._later.extend((due, message if number == 0 else _copy(message)) for number in range(copies))
            self._wake()
            return
        lane = self._lanes.setdefault(message.launch_uuid, _Lane())
        lane.messages.extend(message if number == 0 else _copy(message) for number in range(copies))
        if not self._paused:
            self._work_off(lane, message.arrived)
        if lane.messages or self._later:
            self._wake()

    def advance(self, now: float) -> float | None:
        """Do everything that is due; give the seconds until something more is, or None."""
        if self._paused:
            return None
        for due, message in [retry for retry in self._later if retry[0] <= now]:
            self._later.remove((due, message))
            message.arrived = due
            self._lanes.setdefault(message.launch_uuid, _Lane()).messages.append(message)
        for lane in list(self._lanes.values()):
            self._work_off(lane, now)
        dues = [due for due, _ in self._later]
        dues += [self._due(lane) for lane in self._lanes.values() if lane.messages]
        return max(0.0, min(dues) - now) if dues else None

    def _due(self, lane: _Lane) -> float:
        first = self._first_delay if lane.fresh else 0.0
        return max(lane.messages[0].arrived, lane.last_handled) + self._delay + first

    def _work_off(self, lane: _Lane, now: float) -> None:
        while lane.messages and (due := self._due(lane)) <= now:
            lane.last_handled = due
            lane.fresh = False
            self._handle(lane.messages.popleft(), now)

    def _handle(self, message: Message, now: float) -> None:
        try:
            message.work()
        except Refusal as refusal:
            self._settle_refused(message, refusal, now)
        finally:
            self._changed.notify_all()

    def _settle_refused(self, message: Message, refusal: Refusal, now: float) -> None:
        if refusal.error.code in RETRIED_BY_THE_QUEUE and message.attempts < len(self._retry_waits):
            wait = self._retry_waits[message.attempts] * self._retry_factor
            message.attempts += 1
            self._later.append((now + wait, message))
            return
        parked = ParkedMessage(message.kind, message.launch_uuid, refusal.error.code, refusal.message, message.attempts)
        self._parked.append(parked)


def _copy(message: Message) -> Message:
    return replace(message)


def _queued(kind: str) -> CallKind:
    found = CallKind(kind)
    if found not in QUEUED_KINDS:
        raise ValueError(f"{kind} calls are not queued; {', '.join(sorted(QUEUED_KINDS))} are")
    return found


def _use_up(rules: dict[CallKind, int | None], kind: CallKind) -> bool:
    left = rules.get(kind, 0)
    if left is not None and left > 0:
        rules[kind] = left - 1
    return left is None or left > 0
