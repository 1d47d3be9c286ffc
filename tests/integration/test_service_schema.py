"""The status service is as its schema says, whatever is sent to it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from schemathesis.checks import load_all_checks
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from rp_finalizer.endpoint import Endpoint
from rp_finalizer.outbox.memory import MemoryOutbox
from rp_finalizer.server.access import Access
from rp_finalizer.server.app import build_app
from rp_finalizer.server.state import Service
from rp_finalizer.settings import Settings
from tests.support.services import CLEARS, READS, SERVER, TOKENS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

HERE = Settings(endpoint=Endpoint.parse(SERVER), project="demo")
LEAST = 150
"""Requests that are surely made."""


def problems(app: FastAPI, headers: dict[str, str], examples: int) -> tuple[int, list[str]]:
    """Send what the schema allows and what it does not; say how many requests that were, and what was wrong."""
    load_all_checks()
    config = SchemathesisConfig.from_dict(
        {
            "seed": 20,
            "generation": {"database": "none", "no-shrink": True, "max-examples": examples, "deterministic": True},
            "phases": {"stateful": {"max-steps": 4}},
        }
    )
    config.projects.default.update(base_url="http://localhost", headers=headers)
    schema = schemathesis.openapi.from_dict(app.openapi(), config=config)
    schema.app = app
    number, found = 0, []
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            number += len(event.recorder.cases)
            found += list(_failures(event.recorder))
        elif isinstance(event, events.NonFatalError | events.FatalError):
            found.append(repr(event))
    return number, found


def _failures(recorder: Any) -> Iterator[str]:
    for name, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                failure = check.failure_info.failure
                sent = recorder.cases[name].value.as_curl_command()
                yield f"{check.name}: {failure.title}: {failure.message}\n{sent}"


@pytest.mark.parametrize(
    ("access", "token", "settings", "examples"),
    [
        (TOKENS, CLEARS, HERE, 12),
        (TOKENS, READS, HERE, 3),
        (Access(), None, HERE, 3),
        (Access(), None, Settings(credentials={f"{SERVER}#payments": "PAYMENTS_KEY"}), 3),
    ],
    ids=["administrator", "reader", "without tokens", "without a place of its own"],
)
def test_nothing_breaks_it(access: Access, token: str | None, settings: Settings, examples: int) -> None:
    """No request has an answer of 500 and more, or another one than the schema says."""
    app = build_app(Service(MemoryOutbox(clock=time.time), settings, access))
    number, found = problems(app, {} if token is None else {"Authorization": f"Bearer {token}"}, examples)
    assert not found, "\n\n".join(found[:5])
    assert number > LEAST
