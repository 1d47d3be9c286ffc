"""Lists as the server gives them: `filter.<condition>.<field>`, `page.page`, `page.size`, `page.sort`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rp_finalizer.emulator.java_long import parse_long
from rp_finalizer.emulator.list_fields import Field, FieldKind, convert
from rp_finalizer.emulator.refusals import ErrorType, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rp_finalizer.emulator.store import Store

CONDITIONS = frozenset(
    {"eq", "ne", "cnt", "under", "level", "ex", "in", "ea", "has", "any", "gt", "gte", "lt", "lte", "btw"}
)
DEFAULT_PAGE_SIZE = 20
SIZE_FOR_ZERO = 50
MAX_PAGE_SIZE = 300_000
TOKENS = 3
BOUNDS = 2

RecordT = TypeVar("RecordT")
Query = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a filter, with its value as it was sent."""

    name: str
    negated: bool
    field: str
    value: str


def parse_conditions(query: Query) -> list[Condition]:
    """Read the conditions of a query; refuse what has not three parts, an unknown condition, or no value."""
    return [_parse_condition(name, value) for name, value in query if name.startswith("filter.")]


def _parse_condition(name: str, value: str) -> Condition:
    tokens = name.split(".", TOKENS - 1)
    if len(tokens) != TOKENS or "." in tokens[-1]:
        raise Refusal(ErrorType.INCORRECT_FILTER, f"Incorrect format of filtering parameter '{name}'")
    negated = tokens[1].startswith("!")
    condition = tokens[1].removeprefix("!")
    if condition not in CONDITIONS:
        raise Refusal(ErrorType.INCORRECT_FILTER, f"Unable to find condition with name '{condition}'")
    if not value.strip():
        raise Refusal(ErrorType.BAD_REQUEST, f"Filter criteria '{name}' should not have blank value")
    return Condition(condition, negated, tokens[2], value)


@dataclass(frozen=True)
class Listing(Generic[RecordT]):
    """A kind of record that can be listed: its fields, and how one is shown."""

    fields: Mapping[str, Field[RecordT]]
    show: Callable[[Store, RecordT], dict[str, Any]]

    def page(self, store: Store, records: Iterable[RecordT], query: Query) -> dict[str, Any]:
        """Give one page of the records that a query asks for."""
        found = self.matching(store, records, query)
        self._sort(store, found, _last(query, "page.sort"))
        size = _page_size(_last(query, "page.size"))
        number = max(1, _whole(_last(query, "page.page"), 1))
        shown = found[(number - 1) * size : number * size]
        return {
            "content": [self.show(store, record) for record in shown],
            "page": {
                "number": number,
                "size": size,
                "totalElements": len(found),
                "totalPages": math.ceil(len(found) / size),
            },
        }

    def matching(self, store: Store, records: Iterable[RecordT], query: Query) -> list[RecordT]:
        """Give the records that fulfil all conditions of a query."""
        tests = [self._test(store, condition) for condition in parse_conditions(query)]
        return [record for record in records if all(test(record) for test in tests)]

    def _test(self, store: Store, condition: Condition) -> Callable[[RecordT], bool]:
        field = self.fields.get(condition.field)
        if field is None:
            raise Refusal(ErrorType.INCORRECT_FILTER, f"Filter parameter '{condition.field}' is not defined")
        fulfilled = _predicate(condition, field.kind)

        def test(record: RecordT) -> bool:
            return fulfilled(field.read(store, record)) is not condition.negated

        return test

    def _sort(self, store: Store, records: list[RecordT], sort: str | None) -> None:
        """Sort in place by the fields asked for, then by number."""
        names = [name.strip() for name in (sort or "").split(",") if name.strip()]
        descending = bool(names) and names[-1].upper() == "DESC"
        if names and names[-1].upper() in {"ASC", "DESC"}:
            names.pop()
        for name in names:
            if name not in self.fields:
                raise Refusal(ErrorType.INCORRECT_SORTING, name)
        records.sort(key=lambda record: _sort_key(self.fields["id"].read(store, record)))
        for name in reversed(names):
            read = self.fields[name].read
            records.sort(key=lambda record, read=read: _sort_key(read(store, record)), reverse=descending)  # type: ignore[misc]


def _sort_key(values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple((value is not None, value) for value in values) or ((False, 0),)


def _predicate(condition: Condition, kind: FieldKind) -> Callable[[Sequence[Any]], bool]:
    text = condition.value
    if condition.name == "cnt":
        return lambda values: any(text.lower() in str(value).lower() for value in values)
    if condition.name == "ex":
        wanted = text.strip().lower() in {"1", "true"}
        return lambda values: bool(values) is wanted
    if condition.name == "under":
        return lambda values: any(str(value).startswith(f"{text}.") for value in values)
    if condition.name == "level":
        return lambda values: any(str(value).count(".") + 1 == _whole(text, 0) for value in values)
    return _compared(condition.name, [convert(part, kind) for part in _parts(condition)])


def _parts(condition: Condition) -> list[str]:
    if condition.name in {"in", "ea", "has", "any", "btw"}:
        return [part.strip() for part in condition.value.split(",")]
    return [condition.value]


def _compared(name: str, wanted: list[Any]) -> Callable[[Sequence[Any]], bool]:
    first = wanted[0]
    if name == "btw":
        if len(wanted) != BOUNDS:
            raise Refusal(ErrorType.INCORRECT_FILTER, "Incorrect between filter format. Expected='value1,value2'")
        return lambda values: any(first <= value <= wanted[1] for value in values)
    comparisons: dict[str, Callable[[Sequence[Any]], bool]] = {
        "eq": lambda values: first in values,
        "ne": lambda values: first not in values,
        "gt": lambda values: any(value > first for value in values),
        "gte": lambda values: any(value >= first for value in values),
        "lt": lambda values: any(value < first for value in values),
        "lte": lambda values: any(value <= first for value in values),
        "has": lambda values: all(each in values for each in wanted),
    }
    return comparisons.get(name, lambda values: any(each in values for each in wanted))


def _page_size(text: str | None) -> int:
    size = _whole(text, DEFAULT_PAGE_SIZE)
    return min(size, MAX_PAGE_SIZE) if size > 0 else SIZE_FOR_ZERO


def _whole(text: str | None, default: int) -> int:
    number = parse_long((text or "").strip())
    return default if number is None else number


def _last(query: Query, name: str) -> str | None:
    return next((value for key, value in reversed(query) if key == name), None)
