"""The report as a file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from rp_finalizer.report import Report


def write_report(report: Report, path: Path) -> None:
    """Write the report's JSON form, whole or not at all: a reader never finds half of it.

    Folders on the way are made. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(f"{report.to_json()}\n", encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
