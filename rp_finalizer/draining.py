"""Working an outbox off once: which entries that means, and a worker that sees each of them once."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rp_finalizer.entries import EntryState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rp_finalizer.entries import Entry
    from rp_finalizer.outbox_port import Outbox

_PAGE = 500
_OWED = tuple(state for state in EntryState if state.owed)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which entries are meant."""

    older_than: float = 0.0
    """Seconds since the entry was made."""
    limit: int | None = None
    """How many at most, the most urgent first."""


def all_entries(outbox: Outbox, *states: EntryState) -> Iterator[Entry]:
    """Give every entry in one of these states, page by page; without any, all that there are."""
    for state in states or (None,):
        after = ""
        while page := outbox.entries(state, limit=_PAGE, after=after):
            yield from page
            after = page[-1].entry_id


def owed_entries(outbox: Outbox) -> list[Entry]:
    """Give all entries whose launch still is to be finished, the most urgent first."""
    return sorted(all_entries(outbox, *_OWED), key=lambda entry: entry.urgency)


def choose(
    entries: Iterable[Entry], choice: Choice, now: float, alive: Callable[[str], bool | None]
) -> list[tuple[str, str | None]]:
    """Give the ids of those that can be worked on now, the most urgent first, each with the dead holder it had.

    That is what waits, due or not, and what nobody holds any more: the lease is over, or its holder is known to be
    dead. What a living run or worker holds is theirs; a run's also when its lease is over, for it may have been stopped
    for a while, as on a laptop that slept.
    """
    chosen: list[tuple[str, str | None]] = []
    for entry in sorted(entries, key=lambda each: each.urgency):
        if now - entry.created_at < choice.older_than or not entry.state.owed:
            continue
        owner = entry.lease_owner
        if entry.state is EntryState.OPEN and owner is not None and alive(owner):
            continue
        if not entry.state.held or entry.due(now):
            chosen.append((entry.entry_id, None))
        elif owner is not None and alive(owner) is False:
            chosen.append((entry.entry_id, owner))
    return chosen[: choice.limit]


class ChosenEntries:
    """An outbox of which a worker gets these entries only, each once; in all else it is the outbox itself.

    `settled` is called whenever one of them is done with, whatever became of it.
    """

    def __init__(self, outbox: Outbox, chosen: Iterable[tuple[str, str | None]], settled: Callable[[], None]) -> None:
        self._outbox = outbox
        self._left = deque(chosen)
        self._settled = settled

    def claim(self, owner: str, limit: int, lease: float) -> list[Entry]:
        """Take the next ones; what others were faster with is theirs."""
        taken: list[Entry] = []
        while self._left and len(taken) < limit:
            wanted = [self._left.popleft() for _ in range(min(limit - len(taken), len(self._left)))]
            had = self._outbox.take_all(wanted, owner, lease)
            for _ in range(len(wanted) - len(had)):
                self._settled()
            taken += had
        return taken

    def next_due(self) -> float | None:
        """Give 0 while there are any: each may be taken at once."""
        return 0.0 if self._left else None

    def overdue(self, limit: int = 100) -> list[Entry]:  # noqa: ARG002  the port's signature
        """Give nothing: what runs that live have let run out was left out when these were chosen."""
        return []

    def complete(self, *given: Any, **named: Any) -> None:
        """Put an entry away as finished."""
        self._outbox.complete(*given, **named)
        self._settled()

    def put_off(self, *given: Any, **named: Any) -> None:
        """Give an entry back; this worker does not see it again."""
        self._outbox.put_off(*given, **named)
        self._settled()

    def give_up(self, *given: Any, **named: Any) -> None:
        """Make an entry a dead letter."""
        self._outbox.give_up(*given, **named)
        self._settled()

    def __getattr__(self, name: str) -> Any:
        """Leave all else to the outbox."""
        return getattr(self._outbox, name)
