"""Versions of entries in Redis: no two writes of any process give the same one."""

from __future__ import annotations

import os
from itertools import count
from secrets import token_hex


class _Versions:
    """A process's own prefix and a number: a random one for each write would be a call of the system each."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Begin anew, as the child of a fork has to."""
        self._prefix = token_hex(12)
        self._numbers = count()

    def next(self) -> str:
        """Give one more. Safe to use from several threads."""
        return f"{self._prefix}-{next(self._numbers)}"


_VERSIONS = _Versions()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_VERSIONS.renew)

new_version = _VERSIONS.next
