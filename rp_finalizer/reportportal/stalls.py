"""Where a client waits in the test run's own thread without end, and the ends that it can be given.

Names used beside the public ones, as seen in reportportal-client 5.5.4 to 5.7.11: `send_event` in the sync client's
module; `http_timeout` of the sync client and of the others' connection (`client.client`), with its `_session`; `_loop`
and `task_timeout`; since 5.7.4 `_api_info_task`. Where one is gone, what it bounds stays as the client has it.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rp_finalizer.reportportal.bounded import member_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SYNC_MODULE = "reportportal_client.client"
_SEND = "send_event"

_TASK_TIMEOUT = 60.0
"""Seconds that the clients on asyncio wait for a task of theirs, unless told otherwise; then they raise."""

_TURN = 1.0
"""Seconds that a loop gets beyond the longest call, to come to it and to end it: the threaded one looks ten times a
second."""

logger = logging.getLogger(__name__)


@contextmanager
def bounded_statistics() -> Iterator[None]:
    """Let the sync client send its statistics from a thread of its own, as long as this block lasts.

    Its `start_launch` sends them to a service of the client's makers, without a timeout: where that never answers, the
    run never begins. On a daemon thread it keeps nobody, and what it raises is nobody's. Whether statistics are sent at
    all stays the client's business (AGENT_NO_ANALYTICS). Does nothing where the client is not loaded.
    """
    module = sys.modules.get(_SYNC_MODULE)
    original = getattr(module, _SEND, None)
    if not callable(original):
        yield
        return

    def send_event(*arguments: Any, **named: Any) -> None:
        try:
            threading.Thread(
                target=_send, args=(original, arguments, named), name="rp-finalizer-statistics", daemon=True
            ).start()
        except RuntimeError as error:
            # No thread to be had: statistics are nothing to wait for.
            logger.debug("statistics are not sent: %s", error)

    setattr(module, _SEND, send_event)
    try:
        yield
    finally:
        if getattr(module, _SEND, None) is send_event:
            setattr(module, _SEND, original)


def _send(original: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
    try:
        original(*arguments, **named)
    except Exception as error:  # noqa: BLE001  foreign code; whatever it raises is no trouble of the run's
        logger.debug("statistics were not sent: %r", error)


def bound(client: Any, read_timeout: float) -> None:
    """Give the calls of a client an end that has none: connecting and reading take `read_timeout` seconds each at most.

    A time that the user set stays. Clones made from here on have the same; to be called before the client is used.

    Clients on asyncio make the caller wait for two things: for the server's version, which they ask for when a time is
    given as a datetime (since 5.7.4), and for their queue. They raise into the caller's code when that takes
    `task_timeout`, 60 s. The version is waited for no longer than one call may take, and counts as an old one's after
    that, as the client has it where the server does not tell. `task_timeout`, unless it was set, becomes one second
    more, so that the caller is kept no longer, and nothing raises before the call itself has ended.

    What the sync client waits for the version is 10 s, and one call.
    """
    connection = member_of(client, "client")
    timeout = (read_timeout, read_timeout)
    for holder in (client, connection):
        if member_of(holder, "http_timeout", timeout) is None:
            holder.http_timeout = timeout
    loop, one_call = member_of(client, "_loop"), _longest_call(connection)
    if connection is None or one_call is None:
        return
    if not isinstance(loop, asyncio.AbstractEventLoop):
        _bound_session(connection)
        return
    if member_of(client, "task_timeout") == _TASK_TIMEOUT and one_call + _TURN < _TASK_TIMEOUT:
        client.task_timeout = one_call + _TURN
        factory = loop.get_task_factory()
        if factory is not None and type(factory).__name__ == "ThreadedTaskFactory":
            # It was told the time when it was made.
            loop.set_task_factory(type(factory)(client.task_timeout))  # type: ignore[call-arg]

    def on_the_loop() -> None:
        _bound_session(connection)
        _bound_version(client, loop, one_call)

    if loop.is_running():
        loop.call_soon_threadsafe(on_the_loop)
    else:
        on_the_loop()


def _longest_call(connection: Any) -> float | None:
    """Give the seconds that one call may take: connecting and reading; None where it has no end."""
    match member_of(connection, "http_timeout"):
        case (int() | float() as connecting, int() | float() as reading):
            return connecting + reading
        case int() | float() as each if each > 0:
            return 2 * each
    return None


def _bound_session(connection: Any) -> None:
    """Bound the session, too, that the connection may have opened before: it took the time that there was then."""
    session = member_of(connection, "_session")
    while session is not None and not hasattr(session, "_timeout"):
        session = member_of(session, "_client")
    aiohttp = sys.modules.get("aiohttp")
    if session is not None and aiohttp is not None:
        times = connection.http_timeout
        connecting, reading = times if isinstance(times, tuple) else (times, times)
        session._timeout = aiohttp.ClientTimeout(connect=connecting, sock_read=reading)  # noqa: SLF001  as told at the top


def _bound_version(client: Any, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
    """Let whoever asks for the server's version wait for so long at most."""
    asked = member_of(client, "_api_info_task")
    ask = member_of(client, "_prefetch_api_info")
    if not callable(ask):
        return

    async def prefetch_api_info() -> dict[str, Any]:
        answer = asked or loop.create_task(ask())
        await asyncio.wait([answer], timeout=seconds)
        told = answer.result() if answer.done() and not answer.cancelled() and not answer.exception() else None
        return told if isinstance(told, dict) else {}

    client._api_info_task = loop.create_task(prefetch_api_info())  # noqa: SLF001  as told at the top
