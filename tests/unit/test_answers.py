"""What the server's answers mean: status, body and headers as they come over HTTP, row by row."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest
import requests
import responses
from hypothesis import given, settings, strategies as st

from rp_finalizer.answer import Answer, Meaning
from rp_finalizer.deadline import Deadline
from rp_finalizer.endpoint import Endpoint
from rp_finalizer.launch import LaunchStatus
from rp_finalizer.reportportal.answers import LONGEST_MESSAGE, Expected, NoReply, Reply, read_answer, read_date
from rp_finalizer.reportportal.credentials import ApiKey
from rp_finalizer.reportportal.rest_api import RestApi
from rp_finalizer.reportportal.transport import Transport
from tests.support.fakes import FINISH, LAUNCH_ID, START_MS, UUID

if TYPE_CHECKING:
    from collections.abc import Iterator

bounded = settings(max_examples=100, deadline=None, derandomize=True, database=None)

KEY = "ci_hunter2"
BASE = "https://rp.example.com/api"
V1, V2 = f"{BASE}/v1/demo/launch/{UUID}/finish", f"{BASE}/v2/demo/launch/{UUID}/finish"
READ = f"{BASE}/v1/demo/launch/uuid/{UUID}"

LAUNCH = {
    "owner": "ci",
    "id": LAUNCH_ID,
    "uuid": UUID,
    "name": "smoke",
    "number": 7,
    "startTime": START_MS,
    "lastModified": START_MS + 5,
    "status": "IN_PROGRESS",
    "statistics": {"executions": {"total": 3, "passed": 2}, "defects": {"to_investigate": {"total": 1}}},
    "mode": "DEFAULT",
    "analysing": [],
    "hasRetries": False,
}
"""A launch as service-api 5.15 shows it."""
HTML = "<html><body>nginx</body></html>"


def reply_text(code: int, message: str) -> str:
    """Give ReportPortal's own error body."""
    return json.dumps({"errorCode": code, "message": message})


ALREADY = reply_text(
    40023, f"Finish launch is not allowed. Launch '{LAUNCH_ID}' already finished with status 'INTERRUPTED'"
)
HAS_ITEMS = reply_text(
    40023, f"Finish launch is not allowed. Launch '{LAUNCH_ID}' has items '[5]' with 'IN_PROGRESS' status"
)
CLOCK = reply_text(40021, "Finish time '2024' is earlier than start time '2025' for resource with ID '42'")
NO_LAUNCH = reply_text(4041, f"Launch '{UUID}' not found. Did you use correct Launch ID?")
SPRING = json.dumps({"timestamp": "2026-05-04", "status": 0, "error": "Not Acceptable", "path": "/v1/demo"})
INVALID_TOKEN = json.dumps({"error": "invalid_token", "error_description": "Invalid access token"}, indent=2)


@dataclass(frozen=True, slots=True)
class Row:
    """One answer to a finish, and what it means."""

    name: str
    status: int
    body: str
    meaning: Meaning
    code: int | None = None
    says: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    retry_after: float | None = None


OK, UNAVAILABLE, REJECTED = Meaning.OK, Meaning.UNAVAILABLE, Meaning.REJECTED
AGAIN = {"Retry-After": "7"}
TO_UI = {"Location": "/ui/#notfound"}
PLAIN = {"Content-Type": "text/plain; charset=utf-8"}

