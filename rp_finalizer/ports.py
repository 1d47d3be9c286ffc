"""What the use cases need from the world. The docstrings are the contract that every adapter keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from rp_finalizer.report import NOTHING, Count

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable
    from threading import Event

    from rp_finalizer.answer import Answer, Attempted, LaunchQuery
    from rp_finalizer.deadline import Deadline
    from rp_finalizer.finish import Finish
    from rp_finalizer.outcome import Source
    from rp_finalizer.report import Considered


@dataclass(frozen=True, slots=True)
class Pending:
    """What a client still holds: None for what cannot be known."""

    requests: int | None = None
    logs: int | None = None

    @property
    def nothing(self) -> bool:
        """Tell whether it is known that nothing is held."""
        return self.requests == 0 and self.logs == 0


@dataclass(frozen=True, slots=True)
class Flushed:
    """What a flush did."""

    delivered: Count = NOTHING
    abandoned: Count = NOTHING
    attempts: int = 1
    problem: str | None = None
    """Why something was abandoned; None when everything was delivered."""
    timed_out: bool = False
    told_before: int = 0
    """Logs that an earlier flush told as abandoned, which this one has taken up again: it counts them anew."""


@dataclass(frozen=True, slots=True)
class Starts:
    """How often a client has started a launch, as far as that is seen."""

    number: int = 0
    rerun: bool = False
    """Whether the last start took up a launch that there was."""


class Clock(Protocol):
    """Time, from outside."""

    def monotonic(self) -> float:
        """Give seconds that never go back; what deadlines are made of."""
        ...

    def epoch(self) -> float:
        """Give seconds since the epoch; what the server is told."""
        ...

    def wait(self, seconds: float, wakes: Event) -> bool:
        """Wait for so long, or until the event is set; tell whether it is set."""
        ...


class LaunchApi(Protocol):
    """The server's calls about launches. One request each, never repeated, never beyond the deadline.

    No method raises for what the server or the network does: that is what `Answer` tells.
    """

    def launch_by_uuid(self, uuid: str, deadline: Deadline) -> Answer:
        """Read a launch by its uuid."""
        ...

    def launch_by_id(self, launch_id: int, deadline: Deadline) -> Answer:
        """Read a launch by its number."""
        ...

    def finish_queued(self, uuid: str, finish: Finish, deadline: Deadline) -> Answer:
        """Put a finish into the launch's queue (v2); OK says nothing of the launch."""
        ...

    def finish_now(self, uuid: str, finish: Finish, deadline: Deadline) -> Answer:
        """Finish past the queue (v1); OK means done, and open items closed as interrupted."""
        ...

    def stop(self, launch_id: int, finish: Finish, deadline: Deadline) -> Answer:
        """Force the launch to an end, by its number."""
        ...

    def items_in_progress(self, launch_id: int, deadline: Deadline) -> Answer:
        """Count the items that are not finished."""
        ...

    def open_launches(self, query: LaunchQuery, deadline: Deadline, *, debug: bool, page: int) -> Answer:
        """List one page (1 is the first) of launches in progress, newest first; those in debug mode are apart."""
        ...

    def close(self) -> None:
        """Let go of idle connections; a later call opens new ones."""
        ...


class Retry(Protocol):
    """Tries a call until its answer is clear."""

    def __call__(
        self, attempt: Callable[[], Answer], deadline: Deadline, again: Callable[[Answer], bool] = ...
    ) -> Attempted:
        """Call once more, with growing waits, while `again` says so of the answer, never past the deadline.

        By default that is while it is `UNAVAILABLE`. A `retry_after` is honoured; where it would pass the
        deadline, it ends the trying.
        """
        ...


class ReportingClient(Protocol):
    """The client that reported the launch, behind a shim of its kind."""

    @property
    def owns_launch(self) -> bool:
        """Tell whether the client opened the launch, rather than being handed it."""
        ...

    @property
    def awaited(self) -> bool:
        """Tell whether the test run awaits this client's calls, so that no thread that runs a loop may wait for it."""
        ...

    def attach(self, loop: AbstractEventLoop) -> None:
        """Take note of the loop that an awaited client's connections belong to."""
        ...

    def launch(self, deadline: Deadline) -> str | None:
        """Give the launch's uuid or number as the client knows it; None when it has none yet."""
        ...

    def pending(self) -> Pending:
        """Tell what is held back, without waiting."""
        ...

    def flush(self, deadline: Deadline) -> Flushed:
        """Deliver what is held back; the client stays usable. Never raises for the server's troubles."""
        ...

    def refused(self) -> Count:
        """Count what the client and its clones sent in vain since the shim was made; what we send is not counted.

        Requests about launches and items that ended in an error, and the log entries that were refused or lost.
        """
        ...

    def add_refused(self, count: Count) -> None:
        """Add what a copy of the client in another process sent in vain."""
        ...

    def last_refusal(self) -> str | None:
        """Say how the client's last request failed that did; None where none did, or that is not seen."""
        ...

    def on_start(self, tell: Callable[[str], None]) -> None:
        """Have a function called with the uuid of every launch that the client starts, as far as its calls are seen.

        It is called within the client's own call, which it may not keep waiting.
        """
        ...

    def starts(self, launch: str) -> Starts | None:
        """Tell how often the client has started this launch since the shim was made; None where that is not seen."""
        ...

    def finish(self, finish: Finish, deadline: Deadline) -> str | None:
        """Call the client's own finish, where there is no other way; give what went wrong, or None."""
        ...

    def answered(self) -> Any:
        """Give what the client's own finish gives its caller once it is done, for a finish that we took over."""
        ...

    def terminate(self, deadline: Deadline) -> str | None:
        """Close the client; give what went wrong, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text that may name the launch."""

    source: Source
    value: str
    origin: str
    """Where exactly it was found, for messages: a variable's name, a file's path."""
    problem: str | None = None
    """Why its source could not be read, in place of a name; it is told, and taken by nobody."""
    ambiguous: bool = False
    """Whether its source names others that fit as well, so that none of them may be taken."""


class SourceRefusedError(Exception):
    """A source asked the server, and this is its answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self.answer = answer


class LaunchSource(Protocol):
    """A place where a launch id can be found."""

    def candidates(self, deadline: Deadline) -> list[Candidate]:
        """Give what is found there, best first; an empty list when there is nothing.

        Raises `SourceRefusedError` where the server was asked and does not say.
        """
        ...


class LastResort(LaunchSource, Protocol):
    """A source that is asked only while nothing before it names a launch."""

    @property
    def requested(self) -> Considered | None:
        """Say what somebody asked for by it, to be told where it is not looked at; None where nobody did."""
        ...
