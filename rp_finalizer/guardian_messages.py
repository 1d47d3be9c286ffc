"""What a run tells its guardian: lines of JSON over a pipe, one a message, and what these come to.

Nothing in them is about how the run reports. Whoever cannot read a line, for it comes from another version, is to
stop listening and do nothing: better no guardian than one that guesses.

The guardian imports this while it waits, and must stay small: no `typing`, no `dataclasses`.
"""

from __future__ import annotations

import json

VERSION = 1
"""Of the messages; both ends are of one installation as a rule, but not while it is upgraded."""

HELLO, WATCH, FORGET, RENEWED, GOODBYE = "hello", "watch", "forget", "renewed", "goodbye"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def encode(kind: str, **content: Any) -> bytes:
    """Give a message as one line."""
    return json.dumps({"kind": kind, **content}, separators=(",", ":")).encode("ascii") + b"\n"


class Orders:
    """What a guardian was told so far."""

    def __init__(self) -> None:
        self.hello: dict[str, Any] = {}
        """Who the run is, and all that is needed to finish its launches; nothing before it has told."""
        self.launches: dict[str, dict[str, Any]] = {}
        """By uuid: the launches that are to be finished when the run dies."""
        self.goodbye = False
        """Whether the run needs no guardian any more."""
        self.renewals = 0
        """How often the run has shown that it renews its leases itself."""
        self._rest = b""

    def hear(self, data: bytes) -> None:
        """Take what came out of the pipe, a piece of a line included. Raises `ValueError` for what cannot be read."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            try:
                self._obey(json.loads(line))
            except (LookupError, TypeError, RecursionError) as error:
                raise ValueError(f"a message that cannot be read: {error!r}") from None

    def _obey(self, message: dict[str, Any]) -> None:
        kind = message["kind"]
        if bool(self.hello) is (kind == HELLO):
            raise ValueError(f"{kind} at the wrong place")
        if kind == HELLO:
            if message["version"] != VERSION:
                raise ValueError(f"version {message['version']}")
            self.hello = message
        elif kind == WATCH:
            self.launches[message["uuid"]] = message
            self.renewals += 1
        elif kind == FORGET:
            self.launches.pop(message["uuid"], None)
        elif kind == RENEWED:
            self.renewals += 1
        elif kind == GOODBYE:
            self.goodbye = True
        else:
            raise ValueError(f"unknown: {kind}")