ROWS = [
    Row("200 v1", 200, json.dumps({"id": UUID, "number": 7, "link": "https://x"}), OK),
    Row("200 v2, no number and no link", 200, json.dumps({"id": UUID}), OK),
    Row("201 is a success, too", 201, json.dumps({"id": UUID}), OK),
    Row("200 HTML", 200, HTML, UNAVAILABLE, says="200 with text/html, not ReportPortal's JSON"),
    Row("200 empty", 200, "", UNAVAILABLE, says="200 with"),
    Row("200 truncated JSON", 200, '{"id": "0a7e', UNAVAILABLE, says="200 with"),
    Row("200 JSON without id", 200, '{"status": "UP"}', UNAVAILABLE, says="200 with JSON that ReportPortal does not"),
    Row("200 numeric id", 200, '{"id": 42}', UNAVAILABLE),
    Row("200 JSON list", 200, "[]", UNAVAILABLE),
    Row("204", 204, "", UNAVAILABLE),
    Row("302 to the page", 302, "", UNAVAILABLE, says="302: redirected to /ui/#notfound", headers=TO_UI),
    Row("307 with a JSON body", 307, '{"id": "x"}', UNAVAILABLE, headers=TO_UI),
    Row("304", 304, "", UNAVAILABLE),
    Row("400 4001", 400, reply_text(4001, "Incorrect Request. [..] "), REJECTED, 4001, "400: Incorrect Request. [..]"),
    Row("400 without errorCode", 400, SPRING, REJECTED, says="400: Not Acceptable"),
    Row("400 HTML", 400, HTML, UNAVAILABLE),
    Row("401 of 5.14", 401, INVALID_TOKEN, Meaning.UNAUTHORIZED, says="401: Invalid access token"),
    Row("401 with errorCode", 401, reply_text(4003, "no"), Meaning.UNAUTHORIZED, 4003),
    Row("401 HTML of a gateway", 401, HTML, Meaning.UNAUTHORIZED),
    Row("403 4003", 403, reply_text(4003, "You are not launch owner."), Meaning.FORBIDDEN, 4003, "not launch owner"),
    Row("403 4004", 403, reply_text(4004, "Address is locked"), Meaning.FORBIDDEN, 4004),
    Row("403 JSON without errorCode, a firewall's", 403, '{"message": "blocked"}', UNAVAILABLE, says="403: blocked"),
    Row("403 HTML, a firewall's", 403, HTML, UNAVAILABLE),
    Row("404 4041", 404, NO_LAUNCH, Meaning.UNKNOWN_LAUNCH, 4041, "not found"),
    Row("404 4040", 404, reply_text(4040, "Project 'demo' not found."), Meaning.UNKNOWN_PROJECT, 4040),
    Row("404 4041 as text", 404, '{"errorCode": "4041", "message": "x"}', UNAVAILABLE),
    Row("404 of a wrong path", 404, SPRING, UNAVAILABLE),
    Row("404 of the gateway", 404, "404 page not found", UNAVAILABLE, says="404 with text/plain", headers=PLAIN),
    Row("405", 405, SPRING, REJECTED),
    Row("406 40023", 406, ALREADY, Meaning.ALREADY_FINISHED, 40023, "status 'INTERRUPTED'"),
    Row("406 40023 of version 4", 406, HAS_ITEMS, REJECTED, 40023, "has items"),
    Row("406 40021", 406, CLOCK, Meaning.TOO_EARLY, 40021, "earlier than start time"),
    Row("406 without errorCode is content negotiation", 406, SPRING, REJECTED, says="406: Not Acceptable"),
    Row("406 HTML", 406, HTML, UNAVAILABLE),
    Row("406 another code", 406, reply_text(4063, "not finished"), REJECTED, 4063),
    Row("408", 408, "", UNAVAILABLE),
    Row("409", 409, reply_text(4091, "exists"), REJECTED, 4091),
    Row("413 HTML", 413, HTML, UNAVAILABLE),
    Row("425", 425, "", UNAVAILABLE, headers=AGAIN, retry_after=7.0),
    Row("429", 429, HTML, UNAVAILABLE, headers=AGAIN, retry_after=7.0),
    Row("429 JSON", 429, '{"message": "slow down"}', UNAVAILABLE, says="429: slow down"),
    Row("429 with errorCode", 429, reply_text(4290, "slow down"), UNAVAILABLE, 4290),
    Row("429 damaged Retry-After", 429, "", UNAVAILABLE, headers={"Retry-After": "soon"}),
    Row("500 5000", 500, reply_text(5000, "Unclassified error [broker]"), UNAVAILABLE, 5000, "Unclassified error"),
    Row("500 HTML", 500, HTML, UNAVAILABLE),
    Row("502 HTML", 502, HTML, UNAVAILABLE, says="502 with text/html"),
    Row("503", 503, "no available server", UNAVAILABLE, headers={**PLAIN, **AGAIN}, retry_after=7.0),
    Row("503 health JSON", 503, '{"status": "DOWN"}', UNAVAILABLE),
    Row("504 HTML", 504, HTML, UNAVAILABLE),
    Row("40023 behind another status", 400, ALREADY, REJECTED, 40023),
    Row("an errorCode that is a bool", 404, '{"errorCode": true}', UNAVAILABLE),
]


@pytest.fixture
def server() -> Iterator[responses.RequestsMock]:
    """Answer what the requests library sends, and fail where it sends something else."""
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def api() -> Iterator[RestApi]:
    api = RestApi(Transport(), Endpoint.parse("https://rp.example.com"), "demo", ApiKey(KEY))
    yield api
    api.close()


