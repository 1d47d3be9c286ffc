"""The Chromium that is installed."""

from __future__ import annotations

import os
import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome")


class NoChromiumError(RuntimeError):
    """There is none."""


def program() -> str:
    """Give its path. Raises `NoChromiumError`."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise NoChromiumError("there is no Chromium: install Debian's package chromium, or name one by CHROMIUM=")
    return found


def arguments() -> list[str]:
    """Give what it is started with: its sandbox is not to be had for root."""
    return ["--no-sandbox"] if os.geteuid() == 0 else []
