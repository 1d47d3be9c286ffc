"""What one check found."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_LINE = 500
"""Characters of one line of a detail: some come from the server, or from a file."""
SHORTEST_SECRET = 8
"""A shorter secret is not looked for in texts: it would be found in the middle of words."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a finish needs, and whether it is there."""

    name: str
    """Lower-kebab and stable. `settings` may come several times, once for each problem."""
    ok: bool | None
    """None where it could not be tried, or there is nothing to judge."""
    detail: str
    """What was found, for people; may have several lines."""
    mend: str | None = None
    """What to do about it; where `ok` is False it is always there."""

    @classmethod
    def not_tried(cls, name: str, why: str) -> Self:
        """Make a check that could not be tried, an earlier one having failed."""
        return cls(name, None, why)

    def fit_to_show(self, secrets: Iterable[str]) -> Check:
        """Give the check without secrets, and without characters that would steer a terminal."""
        mend = None if self.mend is None else _fit(self.mend, secrets)
        return Check(self.name, self.ok, _fit(self.detail, secrets), mend)

    def to_dict(self) -> dict[str, Any]:
        """Give the form that is promised for `--json`."""
        return {"name": self.name, "ok": self.ok, "detail": self.detail, "mend": self.mend}


def without_user_info(text: str) -> str:
    """Hide what stands before an @: in an address it may be a password."""
    return re.sub(r"[^/@\s]+@", "****@", text)


def _fit(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, "****")
    return "\n".join(_fit_line(line) for line in text.split("\n"))


def _fit_line(line: str) -> str:
    plain = "".join(" " if unicodedata.category(letter)[0] == "C" else letter for letter in line)
    return plain if len(plain) <= LONGEST_LINE else f"{plain[: LONGEST_LINE - 1]}…"
