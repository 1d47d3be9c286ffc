"""Seeing the calls of a client and of its clones, whichever kind, without leaving anything on a client.

An agent pickles its client, clones it, and makes it anew on the other side. So what is wrapped is what no pickle
carries: of the sync client the two methods of its `session`, which every pickle leaves out; of the clients built on
asyncio what their connection's `session()` gives, each time anew. Who is watched is known here, by weak references.
Clones get connections of their own: the classes' `clone` is followed, for those clients only that are watched.

Names used beside the public ones, as seen in reportportal-client 5.5.4 to 5.7.11: `session` of the sync client, with
`post` and `put`; `session()` of the connection (`client.client`) of the others. Where one is gone, nothing is counted,
and the count is unknown.
"""

from __future__ import annotations

import functools
import inspect
import json
import logging
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakMethod

import requests

from rp_finalizer.circuit import Circuit
from rp_finalizer.reportportal.bounded import member_of
from rp_finalizer.reportportal.refusals import Refusals

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

_SENDING = ("post", "put")

_WATCHED: WeakKeyDictionary[Any, Refusals] = WeakKeyDictionary()
"""Sync clients, and the connections of the others, and where their calls are counted."""

_FOLLOWED: set[tuple[type, str]] = set()
"""Classes, and the methods of theirs, that are wrapped already."""

_LOCK = threading.Lock()

_HANGS = "not sent: the server has not answered for a while"


def watch_sessions(client: Any) -> Refusals:
    """Count what becomes of a sync client's calls from now on. A second call gives the same counter."""
    with _LOCK:
        if (refusals := _WATCHED.get(client)) is not None:
            return refusals
        refusals = Refusals()
        if not _wrap_session(client, refusals):
            return Refusals(known=False)
        _follow(client, "clone", _following(_wrap_session))
        _WATCHED[client] = refusals
        return refusals


def watch_connection(client: Any) -> Refusals:
    """Count what becomes of an asyncio client's calls from now on. A second call gives the same counter."""
    connection = member_of(client, "client")
    with _LOCK:
        if connection is not None and (refusals := _WATCHED.get(connection)) is not None:
            return refusals
        if not _follow(connection, "session", _watched_session):
            return Refusals(known=False)
        _follow(connection, "clone", _following(lambda *_: True))
        _WATCHED[connection] = refusals = Refusals()
        return refusals


def give_up_on_hangs(client: Any) -> None:
    """Let the calls of a watched client, and of its clones, fail at once while the server answers none.

    Each would wait its whole timeout: a test run of a thousand calls would take hours. A few calls in a row that timed
    out are enough for that; after a pause, which grows, one is tried again. Does nothing where calls are not seen.
    """
    watched = _WATCHED.get(client)
    if watched is None and (connection := member_of(client, "client")) is not None:
        watched = _WATCHED.get(connection)
    if watched is not None:
        watched.circuit = Circuit()


def _wrap_session(client: Any, refusals: Refusals) -> bool:
    session = member_of(client, "session")
    calls = {name: member_of(session, name) for name in _SENDING}
    if not all(callable(call) for call in calls.values()):
        return False
    for name, call in calls.items():
        setattr(session, name, _watched_call(call, refusals))
    return True


def _watched_call(call: Callable[..., Any], refusals: Refusals) -> Callable[..., Any]:
    # Weakly: a session that holds itself would not go with its client, but when the garbage is collected.
    held: Callable[[], Any] = WeakMethod(call) if inspect.ismethod(call) else lambda: call

    def send(url: Any, *positional: Any, **content: Any) -> Any:
        circuit = refusals.circuit
        if circuit is not None and not circuit.allows(monotonic()):
            refusals.failed(url, content, _HANGS)
            return _not_asked()
        try:
            response = held()(url, *positional, **content)
        except Exception as error:
            refusals.failed(url, content, type(error).__name__)
            _note(circuit, error)
            raise
        _note(circuit, None)
        if refusals.answered(url, content, response, "status_code"):
            refusals.read(url, content, response.content)
        return response

    return send


class _WatchedSession:
    """A session of an asyncio client, seen through."""

    __slots__ = ("_refusals", "_session")

    def __init__(self, session: Any, refusals: Refusals) -> None:
        self._session = session
        self._refusals = refusals

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    async def post(self, url: Any, **content: Any) -> Any:
        return await self._send(self._session.post, url, content)

    async def put(self, url: Any, **content: Any) -> Any:
        return await self._send(self._session.put, url, content)

    async def _send(self, call: Callable[..., Any], url: Any, content: dict[str, Any]) -> Any:
        refusals = self._refusals
        circuit = refusals.circuit
        if circuit is not None and not circuit.allows(monotonic()):
            refusals.failed(url, content, _HANGS)
            raise ConnectionError(_HANGS)
        try:
            response = await call(url, **content)
        except Exception as error:
            refusals.failed(url, content, type(error).__name__)
            _note(circuit, error)
            raise
        _note(circuit, None)
        if refusals.answered(url, content, response, "status"):
            try:
                # Kept by the response: the client reads it again.
                body = await response.read()
            except Exception as error:  # noqa: BLE001  the client is to meet it where it expects it
                logger.debug("an answer broke off: %r", error)
            else:
                refusals.read(url, content, body)
        return response


def _note(circuit: Circuit | None, error: Exception | None) -> None:
    """Tell the circuit what a call came to: only a hang counts, any answer and any other error comes at once."""
    if circuit is None:
        return
    if isinstance(error, requests.Timeout | TimeoutError):
        circuit.failed(monotonic())
    else:
        circuit.succeeded()


def _not_asked() -> requests.Response:
    """Give an answer in place of the server: an error would put a traceback on stderr for every batch of logs."""
    response = requests.Response()
    response.status_code = requests.codes.service_unavailable
    response.headers["Content-Type"] = "application/json"
    response._content = json.dumps({"message": _HANGS}).encode()  # noqa: SLF001  there is no other way to set it
    return response


def _watched_session(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def session(self: Any) -> Any:
        given = await original(self)
        refusals = _WATCHED.get(self)
        if refusals is None or isinstance(given, _WatchedSession):
            return given
        return _WatchedSession(given, refusals)

    return session


def _following(attach: Callable[[Any, Refusals], bool]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def follow(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def clone(self: Any, *positional: Any, **named: Any) -> Any:
            cloned = original(self, *positional, **named)
            refusals = _WATCHED.get(self)
            # A class that overrides the method may call another that is followed, too.
            if refusals is not None and cloned is not None and cloned not in _WATCHED and attach(cloned, refusals):
                _WATCHED[cloned] = refusals
            return cloned

        return clone

    return follow


def _follow(stranger: Any, method: str, wrapped: Callable[[Callable[..., Any]], Callable[..., Any]]) -> bool:
    """Wrap a method where its class defines it, once; tell whether there is such a method."""
    for kind in type(stranger).__mro__:
        original = vars(kind).get(method)
        if (kind, method) in _FOLLOWED:
            return True
        if callable(original):
            setattr(kind, method, wrapped(original))
            _FOLLOWED.add((kind, method))
            return True
    return False
