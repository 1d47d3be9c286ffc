"""A real terminal with a real shell in it, and hands that type."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PATIENCE = 30.0
"""Seconds until what does not appear is a failed test."""
EDITING_SHELL = ("/bin/bash", "--norc", "--noprofile", "-i")
"""Reads its lines key by key, as shells do for people, and sets the terminal so meanwhile."""
SHELL = (*EDITING_SHELL[:-1], "--noediting", "-i")
"""Leaves lines and echo to the terminal."""

_LEAD = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """A terminal of 24 lines and 80 columns whose session a command leads."""

    def __init__(self, folder: Path, environ: Mapping[str, str], *command: str) -> None:
        self._folder = folder
        self._environ = {**environ, "PS1": "% ", "TERM": "dumb", "HISTFILE": "/dev/null"}
        self._command = command or SHELL
        self.shown = ""
        """All that it has shown."""
        self._seen = 0

    def __enter__(self) -> Self:
        self._ours, theirs = os.openpty()
        self.resize(24, 80)
        self.process = subprocess.Popen(
            [sys.executable, "-c", _LEAD, *self._command],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=self._folder,
            env=self._environ,
        )
        os.close(theirs)
        return self

    def __exit__(self, *exception: object) -> None:
        self.hang_up()
        self.process.kill()
        self.process.wait()

    def hang_up(self) -> None:
        """Close the window."""
        if self._ours >= 0:
            os.close(self._ours)
            self._ours = -1

    def resize(self, lines: int, columns: int) -> None:
        termios.tcsetwinsize(self._ours, (lines, columns))

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def attributes(self) -> list[Any]:
        """Give how it is set: echo, line by line, ..."""
        return termios.tcgetattr(self._ours)

    @property
    def echoes(self) -> bool:
        return bool(self.attributes()[3] & termios.ECHO)

    def expect(self, text: str) -> str:
        """Wait until it shows a text that was not expected before; give what it has shown until then."""
        deadline = time.monotonic() + PATIENCE
        while (place := self.shown.find(text, self._seen)) < 0:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self._ours], [], [], max(left, 0.0))
            assert ready, f"{text!r} is not shown, but: {self.shown[self._seen :]!r}"
            try:
                piece = os.read(self._ours, 65536)
            except OSError:
                piece = b""  # so Linux says that nobody has it open any more
            assert piece, f"{text!r} is not shown, and nothing more will be: {self.shown[self._seen :]!r}"
            self.shown += piece.decode(errors="replace")
        begun, self._seen = self._seen, place + len(text)
        return self.shown[begun:place]

    def wait_until_closed(self) -> str:
        """Read until nobody has it open any more; give the rest."""
        begun = self._seen
        try:
            while piece := os.read(self._ours, 65536):
                self.shown += piece.decode(errors="replace")
        except OSError:
            pass  # as above
        return self.shown[begun:]
