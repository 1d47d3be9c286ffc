"""README says what there is."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from rp_finalizer.cli.entry import COMMANDS, cli
from rp_finalizer.outcome import Outcome
from rp_finalizer.settings import SETTINGS, Setting

README = Path(__file__).parents[2].joinpath("README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(command: str) -> None:
    """A command that a user can call stands in README's table."""
    assert f"| `rp-finalize {command}" in README


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_documented_with_its_default(setting: Setting) -> None:
    """A setting that a user can set stands in README's table, with the default that it has."""
    rows = [line.split("|") for line in README.splitlines() if line.startswith("|")]
    row = next(row for row in rows if f"`{setting.name}`" in row[1])
    cells = row[3].split(",")
    shown = cells[re.findall(r"`(\w+)`", row[1]).index(setting.name) if len(cells) > 1 else 0].strip()
    match setting.default:
        case None:
            assert shown in {"", "none"}
        case bool():
            assert shown == str(setting.default).lower()
        case str():
            assert shown == setting.default
        case number:
            assert shown == f"{number:g}"


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.DEFERRED])
def test_every_outcome_is_documented(outcome: Outcome) -> None:
    """An outcome that a program can meet stands in README's table."""
    assert f"| `{outcome}` |" in README


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_tells_what_the_command_tells(name: str) -> None:
    """The one line of help in the list is the beginning of the command's own help."""
    context = click.Context(cli)
    command = cli.get_command(context, name)
    assert command is not None
    assert (command.help or "").startswith(COMMANDS[name].rstrip("."))
