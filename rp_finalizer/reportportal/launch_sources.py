"""The places where a launch id can be found."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, BinaryIO

from rp_finalizer.launch_lines import find_launches
from rp_finalizer.outcome import Source
from rp_finalizer.ports import Candidate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from rp_finalizer.deadline import Deadline
    from rp_finalizer.ports import ReportingClient

LAUNCH_VARIABLES = ("RP_LAUNCH_UUID", "RP_LAUNCH_ID", "LAUNCH_UUID")
"""Environment variables that may name the launch, first wins. Each may hold a uuid or a number."""

_LARGEST_LAUNCH_FILE = 1024
_PIECE = 1024 * 1024
_MOST_FROM_A_LOG = 20
"""Launches of one log that are considered, the latest; more would only fill the report."""

_UUID_IN_NAME = re.compile(r"-([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\.tmp$")


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


class AgentFileSource:
    """The files that the JavaScript agents leave in the folder they run in.

    `rp-launch-uuid-<uuid>.tmp` and `rplaunch-<uuid>.tmp` are named after the launch and empty (client-javascript,
    `saveLaunchUuidToFile` and `saveLaunchIdToFile`); of `rplaunchinprogress-*.tmp` the content may be the uuid. The
    newest file comes first.
    """

    PATTERNS = ("rp-launch-uuid-*.tmp", "rplaunch-*.tmp", "rplaunchinprogress-*.tmp")

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def candidates(self, deadline: Deadline) -> list[Candidate]:  # noqa: ARG002  local files
        """Give every uuid in a name or a content; what cannot be read stands in the trace as refused."""
        dated: list[tuple[float, Path]] = []
        try:
            for pattern in self.PATTERNS:
                dated += [(path.stat().st_mtime, path) for path in self._directory.glob(pattern)]
        except OSError as error:
            return [Candidate(Source.AGENT_FILE, f"<{error.strerror}>", str(error.filename or self._directory))]
        newest_first = sorted(dated, key=lambda each: each[0], reverse=True)
        return [Candidate(Source.AGENT_FILE, self._uuid(path), str(path)) for _, path in newest_first]

    def _uuid(self, path: Path) -> str:
        in_name = _UUID_IN_NAME.search(path.name)
        if in_name:
            return in_name.group(1)
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                return file.readline(_LARGEST_LAUNCH_FILE).strip()
        except OSError as error:
            return f"<{error.strerror}>"


class LogSource:
    """What a run printed, kept in a file or coming from a pipe. The last launch in it comes first."""

    def __init__(self, name: str, open_log: Callable[[], AbstractContextManager[BinaryIO]]) -> None:
        self._name = name
        self._open = open_log
        self._read: list[Candidate] | None = None

    def candidates(self, deadline: Deadline) -> list[Candidate]:  # noqa: ARG002  a log has an end
        """Read it to its end, once: a pipe gives nothing a second time."""
        if self._read is None:
            try:
                with self._open() as file:
                    uuids = find_launches(_texts(file))
            except OSError as error:
                self._read = [Candidate(Source.LOG, f"<{error.strerror}>", self._name)]
            else:
                latest = reversed(uuids[-_MOST_FROM_A_LOG:])
                self._read = [Candidate(Source.LOG, uuid, self._name) for uuid in latest]
        return self._read


def _texts(file: BinaryIO) -> Iterator[str]:
    """Decode piece by piece; what is not text is passed over. PowerShell writes logs in UTF-16."""
    first = file.read(_PIECE)
    encoding = "utf-16" if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    yield decoder.decode(first)
    while piece := file.read(_PIECE):
        yield decoder.decode(piece)