def soon() -> Deadline:
    return Deadline.after(20, time.monotonic())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_answer_to_a_finish_has_its_meaning(row: Row, api: RestApi, server: responses.RequestsMock) -> None:
    """Status, error code and body together tell what became of a finish, in both versions of the call."""
    headers = dict(row.headers)
    kind = headers.pop("Content-Type", "application/json" if row.body[:1] in {"{", "["} else "text/html")
    for url in (V1, V2):
        server.put(url, status=row.status, body=row.body, content_type=kind, headers=headers)
    for answer in (api.finish_now(UUID, FINISH, soon()), api.finish_queued(UUID, FINISH, soon())):
        assert (answer.meaning, answer.status, answer.code) == (row.meaning, row.status, row.code)
        assert answer.retry_after == row.retry_after
        assert row.says in answer.message
        assert answer.sent
        assert not answer.timed_out
        assert bool(answer.message) is not answer.ok


@pytest.mark.parametrize(
    ("error", "sent", "timed_out", "says"),
    [
        pytest.param(requests.ConnectTimeout(), False, True, "no connection", id="connect timeout"),
        pytest.param(requests.ReadTimeout(), True, True, "no answer", id="read timeout"),
        pytest.param(
            requests.ConnectionError(ConnectionRefusedError("refused")), False, False, "refused", id="refused"
        ),
        pytest.param(requests.ConnectionError(ConnectionResetError("reset")), True, False, "reset", id="reset"),
        pytest.param(requests.exceptions.ChunkedEncodingError("broken off"), True, False, "broken off", id="cut body"),
        pytest.param(requests.exceptions.SSLError("expired"), False, False, "TLS failed", id="TLS"),
        pytest.param(requests.exceptions.ProxyError("no way"), False, False, "the proxy failed", id="proxy"),
    ],
)
def test_a_lost_answer_tells_whether_the_request_may_have_arrived(
    error: Exception,
    sent: bool,  # noqa: FBT001  a row
    timed_out: bool,  # noqa: FBT001  a row
    says: str,
    api: RestApi,
    server: responses.RequestsMock,
) -> None:
    """No failure of the network is raised: it is an answer that says whether the server may have got the request."""
    server.put(V2, body=error)
    answer = api.finish_queued(UUID, FINISH, soon())
    assert (answer.meaning, answer.status) == (UNAVAILABLE, None)
    assert (answer.sent, answer.timed_out) == (sent, timed_out)
    assert says in answer.message


def test_retry_after_is_understood_as_a_date(api: RestApi, server: responses.RequestsMock) -> None:
    """A Retry-After that names a date gives the seconds until then."""
    server.put(V2, status=503, headers={"Retry-After": formatdate(time.time() + 60, usegmt=True)})
    asked = api.finish_queued(UUID, FINISH, soon()).retry_after
    assert asked is not None
    assert 30 < asked <= 60


def test_no_redirect_is_followed(api: RestApi, server: responses.RequestsMock) -> None:
    """A redirect is an answer of its own: followed, it would end in a page that says 200."""
    server.assert_all_requests_are_fired = False
    server.put(V2, status=302, headers={"Location": f"{BASE}/elsewhere"})
    server.get(f"{BASE}/elsewhere", json={"id": UUID})
    assert api.finish_queued(UUID, FINISH, soon()).status == 302
    assert [call.request.method for call in server.calls] == ["PUT"]


@pytest.mark.parametrize("message", [f"seen {KEY}", "x" * (LONGEST_MESSAGE - 5) + KEY, f"{KEY}\x00{KEY}"])
def test_the_key_is_shown_in_no_message(message: str, api: RestApi, server: responses.RequestsMock) -> None:
    """Whoever echoes the request's key, and wherever it stands in the text, no part of it is passed on."""
    server.put(V2, status=500, json={"message": message})
    shown = api.finish_queued(UUID, FINISH, soon()).message
    assert KEY[:4] not in shown


