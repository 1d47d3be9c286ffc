"""The options that every command takes, and the settings that they make."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from rp_finalizer.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rp_finalizer.settings import Settings

_OPTIONS = (
    click.option("--endpoint", metavar="URL", help="Address of the ReportPortal. [RP_ENDPOINT]"),
    click.option("--project", metavar="NAME", help="Project. [RP_PROJECT]"),
    click.option("--api-key-env", metavar="NAME", help="Variable that holds the API key. [RP_API_KEY]"),
    click.option("--verify-ssl", metavar="true|false|FILE", help="Check the server's certificate. [RP_VERIFY_SSL]"),
    click.option("--timeout", metavar="SECONDS", help="For the whole finalization. [RP_FINALIZER_TIMEOUT]"),
    click.option(
        "--outbox", metavar="FILE|URL|off", help="Where launches still to be finished are kept. [RP_FINALIZER_OUTBOX]"
    ),
    click.option("--config", metavar="FILE", help="Settings, in place of the nearest pyproject.toml."),
    click.option("-v", "--verbose", count=True, help="Tell each step; twice: and all that is logged."),
    click.option("-q", "--quiet", is_flag=True, help="Tell nothing but errors."),
    click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, all else on stderr."),
    click.option("--no-color", is_flag=True, help="No colours. [NO_COLOR]"),
)


_LONGEST = 1e10
"""Seconds, some centuries: more is a mistake, or no number."""


@dataclass(frozen=True, slots=True)
class Common:
    """What the common options say."""

    endpoint: str | None
    project: str | None
    api_key_env: str | None
    verify_ssl: str | None
    timeout: str | None
    outbox: str | None
    config: str | None
    verbose: int
    quiet: bool
    as_json: bool
    no_color: bool

    def settings(self, **arguments: Any) -> Settings:
        """Load the settings, what a command gives first, then these options. Raises `SettingsError`."""
        from rp_finalizer.settings import Settings  # noqa: PLC0415  not needed for --help

        given = {name: value for name, value in arguments.items() if value is not None}
        return Settings.load(config=self.config, **{**self.places(), "api_key": self.api_key(), **given})

    def places(self) -> dict[str, str | None]:
        """Give the options that are settings, all but the key."""
        return {name: getattr(self, name) for name in ("endpoint", "project", "verify_ssl", "timeout", "outbox")}

    def tell(self, sentence: str) -> None:
        """Show what is waited for, on a terminal only; the next sentence takes its place."""
        if sys.stderr.isatty() and not self.quiet:
            # `color`, for without colours click would take out what clears the line, too.
            click.echo(f"\r\x1b[K{sentence[: _columns() - 1]}", nl=False, err=True, color=True)

    def tell_no_more(self) -> None:
        """Clear what `tell` left."""
        if sys.stderr.isatty() and not self.quiet:
            click.echo("\r\x1b[K", nl=False, err=True, color=True)

    def api_key(self) -> str | None:
        """Give the key out of the variable that is named for it. Raises `SettingsError` where there is none."""
        if self.api_key_env is None:
            return None
        key = os.environ.get(self.api_key_env, "")
        if not key:
            raise SettingsError(f"--api-key-env names {self.api_key_env}, which is not set or empty: put the key there")
        return key


def duration(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Read a duration like 900, 15m, 2h or 7d, in seconds."""
    if value is None:
        return None
    from rp_finalizer.settings.kinds import seconds_of  # noqa: PLC0415  not needed for --help

    try:
        seconds = seconds_of(value)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < _LONGEST:
        raise click.BadParameter(f"{value!r} is no duration like 900, 15m, 2h or 7d", ctx, param)
    return seconds


def not_empty(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Refuse an empty text, as of a variable that is not set."""
    if value is not None and not value.strip():
        raise click.BadParameter("it is empty", ctx, param)
    return value


def _columns() -> int:
    """Give the width of the terminal behind stderr, to which stdout need not lead."""
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except OSError:
        columns = 0
    return columns or shutil.get_terminal_size().columns


def common_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the common options, as one `Common` called `common`."""

    @wraps(command)
    def with_common(**values: Any) -> Any:
        common = Common(**{name: values.pop(name) for name in Common.__dataclass_fields__})
        context = click.get_current_context()
        if common.no_color or os.environ.get("NO_COLOR"):
            context.color = False
        level = (logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG)[
            0 if common.quiet else min(common.verbose + 1, 3)
        ]
        logging.basicConfig(level=level, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
        if common.quiet:
            # A report file that was asked for and is not there is an error of the command, not of the finish.
            logging.getLogger("rp_finalizer.publishing").setLevel(logging.WARNING)
        return command(common=common, **values)

    for option in reversed(_OPTIONS):
        with_common = option(with_common)
    return with_common
