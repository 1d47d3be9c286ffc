"""What the fault proxy can do to a connection. Every mode is a value; counts start anew when it is set."""

from __future__ import annotations

import re
from dataclasses import KW_ONLY, dataclass


@dataclass(frozen=True, slots=True)
class Mode:
    """Let everything pass. The base of all modes: which requests are met, and how many of them."""

    _: KW_ONLY
    matching: str | None = None
    """A regular expression looked for in a request's first line, as `^PUT .*/finish`; None meets every request."""
    times: int | None = None
    """How many requests are met (of `Refuse`: none; of a reset at once: connections); None sets no limit."""

    def matches(self, first_line: str) -> bool:
        return self.matching is None or re.search(self.matching, first_line) is not None


@dataclass(frozen=True, slots=True)
class Refuse(Mode):
    """Nobody listens: connections are refused, and those that there were are reset. Knows no `matching`."""


@dataclass(frozen=True, slots=True)
class Reset(Mode):
    """Reset the connection after `after` bytes of the request went upstream; 0 without `matching`: on accepting."""

    after: int = 0


@dataclass(frozen=True, slots=True)
class BlackHole(Mode):
    """Take the request and do nothing with it: upstream never sees it, the client gets no byte."""


@dataclass(frozen=True, slots=True)
class Delay(Mode):
    """Hold the request for some seconds before it goes upstream."""

    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class AnswerLost(Mode):
    """Forward the request; when upstream has done it, close the connection in place of the answer."""

    reset: bool = False
    """End with a reset, not with an orderly end of file."""


@dataclass(frozen=True, slots=True)
class Truncate(Mode):
    """Forward so many bytes of the answer, head included, then close."""

    after: int = 0


@dataclass(frozen=True, slots=True)
class Drip(Mode):
    """Send the answer byte by byte."""

    interval: float = 0.0
    """Seconds before each byte."""
    after: int = 0
    """How many bytes are sent at full speed first; more than the head's, and only the body drips."""
