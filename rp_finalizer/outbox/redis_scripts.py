"""The steps of the outbox in Redis as scripts, each put together of the files in `lua` that it needs."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

_ALWAYS = "keys"
_NEEDS = "-- needs "
"""How a step's first line begins; it names the files, in their order."""


class Script(NamedTuple):
    """What Redis is told to do."""

    text: str
    digest: str
    """The name that Redis gives it."""


@cache
def script(step: str) -> Script:
    """Give the script of a step."""
    own = _file(step)
    first = own.partition("\n")[0]
    needed = first.removeprefix(_NEEDS).split() if first.startswith(_NEEDS) else []
    text = "".join([*map(_file, (_ALWAYS, *needed)), own])
    return Script(text, hashlib.sha1(text.encode()).hexdigest())  # noqa: S324  Redis names scripts so


def _file(name: str) -> str:
    return files(__package__).joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
