"""Why a launch is not finished, in words: from the server's last answer to a kind, a message and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rp_finalizer.answer import Answer, Attempted, Meaning
from rp_finalizer.outcome import ErrorKind
from rp_finalizer.report import Failure

if TYPE_CHECKING:
    from rp_finalizer.launch import LaunchRef

_KINDS = {
    Meaning.UNKNOWN_LAUNCH: ErrorKind.UNKNOWN_LAUNCH,
    Meaning.UNKNOWN_PROJECT: ErrorKind.UNKNOWN_PROJECT,
    Meaning.UNAUTHORIZED: ErrorKind.UNAUTHORIZED,
    Meaning.FORBIDDEN: ErrorKind.FORBIDDEN,
    Meaning.UNAVAILABLE: ErrorKind.UNAVAILABLE,
}

_UNNAMED = "LAUNCH"
"""Stands for a launch that is not known yet."""
_NOT_FOUND = "check the uuid and the project, or look whether somebody deleted it"


def failure_of(answer: Answer, ref: LaunchRef | None, project: str, *, tried: str = "") -> Failure:
    """Say why the answer leaves the launch unfinished; `ref` is None while it is not known.

    `tried` adds how often and how long it was asked for.
    """
    kind = ErrorKind.TIMEOUT if answer.timed_out else _KINDS.get(answer.meaning, ErrorKind.REJECTED)
    return Failure(
        kind=kind,
        message=f"{answer.message or answer.meaning.name.lower()}{f' ({tried})' if tried else ''}",
        hint=answer.hint or _hint(kind, str(ref or _UNNAMED), project),
        status=answer.status,
        code=answer.code,
    )


def _hint(kind: ErrorKind, launch: str, project: str) -> str:
    match kind:
        case ErrorKind.UNAUTHORIZED:
            return "the server does not know the API key: check RP_API_KEY, and that it belongs to this endpoint"
        case ErrorKind.FORBIDDEN:
            return (
                f"finish it with the key of the launch's owner, of a manager of project {project!r}, or of an "
                "administrator; a user who is not in the project may do nothing in it"
            )
        case ErrorKind.UNKNOWN_LAUNCH:
            return _NOT_FOUND
        case ErrorKind.UNKNOWN_PROJECT:
            return f"check RP_PROJECT: the server has no project {project!r}"
        case ErrorKind.REJECTED:
            return f"the server will not change its mind; see what it holds with: rp-finalize status {launch}"
        case _:
            if launch == _UNNAMED:
                return "when ReportPortal answers again, run the same command"
            return f"when ReportPortal answers again, run: rp-finalize finish {launch}"


def tries(attempted: Attempted) -> str:
    """Say how often and how long something was tried, and why not longer; nothing where once was enough."""
    if attempted.attempts == 1 and attempted.gave_up is None:
        return ""
    times = "once" if attempted.attempts == 1 else f"{attempted.attempts} times"
    because = f"; gave up because {attempted.gave_up}" if attempted.gave_up else ""
    return f"tried {times} in {attempted.seconds:.1f} s{because}"


def with_tries(message: str, attempted: Attempted) -> str:
    """Put that behind a message."""
    tried = tries(attempted)
    return f"{message} ({tried})" if tried else message


def vanished(ref: LaunchRef) -> Failure:
    """Say that the launch was there and is not any more."""
    return Failure(
        ErrorKind.UNKNOWN_LAUNCH,
        f"launch {ref} vanished while it was being finished",
        "somebody, or the server's clean-up of old launches, deleted it: there is nothing left to finish",
        status=404,
        code=4041,
    )


def never_seen(ref: LaunchRef, seconds: float, *, ours: bool) -> Failure:
    """Say that the server did not know the launch in all the time it was asked."""
    hint = f"its start may still wait in the server's queue: run rp-finalize finish {ref} later" if ours else _NOT_FOUND
    return Failure(
        ErrorKind.UNKNOWN_LAUNCH,
        f"the server does not know launch {ref} (asked for {seconds:.1f} s)",
        hint,
        status=404,
        code=4041,
    )


def not_shown(ref: LaunchRef, seconds: float, *, open_items: int | None) -> Failure:
    """Say that the server took the finish and did not show it in time."""
    still = f", with {open_items} items in progress" if open_items else ""
    return Failure(
        ErrorKind.TIMEOUT,
        f"the server took the finish of launch {ref} but did not show it within {seconds:.1f} s{still}",
        f"its queue may lag: look with rp-finalize status {ref}, and repeat rp-finalize finish {ref} if it stays open",
    )


def nowhere_to_send(missing: str) -> Failure:
    """Say that the connection is not known well enough to finish and to confirm."""
    return Failure(
        ErrorKind.SETTINGS,
        "the client was asked to finish its launch, but without a connection of our own nobody can tell whether it did",
        missing,
    )


def malformed(problems: str) -> Failure:
    """Say that something was to name the launch and does not."""
    return Failure(
        ErrorKind.SETTINGS,
        problems,
        "name the launch by its uuid or by its number on the server",
    )
