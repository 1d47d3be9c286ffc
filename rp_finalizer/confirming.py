"""What the readings of a launch say about the finish that was sent: decisions, without doing anything.

A v2 finish is answered before it is worked off, and its failures are silent: only the launch itself tells. What is read
moves through these rules; the finalizer acts on what they say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from math import inf
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rp_finalizer.launch import Launch


class Move(Enum):
    """What to do next."""

    LOOK_AGAIN = auto()
    """Nothing is decided yet."""
    CLAIM = auto()
    """It is final with an end time of ours: we finished it."""
    YIELD = auto()
    """It is final with another end time: somebody else did."""
    SEND_LATER_END = auto()
    """It started after the end time we sent, which the server refuses (40021), over v2 silently: send start + 1 ms."""
    COUNT_OPEN_ITEMS = auto()
    """It has stood still for long enough to ask whether anything in it is still open."""
    PASS_THE_QUEUE = auto()
    """Nothing in it is open and nothing moves: the queued finish is lost, and v1 does no harm.

    Or something is open, and nothing has moved for so long that nobody is there any more who would end it.
    """
    SEND_AGAIN = auto()
    """It was still final from before when our finish was refused for that, and is open now."""
    GONE = auto()
    """It was there and is not any more: deleted."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Everything seen of one launch since its finish was sent. Times are monotonic seconds."""

    sent_ends: frozenset[int]
    """The end times of the finishes that were sent, in milliseconds."""
    stable_for: float
    """Seconds a launch must stand still before v1 may pass the queue; a queue that merely lags is left alone."""
    close_open_after: float = inf
    """The same for a launch with open items, which v1 closes as interrupted. Never, where its run may yet be alive."""
    launch: Launch | None = None
    still_since: float = 0.0
    """When the present state was seen first."""
    seen_at: float = 0.0
    """When it was seen last: what happened since then is not known."""
    open_items: int | None = None
    """As counted in the present state; None before."""
    earlier_ends: frozenset[int] = frozenset()
    """The end times of an earlier try of ours, whose outcome was not final."""
    disbelieve_until: float = 0.0
    """Until when another's end proves nothing: a rerun takes up a launch that is final until its start is applied."""
    too_soon: bool = False
    """Whether a finish was refused because the launch was final, when that proved nothing."""
    unknown: bool = False
    """Whether the server said, at the last reading that told anything, that it does not know the launch."""

    def saw(self, launch: Launch | None, now: float) -> Self:
        """Add a reading: the launch, or None when the server does not know it."""
        if launch is None:
            return replace(self, unknown=True)
        if self.launch is not None and launch.unchanged_since(self.launch):
            return replace(self, launch=launch, seen_at=now, unknown=False)
        return replace(self, launch=launch, still_since=now, seen_at=now, open_items=None, unknown=False)

    def counted(self, open_items: int) -> Self:
        """Add how many items are open."""
        return replace(self, open_items=open_items)

    def sending(self, end_ms: int) -> Self:
        """Add a finish that is sent."""
        return replace(self, sent_ends=self.sent_ends | {end_ms}, too_soon=False)

    def refused_as_final(self, now: float) -> Self:
        """Add that a finish, or a stop, found the launch final."""
        return replace(self, too_soon=now < self.disbelieve_until)

    def at_last(self, now: float) -> Move:
        """Decide when there is no time for another reading: whose doubt is over now is believed."""
        doubting = now < self.disbelieve_until
        return replace(self, disbelieve_until=self.disbelieve_until if doubting else 0.0).next_move()

    def next_move(self) -> Move:
        """Decide. Every state has exactly one answer."""
        if self.launch is None:
            # Over v2 an unknown launch is one whose start still waits in the queue.
            return Move.LOOK_AGAIN
        if self.unknown:
            return Move.GONE
        if self.launch.status.final:
            return self._move_when_final(self.launch)
        if self.too_soon:
            return Move.SEND_AGAIN
        if self.launch.start_ms >= max(self.sent_ends):
            # Also within one millisecond: the server compares microseconds, and we read no finer than this.
            return Move.SEND_LATER_END
        if self.seen_at - self.still_since < self.stable_for:
            return Move.LOOK_AGAIN
        if self.open_items is None:
            return Move.COUNT_OPEN_ITEMS
        return Move.PASS_THE_QUEUE if self.open_items == 0 or not self.patience else Move.LOOK_AGAIN

    @property
    def patience(self) -> float:
        """Give the seconds that a launch with open items has yet to stand still before v1 may close these."""
        return max(0.0, self.close_open_after - (self.seen_at - self.still_since))

    def _move_when_final(self, launch: Launch) -> Move:
        if launch.end_ms in self.sent_ends | self.earlier_ends:
            return Move.CLAIM
        return Move.LOOK_AGAIN if self.seen_at < self.disbelieve_until else Move.YIELD
