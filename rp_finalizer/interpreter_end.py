"""The end of the interpreter, as far as it matters to whoever has something to see to before."""

from __future__ import annotations

import atexit
import concurrent.futures.thread  # noqa: F401  its exit hook has to be registered before ours, to run after it
import logging
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)


def at_exit(hook: Callable[[], None]) -> None:
    """Have a function called before the interpreter stops its threads, and before the hooks that were there by now."""
    # There since Python 3.9; without it, plain atexit is still better than nothing.
    register = getattr(threading, "_register_atexit", atexit.register)
    try:
        register(hook)
    except RuntimeError as error:
        logger.debug("the interpreter is ending already: %s", error)


def threads_at_work() -> list[threading.Thread]:
    """List the threads that the interpreter waits for, but those of executors: their own hook ends them, after ours."""
    executors = (("thread", "_threads_queues"), ("process", "_threads_wakeups"))
    ended_by_hooks = {
        each
        for module, threads in executors
        for each in list(getattr(sys.modules.get(f"concurrent.futures.{module}"), threads, ()))
    }
    main = threading.main_thread()
    return [t for t in threading.enumerate() if not t.daemon and t is not main and t not in ended_by_hooks]


def skips_atexit() -> bool:
    """Tell whether this is a child of multiprocessing's: after a fork they end by `os._exit`."""
    multiprocessing = sys.modules.get("multiprocessing.process")
    return multiprocessing is not None and multiprocessing.parent_process() is not None
