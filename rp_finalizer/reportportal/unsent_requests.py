"""What clients built on asyncio leave behind of a request that they do not send.

A request's body and address are coroutines. Where the address names an item that the server did not take, the request
is given up, and its body is never awaited: Python warns of that wherever the garbage happens to be collected, in
whichever test, and a run that makes errors of warnings has failures, because ReportPortal was away.

Names used, as seen in reportportal-client 5.5.4 to 5.7.11: in `core.rp_requests` the classes `AsyncHttpRequest` and
`ErrorPrintingAsyncHttpRequest`, with `make`, `url`, `data` and `json`. Where one is gone, its warnings stay.
"""

from __future__ import annotations

import functools
import inspect
import sys
import threading
from typing import TYPE_CHECKING, Any

from rp_finalizer.reportportal.bounded import member_of

if TYPE_CHECKING:
    from collections.abc import Callable

_MODULE = "reportportal_client.core.rp_requests"
_CLASSES = ("AsyncHttpRequest", "ErrorPrintingAsyncHttpRequest")
_PARTS = ("url", "data", "json")

_TIDIED: set[type] = set()
_LOCK = threading.Lock()


def tidy_unsent_requests() -> None:
    """Let the clients' requests end all that they were made of, sent or not. Does nothing where they are not loaded."""
    module = sys.modules.get(_MODULE)
    with _LOCK:
        for name in _CLASSES:
            kind = getattr(module, name, None)
            if not isinstance(kind, type) or kind in _TIDIED:
                continue
            make = vars(kind).get("make")
            if inspect.iscoroutinefunction(make):
                setattr(kind, "make", _tidied(make))  # noqa: B010  a class that the type checker knows nothing of
                _TIDIED.add(kind)


def _tidied(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(original)
    async def make(self: Any) -> Any:
        try:
            return await original(self)
        finally:
            for name in _PARTS:
                part = member_of(self, name)
                if inspect.iscoroutine(part):
                    part.close()

    return make
