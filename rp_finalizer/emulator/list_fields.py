"""The fields that lists can be filtered and sorted by (commons-dao, `FilterTarget`)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rp_finalizer.emulator.java_long import parse_long
from rp_finalizer.emulator.refusals import ErrorType, Refusal
from rp_finalizer.emulator.times import parse_time
from rp_finalizer.launch import LaunchStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rp_finalizer.emulator.records import Attribute, StoredItem, StoredLaunch, StoredLog
    from rp_finalizer.emulator.store import Store

RecordT = TypeVar("RecordT")


class FieldKind(StrEnum):
    """What the values of a field are."""

    NUMBER = "number"
    TEXT = "text"
    STATUS = "status"
    DATE = "date"
    FLAG = "flag"


@dataclass(frozen=True)
class Field(Generic[RecordT]):
    """A field: the kind of its values, and how to read them from a record; a missing value is none at all."""

    kind: FieldKind
    read: Callable[[Store, RecordT], Sequence[Any]]


def convert(text: str, kind: FieldKind) -> Any:
    """Read a value of a filter, or refuse it in the server's words."""
    if kind is FieldKind.NUMBER:
        number = parse_long(text.strip())
        if number is None:
            raise Refusal(ErrorType.INCORRECT_FILTER, f"Cannot convert '{text}' to valid positive integer number")
        return number
    if kind is FieldKind.STATUS:
        if text.upper() not in LaunchStatus.__members__:
            raise Refusal(ErrorType.INCORRECT_FILTER, f"Cannot convert '{text}' to valid 'Status'")
        return LaunchStatus(text.upper())
    if kind is FieldKind.FLAG:
        return text.strip().lower() == "true"
    if kind is FieldKind.DATE:
        try:
            return parse_time(text)
        except ValueError:
            raise Refusal(ErrorType.INCORRECT_FILTER, f"Cannot convert '{text}' to valid date") from None
    return text


def _single(kind: FieldKind, read: Callable[[RecordT], Any]) -> Field[RecordT]:
    def values(store: Store, record: RecordT) -> Sequence[Any]:
        del store
        value = read(record)
        return () if value is None else (value,)

    return Field(kind, values)


def _keys(attributes: tuple[Attribute, ...]) -> tuple[str, ...]:
    return tuple(attribute.key for attribute in attributes if attribute.key is not None and not attribute.system)


def _values(attributes: tuple[Attribute, ...]) -> tuple[str, ...]:
    return tuple(attribute.value for attribute in attributes if not attribute.system)


def _composites(attributes: tuple[Attribute, ...]) -> tuple[str, ...]:
    shown = [attribute for attribute in attributes if not attribute.system]
    return tuple(f"{each.key}:{each.value}" if each.key else each.value for each in shown) + tuple(
        f"{each.key}:" for each in shown if each.key
    )


def _executions(name: str) -> Field[StoredLaunch]:
    return Field(FieldKind.NUMBER, lambda store, launch: (store.statistics(launch.id).get(name, 0),))


def _launch(kind: FieldKind, read: Callable[[StoredLaunch], Any]) -> Field[StoredLaunch]:
    return _single(kind, read)


def _item(kind: FieldKind, read: Callable[[StoredItem], Any]) -> Field[StoredItem]:
    return _single(kind, read)


def _log(kind: FieldKind, read: Callable[[StoredLog], Any]) -> Field[StoredLog]:
    return _single(kind, read)


LAUNCH_FIELDS: dict[str, Field[StoredLaunch]] = {
    "id": _launch(FieldKind.NUMBER, lambda launch: launch.id),
    "uuid": _launch(FieldKind.TEXT, lambda launch: launch.uuid),
    "name": _launch(FieldKind.TEXT, lambda launch: launch.name),
    "description": _launch(FieldKind.TEXT, lambda launch: launch.description),
    "number": _launch(FieldKind.NUMBER, lambda launch: launch.number),
    "status": _launch(FieldKind.STATUS, lambda launch: launch.status),
    "startTime": _launch(FieldKind.DATE, lambda launch: launch.start),
    "endTime": _launch(FieldKind.DATE, lambda launch: launch.end),
    "lastModified": _launch(FieldKind.DATE, lambda launch: launch.last_modified),
    "userId": _launch(FieldKind.NUMBER, lambda launch: launch.owner_id),
    "user": _launch(FieldKind.TEXT, lambda launch: launch.owner),
    "hasRetries": _launch(FieldKind.FLAG, lambda launch: launch.has_retries),
    "attributeKey": Field(FieldKind.TEXT, lambda _, launch: _keys(launch.attributes)),
    "attributeValue": Field(FieldKind.TEXT, lambda _, launch: _values(launch.attributes)),
    "compositeAttribute": Field(FieldKind.TEXT, lambda _, launch: _composites(launch.attributes)),
    **{f"statistics$executions${name}": _executions(name) for name in ("total", "passed", "failed", "skipped")},
}

ITEM_FIELDS: dict[str, Field[StoredItem]] = {
    "id": _item(FieldKind.NUMBER, lambda item: item.id),
    "uuid": _item(FieldKind.TEXT, lambda item: item.uuid),
    "launchId": _item(FieldKind.NUMBER, lambda item: item.launch_id),
    "parentId": _item(FieldKind.NUMBER, lambda item: item.parent_id),
    "path": _item(FieldKind.TEXT, lambda item: item.path),
    "name": _item(FieldKind.TEXT, lambda item: item.name),
    "type": _item(FieldKind.TEXT, lambda item: item.type),
    "status": _item(FieldKind.STATUS, lambda item: item.status),
    "description": _item(FieldKind.TEXT, lambda item: item.description),
    "uniqueId": _item(FieldKind.TEXT, lambda item: item.unique_id),
    "testCaseId": _item(FieldKind.TEXT, lambda item: item.test_case_id),
    "startTime": _item(FieldKind.DATE, lambda item: item.start),
    "endTime": _item(FieldKind.DATE, lambda item: item.end),
    "lastModified": _item(FieldKind.DATE, lambda item: item.last_modified),
    "hasStats": _item(FieldKind.FLAG, lambda item: item.has_stats),
    "hasChildren": _item(FieldKind.FLAG, lambda item: item.has_children),
    "attributeKey": Field(FieldKind.TEXT, lambda _, item: _keys(item.attributes)),
    "attributeValue": Field(FieldKind.TEXT, lambda _, item: _values(item.attributes)),
    "compositeAttribute": Field(FieldKind.TEXT, lambda _, item: _composites(item.attributes)),
}

LOG_FIELDS: dict[str, Field[StoredLog]] = {
    "id": _log(FieldKind.NUMBER, lambda log: log.id),
    "uuid": _log(FieldKind.TEXT, lambda log: log.uuid),
    "launchId": _log(FieldKind.NUMBER, lambda log: log.launch_id),
    "launch": _log(FieldKind.NUMBER, lambda log: log.launch_id),
    "item": _log(FieldKind.NUMBER, lambda log: log.item_id),
    "level": _log(FieldKind.TEXT, lambda log: log.level),
    "message": _log(FieldKind.TEXT, lambda log: log.message),
    "logTime": _log(FieldKind.DATE, lambda log: log.time),
}
