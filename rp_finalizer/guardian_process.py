"""The guardian's process: waits until the run that has started it is gone, and then finishes the run's launches.

It waits for as long as tests run, beside every run. So it imports next to nothing while it waits, and all that a
finish needs only then. It holds no file and no terminal of anybody's, and takes no signal for its own: those are meant
for the run, and when that dies of one, there is work to do.

What tells the run's death is the system (pidfd), for its end of the pipe may be in other hands: every process that was
forked in C has it, too.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from time import monotonic

from rp_finalizer.guardian_messages import Orders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from rp_finalizer.settings import Settings

_PIPE = 0
_MANY = 65536
"""Descriptors that are closed, where the system cannot close all of them at once."""
_LOOK = 1.0
"""Seconds between two looks at whether the run lives, where nothing tells its end."""
_BEATS = 3
"""How often a lease is renewed in its time: by the run, and where it lets one of them out, by the guardian."""
_RECENT = 60.0
"""Seconds for which somebody's wish that all of this end is remembered."""
_LEFT, _UNREADABLE = 1, 2
"""Exit codes: a launch is left unfinished; the messages are of another version."""


class Run:
    """The process that this one watches, its parent at first.

    `descriptor` gets readable when it ends; None where the system has nothing of that kind.
    """

    def __init__(self, pid: int, descriptor: int | None) -> None:
        self.pid = pid
        self.descriptor = descriptor

    def gone(self, orders: Orders, *, silent: bool) -> bool:
        """Tell whether it has ended; a process that is stopped has not. `silent`: the pipe has ended."""
        if orders.hello.get("pid", self.pid) != self.pid:
            # It was gone, and we somebody else's child, before we could look.
            return True
        if self.descriptor is not None:
            return bool(select.select([self.descriptor], [], [], 0)[0])
        if silent or not orders.hello:
            return silent
        from rp_finalizer.holders import alive  # noqa: PLC0415  as above

        return alive(orders.hello["holder"]) is False


class Asking:
    """Takes the signals that ask a process to end. While it waits, a guardian only remembers them."""

    def __init__(self) -> None:
        self.heeded = False
        """Whether one interrupts what is being done."""
        self._last: float | None = None
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def recently(self) -> bool:
        """Tell whether whoever ended the run may have asked this process, too."""
        return self._last is not None and monotonic() < self._last + _RECENT

    def _note(self, number: int, frame: object) -> None:
        del number, frame
        self._last = monotonic()
        if self.heeded:
            raise KeyboardInterrupt


def main() -> NoReturn:
    """Be the guardian of the process that started this one. The arguments are not read."""
    os.closerange(_PIPE + 1 + 2, _MANY)
    parent = os.getppid()
    run = Run(parent, _open(parent))
    if os.fork():
        # Nobody's child from here on.
        os._exit(0)
    os.setsid()
    asking = Asking()
    # What is forked to renew leases is nobody's to wait for.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    orders = Orders()
    try:
        outlived = wait(run, orders)
    except ValueError:
        sys.exit(_UNREADABLE)
    sys.exit(finish(orders, asking) if outlived else 0)


def wait(run: Run, orders: Orders) -> bool:
    """Wait until the run is gone, or says that it needs nobody; tell whether there may be something to do."""
    os.set_blocking(_PIPE, False)
    poll = select.poll()
    poll.register(_PIPE, select.POLLIN)
    if run.descriptor is not None:
        poll.register(run.descriptor, select.POLLIN)
    seen, due, silent = -1, 0.0, False
    while True:
        # Before the pipe: what the run has said last counts.
        known = silent, bool(orders.hello)
        gone = run.gone(orders, silent=silent)
        if not silent and _listen(orders):
            silent = True
            poll.unregister(_PIPE)
        if not gone and known != (silent, bool(orders.hello)):
            # Who the run is, and that it is silent, may tell that it was gone before we came.
            continue
        if gone or orders.goodbye or (silent and not orders.hello):
            return gone and not orders.goodbye and bool(orders.launches)
        now, lease = monotonic(), float(orders.hello.get("lease", 0))
        if orders.renewals != seen:
            seen, due = orders.renewals, now + 2 * lease / _BEATS
        elif lease and now >= due:
            due = now + lease / _BEATS
            renew(orders)
        waits = [max(0.0, due - now)] if _leases(orders) else []
        waits += [] if run.descriptor is not None else [_LOOK]
        poll.poll(1000 * min(waits) if waits else None)


