"""Texts of others, made fit to be shown: on one line, with nothing that steers a terminal, and not at any length."""

from __future__ import annotations

import re

_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?")
"""What colours a text, moves the cursor, or names a window or a link (ECMA-48: CSI and OSC)."""
_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]+"
)
"""What steers a terminal or the direction of a text, ends a line, or is half a character that no file takes."""


def flatten(text: str) -> str:
    """Put a text on one line, each run of what may not be shown becoming one blank."""
    return _CONTROL.sub(" ", _SEQUENCE.sub(" ", text)).strip()


def shorten(text: str, longest: int) -> str:
    """Cut a text to so many characters, and show that it was cut."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
