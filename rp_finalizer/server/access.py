"""Who may do what: tokens, the roles they give, and requests that a foreign web page has made a browser send.

Without tokens whoever runs programs on this machine reads and enqueues, and nobody is an administrator:
then a page of the web must not get in through a browser of this machine, neither under a name of its own that leads
here (the `Host` header tells) nor by a form that it sends here (the `Origin` header tells).
"""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import dataclass, field
from enum import IntEnum
from hmac import compare_digest
from typing import TYPE_CHECKING, Self

from fastapi import HTTPException, Request

from rp_finalizer.errors import SettingsError
from rp_finalizer.server.origins import is_same, names_this_machine

if TYPE_CHECKING:
    from collections.abc import Mapping

API_TOKEN = "RP_FINALIZER_API_TOKEN"  # noqa: S105  a variable's name
ADMIN_TOKEN = "RP_FINALIZER_ADMIN_TOKEN"  # noqa: S105  as above

_VISIBLE = re.compile(r"[!-~]+")
"""What a header carries as it is."""
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_BEARER = 'Bearer realm="rp-finalizer"'
_BASIC = 'Basic realm="rp-finalizer", charset="UTF-8"'


class Role(IntEnum):
    """What somebody may do; a higher one includes the lower."""

    READER = 1
    """Reads, and enqueues launches."""
    ADMIN = 2
    """Also clears the queue and makes dead letters ready again."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request tells of who sends it."""

    method: str = "GET"
    authorization: str | None = None
    host: str | None = None
    origin: str | None = None
    site: str | None = None
    """What a browser says of the page that sends it (`Sec-Fetch-Site`)."""
    by_page: bool = False
    """Whether it is for what people look at in a browser, and for its forms."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not done."""

    status: int
    error: str
    message: str
    challenges: tuple[str, ...] = ()
    """How to say who one is; one `WWW-Authenticate` header each."""


@dataclass(frozen=True, slots=True)
class Access:
    """The tokens, and what they allow. Without any, only this machine is served."""

    token: str | None = field(default=None, repr=False)
    admin_token: str | None = field(default=None, repr=False)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """Read the tokens. Raises `SettingsError` for those that would let in whom nobody meant, and shows none."""
        token, admin = environ.get(API_TOKEN), environ.get(ADMIN_TOKEN)
        problems = [
            f"environment variable {name} {problem}"
            for name, text in ((API_TOKEN, token), (ADMIN_TOKEN, admin))
            if text is not None and (problem := _problem(text))
        ]
        if not problems and token is not None and token == admin:
            problems.append(
                f"{API_TOKEN} and {ADMIN_TOKEN} are equal: whoever reads would clear, too; make them differ"
            )
        if problems:
            raise SettingsError(*problems)
        return cls(token, admin)

    @property
    def needed(self) -> bool:
        """Tell whether a token is needed."""
        return self.token is not None or self.admin_token is not None

    def decide(self, asked: Asked) -> Role | Refusal:
        """Give the role of whoever asks, or why nothing is done for them."""
        if not self.needed:
            return _of_this_machine(asked)
        scheme, _, credentials = (asked.authorization or "").strip().partition(" ")
        bearer = scheme.lower() == "bearer"
        given = credentials.strip() if bearer else _password(credentials) if asked.by_page else ""
        challenges = (_BASIC, _BEARER) if asked.by_page else (_BEARER,)
        if not given or (not bearer and scheme.lower() != "basic"):
            return Refusal(401, "unauthorized", "a token is needed: Authorization: Bearer TOKEN", challenges)
        role = self._role(given)
        if role is None:
            wrong = tuple(f'{each}, error="invalid_token"' if each == _BEARER else each for each in challenges)
            return Refusal(401, "unauthorized", "this token is not known here", wrong)
        if not bearer and asked.method not in _SAFE_METHODS and not is_same(asked.origin, asked.site, asked.host):
            return _FOREIGN
        return role

    def demand(self, role: Role, wanted: Role) -> Refusal | None:
        """Say why a role is not enough; None where it is."""
        if role >= wanted:
            return None
        if self.admin_token is None:
            return Refusal(
                403, "forbidden", f"nobody may do this here: set {ADMIN_TOKEN} for the service, and send that token"
            )
        return Refusal(403, "forbidden", f"this token reads and enqueues only: send the one of {ADMIN_TOKEN}")

    def _role(self, given: str) -> Role | None:
        """Compare with each token, always, and in constant time."""
        found = None
        for token, role in ((self.token, Role.READER), (self.admin_token, Role.ADMIN)):
            if token is not None and compare_digest(given.encode("utf-8", "surrogatepass"), token.encode()):
                found = role
        return found


_FOREIGN = Refusal(
    403, "foreign-origin", "another site's page must not do this: send it from here, or with a bearer token"
)


def _of_this_machine(asked: Asked) -> Role | Refusal:
    if not names_this_machine(asked.host):
        return Refusal(
            403,
            "foreign-host",
            "without tokens this machine is served only, under its own names (localhost, 127.0.0.1): "
            f"set {API_TOKEN} for the service to serve others",
        )
    unsafe = asked.method not in _SAFE_METHODS
    from_browser = asked.origin is not None or asked.site is not None or asked.by_page
    return _FOREIGN if unsafe and from_browser and not is_same(asked.origin, asked.site, asked.host) else Role.READER


def _password(credentials: str) -> str:
    """Give the password of HTTP Basic; nothing where there is none."""
    try:
        return b64decode(credentials.strip(), validate=True).decode("utf-8").partition(":")[2]
    except ValueError:
        return ""


def _problem(text: str) -> str | None:
    if not text.strip():
        return "is blank: put a long random token there, or unset it"
    return None if _VISIBLE.fullmatch(text) else "holds a blank, or what is not ASCII: a header carries neither"


class RefusedError(HTTPException):
    """A call that is not done; answered as its `refused` says."""

    def __init__(self, refused: Refusal) -> None:
        super().__init__(refused.status, refused.message)
        self.refused = refused


async def reader(request: Request) -> Role:
    """Give the role of whoever asks (a dependency); the gate has seen to it that there is one."""
    return Role(request.state.role)


async def admin(request: Request) -> Role:
    """Give the role of an administrator (a dependency). Raises `RefusedError` for others."""
    role, access = await reader(request), request.app.state.service.access
    if (refused := access.demand(role, Role.ADMIN)) is not None:
        raise RefusedError(refused)
    return role
