"""Whole numbers as the server reads them: Java's `Long.parseLong`."""

from __future__ import annotations

import re

_DIGITS = re.compile(r"[+-]?[0-9]{1,19}")
_LIMIT = 2**63


def parse_long(text: str) -> int | None:
    """Read a whole number of 64 bits; None for every other text."""
    if _DIGITS.fullmatch(text) is None:
        return None
    number = int(text)
    return number if -_LIMIT <= number < _LIMIT else None
