"""The status service under a command: where it listens, who may ask, and its end."""

from __future__ import annotations

import os
import re
import socket
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from rp_finalizer.cli.outbox_use import outbox_of
from rp_finalizer.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rp_finalizer.cli.options import Common
    from rp_finalizer.server.serving import ServiceThread
    from rp_finalizer.settings import Settings

DEFAULT = "127.0.0.1:8377"
ASKING_PATIENCE = 2.0
"""Seconds after which whoever asks is told that the outbox cannot be reached."""
_MOST = 65535
_FORM = re.compile(r"(?:\[([^\[\]]+)\]|([^\[\]:]+)):([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class WorkerBeside:
    """What the service tells of the worker that it belongs to."""

    concurrency: int
    look: float
    """Seconds."""
    running: Callable[[], bool]


def read_address(text: str) -> tuple[str, int]:
    """Read `HOST:PORT` as an address and a port, 0 for a free one. Raises `SettingsError`."""
    match = _FORM.fullmatch(text.strip())
    if match is None or int(match[3]) > _MOST:
        raise SettingsError(f"--listen {text[:100]!r} is no HOST:PORT: write it like {DEFAULT} or [::1]:8377")
    host = match[1] or match[2]
    try:
        found = socket.getaddrinfo(host, int(match[3]), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise SettingsError(f"--listen {text[:100]!r}: this machine knows no address {host!r}: name another") from error
    # Of a name with several addresses the one that most clients try first.
    address = min(found, key=lambda each: each[0] != socket.AF_INET)[4]
    return str(address[0]), int(match[3])


@contextmanager
def serving(common: Common, settings: Settings, listen: str, worker: WorkerBeside | None) -> Iterator[ServiceThread]:
    """Serve the status of the settings' outbox while the block is entered, and say where on stderr.

    Raises `SettingsError` for an address that cannot be listened on, or must not be.
    """
    host, port = read_address(listen)
    access_of, service_of, sampler, application, thread = (
        import_server("access"),
        import_server("state"),
        import_server("sampler"),
        import_server("app"),
        import_server("serving"),
    )
    access = access_of.Access.from_environment(os.environ)
    if not access.needed and not import_server("origins").is_loopback(host):
        raise SettingsError(
            f"--listen {listen} can be reached from elsewhere, and no token is set: put one into "
            f"{access_of.API_TOKEN} (and another into {access_of.ADMIN_TOKEN}), or listen on {DEFAULT}"
        )
    working = worker and service_of.Working(worker.concurrency, worker.look, worker.running)
    outbox = outbox_of(settings, patience=ASKING_PATIENCE)
    service = service_of.Service(outbox, settings, access, working)
    with ExitStack() as stack:
        stack.callback(outbox.close)
        server = thread.ServiceThread(application.build_app(service), host, port, tell=common.verbose > 0)
        try:
            stack.enter_context(server)
        except OSError as error:
            raise SettingsError(
                f"--listen {listen}: {error.strerror or error}; name another port, or 0 for a free one"
            ) from error
        stack.enter_context(sampler.Sampler(service))
        if not common.quiet:
            who = "" if access.needed else "; for this machine only, no token is set"
            click.echo(f"status of {outbox.name} on {server.url}{who}", err=True)
        yield server


def import_server(module: str) -> Any:
    """Import a part of the service. Raises `SettingsError` with the pip line when its extra is not installed."""
    try:
        return import_module(f"rp_finalizer.server.{module}")
    except ImportError as error:
        raise SettingsError(f"{error.name} is not installed; run: pip install 'rp-finalizer[server]'") from error
