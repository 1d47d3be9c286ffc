"""Taking over a client's own finish and close, so that whoever calls them goes through the finalizer.

A guarded client is of a subclass made for it: nothing is put on the instance, which agents pickle (pytest-xdist sends
theirs to its workers), and which a copy would carry along. Pickled, copied or cloned it is what it was before.
"""

from __future__ import annotations

import asyncio
import copyreg
import inspect
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

START = "start_launch"
FINISH = "finish_launch"
ENDS = ("terminate", "close")

_RERUN = 4
"""The place of `rerun` among the arguments of `start_launch`."""

_ORIGINAL, _TAKER = "_rp_finalizer_original", "_rp_finalizer_taker"


class Taken(Protocol):
    """Who gets the calls."""

    def attach_running_loop(self) -> None:
        """Take note of the loop of this thread, on which an awaited client is closed."""
        ...

    def own_call(self) -> bool:
        """Tell whether the finalizer itself is closing the client, so that the client's own method is meant."""
        ...

    def elsewhere(self) -> bool:
        """Tell whether this process is a fork of the finalizer's own: then its calls do nothing, at once."""
        ...

    def started_for(self, *, rerun: bool) -> None:
        """Take note that the client was told to start a launch, or to take up one that there was."""
        ...

    def finish_for(self, arguments: dict[str, Any]) -> Any:
        """Finish with what the caller gave; give what the client's own method would give, once it is done."""
        ...

    def end_for(self) -> None:
        """Finish unless that was done, and close the client."""
        ...


def guard(client: Any, taker: Taken) -> None:
    """Make the client's `finish_launch`, `terminate` and `close`, as far as it has them, go to the taker.

    It is told of every `start_launch`, too, which does and gives what it always did. Once more for the same taker
    changes nothing; of several takers, the last gets the ends.

    Raises TypeError for an object whose class cannot be changed.
    """
    original = type(client)
    if any(vars(each)[_TAKER] is taker for each in _guards_of(client)):
        return
    members: dict[str, Any] = {
        _ORIGINAL: original,
        _TAKER: taker,
        "__reduce_ex__": _reduce,
        "__doc__": original.__doc__,
    }
    if callable(getattr(original, START, None)):
        members[START] = _start_method(original, taker)
    if callable(getattr(original, FINISH, None)):
        members[FINISH] = _finish_method(original, taker)
    members |= {name: _end_method(original, name, taker) for name in ENDS if callable(getattr(original, name, None))}
    make: Callable[..., type] = type(original)
    client.__class__ = make(original.__name__, (original,), members)


def unguard(client: Any, taker: Taken) -> None:
    """Take the taker's guard off the client; those of others stay."""
    guards = _guards_of(client)
    takers = [vars(each)[_TAKER] for each in guards]
    if taker not in takers:
        return
    client.__class__ = vars(guards[-1])[_ORIGINAL]
    for each in reversed(takers):
        if each is not taker:
            guard(client, each)


def own_method(client: Any, name: str) -> Any:
    """Give the client's own method, of a guarded client, too; None where it has none."""
    guards = _guards_of(client)
    return getattr(super(guards[-1], client) if guards else client, name, None)


def _guards_of(client: Any) -> list[type[Any]]:
    """List the classes that guards have put over the client's own, the last first."""
    guards: list[type[Any]] = []
    kind: type[Any] = type(client)
    while _ORIGINAL in vars(kind):
        guards.append(kind)
        kind = vars(kind)[_ORIGINAL]
    return guards


def _start_method(original: type, taker: Taken) -> Callable[..., Any]:
    def start_launch(self: Any, *positional: Any, **named: Any) -> Any:
        given = _start_under(self, taker)(*positional, **named)
        taker.started_for(rerun=_is_rerun(positional, named))
        return given

    async def start_launch_awaited(self: Any, *positional: Any, **named: Any) -> Any:
        given = await _start_under(self, taker)(*positional, **named)
        taker.started_for(rerun=_is_rerun(positional, named))
        return given

    return start_launch_awaited if _awaited(original, START) else start_launch


def _start_under(client: Any, taker: Taken) -> Any:
    """Give the `start_launch` under the taker's guard: another guard's, whose taker is to be told, too, or the own."""
    [guard_of_taker] = [each for each in _guards_of(client) if vars(each)[_TAKER] is taker]
    return getattr(super(guard_of_taker, client), START)


def _is_rerun(positional: tuple[Any, ...], named: dict[str, Any]) -> bool:
    """Read the argument as the clients have it: by name, or the fifth, behind the attributes."""
    return bool(named.get("rerun", positional[_RERUN] if len(positional) > _RERUN else False))


def _finish_method(original: type, taker: Taken) -> Callable[..., Any]:
    awaited = _awaited(original, FINISH)

    def finish_launch(self: Any, end_time: Any = None, status: Any = None, attributes: Any = None, **more: Any) -> Any:
        if taker.own_call() and not awaited:
            return own_method(self, FINISH)(end_time, status, attributes, **more)
        given = {"end_time": end_time, "status": status, "attributes": attributes} | more
        return taker.finish_for(given)

    async def finish_launch_awaited(self: Any, *positional: Any, **named: Any) -> Any:
        if taker.own_call():
            return await own_method(self, FINISH)(*positional, **named)
        if taker.elsewhere():
            # The threads that a loop hands its work to are not there after a fork, and it does not know.
            return finish_launch(self, *positional, **named)
        taker.attach_running_loop()
        return await asyncio.to_thread(finish_launch, self, *positional, **named)

    return finish_launch_awaited if awaited else finish_launch


def _end_method(original: type, name: str, taker: Taken) -> Callable[..., Any]:
    def end(self: Any, *positional: Any, **named: Any) -> Any:
        if taker.own_call():
            return own_method(self, name)(*positional, **named)
        taker.end_for()
        return None

    async def end_awaited(self: Any, *positional: Any, **named: Any) -> Any:
        if taker.own_call():
            return await own_method(self, name)(*positional, **named)
        if taker.elsewhere():
            return taker.end_for()
        taker.attach_running_loop()
        return await asyncio.to_thread(taker.end_for)

    return end_awaited if _awaited(original, name) else end


def _awaited(original: type, name: str) -> bool:
    return inspect.iscoroutinefunction(getattr(original, name, None))


def _reduce(self: Any, protocol: Any) -> Any:
    """Pickle as the original class: the one that was made for the guard cannot be found by another process."""
    guarded: type[Any] = type(self)
    innermost = _guards_of(self)[-1]
    original = vars(innermost)[_ORIGINAL]
    reduced = super(innermost, self).__reduce_ex__(protocol)
    if isinstance(reduced, str):
        return reduced
    make, arguments, *rest = reduced
    arguments = tuple(original if each is guarded else each for each in arguments)
    # Pickle demands of the usual maker that its class is the object's own, which it is not here.
    return (original.__new__ if make is copyreg.__newobj__ else make, arguments, *rest)  # type: ignore[attr-defined]
