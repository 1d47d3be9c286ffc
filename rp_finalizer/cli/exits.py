"""Exit codes, and the signals that end a command."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from rp_finalizer.report import Report

DONE, FAILED, SETTINGS, NOT_YET, NO_PERMISSION, NO_LAUNCH = range(6)


def exit_code(report: Report) -> int:
    """Give the promised exit code of an outcome; a dry run has none and is fine."""
    from rp_finalizer.outcome import ErrorKind, Outcome  # noqa: PLC0415  not needed for --help

    match report.outcome:
        case Outcome.ACCEPTED | Outcome.DEFERRED:
            return NOT_YET
        case Outcome.NOT_STARTED:
            return NO_LAUNCH
        case Outcome.FAILED:
            kind = report.error.kind if report.error else None
            return NO_PERMISSION if kind in {ErrorKind.UNAUTHORIZED, ErrorKind.FORBIDDEN} else FAILED
        case _:
            return DONE


class Interrupted(BaseException):
    """A signal that asks the command to end."""

    BY_KEYBOARD: ClassVar[int] = 128 + signal.SIGINT

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def exit_code(self) -> int:
        """Say it as a shell does: 130 for SIGINT, 143 for SIGTERM."""
        return 128 + self.number

    def __str__(self) -> str:
        """Name the signal."""
        return f"rp-finalize: ended by {signal.Signals(self.number).name}"


@contextmanager
def interruptible(*numbers: int) -> Iterator[None]:
    """Let these signals, without any SIGINT and SIGTERM, raise `Interrupted` in the main thread, wherever it waits."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001  the system's signature
        raise Interrupted(number)

    earlier = {number: signal.signal(number, interrupt) for number in numbers or (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
