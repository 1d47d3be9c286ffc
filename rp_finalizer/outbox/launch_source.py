"""The outbox as a place that names the launch to be finished."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rp_finalizer.errors import OutboxError
from rp_finalizer.holders import alive
from rp_finalizer.outcome import Source
from rp_finalizer.ports import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rp_finalizer.deadline import Deadline
    from rp_finalizer.entries import Entry
    from rp_finalizer.outbox_port import Outbox
    from rp_finalizer.report import Considered

_PAGE = 100


class OutboxSource:
    """Names the launches of one project that are owed, and that nobody alive is about to finish.

    With `since`, in seconds since the epoch, it names those instead that were written down from then on, whatever
    became of them.
    """

    requested: Considered | None = None

    def __init__(self, outbox: Outbox, endpoint: str, project: str, since: float | None = None) -> None:
        self._outbox = outbox
        self._belongs = (endpoint, project)
        self._since = since

    def candidates(self, deadline: Deadline) -> list[Candidate]:  # noqa: ARG002  nobody is waited for
        """Give them; where there are several, each says that it is not the only one."""
        try:
            found = [
                Candidate(Source.OUTBOX, each.launch.uuid, f"entry {each.entry_id} of {self._outbox.name}")
                for each in self._entries()
                if (each.launch.endpoint, each.launch.project) == self._belongs and self._is_meant(each)
            ]
        except OutboxError as error:
            return [
                Candidate(Source.OUTBOX, "", f"outbox {self._outbox.name}", problem=f"{error.reason}; {error.mend}")
            ]
        return [replace(candidate, ambiguous=len(found) > 1) for candidate in found]

    def _entries(self) -> Iterator[Entry]:
        after = ""
        while self._outbox.used:
            page = self._outbox.entries(limit=_PAGE, after=after)
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1].entry_id

    def _is_meant(self, entry: Entry) -> bool:
        if self._since is not None:
            return entry.created_at >= self._since
        return entry.state.owed and not (entry.state.held and alive(entry.lease_owner or ""))
