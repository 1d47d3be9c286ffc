"""Files that a run may leave behind and that name its launch; and which of them are this run's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_State = tuple[int, int, int] | None
"""Time of the last change, size, and the file itself, for a new one may get the old one's name; None for no file."""

AGENT_FILES = ("rp-launch-uuid-*.tmp", "rplaunch-*.tmp", "rplaunchinprogress-*.tmp")
"""How JavaScript agents name theirs."""


def agent_files(directory: Path) -> Iterator[Path]:
    """Give those of the JavaScript agents in the folder."""
    return (path for pattern in AGENT_FILES for path in directory.glob(pattern))


@dataclass(frozen=True, slots=True)
class FileStates:
    """How files were at one moment. No clock is asked: that of a file server is another one than ours."""

    states: Mapping[Path, _State]

    @classmethod
    def of(cls, paths: Iterable[Path]) -> Self:
        """Look at them now."""
        return cls({path: _state(path) for path in paths})

    def changed(self, path: Path) -> bool:
        """Tell whether a file has been made or written since; one that was not looked at is new."""
        return _state(path) != self.states.get(path)


def _state(path: Path) -> _State:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
