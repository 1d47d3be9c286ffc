"""An answer of the emulated server, before it becomes an HTTP response."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body, headers. A body that is neither text nor bytes is written as JSON."""

    status: int
    body: Any
    content_type: str | None = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    pretty: bool = False
    cut: bool = False
    """Close the connection in its place."""

    def encode(self) -> bytes:
        """Give the bytes of the body."""
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str):
            return self.body.encode()
        if self.pretty:
            return json.dumps(self.body, indent=2, ensure_ascii=False).encode()
        return json.dumps(self.body, separators=(",", ":"), ensure_ascii=False).encode()
