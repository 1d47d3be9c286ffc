"""The status service's calls, as programs make them."""

from __future__ import annotations

import http.client
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, get_args
from uuid import UUID, uuid4

import pytest
import requests

from rp_finalizer.entries import EntryState, Priority
from rp_finalizer.finish import FINISH_STATUSES
from rp_finalizer.outbox.memory import MemoryOutbox
from rp_finalizer.outbox.redis import RedisOutbox
from rp_finalizer.outbox.sqlite import SqliteOutbox
from rp_finalizer.outcome import Outcome
from rp_finalizer.queue_figures import status_body
from rp_finalizer.report import Report
from rp_finalizer.server.access import Access
from rp_finalizer.server.bodies import Order
from rp_finalizer.server.readiness import STALLED_AFTER, Sample
from rp_finalizer.server.state import Working
from rp_finalizer.settings import Settings
from tests.support.polling import until
from tests.support.redis_server import RedisServer
from tests.support.services import CLEARS, READS, SERVER, Served, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rp_finalizer.entries import Entry

STATUS, STATISTICS = "/api/v1/queue/status", "/api/v1/queue/statistics"
CALLS = [
    ("GET", STATUS),
    ("GET", STATISTICS),
    ("GET", "/api/v1/queue/active"),
    ("POST", "/api/v1/queue/clear"),
    ("POST", f"/api/v1/launches/{UUID(int=1)}/finalize"),
    ("GET", f"/api/v1/launches/{UUID(int=1)}"),
    ("GET", "/api/v1/dead-letters"),
    ("POST", f"/api/v1/dead-letters/{UUID(int=1)}/retry"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/"),
    ("GET", "/nowhere"),
    ("DELETE", STATUS),
]


@pytest.fixture
def here() -> Iterator[Served]:
    with served() as service:
        yield service


@pytest.fixture(scope="module")
def empty() -> Iterator[Served]:
    """Give a service that no test enqueues anything at."""
    with served() as service:
        yield service


def finalize(uuid: str) -> str:
    return f"/api/v1/launches/{uuid}/finalize"


def error_of(answer: requests.Response) -> str:
    """Give what an answer refuses for; both members are there, in JSON."""
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json()
    assert set(body) >= {"error", "message"}
    assert body["message"]
    return str(body["error"])


def test_status(here: Served) -> None:
    """The status tells what waits, in the order of its turns, and who works on what."""
    late = here.owe(delay=600.0)
    low, critical = here.owe(priority=Priority.LOW), here.owe(priority=Priority.CRITICAL)
    taken = here.take()
    here.bury()
    status = here.get(STATUS)
    assert (status["queued_count"], status["active_count"], status["dead_count"]) == (3, 1, 1)
    assert (status["max_concurrent"], status["is_under_limit"]) == (None, None)
    assert [each["entry_id"] for each in status["queue"]] == [critical.entry_id, low.entry_id, late.entry_id]
    assert [each["queue_position"] for each in status["queue"]] == [1, 2, 3]
    assert status["queue"][0] == {
        "entry_id": critical.entry_id,
        "launch_uuid": critical.launch.uuid,
        "priority": "critical",
        "queue_position": 1,
        "queued_at": critical.created_at,
        "attempts": 0,
    }
    (active,) = status["active"]
    assert active == {
        "entry_id": taken.entry_id,
        "launch_uuid": taken.launch.uuid,
        "worker": taken.lease_owner,
        "started_at": taken.held_since,
        "attempts": 1,
    }
    assert here.get("/api/v1/queue/active") == {"active_count": 1, "active": [active]}
    assert len(here.get(f"{STATUS}?limit=2")["queue"]) == 2
    assert status == status_body(here.outbox)


def test_statistics() -> None:
    """The statistics tell what was counted since ever and since the start, and what the worker beside is like."""
    outbox = MemoryOutbox(clock=time.time)
    with served(outbox) as before:
        before.finish()
    with served(outbox, working=Working(4, 1.0, lambda: True)) as here:
        here.finish()
        here.bury()
        statistics = here.get(STATISTICS)
        assert here.get(STATUS)["max_concurrent"] == 4
        assert here.get(STATUS)["is_under_limit"] is True
    counters = {"added": 3, "completed": 2, "failed": 1, "retried": 0, "recovered": 0, "dead": 1}
    assert statistics["counters"] == counters
    assert statistics["since_start"] == {**counters, "added": 2, "completed": 1}
    assert (statistics["is_running"], statistics["max_concurrent"], statistics["check_interval"]) == (True, 4, 1.0)
    assert statistics["success_rate"] == pytest.approx(2 / 3)
    assert statistics["errors"] == {"forbidden": 1}
    assert statistics["latency"]["p50"] == pytest.approx(0.25, rel=0.05)


def test_a_launch_is_enqueued_once(here: Served) -> None:
    """A new launch answers 202 with its place; the same one again 200, with the same entry and all that is kept."""
    here.owe()
    uuid = str(uuid4())
    before = time.time()
    first = here.post(finalize(uuid), {"priority": "low", "status": "failed"}, token=READS)
    assert (first.status_code, set(first.json())) == (202, {"entry_id", "queue_position"})
    assert first.json()["queue_position"] == 2
    (entry,) = here.outbox.find(uuid)
    assert (entry.priority, entry.launch.status) == (Priority.LOW, "failed")
    assert (entry.launch.endpoint, entry.launch.project) == (SERVER, "demo")
    assert before - 1 <= (entry.launch.end_ms or 0) / 1000 <= time.time()
    again = here.post(finalize(uuid.replace("-", "").upper()), {"priority": "critical"}, token=READS)
    assert again.status_code == 200
    assert again.json()["entry_id"] == first.json()["entry_id"] == entry.entry_id
    assert again.json()["entry"]["priority"] == "low"
    assert again.json()["report"] is None


class MeetingOutbox(MemoryOutbox):
    """An outbox in which two who look for a launch meet, where they can."""

    def __init__(self) -> None:
        super().__init__(clock=time.time)
        self._meeting = threading.Barrier(2, timeout=0.5)

    def find(self, name: str) -> list[Entry]:
        found = super().find(name)
        with suppress(threading.BrokenBarrierError):
            self._meeting.wait()
        return found


def test_many_who_enqueue_the_same() -> None:
    """Of many who enqueue one launch at the same time one is told that it is new."""
    uuid = str(uuid4())
    with served(MeetingOutbox()) as here, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: here.post(finalize(uuid)), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [202]
    assert len({answer.json()["entry_id"] for answer in answers}) == 1


def test_a_launch_that_was_finished(here: Served) -> None:
    """The kept report of a finished launch is given to whoever asks, or enqueues it again."""
    uuid = here.finish().launch.uuid
    again = here.post(finalize(uuid))
    assert (again.status_code, again.json()["queue_position"]) == (200, None)
    assert again.json()["report"]["outcome"] == "finished"
    kept = here.get(f"/api/v1/launches/{uuid}")
    assert kept["report"] == kept["entry"]["report"] == again.json()["report"]
    assert kept["entry"]["state"] == "done"


def test_a_launch_that_is_a_dead_letter(here: Served) -> None:
    """Enqueuing a dead letter leaves it one, and says why it is."""
    dead = here.bury()
    again = here.post(finalize(dead.launch.uuid))
    assert again.status_code == 200
    assert (again.json()["entry"]["state"], again.json()["entry"]["reason"]) == ("dead", "the server refuses for good")
    # What the server said holds half a character, which is JSON, and no UTF-8.
    assert again.json()["entry"]["last_error"]["message"] == "403: no half \ud800 of a right"


def test_a_launch_of_several_projects(here: Served) -> None:
    """Of several launches of one uuid the service's own is given, unless another is named."""
    uuid = str(uuid4())
    own = here.owe(uuid)
    other, third = here.owe(uuid, project="other"), here.owe(uuid, project="third")
    path = f"/api/v1/launches/{uuid}"
    assert here.get(path)["entry"]["entry_id"] == own.entry_id
    assert here.get(f"{path}?project=other")["entry"]["entry_id"] == other.entry_id
    assert here.get(f"{path}?project=third&endpoint={SERVER}/ui")["entry"]["entry_id"] == third.entry_id
    assert error_of(here.call("GET", f"{path}?project=fourth")) == "unknown-entry"
    assert error_of(here.call("GET", f"{path}?endpoint=ftp://x")) == "unknown-entry"


def test_where_a_launch_may_be() -> None:
    """Another place than the service's own must be in its table of credentials."""
    uuid = str(uuid4())
    table = {f"{SERVER}#payments": "PAYMENTS_KEY"}
    settings = Settings(endpoint=None, project=None, credentials=table)
    with served(settings=settings) as here:
        assert here.post(finalize(uuid)).status_code == 422
        assert here.post(finalize(uuid), {"endpoint": SERVER, "project": "other"}).status_code == 422
        assert here.post(finalize(uuid), {"endpoint": f"{SERVER}/api/", "project": "payments"}).status_code == 202
        assert here.outbox.find(uuid)[0].launch.project == "payments"


@pytest.mark.parametrize(
    "body",
    [
        {"priority": "urgent"},
        {"priority": "HIGH"},
        {"priority": 1},
        {"status": "in_progress"},
        {"unknown": 1},
        {"project": "../other"},
        {"project": ""},
        {"project": 5},
        {"endpoint": "https://user:secret@rp.example.com"},
        {"endpoint": "ftp://rp.example.com"},
        {"endpoint": "https://elsewhere.example.com"},
        [],
        "high",
        1,
    ],
)
def test_orders_that_are_refused(empty: Served, body: Any) -> None:
    """What is not as it should be is refused with 422, and enqueues nothing; a password in it is not shown."""
    answer = empty.post(finalize(str(uuid4())), body)
    assert (answer.status_code, error_of(answer)) == (422, "invalid")
    assert "secret" not in answer.text
    assert empty.outbox.statistics().owed == 0


@pytest.mark.parametrize("uuid", ["1", "no-uuid", f"{UUID(int=1)}0", f"{{{UUID(int=1)}}}", "%00", "%E2%82%AC"])
def test_bad_uuids(empty: Served, uuid: str) -> None:
    """What is no uuid is told so."""
    for method, path in (("POST", finalize(uuid)), ("GET", f"/api/v1/launches/{uuid}")):
        answer = empty.call(method, path)
        assert (answer.status_code, error_of(answer)) == (422, "invalid")


@pytest.mark.parametrize(
    "body",
    [b"{", b"\xff", b'{"priority": "high"', b"[" * 60000, b'{"priority": ' + b"9" * 6000 + b"}", b'{"priority": NaN}'],
)
def test_bad_json(empty: Served, body: bytes) -> None:
    """What is no JSON, or none that can be read, is told so."""
    answer = empty.call("POST", finalize(str(uuid4())), data=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, error_of(answer)) == (422, "invalid")


def test_other_kinds_of_bodies(here: Served) -> None:
    """A body that is not sent as JSON is refused; none at all is fine."""
    uuid = str(uuid4())
    answer = here.call("POST", finalize(uuid), data=b"priority=high", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, error_of(answer)) == (415, "unsupported-media-type")
    json = {"Content-Type": "application/json; charset=utf-8"}
    assert here.call("POST", finalize(uuid), data=b"{}", headers=json).status_code == 202
    assert here.call("POST", finalize(uuid), data=b"").status_code == 200


def test_long_bodies(here: Served) -> None:
    """A body of more than 64 KiB is refused: at its announcement, or where it comes in pieces when it is too long."""
    fits = b'{"priority": "high"' + b" " * (64 * 1024 - 20) + b"}"
    json = {"Content-Type": "application/json"}
    assert len(fits) == 64 * 1024
    assert here.call("POST", finalize(str(uuid4())), data=fits, headers=json).status_code == 202
    answer = here.call("POST", finalize(str(uuid4())), data=fits + b" ", headers=json)
    assert (answer.status_code, error_of(answer)) == (413, "too-large")
    connection = http.client.HTTPConnection(here.url.removeprefix("http://"), timeout=20)
    connection.putrequest("POST", finalize(str(uuid4())))
    for name, value in {"Authorization": f"Bearer {READS}", **json, "Transfer-Encoding": "chunked"}.items():
        connection.putheader(name, value)
    connection.endheaders()
    # Never ended: the answer comes all the same.
    for _ in range(17):
        connection.send(b"1000\r\n" + b" " * 4096 + b"\r\n")
    assert connection.getresponse().status == 413
    connection.close()
    assert here.outbox.statistics().owed == 1


def test_dead_letters(here: Served) -> None:
    """Dead letters are listed page by page with their reasons, and made ready again by an administrator."""
    dead = sorted(here.bury().entry_id for _ in range(3))
    page = here.get("/api/v1/dead-letters?limit=2", token=READS)
    rest = here.get(f"/api/v1/dead-letters?limit=2&after={page['next']}", token=READS)
    assert [each["entry_id"] for each in page["dead_letters"] + rest["dead_letters"]] == dead
    assert (page["dead_count"], rest["next"]) == (3, None)
    assert page["dead_letters"][0]["reason"] == "the server refuses for good"
    retry = f"/api/v1/dead-letters/{dead[0]}/retry"
    assert error_of(here.post(retry, token=READS)) == "forbidden"
    revived = here.post(retry)
    assert (revived.status_code, revived.json()["queue_position"]) == (200, 1)
    assert revived.json()["entry"]["state"] == here.outbox.find(dead[0])[0].state == "ready"
    assert (here.post(retry).status_code, error_of(here.post(retry))) == (409, "wrong-state")
    assert here.post(f"/api/v1/dead-letters/{uuid4()}/retry").status_code == 404
    assert here.post("/api/v1/dead-letters/x/retry").status_code == 422


def test_clear(here: Served) -> None:
    """An administrator makes dead letters of all that waits; what is worked on stays."""
    waiting, taken = [here.owe(), here.owe(delay=60.0)], here.take()
    assert error_of(here.post("/api/v1/queue/clear", token=READS)) == "forbidden"
    assert here.post("/api/v1/queue/clear").json() == {
        "message": "2 entries are dead letters now",
        "removed_count": 2,
    }
    assert {here.outbox.find(each.entry_id)[0].reason for each in waiting} == {"cleared"}
    assert here.outbox.find(taken.entry_id)[0].state is EntryState.LEASED
    assert here.post("/api/v1/queue/clear").json()["removed_count"] == 0


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_every_call_asks_for_a_token(empty: Served, method: str, path: str) -> None:
    """Without the right token every path answers 401 and does nothing, also one that is not there."""
    for token in (None, "other", "täk".encode().decode("latin-1")):
        answer = empty.call(method, path, token=token)
        assert (answer.status_code, error_of(answer)) == (401, "unauthorized")
        assert "Bearer" in answer.headers["WWW-Authenticate"]
        assert ("Basic" in answer.headers["WWW-Authenticate"]) is (path in {"/", "/docs", "/openapi.json"})
    answer = requests.request(method, empty.url + path, auth=("anybody", CLEARS), timeout=20)
    assert answer.status_code == (200 if path in {"/", "/docs", "/openapi.json"} else 401)


def test_what_is_not_there(empty: Served) -> None:
    """Unknown paths and methods are told as everything else is; paths that end in a slash are other ones."""
    for path in ("/nowhere", f"{STATUS}/", "/api/v1", "/api/v1/launches/"):
        answer = empty.call("GET", path)
        assert (answer.status_code, error_of(answer)) == (404, "not-found")
    answer = empty.call("DELETE", STATUS)
    assert (answer.status_code, error_of(answer), answer.headers["Allow"]) == (405, "method-not-allowed", "GET")
    assert empty.call("GET", f"{STATUS}?limit=0").status_code == 422
    assert empty.call("GET", f"{STATUS}?limit=ten").status_code == 422


def test_without_tokens() -> None:
    """Without tokens this machine reads and enqueues, nobody clears, and no page of the web gets in."""
    with served(access=Access()) as here:
        dead = here.bury()
        assert here.get(STATUS, token=None)["dead_count"] == 1
        assert here.post(finalize(str(uuid4())), token=None).status_code == 202
        for path in ("/api/v1/queue/clear", f"/api/v1/dead-letters/{dead.entry_id}/retry"):
            answer = here.post(path, token=None)
            assert (answer.status_code, error_of(answer)) == (403, "forbidden")
            assert "RP_FINALIZER_ADMIN_TOKEN" in answer.text
        rebound = here.call("GET", STATUS, token=None, headers={"Host": "evil.example.com"})
        assert (rebound.status_code, error_of(rebound)) == (403, "foreign-host")
        foreign = here.post(finalize(str(uuid4())), token=None, headers={"Origin": "https://evil.example.com"})
        assert (foreign.status_code, error_of(foreign)) == (403, "foreign-origin")
        assert here.outbox.statistics().owed == 1


def test_headers_that_keep_browsers_safe(empty: Served) -> None:
    """Every answer forbids browsers to guess its kind, to frame it, and to load anything for it from elsewhere."""
    for path in ("/", "/docs", STATUS, "/healthz", "/nowhere"):
        headers = empty.call("GET", path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "Server" not in headers


def test_the_schema(empty: Served) -> None:
    """The schema tells of every promised call, its errors and its token; its page links nothing from elsewhere."""
    schema = empty.get("/openapi.json")
    promised = {(method, path) for method, path in CALLS if path.startswith("/api/") and method != "DELETE"}
    told = {(method.upper(), path) for path, calls in schema["paths"].items() for method in calls}
    assert promised <= {(method, re.sub(r"\{\w+\}", str(UUID(int=1)), path)) for method, path in told}
    assert schema["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    for path, calls in schema["paths"].items():
        for call in calls.values():
            assert call["description"]
            assert path.endswith("z") or (call["security"] and {"401", "403"} <= set(call["responses"]))
    page = empty.call("GET", "/docs")
    assert page.headers["Content-Type"].startswith("text/html")
    assert "http" not in page.text.replace(empty.url, "").replace("https://rp.example.com", "")
    assert all(path in page.text for path in schema["paths"])


def test_statuses_of_a_finish() -> None:
    """The schema lists the statuses that a finish may carry."""
    literal, _ = get_args(Order.model_fields["status"].annotation)
    assert get_args(literal) == FINISH_STATUSES


def test_metrics(here: Served) -> None:
    """Prometheus gets its text; who asks for OpenMetrics gets that."""
    here.owe()
    text = here.call("GET", "/metrics")
    assert text.headers["Content-Type"].startswith("text/plain; version=")
    assert 'rp_finalizer_entries{state="ready"} 1.0' in text.text
    asked = {"Accept": "application/openmetrics-text; version=1.0.0"}
    assert here.call("GET", "/metrics", headers=asked).text.endswith("# EOF\n")


def test_ready_while_somebody_works(here: Served) -> None:
    """It is ready at once, and not any more when entries have been due for a minute and nobody works on them."""
    assert here.get("/healthz", token=None) == {"alive": True}
    assert here.get("/readyz", token=None)["ready"] is True
    assert {here.call("HEAD", path, token=None).status_code for path in ("/healthz", "/readyz")} == {200}
    now = time.monotonic()
    for age in range(int(STALLED_AFTER) + 5, 0, -1):
        here.service.watch.note(Sample(now - age, due=3))
    here.owe()
    answer = here.call("GET", "/readyz", token=None)
    assert (answer.status_code, error_of(answer), answer.json()["ready"]) == (503, "stalled", False)


def test_not_ready_while_nobody_works() -> None:
    """It is not ready any more two leases after an entry came due that nobody claims, and ready when somebody does."""
    with served(settings=Settings(lease=1.0)) as here:
        here.owe()
        until(lambda: here.call("GET", "/readyz", token=None).status_code == 503)
        (taken,) = here.outbox.claim("worker", 1, 60.0)
        until(lambda: here.call("GET", "/readyz", token=None).status_code == 200)
        here.outbox.complete(taken.entry_id, taken.lease_token, Report(Outcome.FINISHED))
        assert here.get("/readyz", token=None)["due"] == 0


def test_not_ready_beside_a_worker_that_stops() -> None:
    """Beside a worker that is stopping it is not ready."""
    with served(working=Working(4, 1.0, lambda: False)) as here:
        answer = here.call("GET", "/readyz", token=None)
        assert (answer.status_code, error_of(answer)) == (503, "stopping")
        assert here.get(STATISTICS)["is_running"] is False


def test_a_full_outbox(tmp_path: Path) -> None:
    """A full outbox refuses a new launch with 503 and when to come again; a known one is answered all the same."""
    outbox = SqliteOutbox(tmp_path / "outbox.db", size=1)
    with served(outbox) as here:
        uuid = str(uuid4())
        assert here.post(finalize(uuid)).status_code == 202
        answer = here.post(finalize(str(uuid4())))
        assert (answer.status_code, error_of(answer)) == (503, "outbox")
        assert int(answer.headers["Retry-After"]) > 0
        assert here.post(finalize(uuid)).status_code == 200
    outbox.close()


def test_a_redis_that_is_away(tmp_path: Path) -> None:
    """While Redis is away calls answer 503 within seconds, the service lives, is not ready, and says so in figures."""
    with RedisServer(tmp_path, durable=True, password="hidden-0123") as redis:
        outbox = RedisOutbox(redis.url, patience=1.0)
        with served(outbox) as here:
            uuid = str(uuid4())
            assert here.post(finalize(uuid)).status_code == 202
            redis.kill()
            begun = time.monotonic()
            answers = [here.call("GET", path) for path in (STATUS, STATISTICS, "/api/v1/dead-letters")]
            answers.append(here.post(finalize(str(uuid4()))))
            assert time.monotonic() - begun < 4 * 3.0
            for answer in answers:
                assert (answer.status_code, error_of(answer)) == (503, "outbox")
                assert "hidden" not in answer.text
                assert answer.headers["Retry-After"]
            assert here.get("/healthz", token=None) == {"alive": True}
            assert "rp_finalizer_up 0.0" in here.call("GET", "/metrics").text
            until(lambda: here.call("GET", "/readyz", token=None).status_code == 503)
            redis.start()
            until(lambda: here.call("GET", "/readyz", token=None).status_code == 200)
            assert here.get(STATUS)["queue"][0]["launch_uuid"] == uuid
        outbox.close()


def test_a_client_that_sends_nothing(empty: Served) -> None:
    """Connections that send nothing, or half a request, keep nobody else from being answered, nor the end away."""
    address = empty.url.removeprefix("http://").split(":")
    silent = [socket.create_connection((address[0], int(address[1]))) for _ in range(20)]
    for each in silent[10:]:
        each.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Le")
    assert empty.get("/healthz") == {"alive": True}
    for each in silent:
        each.close()
