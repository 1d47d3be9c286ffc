"""How the guardian's process is started, and what it is told of the run first."""

from __future__ import annotations

import os
import re
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rp_finalizer.endpoint import Endpoint
from rp_finalizer.guardian_messages import VERSION
from rp_finalizer.holders import this_process
from rp_finalizer.settings.kinds import MEMORY, OFF
from rp_finalizer.signals import ENDING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rp_finalizer.settings import Settings

_PROGRAM = "import sys; sys.path.append(sys.argv[1]); from rp_finalizer.guardian_process import main; main()"
_NEEDED = ("rp_finalizer", "requests", "urllib3", "idna", "certifi", "charset_normalizer", "tenacity", "platformdirs")
_GIVEN = re.compile(r"PATH|HOME|LANG|LC_\w+|TZ|TMPDIR|LD_LIBRARY_PATH|DYLD_\w+|__PYVENV_LAUNCHER__")
"""Variables that Python may need to start; none of them holds a secret."""
_TOLD = re.compile(r"\w+_PROXY|\w+_CA_BUNDLE|SSL_CERT_\w+|XDG_\w+|NETRC|CI|KUBERNETES_SERVICE_HOST", re.IGNORECASE)
"""Those that a finish depends on. A proxy's may hold a password."""
_UNTOLD = frozenset({"launch_file", "credentials"})
"""Settings that a guardian, which knows its launches by name and their key, has no use for."""


def obstacle() -> str:
    """Say what keeps a guardian from being started here; an empty text where nothing does."""
    if not hasattr(os, "posix_spawn") or not hasattr(os, "fork"):
        return "this system has no processes of that kind"
    if os.getpid() == 1:
        return "this process is the first of its container, which ends with it"
    # Whatever else has Python inside would be started a second time.
    if getattr(sys, "frozen", False) or not re.match(r"(python|pypy)", Path(sys.executable or "").name, re.IGNORECASE):
        return f"{sys.executable or 'what runs here'} is no Python interpreter of its own"
    return ""


def spawn(pipe: int) -> int:
    """Start the process with this pipe as its standard input; give the number of its first process, which ends soon.

    By `posix_spawn`, which does not copy this process, and with the signals kept back that it has no handlers for yet.
    """
    nowhere = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_WRONLY, 0) for number in (1, 2)]
    options = ["-I", "-S", *(["-B"] if sys.dont_write_bytecode else [])]
    options += ["-X", f"pycache_prefix={sys.pycache_prefix}"] if sys.pycache_prefix else []
    home = Path(__file__).absolute().parents[1]
    start = partial(
        os.posix_spawn,
        sys.executable,
        # The last one is for people who look at the processes.
        [sys.executable, *options, "-c", _PROGRAM, str(home), f"rp-finalizer-guardian-of-{os.getpid()}"],
        {name: text for name, text in os.environ.items() if _GIVEN.fullmatch(name)},
        file_actions=[(os.POSIX_SPAWN_DUP2, pipe, 0), *nowhere],
        setsigmask=ENDING,
    )
    try:
        # From its first moment on out of the group that may be killed with the run.
        return start(setsid=True)
    except NotImplementedError:
        # It leaves the group by itself, a moment later.
        return start()


def introduction(settings: Settings) -> dict[str, Any]:
    """Tell who this process is, and all that its launches are finished with, the key included."""
    return {
        "version": VERSION,
        "pid": os.getpid(),
        "holder": this_process("run"),
        "lease": settings.lease,
        "settings": {name: [_plain(settings, name), origin] for name, origin in _told(settings)},
        "environ": {name: text for name, text in os.environ.items() if _TOLD.fullmatch(name)},
        "folder": _folder(),
        "path": list(dict.fromkeys(_import_path())),
    }


def _told(settings: Settings) -> Iterator[tuple[str, str]]:
    return ((name, origin) for name, origin in settings.origins.items() if name not in _UNTOLD)


def _plain(settings: Settings, name: str) -> str | float | None:
    """Give a setting's value in a form that JSON holds, and that is read as the same from another folder."""
    value = getattr(settings, name)
    if name == "outbox" and value == MEMORY:
        # It dies with this process.
        return OFF
    if isinstance(value, Path) or (name == "verify_ssl" and isinstance(value, str)):
        return str(Path(value).absolute())
    if isinstance(value, Endpoint):
        return str(value)
    plain: str | float | None = value
    return plain


def _import_path() -> Iterator[str]:
    """Give the folders that hold what a finish needs, first those that it was imported from here.

    A folder of tests, which may be named like any package, is behind them.
    """
    for name in _NEEDED:
        file = getattr(sys.modules.get(name), "__file__", None)
        if file:
            yield str(Path(file).absolute().parents[1])
    for folder in sys.path:
        if folder:
            yield str(Path(folder).absolute())


def _folder() -> str:
    try:
        return str(Path.cwd())
    except OSError:
        return os.sep
