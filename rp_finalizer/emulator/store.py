"""The emulated database: launches, items and logs, with the indexes that the rules need. No rules here."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from rp_finalizer.launch import LaunchStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rp_finalizer.emulator.records import StoredItem, StoredLaunch, StoredLog

COUNTED_TYPES = frozenset({"STEP", "TEST", "SCENARIO"})
"""The types of items that the server's statistics count, when they have no children."""


class Store:
    """Keep the records by their numbers and uuids."""

    def __init__(self) -> None:
        self.launches: dict[int, StoredLaunch] = {}
        self.items: dict[int, StoredItem] = {}
        self._launch_ids: dict[str, int] = {}
        self._item_ids: dict[str, int] = {}
        self._items_of_launch: defaultdict[int, list[int]] = defaultdict(list)
        self._children: defaultdict[int, list[int]] = defaultdict(list)
        self._open_items: defaultdict[int, dict[int, None]] = defaultdict(dict)
        self._logs: defaultdict[int, list[StoredLog]] = defaultdict(list)
        self._numbers: Counter[tuple[str, str]] = Counter()
        self._statistics: dict[int, Mapping[str, int]] = {}
        self._last_id: Counter[str] = Counter()

    def next_id(self, table: str) -> int:
        """Give the next number of a table, from 1."""
        self._last_id[table] += 1
        return self._last_id[table]

    def next_launch_number(self, project: str, name: str) -> int:
        """Give the next number among the launches of that name in a project."""
        self._numbers[project, name] += 1
        return self._numbers[project, name]

    def launch_by_uuid(self, uuid: str) -> StoredLaunch | None:
        """Find a launch by its uuid alone."""
        number = self._launch_ids.get(uuid)
        return None if number is None else self.launches[number]

    def latest_launch(self, project: str, name: str) -> StoredLaunch | None:
        """Find the latest launch of a name in a project."""
        named = (launch for launch in self.launches.values() if (launch.project, launch.name) == (project, name))
        return max(named, key=lambda launch: launch.number, default=None)

    def put_launch(self, launch: StoredLaunch) -> None:
        """Add a launch, or replace it; its uuid may have changed."""
        before = self.launches.get(launch.id)
        if before is not None and before.uuid != launch.uuid:
            del self._launch_ids[before.uuid]
        self.launches[launch.id] = launch
        self._launch_ids[launch.uuid] = launch.id

    def move_reports(self, source: int, target: int) -> None:
        """Give a launch's items, earlier attempts included, and logs to another launch."""
        for item_id in self._items_of_launch.pop(source, ()):
            self.items[item_id] = replace(self.items[item_id], launch_id=target)
            self._items_of_launch[target].append(item_id)
        self._open_items[target].update(self._open_items.pop(source, {}))
        self._logs[target] += [replace(log, launch_id=target) for log in self._logs.pop(source, ())]
        for launch_id in (source, target):
            self._statistics.pop(launch_id, None)

    def delete_launch(self, launch_id: int) -> None:
        """Remove a launch with its items and logs, and what other launches reported under its items."""
        del self._launch_ids[self.launches.pop(launch_id).uuid]
        for item_id in self._items_of_launch.pop(launch_id, ()):
            self._delete_item(item_id)
        for index in (self._open_items, self._logs, self._statistics):
            index.pop(launch_id, None)

    def _delete_item(self, item_id: int) -> None:
        item = self.items.pop(item_id, None)
        if item is None:
            return
        del self._item_ids[item.uuid]
        self._open_items[item.launch_id].pop(item_id, None)
        self._statistics.pop(item.launch_id, None)
        if item.launch_id in self._items_of_launch:
            self._items_of_launch[item.launch_id].remove(item_id)
        if item.parent_id is not None and item.parent_id in self._children:
            self._children[item.parent_id].remove(item_id)
        for child in self._children.pop(item_id, ()):
            self._delete_item(child)

    def item_by_uuid(self, uuid: str) -> StoredItem | None:
        """Find an item by its uuid."""
        number = self._item_ids.get(uuid)
        return None if number is None else self.items[number]

    def put_item(self, item: StoredItem) -> None:
        """Add an item, or replace it."""
        before = self.items.get(item.id)
        if before is None:
            self._items_of_launch[item.launch_id].append(item.id)
            if item.parent_id is not None:
                self._children[item.parent_id].append(item.id)
        elif before.uuid != item.uuid:
            del self._item_ids[before.uuid]
        self.items[item.id] = item
        self._item_ids[item.uuid] = item.id
        if item.status is LaunchStatus.IN_PROGRESS and item.retry_of is None:
            self._open_items[item.launch_id][item.id] = None
        else:
            self._open_items[item.launch_id].pop(item.id, None)
        self._statistics.pop(item.launch_id, None)

    def items_of(self, launch_id: int) -> Iterator[StoredItem]:
        """Go through a launch's items in the order they came; earlier attempts that were retried are left out."""
        every = (self.items[item_id] for item_id in self._items_of_launch.get(launch_id, ()))
        return (item for item in every if item.retry_of is None)

    def children_of(self, item_id: int) -> Iterator[StoredItem]:
        """Go through an item's children, without earlier attempts."""
        every = (self.items[child] for child in self._children.get(item_id, ()))
        return (item for item in every if item.retry_of is None)

    def descendants_of(self, item_id: int) -> Iterator[StoredItem]:
        """Go through everything below an item."""
        for child in self.children_of(item_id):
            yield child
            yield from self.descendants_of(child.id)

    def open_items(self, launch_id: int) -> list[StoredItem]:
        """List the items of a launch that are in progress."""
        return [self.items[item_id] for item_id in self._open_items.get(launch_id, ())]

    def add_log(self, log: StoredLog) -> None:
        """Add a log entry."""
        self._logs[log.launch_id].append(log)

    def logs_of(self, launch_id: int) -> list[StoredLog]:
        """List a launch's logs, and those of its items, in the order they were stored."""
        return list(self._logs.get(launch_id, ()))

    def statistics(self, launch_id: int) -> Mapping[str, int]:
        """Count a launch's finished leaves by status; an interrupted one counts as failed."""
        if launch_id not in self._statistics:
            self._statistics[launch_id] = count_executions(self.items_of(launch_id))
        return self._statistics[launch_id]


def count_executions(items: Iterator[StoredItem]) -> Mapping[str, int]:
    """Count finished leaves by status, as the server's database triggers do."""
    counts: Counter[str] = Counter()
    for item in items:
        leaf = item.has_stats and not item.has_children and item.type in COUNTED_TYPES
        if leaf and item.status is not LaunchStatus.IN_PROGRESS:
            interrupted = item.status is LaunchStatus.INTERRUPTED
            counts["failed" if interrupted else item.status.lower()] += 1
            counts["total"] += 1
    return dict(counts)
