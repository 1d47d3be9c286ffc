"""The bodies of the control API. Unknown fields are refused: a misspelt fault that does nothing helps nobody."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FaultBody(_Body):
    """A fault; the fields are those of `Fault`."""

    kind: str | list[str] = "any"
    path: str | None = None
    status: int | None = None
    body: Any = None
    content_type: str | None = None
    headers: dict[str, str] = {}
    apply: bool = False
    cut: bool = False
    delay: float = 0.0
    hang: bool = False
    skip: int = 0
    times: int | None = None
    seconds: float | None = None


class QueueBody(_Body):
    """Settings of the queue; what is left out stays."""

    delay: float | None = None
    first_delay: float | None = None
    retry_factor: float | None = None
    file_delay: float | None = None
    paused: bool | None = None


class RuleBody(_Body):
    """Which messages to lose or to double; without `times` all from now on."""

    kind: str
    times: int | None = None


class ServerBody(_Body):
    """Settings of the server; what is left out stays. All in seconds."""

    latency: float | None = None
    clock_offset: float | None = None
    token_lifetime: float | None = None


class UserBody(_Body):
    """A user with an API key and roles by project."""

    login: str
    key: str
    projects: dict[str, str] = {}
    administrator: bool = False
    password: str | None = None


class ProjectBody(_Body):
    """A project."""

    name: str
    interrupt_after: float = 86400.0
