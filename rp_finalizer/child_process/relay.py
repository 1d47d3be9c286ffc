"""Bytes on their way from the command to our own streams, looked through as they pass."""

from __future__ import annotations

import codecs
import os
import select
import stat
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from rp_finalizer.launch_lines import LaunchFinder

_PIECE = 65536
"""Bytes that are held at most, a stream."""


class Relay:
    """One stream: what comes out of `source` goes into `sink` as it comes, and not faster than that takes it."""

    def __init__(self, source: int, sink: int, finder: LaunchFinder) -> None:
        self.source = source
        self.sink = sink
        self.finder = finder
        self.open = True
        self.problem: OSError | None = None
        """Why the sink takes nothing more."""
        self._pending = memoryview(b"")
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        # What waits for a pipe or a terminal to take a larger piece could do nothing else meanwhile.
        self._most = _PIECE if stat.S_ISREG(os.fstat(sink).st_mode) else select.PIPE_BUF

    @property
    def holds(self) -> bool:
        """Tell whether something waits to be written; nothing is read meanwhile."""
        return len(self._pending) > 0

    def read(self) -> bool:
        """Take what there is; tell whether there was something. The end closes the source."""
        try:
            piece = os.read(self.source, _PIECE)
        except BlockingIOError:
            return False
        except OSError:
            piece = b""  # so Linux says that nobody has the terminal open any more
        self.finder.feed(self._decoder.decode(piece, final=not piece))
        if not piece:
            self.close()
            return False
        self._pending = memoryview(piece)
        self.write()
        return True

    def write(self) -> None:
        """Pass on as much as is taken without waiting. A sink that takes nothing more closes the source.

        So the command learns of it as in a pipeline, by its own next write.
        """
        try:
            while self.holds and wait((), (self.sink,), (), 0.0):
                self._pending = self._pending[os.write(self.sink, self._pending[: self._most]) :]
        except BlockingIOError:
            return
        except OSError as error:
            self.problem = error
            self._pending = memoryview(b"")
            self.close()

    def close(self) -> None:
        """Read no more. Who still writes learns that nobody listens."""
        if self.open:
            self.open = False
            os.close(self.source)


def wait(
    readers: Collection[int], writers: Collection[int], broken: Collection[int], timeout: float | None
) -> set[int]:
    """Wait until one of these can be read or written, or is broken, for so many seconds; give all that are.

    Unlike the best that a system has, what is used here takes regular files, too; and on macOS, terminals.
    """
    if sys.platform == "darwin":
        readable, writable, _ = select.select(list(readers), list(writers), [], timeout)
        return {*readable, *writable}
    poll = select.poll()
    for each in broken:
        poll.register(each, 0)
    for each in {*readers, *writers}:
        poll.register(each, (select.POLLIN if each in readers else 0) | (select.POLLOUT if each in writers else 0))
    return {each for each, _ in poll.poll(None if timeout is None else 1000 * timeout)}
