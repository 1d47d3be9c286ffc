"""The page as it is without a browser: what it says, its forms, and what keeps it safe."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
import requests

from rp_finalizer.entries import EntryState, OwedLaunch, Priority
from rp_finalizer.outbox_port import CLEARED
from rp_finalizer.outcome import ErrorKind
from rp_finalizer.report import Failure
from rp_finalizer.server.access import Access
from rp_finalizer.server.app import build_app
from rp_finalizer.server.serving import ServiceThread
from tests.support.page_scene import (
    ADMIN_TOKEN,
    READER_TOKEN,
    SERVER,
    SILENT,
    WORKERS,
    SceneOutbox,
    busy,
    service_of,
)
from tests.support.polling import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastapi import FastAPI

    from rp_finalizer.server.rates import Rates
    from rp_finalizer.server.state import Service

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\" onload='alert(3)' {{ 7 * 7 }}\ud800"
ADMIN, READER = ("anybody", ADMIN_TOKEN), ("anybody", READER_TOKEN)
VOID = frozenset({"meta", "link", "img", "input", "br", "rect", "path"})


class Document(HTMLParser):
    """A page as a parser reads it: its elements, and the texts in those that have an id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self._open: list[tuple[str, str]] = []
        self._texts: dict[str, str] = {}
        self.text = ""
        self.feed(text)
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.elements.append((tag, found))
        if tag not in VOID:
            self._open.append((tag, found.get("id", "")))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag, self.getpos()

    def handle_data(self, data: str) -> None:
        self.text += data
        for _, name in self._open:
            if name:
                self._texts[name] = self._texts.get(name, "") + data

    def said(self, name: str) -> str:
        return " ".join(self._texts[name].split())

    def all(self, tag: str, **wanted: str) -> list[dict[str, str]]:
        return [found for name, found in self.elements if name == tag and wanted.items() <= found.items()]

    def actions(self) -> list[str]:
        return [form["action"] for form in self.all("form")]


class Site:
    """The service over an outbox, and who asks it."""

    def __init__(self, url: str, outbox: SceneOutbox) -> None:
        self.url = url
        self.outbox = outbox

    def get(self, path: str = "/", auth: tuple[str, str] | None = ADMIN) -> requests.Response:
        return requests.get(f"{self.url}{path}", auth=auth, timeout=10, allow_redirects=False)

    def page(self, auth: tuple[str, str] | None = ADMIN) -> Document:
        answer = self.get(auth=auth)
        assert answer.status_code == 200, answer.text
        return Document(answer.text)

    def post(
        self, path: str, auth: tuple[str, str] | None = ADMIN, *, origin: str | None = "", **headers: str
    ) -> requests.Response:
        if origin is not None:
            headers["Origin"] = origin or self.url
        return requests.post(f"{self.url}{path}", auth=auth, headers=headers, timeout=10, allow_redirects=False)


@pytest.fixture(scope="module")
def serving() -> Iterator[Callable[[Service], str]]:
    """Serve one outbox after the other, on a thread for each way of access."""
    threads: dict[Access, tuple[FastAPI, ServiceThread]] = {}
    with ExitStack() as stack:

        def serve(service: Service) -> str:
            if service.access not in threads:
                app = build_app(service)
                threads[service.access] = (app, stack.enter_context(ServiceThread(app)))
            app, thread = threads[service.access]
            app.state.service = service
            return thread.url

        yield serve


@pytest.fixture
def site(serving: Callable[[Service], str]) -> Site:
    """Serve an empty outbox."""
    outbox = SceneOutbox()
    return Site(serving(service_of(outbox)), outbox)


@pytest.fixture(scope="module")
def fleet() -> tuple[SceneOutbox, Rates]:
    """Give a busy outbox, to be looked at only."""
    return busy()


@pytest.fixture
def busy_site(serving: Callable[[Service], str], fleet: tuple[SceneOutbox, Rates]) -> Site:
    """Serve a busy one."""
    return Site(serving(service_of(*fleet)), fleet[0])


