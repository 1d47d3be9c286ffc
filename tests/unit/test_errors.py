"""Errors that read as sentences, and that survive the way to another process."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING

import pytest

from rp_finalizer import endpoint, errors, report
from rp_finalizer.endpoint import PathSegmentError
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
from rp_finalizer.outcome import ErrorKind, Outcome
from rp_finalizer.report import Failure, FinalizationFailed, Report, ReportedLaunch
from tests.support.fakes import UUID

if TYPE_CHECKING:
    from collections.abc import Callable

FAILED = Report(
    Outcome.FAILED,
    launch=ReportedLaunch(uuid=UUID),
    error=Failure(ErrorKind.FORBIDDEN, "403: not the owner", "use the owner's key", status=403, code=4003),
)

EXAMPLES: list[tuple[FinalizerError, list[str]]] = [
    (BadLaunchError("smoke", "a launch is named by its uuid"), ["'smoke'", "by its uuid"]),
    (EndpointError("ftp://rp", "the scheme ftp", "write https://"), ["'ftp://rp'", "the scheme ftp", "write https://"]),
    (SettingsError("timeout 'x': allowed is 1", "grace 0"), ["timeout 'x': allowed is 1\ngrace 0"]),
    (FinishArgumentError("status", "green", "it is one of passed"), ["status='green'", "one of passed"]),
    (
        ReportFormatError("launch.id", "x", "a whole number belongs here"),
        ["launch.id", "'x'", "a whole number belongs"],
    ),
    (ReportFormatError("", "[", "it is not JSON"), ["the document", "'['", "it is not JSON"]),
    (ReentrantCallError(UUID), [UUID, "must not call the finalizer"]),
    (BlockedLoopError("finish()", "await afinish()"), ["finish()", "event loop", "await afinish()"]),
    (StillFlyingError(UUID), [UUID, "another thread"]),
    (ForkedCallError(UUID), [UUID, "forked from", "finished there"]),
    (OutboxError("sqlite:///x.db", "it is full", "work it off"), ["sqlite:///x.db", "it is full", "work it off"]),
    (LeaseLostError("e1"), ["e1", "somebody else", "nothing was changed"]),
    (EntryStateError("e1", "done", "retry"), ["e1", "done", "retry"]),
    (UnknownEntryError("e1"), ["'e1'", "no entry"]),
    (PathSegmentError("../x", "it holds a slash"), ["'../x'", "it holds a slash"]),
    (FinalizationFailed(FAILED), [UUID, "failed", "403: not the owner", "use the owner's key"]),
    (FinalizationFailed(Report(Outcome.DEFERRED)), ["the launch is deferred"]),
]


def send(error: FinalizerError) -> FinalizerError:
    arrived: FinalizerError = pickle.loads(pickle.dumps(error))  # noqa: S301  our own
    return arrived


NAMES = [f"{type(error).__name__}-{index}" for index, (error, _) in enumerate(EXAMPLES)]


@pytest.mark.parametrize(("error", "words"), EXAMPLES, ids=NAMES)
def test_an_error_names_the_value_and_the_mend(error: FinalizerError, words: list[str]) -> None:
    """The text of every error holds what was given and what to do instead."""
    for each in words:
        assert each in str(error)


@pytest.mark.parametrize("error", [error for error, _ in EXAMPLES], ids=NAMES)
@pytest.mark.parametrize("carry", [send, copy.copy, copy.deepcopy])
def test_an_error_survives_the_way_to_another_process(
    error: FinalizerError, carry: Callable[[FinalizerError], FinalizerError]
) -> None:
    """A pickled or copied error is of the same type and has the same text and attributes."""
    arrived = carry(error)
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert vars(arrived) == vars(error)


def test_no_error_is_left_out_here() -> None:
    """Every error of the core is tried above, and can be caught by the one name."""
    defined = {
        value
        for module in (errors, endpoint, report)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Exception) and value.__module__ == module.__name__
    }
    assert defined - {FinalizerError} == {type(error) for error, _ in EXAMPLES}
    assert all(issubclass(each, FinalizerError) for each in defined)


@pytest.mark.parametrize("kind", [BadLaunchError, EndpointError, SettingsError, FinishArgumentError, ReportFormatError])
def test_a_wrong_value_is_a_value_error(kind: type[FinalizerError]) -> None:
    """Who knows Python only catches wrong values as ValueError."""
    assert issubclass(kind, ValueError)


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("x" * 10**6, id="very long"),
        pytest.param(10**5000, id="more digits than Python shows"),
        pytest.param(Unshowable(), id="broken repr"),
    ],
)
def test_no_value_makes_an_error_unreadable(value: object) -> None:
    """An error's text stays short and can be had, whatever was given."""
    for error in (FinishArgumentError("status", value, "x"), ReportFormatError("path", value, "x")):
        assert 0 < len(str(error)) < 150


def test_an_overlong_launch_name_is_cut() -> None:
    """A log given in place of a launch does not flood the message."""
    assert len(str(BadLaunchError("x" * 10**6, "a reason"))) < 150
