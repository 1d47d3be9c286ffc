"""Callers of the emulated server, by their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from tests.support.rp_api import RpApi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rp_finalizer.emulator import Emulator


class Callers(Protocol):
    """Give a session for a key and a project."""

    def __call__(self, key: str | None = "demo_key", project: str = "demo") -> RpApi: ...


@pytest.fixture
def callers(emulator: Emulator) -> Iterator[Callers]:
    """Open sessions for any key, and close them in the end."""
    opened: list[RpApi] = []

    def open_session(key: str | None = "demo_key", project: str = "demo") -> RpApi:
        opened.append(RpApi(emulator.url, key, project))
        opened[-1].session.trust_env = False  # reading the environment's proxies takes longer than a call
        return opened[-1]

    yield open_session
    for session in opened:
        session.close()


@pytest.fixture
def api(callers: Callers) -> RpApi:
    """Call as the project's manager."""
    return callers()