def test_busy_fleet(busy_site: Site) -> None:
    """The page tells the queue, who works, what was given up and why, rates, latencies and errors."""
    page = busy_site.page()
    assert page.said("sentence") == "1 launch was given up."
    assert page.said("counts") == "12 wait, 6 at work, 3 runs go on."
    assert "the server refuses for good: 403" in page.said("dead")
    assert page.said("workers").count("on ci-runner-") == 3
    assert page.said("queue").index("critical") < page.said("queue").index("high") < page.said("queue").index("low")
    assert "unavailable: 503 with text/html" in page.said("queue")
    assert re.search(r"In the last (hour|59 min): \d+ added, \d+ finished, \d+ tries failed\.", page.said("rates"))
    assert "Half took at most" in page.said("all")
    assert "forbidden" in page.said("all")
    assert page.all("svg", role="img")
    assert all(found["datetime"].endswith("Z") for found in page.all("time"))


def test_tables_name_their_cells(busy_site: Site) -> None:
    """Every column has a header with its scope, and what is a table stays one where it is drawn as cards."""
    page = busy_site.page()
    heads = page.all("th")
    assert heads
    assert all(found["scope"] in {"col", "row"} for found in heads)
    assert all(found["role"] == "table" for found in page.all("table"))
    assert all(found["role"] == "cell" for found in page.all("td"))
    assert len(page.all("main")) == len(page.all("h1")) == 1
    assert [found["id"] for _, found in page.elements if "aria-live" in found] == ["sentence"]


def test_empty_outbox(site: Site) -> None:
    """An empty outbox is told in sentences, and nothing is there to be pressed."""
    page = site.page()
    assert page.said("sentence") == "All is well: nothing is owed."
    assert page.said("queue") == "Queue Nothing waits."
    assert page.said("active") == "At work Nothing is worked on at the moment."
    assert page.said("dead") == "Dead letters There are no dead letters."
    assert page.said("workers") == "Who works Nobody holds anything at the moment."
    assert page.actions() == []


def test_long_queue(site: Site) -> None:
    """Of a long queue the first hundred are shown, and how many more there are."""
    site.outbox.owe(234)
    page = site.page()
    assert len([row for row in page.all("tr") if row.get("data-key", "").startswith("q-")]) == 100
    assert page.said("queue").endswith("and 134 more")
    assert page.said("counts") == "234 wait, 0 at work."


def test_nobody_works(site: Site) -> None:
    """Launches that have been due for minutes while nobody holds any are told as nobody's, with what to start."""
    site.outbox.back = 400.0
    site.outbox.owe(3)
    site.outbox.back = 0.0
    page = site.page()
    assert page.said("sentence") == "Nobody works: 3 launches are due, the first for 7 min."
    assert "rp-finalize worker" in page.said("mend")
    assert "bad" in page.all("section", id="state")[0]["class"]


def test_lease_that_ran_out(site: Site) -> None:
    """What a worker has let go of waits again, and the page says whose it was."""
    (entry,) = site.outbox.owe()
    site.outbox.back = 30.0
    site.outbox.take(entry.entry_id, WORKERS[1], 10.0)
    site.outbox.back = 0.0
    assert "worker 1904 on ci-runner-07 gave no sign of life in time" in site.page().said("queue")


def test_silent_reportportal(site: Site) -> None:
    """A ReportPortal that does not answer is told as that, not as workers that are missing."""
    site.outbox.put_off_one(60.0, SILENT)
    page = site.page()
    assert page.said("sentence") == f"ReportPortal does not answer at {SERVER}: 1 launch is put off."


def test_outbox_away_and_back(site: Site) -> None:
    """A page about an outbox that is away says so and what to do; once it is back the page is whole again."""
    site.outbox.away = True
    page = site.page()
    assert page.said("sentence") == "The outbox cannot be reached: connection refused."
    assert page.said("mend").startswith("Start Redis.")
    assert page.actions() == []
    for answer in (
        site.get("/page/queue/clear"),
        site.post("/page/queue/clear"),
        site.post("/page/dead-letters/none/retry"),
    ):
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
    site.outbox.away = False
    assert site.page().said("sentence").startswith("All is well")


