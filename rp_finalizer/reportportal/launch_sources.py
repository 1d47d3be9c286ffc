"""The places where a launch id can be found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rp_finalizer.outcome import Source
from rp_finalizer.ports import Candidate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rp_finalizer.deadline import Deadline
    from rp_finalizer.ports import ReportingClient

LAUNCH_VARIABLES = ("RP_LAUNCH_UUID", "RP_LAUNCH_ID", "LAUNCH_UUID")
"""Environment variables that may name the launch, first wins. Each may hold a uuid or a number."""

_LARGEST_LAUNCH_FILE = 1024


class ArgumentSource:
    """What the caller named."""

    def __init__(self, launch: object) -> None:
        self._launch = launch

    def candidates(self, deadline: Deadline) -> list[Candidate]:  # noqa: ARG002  nothing is waited for
        """Give it."""
        return [Candidate(Source.ARGUMENT, str(self._launch), "the argument")]


class ClientSource:
    """What the reporting client says its launch is."""

    def __init__(self, client: ReportingClient, name: str) -> None:
        self._client = client
        self._name = name

    def candidates(self, deadline: Deadline) -> list[Candidate]:
        """Ask the client; what it raises stands in the trace as a refused candidate."""
        try:
            launch = self._client.launch(deadline)
        except RuntimeError as error:
            return [Candidate(Source.CLIENT, f"<{error}>", self._name)]
        return [] if launch is None else [Candidate(Source.CLIENT, launch, self._name)]


class EnvironmentSource:
    """What the environment variables say."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def candidates(self, deadline: Deadline) -> list[Candidate]:  # noqa: ARG002  nothing is waited for
        """Give every one that is set and not empty."""
        return [
            Candidate(Source.ENVIRONMENT, self._environ[name], name)
            for name in LAUNCH_VARIABLES
            if self._environ.get(name, "").strip()
        ]


class LaunchFileSource:
    """What stands in the first line of the launch file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def candidates(self, deadline: Deadline) -> list[Candidate]:  # noqa: ARG002  a local file
        """Read it; a missing file names nothing, an unreadable one stands in the trace as refused."""
        try:
            with self._path.open(encoding="utf-8", errors="replace") as file:
                line = file.readline(_LARGEST_LAUNCH_FILE).strip()
        except FileNotFoundError:
            return []
        except OSError as error:
            return [Candidate(Source.LAUNCH_FILE, f"<{error.strerror}>", str(self._path))]
        return [Candidate(Source.LAUNCH_FILE, line, str(self._path))]
