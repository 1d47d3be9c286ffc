"""Which of the command's streams leads where, and over what: a terminal stays a terminal, a pipe a pipe."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from rp_finalizer.child_process.relay import Relay
from rp_finalizer.child_process.terminal import copy_size, open_double
from rp_finalizer.launch_lines import LaunchFinder

STDIN, STDOUT, STDERR = range(3)


@dataclass(frozen=True, slots=True)
class Doubled:
    """The two ends of a terminal in place of a real one."""

    ours: int
    its: int


@dataclass(slots=True)
class Streams:
    """What stands between the command and us. What is not relayed it inherits."""

    relays: list[Relay] = field(default_factory=list)
    given: dict[int, int] = field(default_factory=dict)
    """By the command's number of a stream: our file that becomes it."""
    doubles: dict[int, int] = field(default_factory=dict)
    """By our stream that is a terminal: our end of its double."""
    session: Doubled | None = None
    """The terminal that is the command's own, where it gets one: then everything typed goes through us."""
    unseen: list[str] = field(default_factory=list)
    """Why the command writes to our own terminal directly, unheard by us, where it does."""

    def forget_its_ends(self) -> None:
        """Close the command's ends, once it has them: their last closing is its end of file."""
        for each in set(self.given.values()):
            os.close(each)
        self.given = {}

    def close(self) -> None:
        """Close all that is still open."""
        self.forget_its_ends()
        for relay in self.relays:
            relay.close()

    def pass_on_size(self) -> None:
        """Give the terminals in between the sizes of the real ones."""
        for real, ours in self.doubles.items():
            copy_size(real, ours)

    def found(self) -> tuple[str, ...]:
        """Give the launches that were printed, each once; nothing more comes."""
        uuids: dict[str, None] = {}
        for relay in self.relays:
            relay.finder.end()
            uuids |= dict.fromkeys(relay.finder.found)
        return tuple(uuids)


def lay(*, all_to_stderr: bool) -> Streams:
    """Lay the streams.

    What leads to one place for us does so for the command, too, over one pipe or terminal, so that nothing is
    reordered. The command gets a terminal of its own, to type into, when stdin is the terminal that its output goes
    to. Where only the output is one, or only stdin, it keeps our session: others in a pipeline want their keys as well.
    """
    streams = Streams()
    sinks = {STDOUT: STDERR if all_to_stderr else STDOUT, STDERR: STDERR}
    if _same(STDOUT, STDERR):
        sinks = {STDOUT: STDERR, STDERR: STDERR} if all_to_stderr else {STDOUT: STDOUT, STDERR: STDOUT}
    for sink in dict.fromkeys(sinks.values()):
        its = _lay_to(sink, streams)
        if its is not None:
            streams.given |= {number: its for number, place in sinks.items() if place == sink}
        elif sinks[STDOUT] == sink:
            streams.given[STDOUT] = os.dup(sink)
    if streams.session is not None:
        streams.given[STDIN] = streams.session.its
    return streams


def _lay_to(sink: int, streams: Streams) -> int | None:
    """Lay what leads to one of our streams; give the command's end, None where it gets ours."""
    if not os.isatty(sink):
        ours, its = os.pipe()
    else:
        typed = os.isatty(STDIN) and _same(STDIN, sink)
        try:
            ours, its = open_double(sink, output_only=not typed)
        except OSError as error:
            streams.unseen.append(f"no terminal can be opened ({error.strerror or error})")
            return None
        streams.doubles[sink] = ours
        if typed:
            streams.session = Doubled(ours, its)
    streams.relays.append(Relay(ours, sink, LaunchFinder()))
    return its


def _same(one: int, other: int) -> bool:
    return os.path.samestat(os.fstat(one), os.fstat(other))