def _listen(orders: Orders) -> bool:
    """Hear what there is; tell whether that was the end."""
    while True:
        try:
            data = os.read(_PIPE, 65536)
        except BlockingIOError:
            return False
        if not data:
            return True
        orders.hear(data)


def _leases(orders: Orders) -> list[tuple[str, int]]:
    return [(each["lease"][0], each["lease"][1]) for each in orders.launches.values() if each["lease"]]


def renew(orders: Orders) -> None:
    """Renew the leases of a run that lives but does not: in a process of its own, for that takes more than we may."""
    leases = _leases(orders)
    if not leases or os.fork():
        return
    try:
        settings = read_settings(orders.hello)
        from rp_finalizer.errors import FinalizerError  # noqa: PLC0415  as above
        from rp_finalizer.outbox_wiring import open_outbox  # noqa: PLC0415  as above

        outbox = open_outbox(settings)
        for entry_id, token in leases:
            try:
                if outbox is not None:
                    outbox.renew(entry_id, token, settings.lease)
            except FinalizerError:
                # Settled meanwhile, or somebody else's by now.
                continue
    finally:
        os._exit(0)


def finish(orders: Orders, asking: Asking) -> int:
    """Finish all that is left open, one launch after the other; give the exit code.

    Whoever is asked to end meanwhile, or was just before, has as much time as a run has after a signal.
    """
    settings = read_settings(orders.hello)
    from rp_finalizer.errors import FinalizerError  # noqa: PLC0415  as above
    from rp_finalizer.launch_finalizer import LaunchFinalizer  # noqa: PLC0415  as above

    left = 0
    finalizers = [
        LaunchFinalizer(launch=uuid, settings=settings, endpoint=told["endpoint"], project=told["project"]).watch()
        for uuid, told in orders.launches.items()
    ]
    for finalizer, told in zip(finalizers, orders.launches.values(), strict=True):
        try:
            asking.heeded = True
            report = finalizer.finish(
                status=told["status"] or settings.status_on_crash,
                end_time=told["end_ms"],
                description=told["description"],
                attributes=told["attributes"],
                timeout=min(settings.timeout, settings.grace) if asking.recently() else None,
            )
            left += report.outcome is None or not report.outcome.good
        except (FinalizerError, KeyboardInterrupt):
            # A signal is raised when its launch was seen to; the others have what is left of the time.
            left += 1
        finally:
            asking.heeded = False
    return _LEFT if left else 0


def read_settings(hello: dict[str, Any]) -> Settings:
    """Give the run's settings, and this process what it needs to act by them."""
    os.environ.update(hello["environ"])
    # Behind Python's own: a test's folder is among them.
    sys.path += hello["path"]
    try:
        os.chdir(hello["folder"])
    except OSError:
        os.chdir(os.sep)
    from rp_finalizer.setting_sources import Layer, Raw  # noqa: PLC0415  as above
    from rp_finalizer.settings import Settings  # noqa: PLC0415  as above

    told = {name: Raw(value, origin) for name, (value, origin) in hello["settings"].items()}
    ours = {name: Raw(value, "the guardian") for name, value in (("guardian", False), ("signals", True))}
    return Settings.parse([Layer({**told, **ours})])


def _open(pid: int) -> int | None:
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        # Gone, or an old system, or one that does not allow it.
        return None
