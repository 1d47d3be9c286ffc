"""Waiting for what happens elsewhere: in another process, in a file."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

LONG = 30.0
"""Seconds in which what is waited for must have happened."""


def until(holds: Callable[[], Any], what: str = "", seconds: float = LONG) -> None:
    """Ask again and again until something is so; it fails when the seconds are over."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds} s: {what or holds}"
        time.sleep(0.01)
