"""README says what there is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
import pytest
from prometheus_client import generate_latest

from conftest_plugin.options import OPTIONS
from rp_finalizer import Report
from rp_finalizer.cli.entry import COMMANDS, cli
from rp_finalizer.cli.exits import exit_code
from rp_finalizer.outbox_port import Statistics
from rp_finalizer.outcome import Outcome
from rp_finalizer.server.access import ADMIN_TOKEN, API_TOKEN
from rp_finalizer.server.metrics import registry_of
from rp_finalizer.server.state import Working
from rp_finalizer.setting_sources import PREFIX
from rp_finalizer.settings import SETTINGS, SLOTS, Setting
from rp_finalizer.settings.kinds import seconds_of

PROJECT = Path(__file__).parents[2]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
FOREIGN_FLAGS = {"--reportportal", "--rp-rerun", "--listener", "--init", "--dir", "--appendonly", "--appendfsync"}
"""Flags of pytest's agent, of commands that `run` runs, and of redis-server."""


def flags_of(name: str) -> set[str]:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    parts = [command, *(command.commands.values() if isinstance(command, click.Group) else ())]
    return {flag for part in parts for option in part.params for flag in option.opts}


def in_code(pattern: str) -> set[str]:
    """Give what fits in README's code, in the text and in blocks."""
    code = re.findall(r"```.*?```|`[^`\n]+`", README, re.DOTALL)
    return {found for each in code for found in re.findall(pattern, each)}


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
            assert seconds_of(shown) == number


@pytest.mark.parametrize("outcome", Outcome)
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


def test_make_targets() -> None:
    """README tells of every make target, and of none that is not there."""
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY:(.*)$", makefile, re.MULTILINE)
    assert phony is not None
    assert in_code(r"\bmake ([\w-]+)") == set(phony.group(1).split()) - {"help"}


def test_flags() -> None:
    """Every flag that README names is one of our commands', the plugin's, or the agent's."""
    ours = {flag for name in COMMANDS for flag in flags_of(name)}
    plugin = {f"--rp-finalizer-{name.replace('_', '-')}" for name in OPTIONS}
    assert in_code(r"(?<![\w-])--[a-z][\w-]*") - FOREIGN_FLAGS <= ours | plugin


def test_variables_and_ini_values() -> None:
    """Every variable and every ini value of ours that README names is read."""
    assert in_code(rf"\b{PREFIX}\w+") <= {slot.variable for slot in SLOTS} | {API_TOKEN, ADMIN_TOKEN}
    assert in_code(r"\brp_finalizer_(\w+)") <= set(OPTIONS) | metrics()


def metrics() -> set[str]:
    """Give the names of the service's metrics, without the beginning that they share."""
    registry = registry_of(Statistics(), Working(8, 1.0, lambda: True))
    names = re.findall(r"^# TYPE rp_finalizer_(\w+)", generate_latest(registry).decode(), re.MULTILINE)
    return set(names)


def test_report() -> None:
    """The report that README shows has the members that reports have, and is read as one."""
    (shown,) = re.findall(r"```json\n(.*?)```", README, re.DOTALL)
    document = json.loads(shown)
    assert Report.from_json(shown).to_dict() == document
    assert list(document) == list(Report(Outcome.FINISHED).to_dict())


def test_exit_codes() -> None:
    """The exit code beside an outcome is the one that commands give for it."""
    rows = [line.split("|") for line in README.splitlines() if line.startswith("|")]
    told = {row[1].strip(" `"): int(row[3].strip()[0]) for row in rows if row[1].strip(" `") in set(Outcome)}
    assert told == {each.value: exit_code(Report(each)) for each in Outcome}
