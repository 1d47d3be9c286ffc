"""Stand-ins for the ports: a clock that tests turn, a server that answers by a script, a client, a place to look.

They keep the contracts of `rp_finalizer.ports`: no call raises for the server's troubles, none outlasts its deadline.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rp_finalizer.answer import Answer, Meaning
from rp_finalizer.finish import Finish
from rp_finalizer.launch import Launch, LaunchStatus
from rp_finalizer.ports import Candidate, Flushed, Pending, SourceRefusedError, Starts
from rp_finalizer.report import NOTHING, Count

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from threading import Event

    from rp_finalizer.answer import LaunchQuery
    from rp_finalizer.deadline import Deadline
    from rp_finalizer.outcome import Source
    from rp_finalizer.report import Considered

UUID = "0a7e2f4c-5b1d-4c8e-9f36-1d2b3a4c5e6f"
OTHER_UUID = "9c1f0e2d-7a6b-4d5c-8e3f-2b1a0c9d8e7f"
LAUNCH_ID = 42
START_MS = 1_700_000_000_000
END_MS = START_MS + 60_000
"""The end time that tests send, a minute after the start."""
FINISH = Finish(END_MS)

LAUNCH = Launch(
    uuid=UUID,
    id=LAUNCH_ID,
    name="smoke",
    number=7,
    status=LaunchStatus.IN_PROGRESS,
    start_ms=START_MS,
    last_modified_ms=START_MS,
    statistics={"executions.total": 3},
)
"""A launch that is still open; `replace` gives others."""


class ManualClock:
    """`Clock` that stands still: time passes by `advance`, and by whoever waits."""

    def __init__(self, now: float = 1000.0, epoch: float = END_MS / 1000) -> None:
        self.now = now
        self.waits: list[float] = []
        """Every wait that was asked for, in seconds."""
        self._ahead = epoch - now
        self._due: list[tuple[float, Callable[[], object]]] = []

    def monotonic(self) -> float:
        return self.now

    def epoch(self) -> float:
        return self.now + self._ahead

    def advance(self, seconds: float) -> None:
        self.now += seconds

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Do something when somebody has waited until then."""
        self._due.append((self.now + seconds, action))

    def wait(self, seconds: float, wakes: Event) -> bool:
        assert seconds >= 0
        self.waits.append(seconds)
        assert len(self.waits) < 1000, "somebody waits again and again, and time does not pass"
        until = self.now + seconds
        for due in sorted(self._due, key=lambda due: due[0]):
            if due[0] <= until and not wakes.is_set():
                self._due.remove(due)
                self.now = max(self.now, due[0])
                due[1]()
        if not wakes.is_set():
            self.now = max(self.now, until)
        return wakes.is_set()


Scripted = Answer | Callable[[], Answer]
"""An answer, or what gives one when it is asked for."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call that the server got."""

    name: str
    launch: str | int
    at: float
    answer: Answer
    finish: Finish | None = None


@dataclass(slots=True)
class FakeApi:
    """`LaunchApi` that answers every kind of call by a script, whose last answer stays.

    Every call takes `latency` seconds of the clock. One whose deadline is over is not made; a hanging one (see `hang`)
    lasts until its deadline.
    """

    clock: ManualClock
    latency: float = 0.01
    calls: list[Call] = field(default_factory=list)
    closed: int = 0
    _scripts: dict[str, list[Scripted]] = field(default_factory=dict)

    def script(self, **answers: Scripted | list[Scripted]) -> FakeApi:
        """Set what the named calls answer, in this order, the last one for ever."""
        for name, given in answers.items():
            self._scripts[name] = list(given) if isinstance(given, list) else [given]
        return self

    @property
    def names(self) -> list[str]:
        """Give the names of the calls in the order in which they came."""
        return [call.name for call in self.calls]

    @property
    def finishes(self) -> list[Finish]:
        """Give what the server was told of the launch's end, over whichever way."""
        return [call.finish for call in self.calls if call.finish is not None]

    def launch_by_uuid(self, uuid: str, deadline: Deadline) -> Answer:
        return self._answer("launch_by_uuid", uuid, deadline)

    def launch_by_id(self, launch_id: int, deadline: Deadline) -> Answer:
        return self._answer("launch_by_id", launch_id, deadline)

    def finish_queued(self, uuid: str, finish: Finish, deadline: Deadline) -> Answer:
        return self._answer("finish_queued", uuid, deadline, finish)

    def finish_now(self, uuid: str, finish: Finish, deadline: Deadline) -> Answer:
        return self._answer("finish_now", uuid, deadline, finish)

    def stop(self, launch_id: int, finish: Finish, deadline: Deadline) -> Answer:
        return self._answer("stop", launch_id, deadline, finish)

    def items_in_progress(self, launch_id: int, deadline: Deadline) -> Answer:
        return self._answer("items_in_progress", launch_id, deadline)

    def open_launches(self, query: LaunchQuery, deadline: Deadline, *, debug: bool, page: int) -> Answer:
        return self._answer("open_launches", f"{query.name} {debug} {page}", deadline)

    def close(self) -> None:
        self.closed += 1

    def _answer(self, name: str, launch: str | int, deadline: Deadline, finish: Finish | None = None) -> Answer:
        left = deadline.remaining(self.clock.now)
        if not left:
            return Answer(Meaning.UNAVAILABLE, message="no time left", sent=False, timed_out=True)
        script = self._scripts.get(name)
        assert script, f"the script foresees no {name}"
        scripted = script.pop(0) if len(script) > 1 else script[0]
        answer = scripted() if callable(scripted) else scripted
        self.calls.append(Call(name, launch, self.clock.now, answer, finish))
        hanging = answer.timed_out and answer.sent
        self.clock.advance(left if hanging else min(self.latency, left))
        return answer


