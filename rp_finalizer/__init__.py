"""Finishes every ReportPortal launch a test run opens, reads it back, and tells the truth about it."""

from __future__ import annotations

# Not imported from typing: every process of a project that has us installed would pay for it.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from rp_finalizer.block import finalizing
    from rp_finalizer.endpoint import Endpoint
    from rp_finalizer.errors import (
        BadLaunchError,
        BlockedLoopError,
        EndpointError,
        EntryStateError,
        FinalizerError,
        FinishArgumentError,
        ForkedCallError,
        LeaseLostError,
        OutboxError,
        ReentrantCallError,
        ReportFormatError,
        SettingsError,
        StillFlyingError,
        UnknownEntryError,
    )
    from rp_finalizer.launch import LaunchRef, LaunchStatus
    from rp_finalizer.launch_finalizer import LaunchFinalizer
    from rp_finalizer.outcome import ErrorKind, Outcome, Step
    from rp_finalizer.ports import Pending
    from rp_finalizer.report import FinalizationFailed, Report
    from rp_finalizer.settings import Settings

__all__ = [
    "BadLaunchError",
    "BlockedLoopError",
    "Endpoint",
    "EndpointError",
    "EntryStateError",
    "ErrorKind",
    "FinalizationFailed",
    "FinalizerError",
    "FinishArgumentError",
    "ForkedCallError",
    "LaunchFinalizer",
    "LaunchRef",
    "LaunchStatus",
    "LeaseLostError",
    "OutboxError",
    "Outcome",
    "Pending",
    "ReentrantCallError",
    "Report",
    "ReportFormatError",
    "Settings",
    "SettingsError",
    "Step",
    "StillFlyingError",
    "UnknownEntryError",
    "finalizing",
]

_HOMES = {
    "errors": (
        "BadLaunchError",
        "BlockedLoopError",
        "EndpointError",
        "EntryStateError",
        "FinalizerError",
        "FinishArgumentError",
        "ForkedCallError",
        "LeaseLostError",
        "OutboxError",
        "ReentrantCallError",
        "ReportFormatError",
        "SettingsError",
        "StillFlyingError",
        "UnknownEntryError",
    ),
    "endpoint": ("Endpoint",),
    "launch": ("LaunchRef", "LaunchStatus"),
    "block": ("finalizing",),
    "launch_finalizer": ("LaunchFinalizer",),
    "outcome": ("ErrorKind", "Outcome", "Step"),
    "ports": ("Pending",),
    "report": ("FinalizationFailed", "Report"),
    "settings": ("Settings",),
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: a process that only has us installed pays nothing."""
    from importlib import import_module  # noqa: PLC0415  as above

    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415  it costs more than all else here

        return version("rp-finalizer")
    for module, names in _HOMES.items():
        if name in names:
            value = globals()[name] = getattr(import_module(f"{__name__}.{module}"), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return sorted([*__all__, "__version__"])
