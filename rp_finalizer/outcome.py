"""How a finalization ended: the one typed answer, and the words its record is made of."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What became of the launch."""

    FINISHED = "finished"
    """We finished it, and read it back in a final status with the end time that we sent."""
    ALREADY_FINISHED = "already-finished"
    """It was final before; the report holds its status, INTERRUPTED by the server included."""
    NOT_OWNED = "not-owned"
    """Not ours to finish; flushed and left open."""
    ACCEPTED = "accepted"
    """The server took the finish but did not show it in time."""
    DEFERRED = "deferred"
    """Could not be finished now; kept to be tried again."""
    NOT_STARTED = "not-started"
    """There is no launch to finish."""
    FAILED = "failed"
    """The server refuses, the launch is unknown to it, or there is nowhere to keep it."""

    @property
    def good(self) -> bool:
        """Tell whether nothing is owed: `strict` demands one of these."""
        return self in {Outcome.FINISHED, Outcome.ALREADY_FINISHED, Outcome.NOT_OWNED, Outcome.NOT_STARTED}


class Step(StrEnum):
    """A step of the sequence; a report names all of them, once, in this order."""

    RESOLVE = "resolve"
    FLUSH = "flush"
    FINISH = "finish"
    CONFIRM = "confirm"
    FALLBACK = "fallback"
    DEFER = "defer"
    TERMINATE = "terminate"


class StepResult(StrEnum):
    """How a step ended."""

    OK = "ok"
    SKIPPED = "skipped"
    FAILED = "failed"
    TIMED_OUT = "timed-out"


class ErrorKind(StrEnum):
    """Why a launch is not finished; what a program decides by, where a person reads the message."""

    UNAVAILABLE = "unavailable"
    """No answer, or none that ReportPortal itself gave: refused, reset, 5xx, a gateway's page. Passes."""
    REJECTED = "rejected"
    """ReportPortal understood and refuses. Stays."""
    UNAUTHORIZED = "unauthorized"
    """The key is unknown."""
    FORBIDDEN = "forbidden"
    """The key's user may not finish this launch."""
    UNKNOWN_LAUNCH = "unknown-launch"
    UNKNOWN_PROJECT = "unknown-project"
    TIMEOUT = "timeout"
    """The budget ended first."""
    SETTINGS = "settings"
    """Something needed is not set, or is set wrong."""
    OUTBOX = "outbox"
    """The launch could not be kept for later."""

    @property
    def permanent(self) -> bool:
        """Tell whether trying again is of no use until somebody changes something.

        An unknown launch is not permanent: over v2 its start may still wait in the server's queue.
        """
        return self in {
            ErrorKind.REJECTED,
            ErrorKind.UNAUTHORIZED,
            ErrorKind.FORBIDDEN,
            ErrorKind.UNKNOWN_PROJECT,
            ErrorKind.SETTINGS,
        }


class Source(StrEnum):
    """Where a launch id can come from, first wins."""

    ARGUMENT = "argument"
    CLIENT = "client"
    PLUGIN = "plugin"
    ENVIRONMENT = "environment"
    LAUNCH_FILE = "launch-file"
    AGENT_FILE = "agent-file"
    LOG = "log"
    OUTBOX = "outbox"
    SERVER = "server"


class Verdict(StrEnum):
    """What became of one candidate for the launch id."""

    TAKEN = "taken"
    REFUSED = "refused"
    """It names no launch: neither a uuid nor a positive number."""
    UNKNOWN = "unknown"
    """The server does not know it, or not in this project."""
    CONFLICT = "conflict"
    """It names another launch than the one taken."""
    NOT_TRIED = "not-tried"
    """An earlier source was enough, or it names the same launch."""
