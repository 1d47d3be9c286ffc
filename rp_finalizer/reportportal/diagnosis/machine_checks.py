"""This machine: what is installed, and what the environment leaves over from another launch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rp_finalizer.errors import BadLaunchError
from rp_finalizer.launch import LaunchRef
from rp_finalizer.reportportal.diagnosis.check import Check
from rp_finalizer.reportportal.launch_sources import LAUNCH_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKAGES = ("rp-finalizer", "reportportal-client", "pytest-reportportal")
_JOINED = ("RP_LAUNCH_UUID", "RP_LAUNCH_ID")
"""Variables that make an agent report into a launch that is not its own."""


def judge_software(python: str, versions: Mapping[str, str | None]) -> Check:
    """Tell the versions; None stands for what is not installed."""
    parts = [f"{name} {version}" if version else f"{name} not installed" for name, version in versions.items()]
    return Check("software", ok=True, detail=", ".join((*parts, f"Python {python}")))


def judge_launch_ids(environ: Mapping[str, str]) -> Check:
    """Tell of a launch that the environment names."""
    held = {name: environ[name].strip() for name in LAUNCH_VARIABLES if environ.get(name, "").strip()}
    if not held:
        return Check("launch-id", ok=True, detail="the environment names no launch")
    lines = []
    for name, text in held.items():
        try:
            lines.append(f"{name} names {LaunchRef.parse(text)}")
        except BadLaunchError as error:
            return Check("launch-id", ok=False, detail=f"{name}: {error}", mend=f"correct {name}, or unset it")
    if any(name in held for name in _JOINED):
        lines.append("an agent started here reports into that launch, and neither starts nor finishes one of its own")
    lines.append("rp-finalize finish takes it where no other launch is named")
    return Check("launch-id", ok=True, detail="\n".join(lines))
