"""How pytest's ReportPortal agent is set up in this folder, and whether it means the same ReportPortal as we do."""

from __future__ import annotations

import configparser
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rp_finalizer.endpoint import Endpoint
from rp_finalizer.reportportal.diagnosis.check import Check, without_user_info

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rp_finalizer.settings import Settings

_FILES = (
    ("pytest.toml", ("pytest",)),
    (".pytest.toml", ("pytest",)),
    ("pytest.ini", ("pytest",)),
    (".pytest.ini", ("pytest",)),
    ("pyproject.toml", ("tool", "pytest")),
    ("tox.ini", ("pytest",)),
    ("setup.cfg", ("tool:pytest",)),
)
"""Where pytest looks for its settings, in its order: the first file with that table is the one that counts."""
_ALWAYS_COUNT = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini")
_SHOWN = (
    "rp_endpoint",
    "rp_project",
    "rp_launch",
    "rp_launch_uuid",
    "rp_launch_id",
    "rp_mode",
    "rp_rerun",
    "rp_rerun_of",
    "rp_client_type",
    "rp_api_retries",
    "rp_connect_timeout",
    "rp_read_timeout",
    "rp_verify_ssl",
    "rp_log_batch_size",
    "rp_launch_timeout",
    "rp_enabled",
)
"""The agent's options that are shown: none that could hold a key."""
_KEYS = ("rp_api_key", "rp_uuid", "rp_oauth_password", "rp_oauth_client_secret")
_LARGEST_FILE = 1 << 20


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """What pytest's settings in one folder say to the agent."""

    file: str | None = None
    """The file that pytest reads there; None where there is none."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Those of them that may be shown."""
    keys: tuple[str, ...] = ()
    """The names of options with a key or password in them, without these."""
    problem: str | None = None
    """Why the file cannot be read."""


def read_agent_settings(folder: Path) -> AgentSettings:
    """Read the file that pytest would read in this folder; those of folders above are not looked for."""
    for name, table in _FILES:
        path = folder / name
        try:
            if not path.is_file():
                continue
            with path.open("rb") as file:
                content = file.read(_LARGEST_FILE).decode()
            found = _toml(content, table) if name.endswith(".toml") else _ini(content, table[0])
        except (OSError, ValueError, configparser.Error, RecursionError) as error:
            reason = getattr(error, "strerror", None) or str(error).replace("\n", " ")
            return AgentSettings(name, problem=reason)
        if found is None and name not in _ALWAYS_COUNT:
            continue
        options = {option: str(found[option]) for option in _SHOWN if found and found.get(option) not in {None, ""}}
        return AgentSettings(name, options, tuple(key for key in _KEYS if found and found.get(key)))
    return AgentSettings()


def _toml(content: str, table: tuple[str, ...]) -> Mapping[str, Any] | None:
    found: Any = tomllib.loads(content)
    for name in table:
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        return None
    within = found.get("ini_options")
    values = within if isinstance(within, dict) else found
    # Lists and tables are no values that the options shown here can have.
    return {name: value for name, value in values.items() if isinstance(value, str | int | float)}


def _ini(content: str, section: str) -> Mapping[str, Any] | None:
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    parser.read_string(content)
    return dict(parser[section]) if parser.has_section(section) else None


def judge_agent(agent: AgentSettings, settings: Settings) -> Check:
    """Show what the agent is told in its file, and fail where that is another ReportPortal or project than ours."""
    if agent.problem is not None:
        return Check("agent", ok=False, detail=f"{agent.file} cannot be read: {agent.problem}", mend="mend that file")
    lines = [f"{name} = {without_user_info(value)}" for name, value in agent.options.items()]
    lines += [f"{name} = ****  (whoever reads the file has it: better in the environment)" for name in agent.keys]
    if not lines:
        where = f"{agent.file} says nothing to it" if agent.file else "pytest has no settings in this folder"
        return Check("agent", ok=True, detail=where)
    detail = "\n".join((f"in {agent.file}:", *lines))
    if "rp_endpoint" in agent.options and settings.endpoint is None:
        detail += (
            "\nrp-finalize does not read this file: it takes RP_ENDPOINT, or [tool.rp_finalizer] of pyproject.toml"
        )
    other = _contradictions(agent.options, settings)
    if not other:
        return Check("agent", ok=True, detail=detail)
    mend = f"write the same in both places: pytest takes what {agent.file} says wherever the variable is not set"
    return Check("agent", ok=False, detail="\n".join((*other, detail)), mend=mend)


def _contradictions(options: Mapping[str, str], settings: Settings) -> list[str]:
    said = []
    written, ours = options.get("rp_endpoint"), settings.endpoint
    if written is not None and ours is not None and _endpoint(written) != ours:
        said.append(f"its rp_endpoint is another one than {ours} ({settings.origin('endpoint')})")
    written, project = options.get("rp_project"), settings.project
    if written is not None and project is not None and written.strip().lower() != project.lower():
        said.append(f"its rp_project is another one than {project} ({settings.origin('project')})")
    return said


def _endpoint(text: str) -> Endpoint | None:
    try:
        return Endpoint.parse(text.strip())
    except ValueError:
        return None
