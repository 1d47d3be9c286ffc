"""What is left behind for others: the launch's uuid at its start, the report at its end, a warning when that is bad."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from rp_finalizer.report_file import write_line, write_report
from rp_finalizer.wording import block

if TYPE_CHECKING:
    from pathlib import Path

    from rp_finalizer.report import Report

logger = logging.getLogger(__name__)


def warn(report: Report) -> None:
    """Log what a person has to know of an end that is not well; where nobody set logging up, it stands on stderr."""
    if report.outcome is not None and not report.outcome.good:
        logger.warning("%s", "\n  ".join(line.text for line in block(report)))


def leave_to_caller(report: Report) -> None:
    """Say nothing of an end: whoever asked for it tells it."""


def keep_launch(uuid: str, path: Path | None) -> None:
    """Write the launch's uuid into the launch file, for whoever has to finish it later."""
    if path is None:
        return
    try:
        write_line(uuid, path)
    except OSError as error:
        logger.warning("launch_file %s cannot be written: %s", path, error)


def keep_report(report: Report, path: Path | None) -> None:
    """Write the report into the report file."""
    if path is None:
        return
    try:
        write_report(report, path)
    except OSError as error:
        logger.warning("report_file %s cannot be written: %s", path, error)
