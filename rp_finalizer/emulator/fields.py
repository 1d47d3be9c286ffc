"""Reading the fields of a JSON body, with the server's own words for what is wrong with them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, NoReturn

from rp_finalizer.emulator.java_long import parse_long
from rp_finalizer.emulator.records import Attribute
from rp_finalizer.emulator.refusals import ErrorType, Refusal
from rp_finalizer.emulator.times import parse_time
from rp_finalizer.launch import LaunchStatus

MAX_ATTRIBUTES = 256
LEVEL_SIZE = (3, 16)
FINISH_STATUSES = frozenset(status.value for status in LaunchStatus if status is not LaunchStatus.IN_PROGRESS)


class ValueProblem:
    """What the server says of a value it does not take."""

    @staticmethod
    def null(name: str) -> str:
        """Say that a required field is missing."""
        return f"[Field '{name}' should not be null.] "

    @staticmethod
    def blank(name: str) -> str:
        """Say that a text is empty."""
        return f"[Field '{name}' should not contain only white spaces and shouldn't be empty.] "

    @staticmethod
    def size(name: str, shortest: int, longest: int) -> str:
        """Say that a text or list has the wrong length."""
        return f"[Field '{name}' should have size from '{shortest}' to '{longest}'.] "

    @staticmethod
    def empty(name: str) -> str:
        """Say that a list holds nothing."""
        return f"[Field '{name}' should not be empty.] "

    @staticmethod
    def pattern(name: str) -> str:
        """Say that a text holds characters that it must not."""
        return f"[Field '{name}' should match the following regex: '^[A-Za-z0-9 ]+$'.] "

    @staticmethod
    def not_allowed(name: str) -> str:
        """Say that a value is none of the allowed ones."""
        return f"[Value is not allowed for field '{name}'.] "


class FieldReader:
    """Read the fields of one body; collect what is wrong, so that one answer names it all.

    Unknown fields are ignored and numbers are taken for texts, as the server's JSON library does. A value of the wrong
    shape makes the whole body unreadable, which is refused at once.
    """

    def __init__(self, body: object) -> None:
        if not isinstance(body, dict):
            raise Refusal(ErrorType.INCORRECT_REQUEST, "[JSON parse error: an object is expected] ")
        self._body: dict[str, Any] = body
        self._problems: list[str] = []

    def refuse_problems(self) -> None:
        """Raise the refusal that names every problem found, if there is one."""
        if self._problems:
            raise Refusal(ErrorType.INCORRECT_REQUEST, "".join(self._problems))

    def time(self, name: str) -> int | None:
        """Read a date that may be missing; microseconds since the epoch."""
        return None if self._value(name) is None else self.required_time(name)

    def required_time(self, name: str, *aliases: str) -> int:
        """Read a date that must be there; microseconds since the epoch."""
        value = self._value(name, *aliases)
        if value is None:
            self._problems.append(ValueProblem.null(name))
            return 0
        try:
            return parse_time(value)
        except ValueError as error:
            raise Refusal(ErrorType.INCORRECT_REQUEST, f"[{error}] ") from None

    def required_text(self, name: str, *aliases: str, longest: int | None = None, may_be_blank: bool = False) -> str:
        """Read a text that must be there and, unless it may be blank, hold more than white space."""
        value = self.text(name, *aliases)
        if value is None:
            self._problems.append(ValueProblem.null(name))
        elif not may_be_blank and not value.strip():
            self._problems.append(ValueProblem.blank(name))
        elif longest is not None and len(value.strip()) > longest:
            self._problems.append(ValueProblem.size(name, 1, longest))
        return value or ""

    def text(self, name: str, *aliases: str, longest: int | None = None) -> str | None:
        """Read a text that may be missing."""
        value = self._value(name, *aliases)
        if isinstance(value, (dict, list)):
            return self._unreadable(name)
        if isinstance(value, bool):
            return str(value).lower()
        text = None if value is None else str(value)
        if text is not None and longest is not None and len(text) > longest:
            self._problems.append(ValueProblem.size(name, 0, longest))
        return text

    def level(self) -> str | None:
        """Read the level of a log entry."""
        value = self.text("level")
        if value is None:
            return None
        if not LEVEL_SIZE[0] <= len(value) <= LEVEL_SIZE[1]:
            self._problems.append(ValueProblem.size("level", *LEVEL_SIZE))
        if re.fullmatch(r"[A-Za-z0-9 ]+", value) is None:
            self._problems.append(ValueProblem.pattern("level"))
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Read a boolean that may be missing, null, or written as a text."""
        value = self._value(name)
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in {"true", "false"}:
            return value.lower() == "true"
        return self._unreadable(name)

    def choice(self, name: str, allowed: frozenset[str], *, required: bool = False) -> str | None:
        """Read one of a few words, in any case; given in upper case."""
        value = self.text(name)
        if value is None:
            if required:
                self._problems.append(ValueProblem.null(name))
            return None
        if value.upper() not in allowed:
            self._problems.append(ValueProblem.not_allowed(name))
            return None
        return value.upper()

    def status(self) -> LaunchStatus | None:
        """Read the status of a finish; `in_progress` is none."""
        value = self.text("status")
        if value is None:
            return None
        if value.upper() not in FINISH_STATUSES:
            self._problems.append(ValueProblem.not_allowed("status"))
            return None
        return LaunchStatus(value.upper())

    def mapping(self, name: str) -> dict[str, Any] | None:
        """Read an object that may be missing."""
        value = self._value(name)
        if value is None or isinstance(value, dict):
            return value
        return self._unreadable(name)

    def attributes(self) -> tuple[Attribute, ...] | None:
        """Read the attributes; None where the body has none, which differs from an empty list in a rerun."""
        value = self._value("attributes", "tags")
        if value is None:
            return None
        if not isinstance(value, list):
            return self._unreadable("attributes")
        if len(value) > MAX_ATTRIBUTES:
            self._problems.append(ValueProblem.size("attributes", 0, MAX_ATTRIBUTES))
        return tuple(self._attribute(entry) for entry in value)

    def parameters(self) -> tuple[tuple[str | None, str | None], ...]:
        """Read an item's parameters as pairs of key and value."""
        value = self._value("parameters")
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            return self._unreadable("parameters")
        pairs = (FieldReader(entry) for entry in value)
        return tuple((self._required_key(pair), pair.text("value")) for pair in pairs)

    def numbers(self, name: str) -> tuple[int, ...]:
        """Read a list of whole numbers that must hold one; each is given once."""
        value = self._value(name)
        if value is None:
            self._problems.append(ValueProblem.null(name))
            return ()
        if not isinstance(value, list):
            return self._unreadable(name)
        if not value:
            self._problems.append(ValueProblem.empty(name))
        numbers = [parse_long(str(entry)) for entry in value if not isinstance(entry, bool)]
        if len(numbers) < len(value) or None in numbers:
            return self._unreadable(name)
        return tuple(dict.fromkeys(number for number in numbers if number is not None))

    def items(self, name: str) -> list[FieldReader]:
        """Read a list of objects that may be missing; what is wrong in one of them counts as wrong here."""
        value = self._value(name)
        if value is None:
            return []
        if not isinstance(value, list):
            return self._unreadable(name)
        return [self._within(entry) for entry in value]

    def item(self, name: str) -> FieldReader | None:
        """Read an object that may be missing; what is wrong in it counts as wrong here."""
        value = self._value(name)
        return None if value is None else self._within(value)

    def whole_attribute(self, name: str) -> Attribute | None:
        """Read an attribute as the managing calls take it: never a system one."""
        value = self.mapping(name)
        return None if value is None else replace(self._attribute(value), system=False)

    def _within(self, body: object) -> FieldReader:
        inner = FieldReader(body)
        inner._problems = self._problems
        return inner

    def _required_key(self, pair: FieldReader) -> str | None:
        key = pair.text("key")
        if key is None:
            self._problems.append(ValueProblem.null("parameters[].key"))
        return key

    def _attribute(self, entry: object) -> Attribute:
        if isinstance(entry, str):
            entry = {"value": entry}
        if not isinstance(entry, dict):
            return self._unreadable("attributes")
        fields = FieldReader(entry)
        value = fields.text("value")
        if value is None or not value.strip():
            self._problems.append(ValueProblem.blank("attributes[].value"))
        return Attribute(value=value or "", key=fields.text("key"), system=fields.flag("system"))

    def _value(self, name: str, *aliases: str) -> Any:
        for spelling in (name, *aliases):
            if (value := self._body.get(spelling)) is not None:
                return value
        return None

    def _unreadable(self, name: str) -> NoReturn:
        raise Refusal(ErrorType.INCORRECT_REQUEST, f"[JSON parse error: cannot deserialize field '{name}'] ")
