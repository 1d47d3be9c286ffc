"""A report in words: for the end of a test run, for the commands, and for whoever reads a CI log at night.

Names and messages come from servers and environments. What is given here is on one line each, not at any length, and
holds nothing that steers a terminal and no address with a user's name and password in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING, Literal

from rp_finalizer.launch import LaunchStatus
from rp_finalizer.masking import MASK
from rp_finalizer.outcome import ErrorKind, Outcome, Verdict
from rp_finalizer.plain_text import flatten, shorten

if TYPE_CHECKING:
    from rp_finalizer.report import Count, Failure, Report, ReportedLaunch

Emphasis = Literal["good", "bad", "warning", "plain"]

LONGEST_NAME = 200
"""Characters of a launch's name; the server allows 256."""
LONGEST_TEXT = 500
"""Characters of a message or a hint."""
LONGEST_ADDRESS = 2048

NAMING = (
    "name it by LAUNCH (a uuid or a number), by --name, by --from-log FILE, "
    "or by RP_LAUNCH_UUID, RP_LAUNCH_ID or LAUNCH_UUID"
)
"""What to do when a command was not told which launch is meant."""

_USER_INFO = re.compile(r"(?<=//)[^\s/]*@")
_SENTENCES = {
    Outcome.FINISHED: "finished and confirmed in {seconds:.2f} s",
    Outcome.ALREADY_FINISHED: "was finished already; nothing was changed",
    Outcome.NOT_OWNED: "is somebody else's to finish; left open",
    Outcome.ACCEPTED: "the server took the finish, but has not shown it yet",
    Outcome.DEFERRED: "not finished; kept to be tried again",
    Outcome.NOT_STARTED: "there is no launch to finish",
    Outcome.FAILED: "NOT finished",
}
_SEVERAL = "several launches fit; none of them {is_or_would_be} finished"

_EMPHASES: dict[Outcome, Emphasis] = {
    Outcome.FINISHED: "good",
    Outcome.ALREADY_FINISHED: "good",
    Outcome.NOT_OWNED: "plain",
    Outcome.ACCEPTED: "warning",
    Outcome.DEFERRED: "warning",
    Outcome.NOT_STARTED: "warning",
    Outcome.FAILED: "bad",
}
_ADVICE = {
    ErrorKind.UNAVAILABLE: ("when ReportPortal answers again", "finish"),
    ErrorKind.TIMEOUT: ("when ReportPortal answers again", "finish"),
    ErrorKind.REJECTED: ("see what the server holds", "status"),
    ErrorKind.UNAUTHORIZED: ("with a key that the server knows", "finish"),
    ErrorKind.FORBIDDEN: ("with the key of somebody who may", "finish"),
    ErrorKind.UNKNOWN_LAUNCH: ("see whether it is there now", "status"),
    ErrorKind.UNKNOWN_PROJECT: ("when the project is set right", "finish"),
    ErrorKind.SETTINGS: ("when the settings are right", "finish"),
    ErrorKind.OUTBOX: ("by hand", "finish"),
}
"""When or why to run a command, and which."""
_UNKNOWN_REASON = ("see what the server says of it", "status")
_LOOK = "find out why: rp-finalize doctor"
_CLEANED_UP = (
    "look at its page for results that are missing; where it was the server's clean-up, raise the project's "
    "launch inactivity timeout"
)
_AWAY = frozenset({ErrorKind.UNAVAILABLE, ErrorKind.TIMEOUT})


@dataclass(frozen=True, slots=True)
class Headline:
    """A launch as people know it, in parts."""

    name: str
    """Name and number; where they are not known, the uuid or the id."""
    status: str | None = None
    url: str | None = None
    """Its page."""

    def __str__(self) -> str:
        """Give the parts that are known as one line."""
        return "  ".join(part for part in (self.name, self.status, self.url) if part)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of what is told, and how to draw it."""

    text: str
    emphasis: Emphasis = "plain"


def headline_of(launch: ReportedLaunch) -> Headline:
    """Name a launch: name, number, status, page, as far as they are known."""
    name = shorten(_shown(launch.name), LONGEST_NAME)
    if not name:
        name = f"launch {_name(launch)}"
    elif launch.number is not None:
        name = f"{name} #{launch.number}"
    return Headline(name, None if launch.status is None else launch.status.value, address_of(launch))


def address_of(launch: ReportedLaunch) -> str | None:
    """Give the address of the launch's page, without user info; None where there is none, or none fit to be shown."""
    # A page's own address has no @: a project's name is quoted in it. So all before the last one may be a password.
    url = re.sub(r"^([a-z]+://)?.*@", rf"\1{MASK}@", flatten(launch.url or ""))
    return url if url and len(url) <= LONGEST_ADDRESS else None


def headline(report: Report) -> str:
    """Name the report's launch in one line: `smoke #7  PASSED  https://...`."""
    return str(headline_of(report.launch)) if report.launch is not None else "no launch"


def sentence(report: Report) -> str:
    """Say in a few words how it ended: `finished and confirmed in 0.09 s (214 logs flushed)`."""
    if report.outcome is None:
        return f"{_prospect(report)}; nothing was sent"
    if report.outcome is Outcome.NOT_STARTED and _several_fit(report):
        return _SEVERAL.format(is_or_would_be="is")
    said = _SENTENCES[report.outcome].format(seconds=report.seconds)
    logs = report.flushed.logs
    return f"{said} ({_count(logs, 'log')} flushed)" if logs and logs > 0 else said