def test_a_read_gives_the_launch(api: RestApi, server: responses.RequestsMock) -> None:
    """A launch is read by uuid and by number, with all that is needed of it."""
    server.get(READ, json=LAUNCH)
    server.get(f"{BASE}/v1/demo/launch/{LAUNCH_ID}", json=LAUNCH | {"status": "passed", "mode": "DEBUG"})
    launch = api.launch_by_uuid(UUID, soon()).launch
    assert launch is not None
    assert (launch.uuid, launch.id, launch.number, launch.name) == (UUID, LAUNCH_ID, 7, "smoke")
    assert (launch.status, launch.start_ms, launch.end_ms) == (LaunchStatus.IN_PROGRESS, START_MS, None)
    assert (launch.last_modified_ms, launch.mode, launch.owner) == (START_MS + 5, "DEFAULT", "ci")
    assert launch.statistics == {
        "executions.total": 3,
        "executions.passed": 2,
        "defects.to_investigate.total": 1,
    }
    by_id = api.launch_by_id(LAUNCH_ID, soon()).launch
    assert by_id is not None
    assert (by_id.status, by_id.mode) == (LaunchStatus.PASSED, "DEBUG")


def read(expected: Expected, document: Any, status: int = 200) -> Answer:
    return read_answer(Reply(status, json.dumps(document).encode()), expected, 0.0)


@pytest.mark.parametrize("missing", ["uuid", "id", "status", "startTime"])
def test_json_that_is_no_launch_is_no_answer(missing: str) -> None:
    """A read whose JSON lacks what makes a launch tells nothing of it."""
    answer = read(Expected.LAUNCH, {name: value for name, value in LAUNCH.items() if name != missing})
    assert (answer.meaning, answer.launch) == (UNAVAILABLE, None)
    assert "JSON that is no launch" in answer.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", "EXPLODED"),
        ("status", None),
        ("id", "forty-two"),
        ("id", None),
        ("id", float("inf")),
        ("id", []),
        ("number", 1e999),
        ("startTime", "yesterday"),
        ("startTime", "2024-01-31T12:00:00"),
        ("startTime", None),
        ("startTime", True),
        ("endTime", 1.5),
        ("lastModified", {}),
    ],
)
def test_a_launch_with_a_wrong_member_is_no_answer(name: str, value: object) -> None:
    """An unknown status word, a damaged date or number tells nothing: nothing is guessed."""
    answer = read(Expected.LAUNCH, LAUNCH | {name: value})
    assert (answer.meaning, answer.launch) == (UNAVAILABLE, None)


def test_statistics_of_any_depth_are_read_or_refused() -> None:
    """Statistics nested beyond all measure raise nothing."""
    for depth in (10, 500, 900, 5000):
        nested = '{"a":' * depth + "1" + "}" * depth
        body = json.dumps(LAUNCH)[:-1] + f', "statistics": {nested}}}'
        answer = read_answer(Reply(200, body.encode()), Expected.LAUNCH, 0.0)
        assert answer.ok is (answer.launch is not None)


@pytest.mark.parametrize(
    ("value", "ms"),
    [
        (None, None),
        (1_706_702_400_123, 1_706_702_400_123),
        ("1706702400123", 1_706_702_400_123),
        ("2024-01-31T12:00:00.123Z", 1_706_702_400_123),
        ("2024-01-31T12:00:00.123999Z", 1_706_702_400_123),
        ("2024-01-31T13:00:00.123+01:00", 1_706_702_400_123),
        ("2024-01-31T13:00:00.123456789+01:00", 1_706_702_400_123),
        ("2024-01-31T12:00:00Z", 1_706_702_400_000),
        ("1969-12-31T23:59:59.5Z", -500),
    ],
)
def test_both_forms_of_dates_are_read(value: object, ms: int | None) -> None:
    """Epoch milliseconds and ISO texts with an offset, of any precision, give the same whole milliseconds."""
    assert read_date(value) == ms


@pytest.mark.parametrize("value", ["", "2024-01-31T12:00:00", "now", "٣", 1.5, True, [], {"epoch": 5}])
def test_what_is_no_date_is_refused(value: object) -> None:
    """A date without a zone, and anything that is none, is refused."""
    with pytest.raises(ValueError, match=r"date|isoformat"):
        read_date(value)


@pytest.mark.parametrize(
    ("expected", "document", "count", "failures"),
    [
        pytest.param(Expected.PAGE, {"content": [], "page": {"totalElements": 3}}, 3, 0, id="list"),
        pytest.param(Expected.RESPONSES, {"responses": [{"id": "a"}, {"id": "b"}]}, 2, 0, id="logs"),
        pytest.param(
            Expected.RESPONSES,
            {"responses": [{"id": "a"}, {"message": "no", "stackTrace": "at"}]},
            1,
            1,
            id="a log lost",
        ),
        pytest.param(Expected.RESPONSES, {"responses": [None, "x", {}]}, 0, 3, id="all lost"),
        pytest.param(Expected.RESPONSES, {"responses": []}, 0, 0, id="no logs"),
    ],
)
def test_what_a_list_holds_is_counted(expected: Expected, document: Any, count: int, failures: int) -> None:
    """A list tells its size; a batch that was taken tells how many of its members were refused all the same."""
    answer = read(expected, document, 201)
    assert (answer.meaning, answer.count, answer.failures) == (OK, count, failures)


