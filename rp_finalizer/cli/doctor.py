"""`rp-finalize doctor`."""

from __future__ import annotations

import shutil
import sys
import textwrap
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from rp_finalizer.cli.exits import DONE, FAILED, interruptible
from rp_finalizer.cli.options import Common, common_options
from rp_finalizer.cli.output import print_json
from rp_finalizer.errors import SettingsError
from rp_finalizer.setting_sources import Layer, Raw, from_arguments
from rp_finalizer.settings import SLOTS
from rp_finalizer.wiring import diagnose

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rp_finalizer.reportportal.diagnosis import Check

_NAME = 14
"""Letters that the longest name of a check has, and two blanks."""
_WIDEST = 118
_NARROWEST = 60
_SIGNS = {True: "✓", False: "✗", None: "–", "mend": "→"}  # noqa: RUF001  the dash is meant
_PLAIN_SIGNS = {True: "ok", False: "NO", None: "--", "mend": "->"}
_COLOURS = {True: "green", False: "red", None: "yellow"}


@click.command("doctor")
@common_options
def command(common: Common) -> int:
    """Check all that a finish needs, and say how to mend what fails.

    Settings, endpoint, proxy, name, port, certificate, server, clock, key, project and role, and what pytest's agent is
    told in this folder; SQLite, and the outbox. Nothing is changed. Exit code 1 when a check fails.
    """
    checks = []
    page = _Page()
    with interruptible():
        for check in _checks(common):
            common.tell_no_more()
            checks.append(check)
            if not common.as_json and not (common.quiet and check.ok is not False):
                page.add(check)
    page.end()
    failed = sum(check.ok is False for check in checks)
    if common.as_json:
        print_json({"schema": 1, "checks": [check.to_dict() for check in checks]})
    elif not common.quiet:
        click.echo(_summary(checks, failed))
    return FAILED if failed else DONE


def _checks(common: Common) -> Iterator[Check]:
    layers = [from_arguments(common.places(), SLOTS)]
    problems: tuple[str, ...] = ()
    try:
        if key := common.api_key():
            layers.append(Layer({"api_key": Raw(key, f"environment variable {common.api_key_env}")}))
    except SettingsError as error:
        problems = error.problems
    return diagnose(layers, common.config, problems, common.tell)


def _summary(checks: list[Check], failed: int) -> str:
    not_tried = sum(check.ok is None for check in checks)
    rest = f", {not_tried} not tried" if not_tried else ""
    passed = len(checks) - failed - not_tried
    if not failed:
        return click.style(f"nothing fails: {passed} checks passed{rest}", fg="green")
    return click.style(f"{failed} failed, {passed} passed{rest}", fg="red")


class _Page:
    """What the terminal can show: its width, and its letters."""

    def __init__(self) -> None:
        columns = shutil.get_terminal_size((100, 24)).columns
        self._width = max(_NARROWEST, min(columns - 1, _WIDEST))
        self._encoding = sys.stdout.encoding or "ascii"
        try:
            "".join(_SIGNS.values()).encode(self._encoding)
            self._signs = _SIGNS
        except UnicodeEncodeError:
            self._signs = _PLAIN_SIGNS
        self._not_tried: list[Check] = []

    def add(self, check: Check) -> None:
        """Show a check at once; of those that were not tried, all with one reason together."""
        if self._not_tried and (check.ok is not None or check.detail != self._not_tried[0].detail):
            self.end()
        if check.ok is None:
            self._not_tried.append(check)
        else:
            self._show(check)

    def end(self) -> None:
        """Show what waits for others with the same reason."""
        match self._not_tried:
            case [check]:
                self._show(check)
            case [first, *_]:
                names = ", ".join(check.name for check in self._not_tried)
                self._show(replace(first, name="not tried", detail=f"{names}: {first.detail}"))
        self._not_tried = []

    def _show(self, check: Check) -> None:
        """Show a mark, a name, the detail beside it, the mend below."""
        sign = self._signs[check.ok]
        indent = len(sign) + 1 + _NAME
        parts = check.detail.split("\n")
        # Of several entries each begins at the left, and what does not fit on its line stands two further in.
        lines = [line for part in parts for line in self._wrap(part, indent, "  " if len(parts) > 1 else "")]
        bold = True if check.ok is False else None
        mark = click.style(sign, fg=_COLOURS[check.ok], bold=bold)
        click.echo(f"{mark} {click.style(f'{check.name:{_NAME}}', bold=bold)}{lines[0]}")
        for line in lines[1:]:
            click.echo(" " * indent + line)
        if check.mend:
            arrow = self._signs["mend"] + " "
            for number, line in enumerate(self._wrap(check.mend, indent + len(arrow))):
                click.echo(" " * indent + (arrow if number == 0 else " " * len(arrow)) + click.style(line, bold=True))

    def _wrap(self, text: str, indent: int, further: str = "") -> list[str]:
        shown = text.encode(self._encoding, "backslashreplace").decode(self._encoding)
        width = self._width - indent
        wrapped = textwrap.wrap(shown, width, subsequent_indent=further, break_long_words=False, break_on_hyphens=False)
        return wrapped or [""]
