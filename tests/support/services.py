"""The status service over an outbox, and those who call it."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import requests

from rp_finalizer.entries import OwedLaunch
from rp_finalizer.outbox.memory import MemoryOutbox
from rp_finalizer.outcome import ErrorKind, Outcome
from rp_finalizer.report import Failure, Report
from rp_finalizer.server.access import Access
from rp_finalizer.server.app import build_app
from rp_finalizer.server.sampler import Sampler
from rp_finalizer.server.serving import ServiceThread
from rp_finalizer.server.state import Service
from rp_finalizer.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rp_finalizer.entries import Entry
    from rp_finalizer.outbox_port import Outbox

READS, CLEARS = "reads-0123456789", "clears-0123456789"
TOKENS = Access(READS, CLEARS)
SERVER = "https://rp.example.com"
REFUSED = Failure(ErrorKind.FORBIDDEN, "403: no half \ud800 of a right", "ask for the role", status=403)
PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Served:
    """A service that runs, and its outbox."""

    service: Service
    url: str

    @property
    def outbox(self) -> Outbox:
        return self.service.outbox

    def call(self, method: str, path: str, token: str | None = CLEARS, **more: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= more.pop("headers", {})
        return requests.request(method, self.url + path, headers=headers, timeout=PATIENCE, **more)

    def get(self, path: str, **more: Any) -> Any:
        """Give the body of what is there."""
        answer = self.call("GET", path, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any = None, **more: Any) -> requests.Response:
        return self.call("POST", path, **({"json": body} if body is not None else {}), **more)

    def owe(self, uuid: str | None = None, *, project: str = "demo", **more: Any) -> Entry:
        return self.outbox.add(OwedLaunch(SERVER, project, uuid or str(uuid4()), end_ms=1), **more)

    def take(self, **more: Any) -> Entry:
        """Owe a launch that somebody works on."""
        return self.outbox.take(self.owe(**more).entry_id, "worker@host:boot:1:2:3", 60.0)

    def bury(self, **more: Any) -> Entry:
        taken = self.take(**more)
        self.outbox.give_up(taken.entry_id, taken.lease_token, REFUSED, "the server refuses for good")
        return self.outbox.find(taken.entry_id)[0]

    def finish(self, **more: Any) -> Entry:
        taken = self.take(**more)
        self.outbox.complete(taken.entry_id, taken.lease_token, Report(Outcome.FINISHED, seconds=0.25))
        return self.outbox.find(taken.entry_id)[0]


@contextmanager
def served(outbox: Outbox | None = None, access: Access = TOKENS, **more: Any) -> Iterator[Served]:
    """Serve an outbox, an empty one in memory unless it is given."""
    settings = Settings.load(environ={}, endpoint=SERVER, project="demo")
    service = Service(outbox or MemoryOutbox(clock=time.time), more.pop("settings", settings), access, **more)
    with ServiceThread(build_app(service)) as server, Sampler(service):
        yield Served(service, server.url)
