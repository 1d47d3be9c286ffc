"""The files that are written for others to read: the report, and the launch's uuid."""

from __future__ import annotations

import os
from pathlib import Path
from stat import S_IMODE, S_ISREG
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rp_finalizer.report import Report


def write_report(report: Report, path: Path) -> None:
    """Write the report's JSON form as one line, as `write_line` does."""
    write_line(report.to_json(), path)


def write_line(text: str, path: Path) -> None:
    """Write a file that holds this line, whole or not at all: a reader never finds half of it.

    Folders on the way are made. Links are followed; a file that is there keeps its mode, and what is no regular file,
    such as a pipe, is written into without waiting for anybody. Raises OSError.
    """
    content = f"{text}\n".encode()
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None and not S_ISREG(mode):
        _write_into(path, content)
    else:
        _replace(Path(os.path.realpath(path)), content, None if mode is None else S_IMODE(mode))


def _write_into(path: Path, content: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        while content:
            content = content[os.write(file, content) :]
    finally:
        os.close(file)


def _replace(path: Path, content: bytes, mode: int | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(content)
        if mode is not None:
            unfinished.chmod(mode)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
