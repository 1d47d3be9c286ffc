"""Users, keys, tokens and roles: who calls, and whether they may (service-api, `commons` permissions)."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rp_finalizer.emulator.records import ProjectRole, StoredLaunch, User
from rp_finalizer.emulator.refusals import ErrorType, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PROJECT = "demo"
TOKEN_LIFETIME = 86400.0
INACTIVITY_TIMEOUT = 86400.0


@dataclass(frozen=True, slots=True)
class Member:
    """A user in a project: what every call of the API is made as."""

    user: User
    project: str
    role: ProjectRole


@dataclass(frozen=True, slots=True)
class Project:
    """A project, with the time after which the server itself ends a silent launch."""

    id: int
    name: str
    created: int
    """Microseconds since the epoch."""
    interrupt_after: float = INACTIVITY_TIMEOUT
    """Seconds since the start, or since the last sign of life where items are in progress."""


class Accounts:
    """Keep users, projects, API keys and access tokens."""

    def __init__(self) -> None:
        self.token_lifetime = TOKEN_LIFETIME
        """Seconds that an access token lives, from when it is given out."""
        self.projects: dict[str, Project] = {}
        self._users: dict[str, User] = {}
        self._keys: dict[str, str] = {}
        self._passwords: dict[str, str] = {}
        self._tokens: dict[str, tuple[str, float]] = {}
        self._refresh_tokens: dict[str, str] = {}
        self.add_project(DEFAULT_PROJECT)
        manager, member = ProjectRole.PROJECT_MANAGER, ProjectRole.MEMBER
        self.add_user("default", "demo_key", {DEFAULT_PROJECT: manager}, password="1q2w3e")  # noqa: S106  the server's
        self.add_user("member", "member_key", {DEFAULT_PROJECT: member})
        self.add_user("customer", "customer_key", {DEFAULT_PROJECT: ProjectRole.CUSTOMER})
        self.add_user("operator", "operator_key", {DEFAULT_PROJECT: ProjectRole.OPERATOR})
        self.add_user("admin", "admin_key", administrator=True)

    def add_project(self, name: str) -> Project:
        """Add a project, unless it is there; names are lower case."""
        name = normalize_project(name)
        return self.projects.setdefault(name, Project(len(self.projects) + 1, name, time.time_ns() // 1000))

    def set_interrupt_after(self, project: str, seconds: float) -> None:
        """Set a project's inactivity timeout in seconds."""
        found = self.add_project(project)
        self.projects[found.name] = replace(found, interrupt_after=seconds)

    def add_user(
        self,
        login: str,
        key: str,
        projects: Mapping[str, ProjectRole] | None = None,
        *,
        administrator: bool = False,
        password: str | None = None,
    ) -> User:
        """Add a user with an API key, or replace one; projects that are new are added, too."""
        roles = {self.add_project(name).name: role for name, role in (projects or {}).items()}
        user = User(len(self._users) + 1, login, administrator=administrator, projects=roles)
        self._users[login] = user
        self._keys[key] = login
        if password is not None:
            self._passwords[login] = password
        return user

    def remove_key(self, key: str) -> None:
        """Make a key unknown, as if it had been revoked."""
        self._keys.pop(key, None)

    def authenticate(self, authorization: str | None, now: float) -> User | None:
        """Find whose key or token this is; None for one that is unknown, revoked or too old."""
        scheme, _, secret = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        secret = secret.strip()
        if secret in self._tokens:
            login, expires = self._tokens[secret]
            return self._users.get(login) if now < expires else None
        return self._users.get(self._keys.get(secret, ""))

    def grant_token(self, login: str, password: str, now: float) -> dict[str, object] | None:
        """Give an access token for a password; None for wrong credentials."""
        if self._passwords.get(login) != password:
            return None
        return self._issue_token(login, now)

    def refresh_token(self, refresh_token: str, now: float) -> dict[str, object] | None:
        """Give a new access token for a refresh token; None for an unknown one."""
        login = self._refresh_tokens.pop(refresh_token, None)
        return None if login is None else self._issue_token(login, now)

    def _issue_token(self, login: str, now: float) -> dict[str, object]:
        token = ".".join(("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9", secrets.token_urlsafe(24), secrets.token_urlsafe(24)))
        refresh = secrets.token_urlsafe(24)
        self._tokens[token] = (login, now + self.token_lifetime)
        self._refresh_tokens[refresh] = login
        return {
            "access_token": token,
            "token_type": "bearer",
            "refresh_token": refresh,
            "expires_in": max(0, int(self.token_lifetime)),
            "scope": "ui",
            "jti": secrets.token_hex(8),
        }

    def member(self, user: User, project: str) -> Member:
        """Let a user into a project to look around.

        To others than administrators a project that does not exist looks like one they do not belong to: 403.
        """
        name = normalize_project(project)
        if user.administrator:
            if name not in self.projects:
                raise Refusal(ErrorType.PROJECT_NOT_FOUND, name)
            return Member(user, name, ProjectRole.PROJECT_MANAGER)
        if name not in user.projects:
            raise Refusal(ErrorType.ACCESS_DENIED)
        return Member(user, name, user.projects[name])

    def member_of_existing(self, user: User, project: str) -> Member:
        """Let a user in as the item, log and settings reads do: an unknown project is told to everybody, 404."""
        if normalize_project(project) not in self.projects:
            raise Refusal(ErrorType.PROJECT_NOT_FOUND, normalize_project(project))
        return self.member(user, project)

    def reporter(self, user: User, project: str) -> Member:
        """Let a user report to a project: everybody but an operator may."""
        member = self.member(user, project)
        if member.role < ProjectRole.CUSTOMER:
            raise Refusal(ErrorType.ACCESS_DENIED)
        return member


def normalize_project(name: str) -> str:
    """Spell a project's name as the server does."""
    return name.strip().lower()


def demand_launch_rights(member: Member, launch: StoredLaunch, not_owner: ErrorType = ErrorType.ACCESS_DENIED) -> None:
    """Refuse to end what is not the member's own, unless they are a manager (`LaunchValidator.validateRoles`)."""
    if member.user.administrator:
        return
    if launch.project != member.project:
        raise Refusal(ErrorType.ACCESS_DENIED)
    below_manager = member.role < ProjectRole.PROJECT_MANAGER
    if not launch.rerun and below_manager and launch.owner != member.user.login:
        raise Refusal(not_owner, "You are not launch owner.")
