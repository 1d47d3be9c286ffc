"""A call of the API as its handler sees it, and who makes it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rp_finalizer.emulator.answers import Answer
from rp_finalizer.emulator.java_long import parse_long
from rp_finalizer.emulator.refusals import ErrorType, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rp_finalizer.emulator.accounts import Member
    from rp_finalizer.emulator.journal import CallKind
    from rp_finalizer.emulator.records import User
    from rp_finalizer.emulator.server_state import ServerState


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file of a multipart body."""

    name: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Form:
    """A body of several parts, or of form fields."""

    fields: Mapping[str, str]
    files: tuple[UploadedFile, ...] = ()


@dataclass(slots=True)
class ApiCall:
    """One call: what was sent, and after authentication the user."""

    kind: CallKind
    method: str
    path: str
    params: Mapping[str, Any]
    """The variable parts of the path."""
    query: list[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes
    form: Form | None
    base_url: str
    """Where the client sees the server: what links begin with."""
    caller: User | None = None

    @property
    def user(self) -> User:
        """Give who calls; only open calls have nobody."""
        if self.caller is None:
            raise AssertionError(f"{self.kind} is an open call")
        return self.caller

    def parsed(self) -> Any:
        """Give the JSON body if it is one, else None."""
        try:
            return json.loads(self.body) if self.body else None
        except ValueError:
            return None

    def json(self) -> Any:
        """Give the JSON body; refuse another content type (500, as the server does) and unreadable JSON (400)."""
        content_type = self.headers.get("content-type", "application/json")
        bare = content_type.partition(";")[0].strip().lower()
        if bare != "application/json" and not bare.endswith("+json"):
            raise Refusal(ErrorType.UNCLASSIFIED, f"Content-Type '{content_type}' is not supported")
        if not self.body:
            raise Refusal(ErrorType.INCORRECT_REQUEST, "[Required request body is missing] ")
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Refusal(ErrorType.INCORRECT_REQUEST, f"[JSON parse error: {error}] ") from None

    def number(self, name: str) -> int:
        """Give a part of the path that must be a number."""
        text = str(self.params[name])
        number = parse_long(text)
        if number is None:
            raise Refusal(
                ErrorType.INCORRECT_REQUEST,
                "[Failed to convert value of type 'java.lang.String' to required type 'java.lang.Long'; "
                f'For input string: "{text}"] ',
            )
        return number

    def numbers(self, name: str) -> list[int]:
        """Give a query parameter that is a list of numbers."""
        texts = [part.strip() for key, value in self.query if key == name for part in value.split(",")]
        if not texts:
            message = f"[Required request parameter '{name}' for method parameter type Long[] is not present] "
            raise Refusal(ErrorType.INCORRECT_REQUEST, message)
        numbers = [number for number in map(parse_long, texts) if number is not None]
        if len(numbers) < len(texts):
            raise Refusal(ErrorType.INCORRECT_REQUEST, f"[Failed to convert '{','.join(texts)}' to Long[]] ")
        return numbers

    def member(self, state: ServerState) -> Member:
        """Let the caller into the project of the path, to look around."""
        return state.accounts.member(self.user, str(self.params["project"]))

    def reporter(self, state: ServerState) -> Member:
        """Let the caller report to the project of the path."""
        return state.accounts.reporter(self.user, str(self.params["project"]))


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that the API can do: its place, its kind and who does it."""

    kind: CallKind
    method: str
    path: str
    """With the variable parts in braces."""
    handle: Callable[[ServerState, ApiCall], Answer]
    open: bool = False
    """Needs no key."""


def ok(body: Any) -> Answer:
    """Answer 200 with JSON."""
    return Answer(200, body)


def created(body: Any) -> Answer:
    """Answer 201 with JSON."""
    return Answer(201, body)
