"""The emulator against the table of the server's schema: routes, statuses, fields, limits, refusals."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from rp_finalizer.emulator import Emulator
from rp_finalizer.emulator.gateway import OPERATIONS
from rp_finalizer.emulator.refusals import ErrorType
from tests.integration.emulator.schema_table import CALLS, ERROR_RS, ERRORS, NOT_IN_THE_SCHEMA, Call
from tests.integration.emulator.schema_walk import (
    NO_CHANGE,
    World,
    departures,
    fullest,
    right_values,
    smallest,
    wrong_values,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

WITH_BODY = [call for call in CALLS if call.request and not call.path.endswith("/")]
"""Of the twins that differ by a slash at the end the one without it."""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Give a server on which everything is there that a call may name."""
    with Emulator() as emulator:
        world = World(emulator)
        yield world
        world.close()


def refusal(answer: requests.Response) -> tuple[int, int | None]:
    """Give status and code; an entry of a batch is refused within a successful answer, without a code."""
    body: dict[str, Any] = answer.json()
    if "responses" in body:
        return (400, 4001) if "message" in body["responses"][0] else (answer.status_code, None)
    return answer.status_code, body.get("errorCode")


@pytest.mark.parametrize("body", [smallest, fullest])
@pytest.mark.parametrize("call", CALLS, ids=str)
def test_call_answers_as_the_schema_says(world: World, call: Call, body: Any) -> None:
    """Each call answers with its status and media type, with fields of the schema only, and with all required ones."""
    answer = world.send(call, body(call.request))
    world.renew(call)
    assert answer.status_code == call.status, answer.text
    assert answer.headers["Content-Type"] == call.media_type
    assert departures(answer.json(), call.answer) == []
    shown = answer.json()
    assert not isinstance(shown, dict) or shown.get("content", True), "an empty page shows nothing"


@pytest.mark.parametrize("call", WITH_BODY, ids=str)
def test_wrong_fields_are_refused(world: World, call: Call) -> None:
    """Nothing for a required field, a word that is not allowed, a wrong length or type: each is refused by itself."""
    assert call.request is not None
    body = world.resolve(fullest(call.request))
    taken = []
    for trial in wrong_values(call.request, body):
        answer = world.send(call, trial.put_into(body))
        if refusal(answer) != trial.refusal:
            taken.append(f"{trial}: {answer.status_code} {answer.text}")
    assert taken == []


@pytest.mark.parametrize("call", WITH_BODY, ids=str)
def test_limits_are_taken(world: World, call: Call) -> None:
    """Every allowed word, in lower case as well, and the shortest and longest of each text and list are taken."""
    assert call.request is not None
    refused = []
    for trial in right_values(call.request, fullest(call.request)):
        answer = world.send(call, trial.put_into(fullest(call.request)))
        world.renew(call)
        if answer.status_code != call.status or (call.multipart and refusal(answer)[1] is not None):
            refused.append(f"{trial}: {answer.status_code} {answer.text}")
    assert refused == []


@pytest.mark.parametrize("call", [call for call in CALLS if call.errors and not call.path.endswith("/")], ids=str)
def test_refusals(world: World, call: Call) -> None:
    """Each refusal of the table comes with its status and code, and with a body of the server's error."""
    body = smallest(call.request)
    for code, change in call.errors.items():
        answer = world.send(call, body, change)
        assert (answer.status_code, answer.json().get("errorCode")) == (ERRORS[code][0], code), answer.text
        assert departures(answer.json(), ERROR_RS) == []


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_unknown_key_is_refused_first(world: World, call: Call) -> None:
    """Whatever else is wrong, a call with an unknown key is answered with 401, in a body of its own kind."""
    answer = world.session("nobody_key").call(call.method, re.sub(r"\{\w+\}", "nothing", call.path), {})
    assert answer.status_code == 401
    assert set(answer.json()) == {"error", "error_description"}


@pytest.mark.parametrize("call", [call for call in CALLS if call.project], ids=str)
def test_every_project_call_may_be_forbidden(call: Call) -> None:
    """The table says for every call within a project who may not make it."""
    assert 4003 in call.errors


def test_other_methods_are_refused(world: World) -> None:
    """A method that a path does not have is answered with 405, without an error code."""
    patterns = {
        call.path: {each.method for each in CALLS if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", each.path), call.path)}
        for call in CALLS
    }
    for path, methods in patterns.items():
        for method in {"GET", "POST", "PUT", "DELETE", "PATCH"} - methods:
            answer = world.session("demo_key").call(method, path.replace("{projectName}", "demo"), {})
            assert (answer.status_code, answer.json().get("errorCode")) == (405, None), f"{method} {path}"


def test_every_route_is_in_the_table() -> None:
    """The emulator has no call that the table does not know, and the table none that the emulator lacks."""

    def bare(method: str, path: str) -> str:
        return f"{method} {re.sub(r'{.*?}', '{}', path)}"

    routes = {bare(operation.method, operation.path) for operation in OPERATIONS}
    rows = {bare(call.method, f"/api{call.path}") for call in CALLS}
    assert routes == rows | set(NOT_IN_THE_SCHEMA)


def test_codes_and_statuses() -> None:
    """Every code that the emulator refuses with has the HTTP status that the server gives it."""
    known = {code: status for code, (status, _) in ERRORS.items()}
    own = {error.code: error.http_status for error in ErrorType}
    assert own == {**known, 4044: 404}


def test_walk_sees_what_is_wrong() -> None:
    """An answer with a missing, a foreign and a mistyped field is told for all three."""
    assert NO_CHANGE.body == {}
    wrong = {"errorCode": "4001", "colour": "red"}
    assert len(departures(wrong, ERROR_RS)) == 2
