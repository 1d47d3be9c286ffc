"""Who holds an entry: a name that one process has and no other ever had, and whether that process still lives.

A pid alone names nobody: it is used again after its process's end, by every container for another process, and by
every machine. So the name holds the host, its boot, the pid namespace, the pid, and when the process began.
"""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_LONGEST_PID = 9
"""Digits; no system counts further."""
_ENDED = frozenset({"Z", "X"})
"""States of a process that has ended, and that its parent has not asked about yet."""
_STATE, _BEGUN = 0, 19
"""Where they stand in `/proc/PID/stat` behind the process's name (proc(5): fields 3 and 22)."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where pids mean the same: empty texts where the system does not tell."""

    host: str
    boot: str
    namespace: str


def this_process(role: str) -> str:
    """Name this process, with what it does, as `run@HOST:BOOT:PIDNAMESPACE:PID:STARTTICKS`. Never raises."""
    place, pid = _here(), os.getpid()
    begun = _begun(pid) if place.namespace else None
    return f"{role}@{place.host}:{place.boot}:{place.namespace}:{pid}:{begun or ''}"


def alive(holder: str) -> bool | None:
    """Tell whether the process that `this_process` named still runs; None where that cannot be known from here.

    It cannot for processes of other hosts and containers, nor for names of other forms. A process that is stopped is
    alive. Where the system does not tell when a process began (no Linux), the pid alone decides. Never raises.
    """
    _, _, rest = holder.partition("@")
    parts = rest.split(":")
    if len(parts) != len(("host", "boot", "namespace", "pid", "begun")):
        return None
    host, boot, namespace, pid, begun = parts
    here = _here()
    if host != here.host or not _is_pid(pid):
        return None
    if boot and here.boot and boot != here.boot:
        # What ran before the machine was started anew runs no more.
        return False
    if (boot, namespace) != (here.boot, here.namespace) or (boot and not namespace):
        return None
    return _lives(int(pid), begun)


def _lives(pid: int, begun: str) -> bool | None:
    there = _answers(pid)
    if not there or not begun:
        return there
    now = _begun(pid)
    if now is None:
        # It ended meanwhile, or is hidden from this user (mount option `hidepid`).
        return None if _answers(pid) else False
    return now == begun


def _here() -> _Place:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = (_PROC / "self/ns/pid").readlink().name.strip("pid:[]")
        ours = (_PROC / "self").readlink().name == str(os.getpid())
    except (OSError, ValueError):
        boot, namespace, ours = "", "", False
    # Where /proc belongs to another namespace, its pids are not those that processes here know each other by.
    return _Place(platform.node().replace(":", "-"), boot, namespace if ours else "")


def _begun(pid: int) -> str | None:
    """Give the tick since the boot at which a process began; empty once it has ended; None where it is not seen."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return None
    # The name stands in brackets, and may hold brackets and spaces itself.
    fields = text.rpartition(")")[2].split()
    if len(fields) <= _BEGUN:
        return None
    return "" if fields[_STATE] in _ENDED else fields[_BEGUN]


def _answers(pid: int) -> bool | None:
    """Tell whether there is a process of that number; it may have ended and not been asked about."""
    if sys.platform == "win32":
        # The signal 0 is no question there.
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        # Somebody else's, as a rule; where it cannot be said, it is not said to be dead.
        return True
    return True


def _is_pid(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _LONGEST_PID and int(text) > 0
