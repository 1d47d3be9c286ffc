"""`rp-finalize serve`."""

from __future__ import annotations

import threading

import click

from rp_finalizer.cli.exits import Interrupted, interruptible
from rp_finalizer.cli.listening import DEFAULT, serving
from rp_finalizer.cli.options import Common, common_options
from rp_finalizer.cli.output import print_json


@click.command("serve")
@click.option(
    "--listen", default=DEFAULT, show_default=True, metavar="HOST:PORT", help="Where; port 0 takes a free one."
)
@common_options
def command(common: Common, listen: str) -> int:
    """Serve what the outbox holds, and what is done with it: an API, metrics, and a page.

    RP_FINALIZER_API_TOKEN holds the token of those who read and enqueue, RP_FINALIZER_ADMIN_TOKEN of those who also
    clear and retry. Without any it serves this machine only. It works nothing off: see worker. SIGTERM or SIGINT ends
    it with 143 or 130.
    """
    settings = common.settings()
    try:
        with interruptible(), serving(common, settings, listen, None) as server:
            if common.as_json:
                print_json({"schema": 1, "url": server.url})
            threading.Event().wait()
    except Interrupted as interruption:
        return interruption.exit_code
    raise AssertionError  # nobody sets the event