def seen(launch: Launch = LAUNCH, **changes: Any) -> Answer:
    """Give the answer of a read that finds the launch, changed so."""
    return Answer(Meaning.OK, launch=replace(launch, **changes), status=200)


def seen_final(status: LaunchStatus = LaunchStatus.PASSED, end_ms: int = END_MS) -> Answer:
    """Give the answer of a read that finds the launch finished."""
    return seen(status=status, end_ms=end_ms)


def counted(items: int) -> Answer:
    """Give the answer of a list."""
    return Answer(Meaning.OK, count=items, status=200)


def refused(meaning: Meaning, status: int, code: int | None = None, message: str = "no") -> Answer:
    """Give the answer of a server that understood and will not."""
    return Answer(meaning, status=status, code=code, message=f"{status}: {message}")


def unavailable(status: int | None = 503, **fields: Any) -> Answer:
    """Give an answer that says nothing, or the lack of one."""
    return Answer(Meaning.UNAVAILABLE, status=status, message=f"{status or 'no answer'}", **fields)


TAKEN = Answer(Meaning.OK, status=200)
"""A finish was done, or went into the queue."""
OPEN = seen()
UNKNOWN = refused(Meaning.UNKNOWN_LAUNCH, 404, 4041, "Launch not found")
LOST = unavailable(None)
"""The answer was lost on its way: the request may have been worked."""
NOT_SENT = unavailable(None, sent=False)
"""The connection was refused."""
HANG = unavailable(None, timed_out=True)
"""Accepted and never answered: lasts as long as the caller's deadline lets it."""
OWN_ERROR = unavailable(500, code=5000)
"""ReportPortal's own 500, its broker being down, say."""


@dataclass(slots=True)
class FakeClient:
    """`ReportingClient` that reported one launch."""

    clock: ManualClock
    uuid: str | None = UUID
    owns_launch: bool = True
    awaited: bool = False
    flushed: Flushed = field(default_factory=Flushed)
    held: Pending = field(default_factory=lambda: Pending(0, 0))
    problem: str | None = None
    """What goes wrong when the client itself finishes or closes."""
    flush_takes: float = 0.0
    done: list[str] = field(default_factory=list)
    """What was asked of it, in order."""
    finishes: list[Finish] = field(default_factory=list)
    flush_until: Deadline | None = None
    in_vain: Count = NOTHING
    """What it tells as refused."""
    started: Starts | None = None
    """What it tells of its starts."""

    def attach(self, loop: AbstractEventLoop) -> None:
        pass

    def launch(self, deadline: Deadline) -> str | None:  # noqa: ARG002  it knows at once
        return self.uuid

    def pending(self) -> Pending:
        return self.held

    def flush(self, deadline: Deadline) -> Flushed:
        self.done.append("flush")
        self.flush_until = deadline
        self.clock.advance(min(self.flush_takes, deadline.remaining(self.clock.now)))
        return self.flushed

    def refused(self) -> Count:
        return self.in_vain

    def add_refused(self, count: Count) -> None:
        self.in_vain = count

    def last_refusal(self) -> str | None:
        return None

    def on_start(self, tell: Callable[[str], None]) -> None:
        pass

    def starts(self, launch: str) -> Starts | None:  # noqa: ARG002  it knows one
        return self.started

    def finish(self, finish: Finish, deadline: Deadline) -> str | None:  # noqa: ARG002  it answers at once
        self.done.append("finish")
        self.finishes.append(finish)
        return self.problem

    def answered(self) -> None:
        return None

    def terminate(self, deadline: Deadline) -> str | None:  # noqa: ARG002  it answers at once
        self.done.append("terminate")
        return self.problem


@dataclass(slots=True)
class FakeSource:
    """`LaunchSource` that knows these texts."""

    source: Source
    values: tuple[str, ...]
    ambiguous: bool = False
    problem: str | None = None
    refusal: Answer | None = None
    """The server's answer that keeps it from knowing any."""
    asked: int = 0
    requested: Considered | None = None

    def candidates(self, deadline: Deadline) -> list[Candidate]:  # noqa: ARG002  it knows at once
        self.asked += 1
        if self.refusal is not None:
            raise SourceRefusedError(self.refusal)
        return [
            Candidate(self.source, value, f"the {self.source}", problem=self.problem, ambiguous=self.ambiguous)
            for value in self.values
        ]