def nothing_named(report: Report) -> bool:
    """Tell whether nothing says which launch is meant, so that `NAMING` helps."""
    return report.launch is None and report.error is None and report.outcome in {None, Outcome.NOT_STARTED}


def block(report: Report, *, mend: str | None = None) -> list[Line]:
    """Tell the end of a test run: the launch, how it ended, and, where that is not well, why and what to do.

    What is not well ends with something that the reader can do. `mend` is the command that does it, where another one
    is meant than `rp-finalize` with the launch.
    """
    if report.outcome is Outcome.NOT_STARTED and not _several_fit(report):
        told, *rest = nothing_reported(report.error)
        return [told, *_losses(report), *rest]
    lines = [Line(headline(report)), Line(sentence(report), _emphasis(report)), *_losses(report)]
    if report.error is not None:
        lines += _reason(report.error, "bad" if report.outcome is Outcome.FAILED else "warning")
    advice, command = _advice(report)
    command = command and (mend or command)
    if not command or not any(command in line.text for line in lines):
        lines += _lines(": ".join(part for part in (advice, command) if part))
    return lines


def nothing_reported(failure: Failure | None = None) -> list[Line]:
    """Tell that a run which was to be reported has no launch, why as far as that is known, and what to do."""
    if failure is None:
        because = "the agent could not start a launch"
    elif failure.kind in _AWAY:
        because = "the server was away when the run began"
    else:
        because = "the server or the settings did not let the agent start a launch"
    lines = [Line(f"nothing was reported because {because}", "warning")]
    return [*lines, *(_reason(failure, "warning") if failure else ()), Line(_LOOK)]


def _advice(report: Report) -> tuple[str, str]:
    """Say where the launch is kept, what to do or when, and the command for it; nothing where all is well."""
    launch = _name(report.launch)
    match report.outcome:
        case Outcome.FINISHED | Outcome.ALREADY_FINISHED:
            return (_CLEANED_UP if _interrupted(report) else ""), ""
        case Outcome.NOT_OWNED:
            return "when all who report to it are done", f"rp-finalize finish {launch}"
        case _ if report.entry:
            return _kept(report.outcome, shorten(_shown(report.entry), LONGEST_NAME), launch)
        case _ if _several_fit(report) or nothing_named(report):
            return NAMING, ""
        case None if report.error is None:
            return "", ""
        case _ if report.launch is None:
            return _LOOK, ""
        case _:
            advice, verb = _UNKNOWN_REASON if report.error is None else _ADVICE[report.error.kind]
            return advice, f"rp-finalize {verb} {launch}"


def _kept(outcome: Outcome | None, entry: str, launch: str) -> tuple[str, str]:
    if outcome is Outcome.FAILED:
        return f"kept as a dead letter ({entry}); when the cause is gone", f"rp-finalize entries retry {launch}"
    return f"kept in the outbox ({entry}); a later run sees to it, or at once", "rp-finalize drain"


def _reason(failure: Failure, emphasis: Emphasis) -> list[Line]:
    message = shorten(_shown(failure.message), LONGEST_TEXT)
    hint = shorten(_shown(failure.hint), LONGEST_TEXT)
    return [Line(f"{failure.kind.value}: {message}" if message else failure.kind.value, emphasis), *_lines(hint)]


def _losses(report: Report) -> list[Line]:
    """Say what of the run is not in the launch, whether or not that is finished."""
    refused = _counted(report.refused)
    abandoned = _counted(report.abandoned)
    lines = []
    if _interrupted(report):
        lines.append("it was closed as INTERRUPTED, by the server's clean-up of silent launches or by another client")
    if refused:
        lines.append(f"the server or the network refused {refused} during the run")
    if abandoned:
        lines.append(f"{abandoned} could not be delivered")
    return [Line(text, "warning") for text in lines]


def _emphasis(report: Report) -> Emphasis:
    if report.outcome is None:
        return "plain"
    return "warning" if _interrupted(report) else _EMPHASES[report.outcome]


def _interrupted(report: Report) -> bool:
    status = report.launch.status if report.launch else None
    return report.outcome is Outcome.ALREADY_FINISHED and status is LaunchStatus.INTERRUPTED


def _prospect(report: Report) -> str:
    """Say what a finish would come to, as far as a dry run can see."""
    if report.error is not None and report.error.kind in _AWAY:
        return "the server did not say whether there is a launch to finish"
    if report.launch is None:
        return _SEVERAL.format(is_or_would_be="would be") if _several_fit(report) else "there is no launch to finish"
    if report.error is not None:
        return "would NOT be finished"
    if report.launch.status is not None and report.launch.status.final:
        return "is finished already and would stay as it is"
    return "would be finished"


def _several_fit(report: Report) -> bool:
    return report.launch is None and any(each.verdict is Verdict.CONFLICT for each in report.considered)


def _name(launch: ReportedLaunch | None) -> str:
    """Name a launch as a command takes it."""
    if launch is None:
        return "LAUNCH"
    return quote(shorten(_shown(launch.uuid), LONGEST_NAME)) if launch.uuid else str(launch.id or "LAUNCH")


def _lines(text: str) -> list[Line]:
    return [Line(text)] if text else []


def _counted(count: Count) -> str:
    told = (_count(count.logs, "log"), _count(count.requests, "request"))
    return " and ".join(each for each in told if each)


def _count(number: int | None, what: str) -> str:
    if not number or number < 0:
        return ""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _shown(text: str | None) -> str:
    return _USER_INFO.sub(f"{MASK}@", flatten(text or ""))
