"""What the plugin prints: one block at the end of the run, and one line while it waits."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from rp_finalizer.wording import Line, block

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

    from rp_finalizer.report import Report
    from rp_finalizer.worker import Tally

TITLE = "ReportPortal"

_MARKUP: dict[str, dict[str, bool]] = {
    "good": {"green": True},
    "bad": {"red": True, "bold": True},
    "warning": {"yellow": True},
    "plain": {},
}


def write_block(config: pytest.Config, report: Report | None, problem: str | None, notes: Iterable[str]) -> None:
    """Print what became of the launch, where there is something to say; under GitHub Actions tell that, too."""
    lines = [] if report is None else block(report)
    lines += [Line(note, "warning") for note in notes]
    if problem is not None:
        lines.append(Line(f"rp-finalizer does not act: {problem}", "warning"))
    if not lines:
        return
    reporter: Any = config.pluginmanager.getplugin("terminalreporter")
    if reporter is None:
        _to_stderr(config, [f"{TITLE}:", *(line.text for line in lines)])
    else:
        _end_line(reporter)
        reporter.section(TITLE, sep="-")
        for line in lines:
            reporter.write_line(line.text, **_MARKUP[line.emphasis])
    if report is not None and os.environ.get("GITHUB_ACTIONS") == "true":
        from rp_finalizer.github_actions import tell_github  # noqa: PLC0415  for runs there only

        for trouble in tell_github(report, os.environ, lambda text: write_line(config, text)):
            write_line(config, trouble)


def worked_off(tally: Tally) -> list[str]:
    """Say what became of launches that earlier runs had left behind."""
    parts = []
    if tally.completed:
        parts.append(f"{_launches(tally.completed)} of earlier runs finished")
    if tally.put_off:
        parts.append(f"{_launches(tally.put_off)} of earlier runs still owed: rp-finalize drain")
    if tally.given_up:
        parts.append(f"{_launches(tally.given_up)} of earlier runs given up: rp-finalize entries list --state dead")
    return parts


def _launches(number: int) -> str:
    return "1 launch" if number == 1 else f"{number} launches"


def write_line(config: pytest.Config, text: str) -> None:
    """Print one line, now."""
    reporter: Any = config.pluginmanager.getplugin("terminalreporter")
    if reporter is None:
        _to_stderr(config, [text])
        return
    _end_line(reporter)
    reporter.write_line(text)
    reporter.flush()


def _end_line(reporter: Any) -> None:
    """Leave the line of progress; what pytest itself offers for that does not see the one of `-q`."""
    reporter.ensure_newline()
    if getattr(getattr(reporter, "_tw", None), "width_of_current_line", 0):
        reporter.line("")


def _to_stderr(config: pytest.Config, lines: Iterable[str]) -> None:
    """Print past pytest's capture, which would keep it to itself."""
    capture: Any = config.pluginmanager.getplugin("capturemanager")
    text = "".join(f"{line}\n" for line in lines)
    if capture is None:
        sys.stderr.write(text)
        return
    with capture.global_and_fixture_disabled():
        sys.stderr.write(text)
        sys.stderr.flush()
