"""What the server says of itself, of the key's user and of the project. Pure: it judges answers that came."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from rp_finalizer.answer import Meaning
from rp_finalizer.reportportal.answers import NoReply, Reply
from rp_finalizer.reportportal.diagnosis.check import Check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rp_finalizer.answer import Answer
    from rp_finalizer.endpoint import Endpoint

TOLERATED = 60.0
"""Seconds by which the two clocks may differ before it is a failed check."""
_EXACT = 2.0
"""Seconds below which nothing can be told: the server's date has whole seconds, and travels."""
_OLDER = (
    ((5, 13), "before 5.13 dates have another form, which is read too"),
    ((5, 15, 1), "before 5.15.1 the queue may lose a finish that it has said yes to: reading back shows it"),
)
_NEWEST_KNOWN = 5
_MAY = {
    "CUSTOMER": "may finish the launches that its user started; those of others need PROJECT_MANAGER",
    "MEMBER": "may finish the launches that its user started; those of others need PROJECT_MANAGER",
    "PROJECT_MANAGER": "may finish everybody's launches in the project",
}
"""By role in the project: what the key allows (service-api, `ReporterPermission`, `LaunchValidator`)."""
_MOST_PROJECTS = 8
_OK = 200


@dataclass(frozen=True, slots=True)
class Account:
    """Whose key it is."""

    login: str
    name: str = ""
    administrator: bool = False
    roles: Mapping[str, str] = field(default_factory=dict)
    """By project, in lower case as the server keeps it."""

    def __str__(self) -> str:
        """Name the user."""
        return f"{self.login} ({self.name})" if self.name and self.name != self.login else self.login


@dataclass(frozen=True, slots=True)
class Clocks:
    """When the server said what time it was. All in seconds since the epoch."""

    server: float
    asked: float
    answered: float

    @property
    def ahead(self) -> float:
        """Give the seconds by which the server is ahead of this machine, behind being negative."""
        # Its date is cut to whole seconds: the true one lies half a second later, on average.
        return self.server + 0.5 - (self.asked + self.answered) / 2


def read_account(reply: Reply | NoReply) -> Account | None:
    """Read the server's `UserResource`; None where it is not one."""
    if isinstance(reply, NoReply) or reply.status != _OK:
        return None
    try:
        user = json.loads(reply.body)
    except (ValueError, RecursionError):
        return None
    login = user.get("userId") if isinstance(user, dict) else None
    if not isinstance(login, str):
        return None
    assigned = user.get("assignedProjects")
    roles = {
        str(name).lower(): str(member.get("projectRole", "")).upper()
        for name, member in (assigned if isinstance(assigned, dict) else {}).items()
        if isinstance(member, dict)
    }
    administrator = str(user.get("userRole", "")).upper() == "ADMINISTRATOR"
    return Account(login, str(user.get("fullName") or ""), administrator, roles)


def read_clocks(reply: Reply | NoReply, asked: float, answered: float) -> Clocks | None:
    """Read the date of an answer; None where it has none."""
    if isinstance(reply, NoReply):
        return None
    try:
        date = parsedate_to_datetime(reply.headers.get("date", ""))
    except ValueError:
        return None
    return Clocks(date.timestamp(), asked, answered)


def judge_version(version: str | None) -> Check:
    """Tell the server's version, and what differs in it from the one that we know best."""
    if version is None:
        return Check("version", None, "the server does not tell it")
    numbers = tuple(int(number) for number in re.findall(r"\d+", version.partition("-")[0])[:3])
    notes = [note for limit, note in _OLDER if numbers and numbers < limit]
    if numbers and numbers[0] > _NEWEST_KNOWN:
        notes.append("newer than what rp-finalizer was made for, 5.15")
    return Check("version", ok=True, detail="; ".join((f"service-api {version}", *notes)))


def judge_key(account: Account | None, answer: Answer, origin: str, endpoint: Endpoint) -> Check:
    """Tell whose key it is, or why `answer` holds none; `origin` says where key or password was set."""
    if account is not None:
        return Check("key", ok=True, detail=f"accepted, of the user {account}  ({origin})")
    how = "refused" if answer.meaning is Meaning.UNAUTHORIZED else "the server does not say whose it is"
    detail = f"{how}: {answer.message}  ({origin})"
    if answer.meaning is Meaning.UNAUTHORIZED:
        mend = answer.hint or f"make a new API key in your profile on {endpoint}/ui, and put it where this one is set"
    elif answer.hint:
        mend = answer.hint
    elif answer.status is not None:
        mend = "look at the server's log; a user who was locked or deleted is answered so, too"
    else:
        mend = "try again; where it stays so, look at the server and what stands before it"
    return Check("key", ok=False, detail=detail, mend=mend)


def judge_project(project: str, account: Account, answer: Answer | None) -> Check:
    """Tell whether the project is there and the user is in it; `answer` is None where the server gave it."""
    role = account.roles.get(project.lower())
    if answer is None:
        member = f"{account.login} is in it as {role}" if role else f"{account.login} is no member of it"
        return Check("project", ok=True, detail=f"{project} is there; {member}")
    others = sorted(account.roles)
    offer = f": {', '.join(others[:_MOST_PROJECTS])}" if others else " none so far; have it assigned to one"
    if answer.meaning is Meaning.UNKNOWN_PROJECT:
        mend = f"correct RP_PROJECT; the user is in{offer}"
        return Check("project", ok=False, detail=f"there is no project {project}", mend=mend)
    if answer.meaning is Meaning.FORBIDDEN:
        mend = f"have {account.login} assigned to it, or correct RP_PROJECT; the user is in{offer}"
        return Check("project", ok=False, detail=f"{account.login} is not in the project {project}", mend=mend)
    mend = answer.hint or "try again; where it stays so, look at the server's log"
    return Check("project", ok=False, detail=f"the server does not show {project}: {answer.message}", mend=mend)


def judge_role(project: str, account: Account) -> Check:
    """Tell whose launches the key may finish."""
    if account.administrator:
        return Check("role", ok=True, detail="ADMINISTRATOR: may finish everybody's launches")
    role = account.roles.get(project.lower())
    if role == "OPERATOR":
        mend = f"have a project manager make {account.login} a MEMBER of {project} (CUSTOMER is enough)"
        return Check("role", ok=False, detail="OPERATOR: may look at launches, and finish none", mend=mend)
    if role not in _MAY:
        what = f"the role {role} is not known here" if role else "the server tells no role"
        return Check("role", None, f"{what}: whether it may finish, a finish will show")
    return Check("role", ok=True, detail=f"{role}: {_MAY[role]}")


def judge_clock(clocks: Clocks | None) -> Check:
    """Tell how far the two clocks are apart, and what that does to a finish."""
    if clocks is None:
        return Check("clock", None, "the server's answer has no date")
    apart = abs(clocks.ahead)
    if apart <= _EXACT:
        return Check("clock", ok=True, detail="the same as the server's, to 2 s")
    behind = clocks.ahead > 0
    detail = f"this machine is {_duration(apart)} {'behind' if behind else 'ahead of'} the server"
    if apart <= TOLERATED:
        return Check("clock", ok=True, detail=detail)
    effect = (
        "the server refuses an end before the launch's start, and shows launches shorter than they were"
        if behind
        else "launches end in the server's future, and look longer than they were"
    )
    mend = "set this machine's clock, or the server's, by a time service (NTP)"
    return Check("clock", ok=False, detail=f"{detail}: {effect}", mend=mend)


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if seconds < 120:  # noqa: PLR2004  two minutes
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"  # noqa: PLR2004  two hours
