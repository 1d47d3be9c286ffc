"""Walking the table of the schema: bodies that fit it, bodies that do not, and answers held against it."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rp_finalizer.emulator import ProjectRole
from tests.integration.emulator.schema_table import Change, Field, Kind, ListOf, MapOf, Shape, Thing
from tests.support.rp_api import START, RpApi, new_uuid

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from rp_finalizer.emulator import Emulator
    from tests.integration.emulator.schema_table import Call, Type

MISSING = object()
NO_CHANGE = Change()
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}|\.\d{6})?Z")
Step = str | int


class World:
    """What a call needs to be there: made when it is asked for, and the same until it is used up."""

    def __init__(self, emulator: Emulator) -> None:
        emulator.add_user("stranger", "stranger_key", {"elsewhere": ProjectRole.PROJECT_MANAGER})
        self._url = emulator.url
        self._sessions: dict[str, RpApi] = {}
        self._api = self.session("demo_key")
        self._made: dict[Thing, str] = {Thing.NEW_UUID: new_uuid(), Thing.NEW_ID: "4711"}

    def session(self, key: str, project: str = "demo") -> RpApi:
        """Give somebody's session."""
        if key not in self._sessions:
            self._sessions[key] = RpApi(self._url, key, project)
            self._sessions[key].session.trust_env = False
        return self._sessions[key]

    def close(self) -> None:
        """Close all sessions."""
        for session in self._sessions.values():
            session.close()

    def send(self, call: Call, body: Any = None, change: Change = NO_CHANGE) -> requests.Response:
        """Make a call with a body, changed so that it is refused."""
        path = call.path.replace("{projectName}", change.project)
        for name, thing in {**call.names, **change.names}.items():
            path = path.replace(f"{{{name}}}", self._make(thing))
        query = call.query if change.query is None else change.query
        params = [(name, self._make(value) if isinstance(value, Thing) else value) for name, value in query]
        if change.body:
            body = {name: value for name, value in {**body, **change.body}.items() if value is not None}
        body = self.resolve(body)
        api = self.session(change.key)
        headers = {"Accept": call.accept}
        if call.multipart:
            part = (None, json.dumps([body]), "application/json")
            return api.call(call.method, path, params=params, files=[("json_request_part", part)], headers=headers)
        return api.call(call.method, path, body, params=params, headers=headers)

    def resolve(self, value: Any) -> Any:
        """Put what is there in the place of its name."""
        if isinstance(value, Thing):
            made = self._make(value)
            return int(made) if made.isdigit() else made
        if isinstance(value, dict):
            return {str(self.resolve(name)): self.resolve(each) for name, each in value.items()}
        return [self.resolve(each) for each in value] if isinstance(value, list) else value

    def renew(self, call: Call) -> None:
        """Forget what a call has used up: a uuid that is taken, a launch that is finished or gone."""
        ending = call.method == "DELETE" or call.path.endswith(("/finish", "/stop", "/merge", "/info"))
        used_up = set(Thing) if ending else {Thing.NEW_UUID}
        self._made = {thing: made for thing, made in self._made.items() if thing not in used_up}
        self._made |= {Thing.NEW_UUID: new_uuid(), Thing.NEW_ID: "4711"}

    def _make(self, thing: Thing) -> str:
        if thing not in self._made:
            {
                Thing.OPEN_UUID: self._open,
                Thing.OPEN_ID: self._open,
                Thing.SUITE_UUID: self._suite,
                Thing.LEAF_UUID: self._leaf,
                Thing.LEAF_ID: self._leaf,
                Thing.FOREIGN_DONE_ID: self._foreign,
                Thing.DEBUG_ID: self._debug,
                Thing.EMPTY_ID: self._empty,
            }.get(thing, self._done)()
        return self._made[thing]

    def _open(self) -> None:
        uuid = self._api.start(name="open")
        self._made |= {Thing.OPEN_UUID: uuid, Thing.OPEN_ID: str(self._api.launch(uuid).json()["id"])}

    def _suite(self) -> None:
        launch = self._make(Thing.OPEN_UUID)
        suite = self._api.start_item(launch, type="SUITE")
        self._api.finish_item(self._api.start_item(launch, suite), launch)
        self._made[Thing.SUITE_UUID] = suite

    def _leaf(self) -> None:
        leaf = self._api.start_item(self._make(Thing.OPEN_UUID), name="leaf")
        number = self._api.call("GET", f"/v1/demo/item/uuid/{leaf}").json()["id"]
        self._made |= {Thing.LEAF_UUID: leaf, Thing.LEAF_ID: str(number)}

    def _done(self) -> None:
        """Report a launch with everything that a launch, an item and a log may have, and finish it."""
        api = self._api
        rich: dict[str, Any] = {"description": "told", "attributes": [{"key": "build", "value": "7"}]}
        launch = api.start(name="done", **rich)
        suite = api.start_item(launch, type="SUITE")
        more: dict[str, Any] = {"codeRef": "a.b", "testCaseId": "c", "parameters": [{"key": "os", "value": "linux"}]}
        test = api.start_item(launch, suite, name="failing", **rich, **more)
        entry = {"launchUuid": launch, "time": START, "message": "seen", "level": "error"}
        api.log_batch([{**entry, "itemUuid": test, "file": {"name": "a"}}, entry], {"a": b"bytes"}, version="v1")
        api.finish_item(test, launch, status="failed", issue={"issueType": "pb001", "comment": "known"})
        api.finish_item(suite, launch, status=None)
        api.finish(launch)
        number = str(api.launch(launch).json()["id"])
        test_number = str(api.call("GET", f"/v1/demo/item/uuid/{test}").json()["id"])
        self._made |= {Thing.DONE_UUID: launch, Thing.DONE_ID: number}
        self._made |= {Thing.TEST_UUID: test, Thing.TEST_ID: test_number}

    def _empty(self) -> None:
        launch = self._api.start(attributes=[{"key": "build", "value": "7"}])
        self._made[Thing.EMPTY_ID] = str(self._api.finish(launch).json()["link"].rpartition("/")[2])

    def _debug(self) -> None:
        self._made[Thing.DEBUG_ID] = str(self._api.launch(self._api.start(mode="DEBUG")).json()["id"])

    def _foreign(self) -> None:
        stranger = self.session("stranger_key", "elsewhere")
        launch = stranger.start()
        stranger.finish(launch)
        self._made[Thing.FOREIGN_DONE_ID] = str(stranger.call("GET", f"/v1/elsewhere/launch/{launch}").json()["id"])


