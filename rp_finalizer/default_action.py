"""A signal's default action, done late."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading

_FLUSHING = 1.0
"""Seconds that flushing may take where some thread is stuck, perhaps with the lock of a stream."""


def end_by(number: int) -> None:
    """End the process by the signal's default action, from whatever thread; what was written is flushed before."""
    if threading.current_thread() is threading.main_thread():
        _flush()
    else:
        flushing = threading.Thread(target=_flush, daemon=True)
        flushing.start()
        flushing.join(_FLUSHING)
    _set_default(number)
    os.kill(os.getpid(), number)


def _flush() -> None:
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):  # closed, its reader gone, or none: there is nobody to tell
            continue


def _set_default(number: int) -> None:
    if threading.current_thread() is threading.main_thread():
        signal.signal(number, signal.SIG_DFL)
        return
    # Python's own function is for the main thread, which is stuck; the system's is for any.
    import ctypes  # noqa: PLC0415  slow to import, and hardly ever needed

    ctypes.pythonapi.PyOS_setsig.argtypes = [ctypes.c_int, ctypes.c_void_p]
    ctypes.pythonapi.PyOS_setsig.restype = ctypes.c_void_p
    ctypes.pythonapi.PyOS_setsig(number, None)  # SIG_DFL is the null pointer