def test_retry_one(site: Site) -> None:
    """An administrator's retry makes that dead letter ready, and leads back to the page."""
    dead, other = site.outbox.bury("no rights"), site.outbox.bury("no rights")
    action = f"page/dead-letters/{dead.entry_id}/retry"
    assert action in site.page().actions()
    answer = site.post(f"/{action}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert site.outbox.find(dead.entry_id)[0].state is EntryState.READY
    assert site.outbox.find(other.entry_id)[0].state is EntryState.DEAD


def test_retry_all(site: Site) -> None:
    """Retry all makes every dead letter ready, also more than a page of them."""
    site.outbox.owe(520)
    site.outbox.clear()
    assert site.post("/page/dead-letters/retry").status_code == 303
    assert site.outbox.statistics().by_state == {EntryState.READY: 520}


def test_who_clicks_sees_it(site: Site) -> None:
    """However many watch, and share what is drawn: the page after a retry or a clear tells what became of it."""
    dead = site.outbox.bury("no rights")
    assert site.page().said("sentence") == "1 launch was given up."
    site.post(f"/page/dead-letters/{dead.entry_id}/retry")
    assert site.page().said("counts") == "1 waits, 0 at work."
    site.post("/page/queue/clear")
    assert site.page().said("queue") == "Queue Nothing waits."
    # Somebody else is faster.
    site.outbox.retry(dead.entry_id)
    assert site.post(f"/page/dead-letters/{dead.entry_id}/retry").status_code == 409
    assert site.page().said("dead") == "Dead letters There are no dead letters."


def test_many_who_watch(site: Site) -> None:
    """Who watches beside others costs no reading of the outbox, and a page is never older than two seconds."""
    site.outbox.owe(3)
    with ThreadPoolExecutor(8) as threads:
        begun = time.monotonic()
        pages = list(threads.map(lambda _: site.page().said("counts"), range(40)))
        took = time.monotonic() - begun
    assert set(pages) == {"3 wait, 0 at work."}
    assert site.outbox.read <= 2 + took
    site.outbox.owe(1)
    until(lambda: site.page().said("counts") == "4 wait, 0 at work.", seconds=5.0)


def test_retry_of_what_is_gone(site: Site) -> None:
    """A retry of what is no dead letter any more, or unknown, changes nothing and says why."""
    (entry,) = site.outbox.owe()
    answer = site.post(f"/page/dead-letters/{entry.entry_id}/retry")
    assert answer.status_code == 409
    assert "ready now: somebody was faster" in Document(answer.text).text
    assert site.post("/page/dead-letters/none/retry").status_code == 404


def test_clear_is_asked_for_twice(site: Site) -> None:
    """Clearing takes a second step, which says what becomes of how many launches."""
    site.outbox.owe(2, priority=Priority.HIGH)
    page = site.page()
    assert "page/queue/clear" not in page.actions()
    assert page.all("a", href="page/queue/clear")
    question = Document(site.get("/page/queue/clear").text)
    assert "Clear the queue of 2 launches?" in question.text
    assert question.actions() == ["/page/queue/clear"]
    assert site.outbox.statistics().by_state == {EntryState.READY: 2}
    answer = site.post("/page/queue/clear")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert {entry.reason for entry in site.outbox.entries(EntryState.DEAD)} == {CLEARED}
    # What somebody has cleared on purpose is no trouble.
    assert site.page().said("sentence") == "All is well: nothing is owed."


def test_reader_sees_no_forms(site: Site) -> None:
    """A reader sees all and no form, is told how to get one, and changes nothing by asking all the same."""
    dead = site.outbox.bury("no rights")
    site.outbox.owe()
    page = site.page(READER)
    assert page.actions() == []
    assert "RP_FINALIZER_ADMIN_TOKEN" in page.text
    assert page.all("a", href="page/sign-in")
    for path in ("/page/queue/clear", "/page/dead-letters/retry", f"/page/dead-letters/{dead.entry_id}/retry"):
        assert site.post(path, READER).status_code == 403
    assert site.get("/page/queue/clear", READER).status_code == 403
    assert site.outbox.statistics().by_state == {EntryState.READY: 1, EntryState.DEAD: 1}


def test_signing_in(site: Site) -> None:
    """The link to sign in makes a browser ask a reader for another password, and leads an administrator back."""
    asked = site.get("/page/sign-in", READER)
    assert asked.status_code == 401
    assert "Basic realm=" in asked.headers["www-authenticate"]
    assert site.get("/page/sign-in").headers["location"] == "/"


def test_without_tokens(serving: Callable[[Service], str]) -> None:
    """Without tokens everybody on this machine reads, and nobody is offered what nobody may do."""
    outbox = SceneOutbox()
    site = Site(serving(service_of(outbox, access=Access())), outbox)
    site.outbox.bury("no rights")
    page = site.page(None)
    assert page.actions() == []
    assert page.all("a", href="page/sign-in") == []
    assert "set RP_FINALIZER_ADMIN_TOKEN for the service" in " ".join(page.text.split())
    assert site.post("/page/dead-letters/retry", None).status_code == 403


@pytest.mark.parametrize("path", ["/", "/page/style.css", "/page/script.js", "/page/queue/clear", "/page/sign-in"])
def test_nothing_without_a_token(site: Site, path: str) -> None:
    """Whoever has no token gets nothing of the page, and a browser is told to ask for one."""
    for auth in (None, ("x", "wrong")):
        answer = site.get(path, auth)
        assert answer.status_code == 401
        assert "Basic realm=" in answer.headers["www-authenticate"]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", None])
def test_foreign_posts(site: Site, origin: str | None) -> None:
    """A form that another site's page sends with an administrator's browser does nothing."""
    site.outbox.owe()
    assert site.post("/page/queue/clear", origin=origin).status_code == 403
    assert site.outbox.statistics().by_state == {EntryState.READY: 1}


def test_bearer_needs_no_origin(site: Site) -> None:
    """A program with a bearer token is no browser that could be led astray."""
    site.outbox.owe()
    answer = site.post("/page/queue/clear", None, origin=None, Authorization=f"Bearer {ADMIN_TOKEN}")
    assert answer.status_code == 303


def test_texts_of_others(site: Site) -> None:
    """What others have written stands there as text, wherever it stands, and makes no element and no link."""
    outbox = site.outbox
    error = Failure(ErrorKind.REJECTED, EVIL, EVIL)
    launches = [OwedLaunch(f"javascript:{EVIL}", EVIL, f"{EVIL}{number}") for number in range(3)]
    entries = [outbox.add(launch) for launch in launches]
    dead = outbox.take(entries[0].entry_id, EVIL, 60.0)
    outbox.give_up(dead.entry_id, dead.lease_token, error, EVIL)
    late = outbox.take(entries[1].entry_id, EVIL, 60.0)
    outbox.put_off(late.entry_id, late.lease_token, error, 60.0)
    outbox.take(entries[2].entry_id, EVIL, 60.0)
    text = site.get().text
    page = Document(text)
    assert page.text.count("<script>alert(1)</script>") >= 10
    assert "{{ 7 * 7 }}" in page.text
    assert len(page.all("script")) == 1
    assert not page.all("img")
    assert not [found for _, found in page.elements if any(name.startswith("on") for name in found)]
    assert not [found for _, found in page.elements if "style" in found]
    assert {found["href"] for found in page.all("a")} <= {
        "#tables",
        "#queue",
        "#active",
        "#dead",
        "docs",
        "readyz",
        "page/queue/clear",
    }
    assert site.get("/page/" + quote(EVIL, safe="", errors="replace")).status_code == 404


@pytest.mark.parametrize(
    ("endpoint", "linked"),
    [
        ("https://rp.example.com", True),
        ("http://10.0.0.7:8080/prefix", True),
        ("javascript:alert(1)", False),
        ("https://user:password@rp.example.com", False),
        ("https://rp.example.com/ui/#evil", False),
        ("//rp.example.com", False),
    ],
)
def test_links_to_servers(site: Site, endpoint: str, linked: bool) -> None:  # noqa: FBT001  a parameter
    """A launch links to its server where the address is plain http(s), and nowhere else."""
    site.outbox.owe(endpoint=endpoint, project="demo")
    links = [found["href"] for found in site.page().all("a", rel="noreferrer noopener")]
    assert links == ([f"{endpoint}/ui/#demo/launches/all"] if linked else [])


def test_headers(site: Site) -> None:
    """The page loads from its service only, is framed by nobody and kept by nobody; its files are kept."""
    answer = site.get()
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    page = Document(answer.text)
    loaded = [found["src"] for found in page.all("script")] + [found["href"] for found in page.all("link")]
    assert len(loaded) == 3
    for path in loaded:
        kept = site.get(f"/{path}")
        assert kept.status_code == 200
        assert "immutable" in kept.headers["cache-control"]
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", kept.text)


def test_short_for_browsers(busy_site: Site) -> None:
    """Whoever takes it compressed gets the same page in a fraction of the bytes."""
    short = busy_site.get().headers
    plain = requests.get(f"{busy_site.url}/", auth=ADMIN, headers={"Accept-Encoding": "identity"}, timeout=10)
    assert short["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert plain.headers["vary"] == "Accept-Encoding"
    assert int(short["content-length"]) * 4 < len(plain.content)


def test_without_scripts(site: Site) -> None:
    """Without JavaScript the page loads itself anew."""
    text = site.get().text
    assert re.search(r"<noscript><meta http-equiv=\"refresh\" content=\"\d+\"></noscript>", text)