def smallest(shape: Shape | None) -> Any:
    """Give a body with what is required only."""
    if shape is None:
        return None
    return {each.name: sample(each) for each in shape.fields if each.required or each.always}


def fullest(shape: Shape | None) -> Any:
    """Give a body with every field."""
    return None if shape is None else {each.name: sample(each) for each in shape.fields if not each.left_out}


def sample(each: Field) -> Any:
    """Give a value that a field takes."""
    if each.sample is not None:
        return each.sample
    match each.type:
        case Shape():
            return fullest(each.type)
        case ListOf(of=Shape() as of):
            return [fullest(of)]
        case Kind.FLAG:
            return True
        case Kind.DATE:
            return START
        case _:
            return each.among[0] if each.among else f"a {each.name}"


@dataclass(frozen=True)
class Trial:
    """A value at a place in a body, and how it is refused; None if it is taken."""

    at: tuple[Step, ...]
    value: Any
    refusal: tuple[int, int] | None = None

    def put_into(self, body: Any) -> Any:
        """Give the body with this value."""
        changed = copy.deepcopy(body)
        *way, last = self.at
        inner = changed
        for step in way:
            inner = inner[step]
        if self.value is MISSING:
            del inner[last]
        else:
            inner[last] = self.value
        return changed

    def __str__(self) -> str:
        value = "nothing" if self.value is MISSING else repr(self.value)
        return f"{'.'.join(map(str, self.at))} = {value[:40]}"


