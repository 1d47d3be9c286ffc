"""Standard streams that may be closed, full or cut off, which changes nothing of what a command does."""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Lossy(io.FileIO):
    """A file that takes everything, and loses what the system does not take."""

    problem: OSError | None = None
    """Why something was lost first."""

    def write(self, data: Any, /) -> int:
        """Write what can be written. A full pipe that does not wait is waited for."""
        try:
            while (written := super().write(data)) is None:
                select.select([], [self], [])
        except OSError as error:
            self.problem = self.problem or error
            return memoryview(data).nbytes
        return written


@contextmanager
def forgiving_streams() -> Iterator[None]:
    """Let nobody's printing fail; a full disk behind stdout is told on stderr in the end.

    A stream that was closed before the start leads to nowhere, so that no connection gets its number.
    """
    if sys.stdin is None:
        sys.stdin = _nowhere("r")
    out, sys.stdout = _forgiving(sys.stdout, sys.__stdout__)
    _, sys.stderr = _forgiving(sys.stderr, sys.__stderr__)
    try:
        yield
    finally:
        sys.stdout.flush()
        if out is not None and out.problem is not None and out.problem.errno != errno.EPIPE:
            sys.stderr.write(f"rp-finalize: stdout is not complete: {out.problem.strerror}\n")
        sys.stderr.flush()


def _forgiving(stream: TextIO | None, original: TextIO | None) -> tuple[_Lossy | None, TextIO]:
    """Give a stream that never fails, and its file; a stream that a caller of ours put there stays as it is."""
    if stream is None:
        return None, _nowhere("w")
    if stream is not original or not isinstance(stream, io.TextIOWrapper):
        return None, stream
    file = _Lossy(stream.fileno(), "w", closefd=False)
    buffer = io.BufferedWriter(file)
    return file, io.TextIOWrapper(buffer, stream.encoding, stream.errors, line_buffering=stream.line_buffering)


def _nowhere(mode: str) -> TextIO:
    return cast("TextIO", os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8", closefd=False))
