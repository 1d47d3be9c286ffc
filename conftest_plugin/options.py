"""The plugin's settings: a flag, an environment variable and an ini value for each.

Everything here that runs in a session without reporting imports nothing: not even the settings themselves.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rp_finalizer.setting_sources import Layer, Slot
    from rp_finalizer.settings import Settings

OPTIONS = {
    "enabled": "act while the agent reports",
    "timeout": "seconds for the whole finalization",
    "flush_timeout": "seconds at most for delivering what the client holds back",
    "confirm_timeout": "seconds at most for reading the launch back",
    "stable_for": "seconds a launch must stand still before v1 takes it from a silent v2",
    "client_timeout": "seconds: read timeout for the agent where it has none",
    "grace": "seconds for the whole finalization after a signal",
    "delay_before_terminate": "seconds: a fixed wait before the client is closed",
    "delay_after_terminate": "seconds: a fixed wait after the client is closed",
    "settle": "seconds to wait before the finish, for servers that store attachments slowly",
    "retry_attempts": "tries of a call; 0: until the deadline",
    "retry_initial": "seconds: first wait between two tries",
    "retry_max": "seconds: longest wait between two tries",
    "status_on_error": "status sent when an exception ends the run",
    "status_on_signal": "status sent when a signal ends the run",
    "status_on_crash": "status sent when the run dies",
    "finish_borrowed": "finish a launch of somebody else's",
    "guard_client": "take over the agent's finish",
    "signals": "act on signals and at the exit",
    "guardian": "start a process that finishes the launch when this one dies",
    "outbox": "where launches that are still to be finished are kept: a file, or off",
    "launch_file": "file the launch uuid is written to, and read from",
    "report_file": "file the JSON report is written to",
    "priority": "of this run's entry in the outbox: critical, high, normal, low",
    "lease": "seconds an entry is held without a sign of life",
    "entry_timeout": "seconds for one finalization by a worker",
    "entry_attempts": "tries of an entry; then it is a dead letter",
    "entry_retry_max": "seconds: longest wait between two tries of an entry",
    "entry_max_age": "how long an entry is tried; then it is a dead letter",
    "outbox_size": "entries still owed, at most",
    "keep_done": "how long finished entries are kept",
    "work_off": "old entries that this run works off; 0: none",
    "strict": "a launch left unfinished makes the run fail",
}
"""Every setting but those of the connection, which is the agent's, and its help."""


def add_options(parser: pytest.Parser) -> None:
    """Offer every setting as a flag and as an ini value."""
    group = parser.getgroup("rp-finalizer", "finishing ReportPortal launches")
    for name, meaning in OPTIONS.items():
        dest = f"rp_finalizer_{name}"
        group.addoption(f"--{dest.replace('_', '-')}", dest=dest, default=None, metavar="VALUE", help=meaning)
        parser.addini(dest, meaning, default=None)


def read_settings(config: pytest.Config) -> Settings:
    """Give the settings: flag, else environment, else ini, else default. Raises `pytest.UsageError`."""
    from rp_finalizer.errors import SettingsError  # noqa: PLC0415  for sessions that report only
    from rp_finalizer.setting_sources import Layer, Raw, from_arguments  # noqa: PLC0415  as above
    from rp_finalizer.settings import SLOTS, Settings  # noqa: PLC0415  as above

    slots = [slot for slot in SLOTS if slot.name in OPTIONS]
    flags = {name: getattr(config.option, f"rp_finalizer_{name}", None) for name in OPTIONS}
    layers = (
        from_arguments(_plain(flags), slots, origin="the flag --rp-finalizer-{name}"),
        _environment(os.environ, slots),
        _ini(config, slots),
        Layer({"guardian": Raw(value=True, origin="the plugin's default")}),
    )
    try:
        return Settings.parse(layers)
    except SettingsError as error:
        raise pytest.UsageError(*(f"rp-finalizer: {problem}" for problem in error.problems)) from None


def _plain(flags: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in flags.items() if value is not None}


def _environment(environ: Mapping[str, str], slots: list[Slot]) -> Layer:
    """Take our variables; those of the connection are the agent's to read."""
    from rp_finalizer.setting_sources import PREFIX, from_environment  # noqa: PLC0415  as above

    return from_environment({name: text for name, text in environ.items() if name.startswith(PREFIX)}, slots)


def _ini(config: pytest.Config, slots: list[Slot]) -> Layer:
    from rp_finalizer.setting_sources import Layer, Raw  # noqa: PLC0415  as above

    found = {slot.name: config.getini(f"rp_finalizer_{slot.name}") for slot in slots}
    where = config.inipath or "the ini file"
    folder = config.rootpath
    return Layer(
        {name: Raw(value, f"rp_finalizer_{name} in {where}", folder) for name, value in found.items() if value}
    )