def test_a_page_of_launches_is_read() -> None:
    """A list of launches gives each of them, and how many there are in all."""
    answer = read(Expected.LAUNCHES, {"content": [LAUNCH, LAUNCH | {"id": 43}], "page": {"totalElements": 70}})
    assert (answer.count, [launch.id for launch in answer.launches]) == (70, [42, 43])


@pytest.mark.parametrize(
    ("expected", "document"),
    [
        (Expected.PAGE, {"content": []}),
        (Expected.PAGE, {"page": {"totalElements": "3"}}),
        (Expected.RESPONSES, {"responses": {"id": "a"}}),
        (Expected.RESPONSES, {"id": "a"}),
        (Expected.MESSAGE, {"id": "a"}),
        (Expected.LAUNCHES, {"content": [LAUNCH]}),
        (Expected.LAUNCHES, {"content": [5], "page": {"totalElements": 1}}),
        (Expected.LAUNCHES, {"content": LAUNCH, "page": {"totalElements": 1}}),
        (Expected.LAUNCH, []),
    ],
)
def test_another_calls_success_is_no_success(expected: Expected, document: Any) -> None:
    """A 200 whose JSON is not what the call gives is something else's answer."""
    assert read(expected, document).meaning is UNAVAILABLE


def test_a_stop_says_that_it_stopped() -> None:
    """A stop's success is a message."""
    assert read(Expected.MESSAGE, {"message": "Launch with ID = '42' successfully stopped."}).ok


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        pytest.param("a\x1b[31mred\x07\r\nb", "a red b", id="terminal's controls"),
        pytest.param("a\u202eb\u2066c\u2028d", "a b c d", id="direction and line controls"),
        pytest.param("a\ud800b", "a b", id="half a character"),
        pytest.param("tschüß ✓", "tschüß ✓", id="letters stay"),
        pytest.param("x" * 500, "x" * (LONGEST_MESSAGE - 1) + "…", id="overlong"),
    ],
)
def test_a_foreign_message_is_made_harmless(given: str, shown: str) -> None:
    """A server's text neither steers a terminal, nor floods a log, nor breaks a file."""
    assert read(Expected.ID, {"errorCode": 4001, "message": given}, 400).message == f"400: {shown}"


def test_foreign_headers_are_made_harmless() -> None:
    """What stands in a header is shown no less carefully."""
    for name in ("location", "content-type"):
        message = read_answer(Reply(302, b"", {name: f"/x\x1b[2J{'y' * 1000}"}), Expected.ID, 0.0).message
        assert "\x1b" not in message
        assert len(message) < LONGEST_MESSAGE + 60


def test_no_reply_is_passed_on() -> None:
    """What kept an answer from coming, and what to do about it, is told as it is."""
    answer = read_answer(NoReply("cut", sent=False, timed_out=True, hint="mend it"), Expected.ID, 0.0)
    assert answer == Answer(UNAVAILABLE, message="cut", sent=False, timed_out=True, hint="mend it")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(["PASSED", UUID]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*LAUNCH, "message"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@bounded
@given(
    st.sampled_from([200, 201, 302, 400, 401, 404, 406, 500]),
    st.sampled_from(Expected),
    st.dictionaries(st.sampled_from([*LAUNCH, "errorCode", "message", "error", "page", "content", "responses"]), JSON),
    st.booleans(),
)
def test_any_json_has_a_meaning(status: int, expected: Expected, document: dict[str, Any], whole: bool) -> None:  # noqa: FBT001  drawn
    """No document raises; every answer without a success says something that can be written into a file."""
    answer = read(expected, LAUNCH | document if whole else document, status)
    assert answer.ok or answer.message.encode()


@bounded
@given(st.integers(100, 599), st.sampled_from(Expected), st.binary(max_size=60))
def test_any_bytes_have_a_meaning(status: int, expected: Expected, body: bytes) -> None:
    """No body raises, and none that is not JSON is a success."""
    answer = read_answer(Reply(status, body), expected, 0.0)
    assert not answer.ok
    assert answer.status == status