def wrong_values(shape: Shape, body: Any) -> Iterator[Trial]:
    """Give all that a body must not hold: nothing for what is required, other words, lengths and shapes."""
    for at, each in _places(shape, body):
        bad: list[Any] = [None, MISSING] if each.required else []
        if each.among:
            bad.append("no such word")
        if each.shortest:
            bad.append("x" * (each.shortest - 1))
        if each.longest:
            bad.append("x" * (each.longest + 1))
        yield from (Trial(at, value, each.refusal) for value in bad)
        other: list[Any] = [{} if each.type is Kind.TEXT else "no such thing"]
        if isinstance(each.type, ListOf):
            other += [[]] if each.type.shortest else []
            other += [_long_list(each, each.type.longest + 1)] if each.type.longest else []
        yield from (Trial(at, value, (400, 4001)) for value in other)


def right_values(shape: Shape, body: Any) -> Iterator[Trial]:
    """Give what a body may just hold: every word, in lower case as well, and the limits of every length."""
    for at, each in _places(shape, body):
        words = [form for word in each.among for form in (word, word.lower())]
        sizes = [size for size in (each.shortest, each.longest) if size]
        yield from (Trial(at, value) for value in (*words, *("x" * size for size in sizes if not each.sample)))
        if isinstance(each.type, ListOf) and each.type.longest:
            yield Trial(at, _long_list(each, each.type.longest))


def _long_list(each: Field, size: int) -> list[Any]:
    return [{**sample(each)[0], "value": str(number)} for number in range(size)]


def _places(shape: Shape, body: Any, at: tuple[Step, ...] = ()) -> Iterator[tuple[tuple[Step, ...], Field]]:
    """Go through the fields of a body, and of the objects in it."""
    for each in shape.fields:
        if each.left_out or each.name not in body:
            continue
        here = (*at, each.name)
        yield here, each
        value = body[each.name]
        match each.type:
            case Shape():
                yield from _places(each.type, value, here)
            case ListOf(of=Shape() as of):
                yield from _places(of, value[0], (*here, 0))
            case MapOf(of=Shape() as of):
                first = next(iter(value))
                yield from _places(of, value[first], (*here, first))


def departures(value: Any, expected: Type, at: str = "answer") -> list[str]:
    """Tell where an answer is not as the table says."""
    match expected:
        case Shape():
            return _departures_of_object(value, expected, at)
        case ListOf(of=of) if isinstance(value, list):
            return [found for index, entry in enumerate(value) for found in departures(entry, of, f"{at}[{index}]")]
        case MapOf(of=of) if isinstance(value, dict):
            return [found for name, entry in value.items() for found in departures(entry, of, f"{at}.{name}")]
        case Kind() if _is_of(value, expected):
            return []
    return [f"{at} is {value!r}, not {expected}"]


def _departures_of_object(value: Any, shape: Shape, at: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{at} is {value!r}, not {shape.name}"]
    fields = {each.name: each for each in shape.fields if not each.left_out}
    found = [f"{at}.{name} is not shown by {shape.name}" for name in value.keys() - fields.keys()]
    found += [f"{at}.{name} is missing" for name, each in fields.items() if each.required and name not in value]
    for name in value.keys() & fields.keys():
        each, where = fields[name], f"{at}.{name}"
        found += departures(value[name], each.type, where)
        if each.among and value[name] not in each.among:
            found.append(f"{where} is {value[name]!r}, none of {each.among}")
        if isinstance(value[name], str) and not each.shortest <= len(value[name]) <= (each.longest or 10**9):
            found.append(f"{where} has {len(value[name])} characters")
    return found


def _is_of(value: Any, kind: Kind) -> bool:
    match kind:
        case Kind.TEXT:
            return isinstance(value, str)
        case Kind.WHOLE | Kind.MILLIS:
            return isinstance(value, int) and not isinstance(value, bool)
        case Kind.NUMBER:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case Kind.FLAG:
            return isinstance(value, bool)
        case Kind.DATE:
            return isinstance(value, str) and ISO.fullmatch(value) is not None
        case Kind.ANYTHING:
            return value is not None
