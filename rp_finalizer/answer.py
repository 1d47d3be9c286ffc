"""What the server is asked, and what its answers say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rp_finalizer.launch import Launch


class Meaning(Enum):
    """What an answer of the server says, whatever its status and body."""

    OK = auto()
    """Done, or taken into the queue, and said so in JSON."""
    ALREADY_FINISHED = auto()
    """406/40023: the launch was final before this call. Who finished it is for a read to tell."""
    TOO_EARLY = auto()
    """406/40021: our end time lies before the launch's start time."""
    UNKNOWN_LAUNCH = auto()
    """404/4041: not there, not there yet, or another kind of id was meant."""
    UNKNOWN_PROJECT = auto()
    """404/4040."""
    UNAUTHORIZED = auto()
    FORBIDDEN = auto()
    REJECTED = auto()
    """Understood by ReportPortal, and refused for good."""
    UNAVAILABLE = auto()
    """No answer, or none of ReportPortal's own making; or its own request to come back later."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the server, read."""

    meaning: Meaning
    launch: Launch | None = None
    """The launch, where the call reads one and it was there."""
    count: int | None = None
    """How many there are in all, where the call lists things."""
    launches: tuple[Launch, ...] = ()
    """One page of launches, where the call lists them."""
    status: int | None = None
    """HTTP status; None where no answer came."""
    code: int | None = None
    """ReportPortal's `errorCode`."""
    message: str = ""
    """What went wrong, for people; no secret in it."""
    retry_after: float | None = None
    """Seconds to wait, where the server named them."""
    sent: bool = True
    """Whether the request may have reached the server: if so, a lost answer may hide a success."""
    timed_out: bool = False
    """Whether it was the time that ran out."""
    hint: str | None = None
    """What to do about it, where the answer itself tells more than its meaning."""
    failures: int = 0
    """How many members of a batch were refused although the batch was taken."""

    @property
    def ok(self) -> bool:
        """Tell whether the call did what it was to do."""
        return self.meaning is Meaning.OK

    @property
    def unavailable(self) -> bool:
        """Tell whether the same call may get another answer a little later."""
        return self.meaning is Meaning.UNAVAILABLE


@dataclass(frozen=True, slots=True)
class LaunchQuery:
    """Which launches in progress are looked for; what is None or empty does not narrow it."""

    name: str | None = None
    attributes: tuple[tuple[str | None, str], ...] = ()
    """Key and value; all of them must be there."""
    started_before_ms: int | None = None
    owner: str | None = None
    """The login of the user who started them."""


@dataclass(frozen=True, slots=True)
class Attempted:
    """The last answer of a call that was tried once or more."""

    answer: Answer
    attempts: int
    seconds: float
    gave_up: str | None = None
    """Why there was no further attempt although one might have helped; None after a clear answer."""
    telling: Answer | None = None
    """The answer before the last, where the last try was cut off too soon to say anything of the server."""
