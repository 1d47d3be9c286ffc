"""Finding the program that a command names, as a shell does."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from rp_finalizer.errors import FinalizerError

NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""The exit codes of a shell."""


class CannotStartError(FinalizerError):
    """A command cannot be started; nothing of it has run."""

    def __init__(self, name: str, reason: str, exit_code: int) -> None:
        super().__init__(name, reason, exit_code)
        self.name = name
        self.reason = reason
        self.exit_code = exit_code

    @classmethod
    def because(cls, name: str, error: OSError) -> CannotStartError:
        """Give the error that stands for what the system said."""
        missing = error.errno in {errno.ENOENT, errno.ENOTDIR}
        return cls(name, error.strerror or str(error), NOT_FOUND if missing else NOT_EXECUTABLE)

    def __str__(self) -> str:
        """Name the command, as it was given, and the reason."""
        return f"{self.name}: {self.reason}"


def find_program(name: str, search_path: str) -> str:
    """Give the path of the file to execute: the name itself when it is a path, else the first hit on the search path.

    Raises `CannotStartError`.
    """
    candidates = [name] if "/" in name else [f"{folder or '.'}/{name}" for folder in search_path.split(os.pathsep)]
    problem: str | None = None
    for candidate in candidates if name else []:
        path = Path(candidate)
        try:
            is_folder = path.is_dir()
            if not is_folder and path.exists() and os.access(path, os.X_OK):
                return candidate
            if path.exists():
                problem = problem or ("it is a folder" if is_folder else "it may not be executed")
        except (OSError, ValueError) as error:  # a folder on the way may not be looked into; a null character
            problem = problem or getattr(error, "strerror", None) or str(error)
    if problem is None:
        raise CannotStartError(name, "command not found", NOT_FOUND)
    raise CannotStartError(name, problem, NOT_EXECUTABLE)
