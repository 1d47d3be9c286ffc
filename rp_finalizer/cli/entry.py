"""From the shell to a command and back: what is imported when, and what an error's exit code is."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

import click

from rp_finalizer.cli.exits import SETTINGS, Interrupted
from rp_finalizer.cli.streams import forgiving_streams
from rp_finalizer.errors import FinalizerError, OutboxError

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "finish": "Finish one launch, read it back, and tell what became of it.",
    "run": "Run a test command, and finish the launch it opened, however it ended.",
    "drain": "Work off the outbox once, and say what is left.",
    "worker": "Work off the outbox until stopped.",
    "serve": "Serve what the outbox holds, and what is done with it: an API, metrics, and a page.",
    "status": "Show what the outbox holds, or what the server says of a launch.",
    "entries": "List, show, add, retry and discard the entries of the outbox.",
    "sweep": "Find launches that were left in progress on the server, and finish them on request.",
    "doctor": "Check all that a finish needs, and say how to mend what fails.",
    "emulator": "Run a ReportPortal-compatible server on this machine.",
    "demo": "Watch launches lose their processes and their server, and be finished all the same.",
}
"""Every command and its one line of help, so that the list of them imports none."""


class _Lazy(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  click's
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"rp_finalizer.cli.{cmd_name}").command
        assert isinstance(command, click.Command)  # noqa: S101  a module's promise to this one
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  click's
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _show_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:  # noqa: ARG001, FBT001  click's
    if value and not ctx.resilient_parsing:
        import rp_finalizer  # noqa: PLC0415  the version costs more than all of --help

        click.echo(f"rp-finalize {rp_finalizer.__version__}")
        ctx.exit()


@click.group(
    cls=_Lazy,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Finish ReportPortal launches, and tell the truth about them.",
    epilog="Exit codes: 0 nothing is owed, 1 failed, 2 usage or settings, 3 not finished yet, "
    "4 key or permission, 5 no launch, 130 and 143 interrupted.",
)
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version, help="Show it.")
@click.pass_context
def cli(ctx: click.Context) -> int:
    """Hold the commands together; alone, show the help."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
    return SETTINGS


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and give its exit code, which is the outcome's whatever becomes of the output."""
    with forgiving_streams():
        return _run(list(sys.argv[1:] if argv is None else argv))


def _run(arguments: list[str]) -> int:
    """Run a command; the one place where errors become words and codes."""
    as_json = "--json" in arguments[: arguments.index("--") if "--" in arguments else None]
    try:
        result = cli.main(arguments, prog_name="rp-finalize", standalone_mode=False)
    except click.UsageError as error:
        _complain(error.format_message(), "see --help", as_json=as_json, usage=error)
        return SETTINGS
    except click.ClickException as error:
        _complain(error.format_message(), "see --help", as_json=as_json)
        return SETTINGS
    except OutboxError as error:
        _complain(str(error), error.mend, as_json=as_json, kind="outbox")
        return SETTINGS
    except FinalizerError as error:
        _complain(str(error), "correct what is named, and run the command again", as_json=as_json)
        return SETTINGS
    except Interrupted as error:
        click.echo(str(error), err=True)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return Interrupted.BY_KEYBOARD
    return result if isinstance(result, int) else 0


def _complain(
    message: str, hint: str, *, as_json: bool, usage: click.UsageError | None = None, kind: str = "settings"
) -> None:
    if as_json:
        from rp_finalizer.cli.output import print_json, settings_error  # noqa: PLC0415  not needed for --help
        from rp_finalizer.outcome import ErrorKind  # noqa: PLC0415  as above

        print_json({"schema": 1, "error": settings_error(message, hint, ErrorKind(kind))})
    if usage is not None and usage.ctx is not None:
        click.echo(usage.ctx.get_usage(), err=True)
    for line in message.splitlines():
        click.echo(f"rp-finalize: {line}", err=True)
