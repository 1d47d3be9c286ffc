"""The places where a launch id can be found."""

from __future__ import annotations

import codecs
import errno
import re
import stat
import sys
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from rp_finalizer.failures import with_tries
from rp_finalizer.outcome import Source, Verdict
from rp_finalizer.ports import Candidate, SourceRefusedError
from rp_finalizer.report import Considered
from rp_finalizer.reportportal.run_files import agent_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    from rp_finalizer.answer import LaunchQuery
    from rp_finalizer.deadline import Deadline
    from rp_finalizer.launch_lines import LaunchFinder
    from rp_finalizer.ports import LaunchApi, ReportingClient, Retry
    from rp_finalizer.reportportal.run_files import FileStates

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

    requested = None

    def __init__(self, path: Path) -> None:
        self._path = path

    def candidates(self, deadline: Deadline) -> list[Candidate]:  # noqa: ARG002  a local file
        """Read it; a missing file names nothing, an unreadable one stands in the trace as refused."""
        try:
            return [Candidate(Source.LAUNCH_FILE, _first_line(self._path), str(self._path))]
        except FileNotFoundError:
            return []
        except OSError as error:
            return [_unreadable(Source.LAUNCH_FILE, self._path, error)]


class AgentFileSource:
    """The files that the JavaScript agents leave in the folder they run in.

    `rp-launch-uuid-<uuid>.tmp` and `rplaunch-<uuid>.tmp` are named after the launch and empty (client-javascript,
    `saveLaunchUuidToFile` and `saveLaunchIdToFile`); of `rplaunchinprogress-*.tmp` the content may be the uuid. The
    newest file comes first. With the states of `before`, files that have not changed since do not count.
    """

    requested = None

    def __init__(self, directory: Path, before: FileStates | None = None) -> None:
        self._directory = directory
        self._before = before

    def candidates(self, deadline: Deadline) -> list[Candidate]:  # noqa: ARG002  local files
        """Give every uuid in a name or a content; what cannot be read stands in the trace as refused."""
        dated: list[tuple[float, Candidate]] = []
        for path in agent_files(self._directory):
            if self._before is not None and not self._before.changed(path):
                continue
            try:
                dated.append((path.stat().st_mtime, self._candidate(path)))
            except OSError as error:
                # One bad file, or one that an agent has just removed, hides no good one.
                dated.append((0.0, _unreadable(Source.AGENT_FILE, path, error)))
        return [candidate for _, candidate in sorted(dated, key=lambda each: each[0], reverse=True)]

    @staticmethod
    def _candidate(path: Path) -> Candidate:
        in_name = _UUID_IN_NAME.search(path.name)
        if in_name:
            return Candidate(Source.AGENT_FILE, in_name.group(1), str(path))
        return Candidate(Source.AGENT_FILE, _first_line(path) or path.name, str(path))


@dataclass(frozen=True, slots=True)
class PrintedLaunches:
    """What was found in the output of a run. The last launch in it is the one that is meant."""

    name: str
    """Of the file, for messages."""
    uuids: tuple[str, ...] = ()
    problem: str | None = None
    """Why it could not be read to its end."""


def read_output(path: str, finder: LaunchFinder) -> PrintedLaunches:
    """Read a run's output to its end, from a file or, for `-`, from standard input.

    This may take as long as the run itself: whoever calls it does so before any deadline is set. What was found until
    something strikes is in the finder.
    """
    name = "standard input" if path == "-" else path
    problem = None
    try:
        with _open_output(path) as file:
            for text in _texts(file):
                finder.feed(text)
    except OSError as error:
        problem = f"cannot be read: {error.strerror or error}"
    finder.end()
    return PrintedLaunches(name, tuple(finder.found), problem)


class LogSource:
    """The launches that a run printed, the last one first."""

    def __init__(self, printed: PrintedLaunches) -> None:
        self._printed = printed
        self.requested = Considered(Source.LOG, printed.name, Verdict.NOT_TRIED)

    def candidates(self, deadline: Deadline) -> list[Candidate]:  # noqa: ARG002  read before
        """Give them; a file that could not be read stands in the trace as refused."""
        printed = self._printed
        found = [Candidate(Source.LOG, uuid, printed.name) for uuid in reversed(printed.uuids[-_MOST_FROM_A_LOG:])]
        if printed.problem is not None:
            found.append(Candidate(Source.LOG, printed.name, printed.name, problem=printed.problem))
        return found


def _open_output(path: str) -> AbstractContextManager[BinaryIO]:
    if path != "-":
        return Path(path).open("rb")
    if sys.stdin is None:
        raise OSError(errno.EBADF, "standard input is closed")
    # It is not ours to close.
    return nullcontext(sys.stdin.buffer)


def _first_line(path: Path) -> str:
    """Read the first line of a file that ought to hold a launch; a pipe or a device might never give one."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is no regular file")
    # PowerShell and some editors begin their files with a byte order mark.
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return file.readline(_LARGEST_LAUNCH_FILE).strip()


def _unreadable(source: Source, path: object, error: OSError) -> Candidate:
    return Candidate(source, str(path), str(path), problem=f"cannot be read: {error.strerror or error}")


def _texts(file: BinaryIO) -> Iterator[str]:
    """Decode piece by piece; what is not text is passed over. PowerShell writes logs in UTF-16."""
    read = getattr(file, "read1", file.read)  # gives what a pipe holds, and does not wait for a whole piece
    first = read(_PIECE)
    encoding = "utf-16" if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    yield decoder.decode(first)
    while piece := read(_PIECE):
        yield decoder.decode(piece)


class ServerSource:
    """What the server has in progress that fits a description."""

    def __init__(self, api: LaunchApi, retry: Retry, query: LaunchQuery) -> None:
        self._api = api
        self._retry = retry
        self._query = query
        self.requested = Considered(Source.SERVER, query.name or "", Verdict.NOT_TRIED)

    def candidates(self, deadline: Deadline) -> list[Candidate]:
        """Ask for ordinary launches and for debug ones. Where several fit, each says that it is not the only one.

        Raises `SourceRefusedError`.
        """
        found: list[Candidate] = []
        for debug in (False, True):
            ask = partial(self._api.open_launches, self._query, deadline, debug=debug, page=1)
            attempted = self._retry(ask, deadline)
            answer = attempted.answer
            if not answer.ok:
                raise SourceRefusedError(replace(answer, message=with_tries(answer.message, attempted)))
            found += [
                Candidate(Source.SERVER, launch.uuid, f"{launch.name} #{launch.number} of {launch.owner}")
                for launch in answer.launches
            ]
        return [replace(candidate, ambiguous=len(found) > 1) for candidate in found]
