"""The block at whose end a launch is finished."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rp_finalizer.launch_finalizer import LaunchFinalizer
from rp_finalizer.lifetime import LIFETIME
from rp_finalizer.report import FinalizationFailed

if TYPE_CHECKING:
    from types import TracebackType

    from rp_finalizer.report import Report


class finalizing:  # noqa: N801  used like a function
    """A block at whose end the launch is finished and the client closed, however the block ends.

    Takes what `LaunchFinalizer` takes. When an exception leaves the block, the finish carries `status_on_error`, and
    the exception goes on. Troubles of ReportPortal raise nothing, unless `strict` is set: then a launch left unfinished
    raises `FinalizationFailed`, where no exception is on its way already.
    """

    def __init__(self, client: Any = None, **arguments: Any) -> None:
        self._finalizer = LaunchFinalizer(client, **arguments)

    def __enter__(self) -> LaunchFinalizer:
        """Give the finalizer, whose `report` is None until the end."""
        self._finalizer.watch()
        return self._finalizer

    async def __aenter__(self) -> LaunchFinalizer:
        """Give the finalizer, for a block in asynchronous code."""
        self._finalizer.watch()
        return self._finalizer

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Finish the launch and close the client without blocking the loop."""
        self._judge(await self._finalizer.aterminate(status=self._status(kind)), kind)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Finish the launch and close the client."""
        self._judge(self._finalizer.terminate(status=self._status(kind)), kind)

    def _status(self, kind: type[BaseException] | None) -> str | None:
        settings = self._finalizer.settings
        if kind is None:
            return None
        return settings.status_on_signal if LIFETIME.signalled else settings.status_on_error

    def _judge(self, report: Report, kind: type[BaseException] | None) -> None:
        strict = self._finalizer.settings.strict and kind is None
        if strict and report.outcome is not None and not report.outcome.good:
            raise FinalizationFailed(report)
