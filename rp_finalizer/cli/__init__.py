"""The command `rp-finalize`. One module a command, imported when that command runs."""

from rp_finalizer.cli.entry import main

__all__ = ["main"]
