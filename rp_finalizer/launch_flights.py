"""The launches of one finalizer: which one is meant, when it ended, and its end flown once at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rp_finalizer.errors import StillFlyingError
from rp_finalizer.finalizer import RESOLVE_SHARE
from rp_finalizer.outcome import ErrorKind, Outcome
from rp_finalizer.report import Failure, Report
from rp_finalizer.single_flight import SingleFlight
from rp_finalizer.starts import StartsSeen

if TYPE_CHECKING:
    from collections.abc import Callable

    from rp_finalizer.deadline import Deadline
    from rp_finalizer.finalizer import Finalizer
    from rp_finalizer.finish import Finish


class LaunchFlights:
    """Ends each launch once, whoever asks how often; a launch that is started again is ended again."""

    def __init__(
        self, finalizer: Finalizer, reopened: Callable[[], None], settle: Callable[[Report, Finish], Report]
    ) -> None:
        self._finalizer = finalizer
        self._settle = settle
        """Keeps for later what is not finished."""
        self._reopened = reopened
        """Is told that the client is in use again."""
        self._flights: SingleFlight[Report] = SingleFlight(lambda report: report.latches)
        self._ends: dict[str, float] = {}
        self._starts = StartsSeen()
        self._last_key = "no launch"

    @property
    def foreign(self) -> bool:
        """Tell whether this process is a fork of the one that the launches belong to."""
        return self._flights.foreign

    def key(self, deadline: Deadline) -> str:
        """Name the flight: the launch as it is named first, before anybody is asked about it.

        A client that forgets its launch at its end does not make us forget it. In a forked child nobody is asked: what
        the client needs for its answer may be locked there for ever.
        """
        if not self.foreign:
            now = self._finalizer.clock.monotonic()
            until = deadline.keeping(1 - RESOLVE_SHARE, deadline.remaining(now))
            name = self._finalizer.resolver.first_name(until)
            if name is not None:
                self._last_key = name
                self._open_anew_when_started(name)
        return self._last_key

    def end(self, key: str) -> float:
        """Give the end of the launch, in seconds since the epoch: when a finish was asked for first.

        A second try sends the same end time, so that a first one which the server works off late is known as ours.
        """
        return self._ends.setdefault(key, self._finalizer.clock.epoch())

    def note_start(self, *, rerun: bool) -> None:
        """Take note that the client was told to start a launch."""
        self._starts.note(rerun=rerun)

    def fly(self, key: str, finish: Finish, deadline: Deadline, *, again: bool, force_stop: bool) -> Report:
        """Give the report of the launch's end, from here or from whoever flies it now; not in a forked child."""

        def work() -> Report:
            try:
                rerun = self._starts.rerun(key)
                report = self._finalizer.finalize(finish, deadline, force_stop=force_stop, rerun=rerun)
                return self._settle(report, finish)
            finally:
                self._finalizer.release()

        patience = deadline.remaining(self._finalizer.clock.monotonic())
        try:
            return self._flights.run(key, work, again=again, patience=patience)
        except StillFlyingError as error:
            told = Failure(ErrorKind.TIMEOUT, str(error), "the report of that thread's call tells what becomes of it")
            return Report(Outcome.FAILED, error=told)

    def amend(self, key: str, change: Callable[[Report], Report]) -> Report | None:
        """Replace the kept report by a changed one, and give it; None where nothing is kept."""
        return self._flights.amend(key, change)

    def _open_anew_when_started(self, key: str) -> None:
        """Forget the end of a launch that the client has started again since: a rerun keeps its launch's uuid."""
        client = self._finalizer.client
        if client is not None and self._starts.news(key, client.starts(key)):
            self._flights.open_anew(key)
            self._finalizer.open_anew(key)
            self._ends.pop(key, None)
            self._reopened()
