"""The places where a launch id can be found."""

from __future__ import annotations

import codecs
import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from rp_finalizer.launch_lines import find_launches
from rp_finalizer.outcome import Source
from rp_finalizer.ports import Candidate, SourceRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from rp_finalizer.deadline import Deadline
    from rp_finalizer.ports import LaunchApi, LaunchQuery, ReportingClient, Retry

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
            return [Candidate(Source.CLIENT, "", self._name, problem=str(error))]
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
            return [_unreadable(Source.LAUNCH_FILE, self._path, error)]
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
            return [_unreadable(Source.AGENT_FILE, error.filename or self._directory, error)]
        newest_first = sorted(dated, key=lambda each: each[0], reverse=True)
        return [self._candidate(path) for _, path in newest_first]

    @staticmethod
    def _candidate(path: Path) -> Candidate:
        in_name = _UUID_IN_NAME.search(path.name)
        if in_name:
            return Candidate(Source.AGENT_FILE, in_name.group(1), str(path))
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                content = file.readline(_LARGEST_LAUNCH_FILE).strip()
        except OSError as error:
            return _unreadable(Source.AGENT_FILE, path, error)
        return Candidate(Source.AGENT_FILE, content or path.name, str(path))


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
                self._read = [_unreadable(Source.LOG, self._name, error)]
            else:
                latest = reversed(uuids[-_MOST_FROM_A_LOG:])
                self._read = [Candidate(Source.LOG, uuid, self._name) for uuid in latest]
        return self._read


def _unreadable(source: Source, path: object, error: OSError) -> Candidate:
    return Candidate(source, str(path), str(path), problem=f"cannot be read: {error.strerror or error}")


def _texts(file: BinaryIO) -> Iterator[str]:
    """Decode piece by piece; what is not text is passed over. PowerShell writes logs in UTF-16."""
    first = file.read(_PIECE)
    encoding = "utf-16" if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    yield decoder.decode(first)
    while piece := file.read(_PIECE):
        yield decoder.decode(piece)


class ServerSource:
    """What the server has in progress that fits a description."""

    def __init__(self, api: LaunchApi, retry: Retry, query: LaunchQuery) -> None:
        self._api = api
        self._retry = retry
        self._query = query

    def candidates(self, deadline: Deadline) -> list[Candidate]:
        """Ask for ordinary launches and for debug ones. Where several fit, each says that it is not the only one.

        Raises `SourceRefusedError`.
        """
        found: list[Candidate] = []
        for debug in (False, True):
            ask = partial(self._api.open_launches, self._query, deadline, debug=debug, page=1)
            answer = self._retry(ask, deadline).answer
            if not answer.ok:
                raise SourceRefusedError(answer)
            found += [
                Candidate(Source.SERVER, launch.uuid, f"{launch.name} #{launch.number} of {launch.owner}")
                for launch in answer.launches
            ]
        return [replace(candidate, ambiguous=len(found) > 1) for candidate in found]
