"""One HTTP request within one deadline, whatever the network does.

Time-outs of a socket are not enough for that: they count anew for every byte that drips in and for every address
tried, and the look-up of a host name has none. So every request runs on a lane, a thread with a session of its own; a
caller whose time is up leaves, and the lane's sockets are shut down behind it.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from queue import SimpleQueue
from socket import gaierror
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from rp_finalizer.reportportal.answers import NoReply, Reply
from rp_finalizer.reportportal.bounded import wait_within
from rp_finalizer.reportportal.session import Bearer, CuttableAdapter, PlainSession

if TYPE_CHECKING:
    from rp_finalizer.deadline import Deadline

LARGEST_BODY = 1024 * 1024
"""Bytes of an answer that are read; no answer we ask for comes near."""

_OVERTIME = 0.2
"""Seconds that a lane gets beyond the deadline, to say itself what went wrong."""

_CHUNK = 64 * 1024

_ONE_TRY = 2 / 3
"""The part of the time left that one request may take."""
_SHORT = 1.0
"""Seconds that a request gets in any case, as far as they are left."""

_TLS = "check the scheme of RP_ENDPOINT; for a certificate of your own set RP_VERIFY_SSL to its CA file"
_PROXY = "check HTTPS_PROXY and HTTP_PROXY, or name the server in NO_PROXY"
_NAME = "check the host's name in RP_ENDPOINT, and this machine's name service"

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Job:
    request: dict[str, Any]
    done: threading.Event = field(default_factory=threading.Event)
    reply: Reply | NoReply | None = None
    error: Exception | None = None


class _Lane:
    """A thread and its session; one request at a time."""

    def __init__(self, agent: str) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._adapter = CuttableAdapter()
        self._session = PlainSession()
        self._session.headers.update({"User-Agent": agent, "Accept": "application/json"})
        self._session.mount("https://", self._adapter)
        self._session.mount("http://", self._adapter)
        self._threaded = True
        try:
            threading.Thread(target=self._serve, name="rp-finalizer-http", daemon=True).start()
        except RuntimeError as error:
            # The interpreter is ending and starts no threads any more: sockets' own time-outs must do.
            logger.debug("no thread for requests: %s", error)
            self._threaded = False

    def put(self, job: _Job) -> None:
        if self._threaded:
            self._jobs.put(job)
        else:
            self._work(job)

    def leave(self) -> None:
        """End the thread after what it does now."""
        self._jobs.put(None)

    def cut(self) -> None:
        """End the thread and what it does now."""
        self.leave()
        self._adapter.cut()

    def _serve(self) -> None:
        with self._session:
            while (job := self._jobs.get()) is not None:
                self._work(job)

    def _work(self, job: _Job) -> None:
        try:
            job.reply = _exchange(self._session, job.request)
        except Exception as error:  # noqa: BLE001  raised again in the caller's thread
            job.error = error
        job.done.set()


class Transport:
    """Sends requests to one origin. Safe to use from several threads."""

    def __init__(
        self,
        *,
        verify: bool | str = True,
        connect_timeout: float = 5.0,
        read_timeout: float = 10.0,
        agent: str = "rp-finalizer",
    ) -> None:
        self._verify = verify
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._agent = agent
        self._lock = threading.Lock()
        self._idle: list[_Lane] = []

    def send(
        self, method: str, url: str, deadline: Deadline, *, token: str | None = None, **content: Any
    ) -> Reply | NoReply:
        """Send one request and give its answer, or why there is none. Returns within the deadline + 0.2 s.

        `token` is the bearer token; `content` is what `requests` takes: json, data, files, params, headers. No redirect
        is followed.
        """
        begun = monotonic()
        remaining = deadline.remaining(begun)
        if "files" not in content:
            # An answer that drips, or never comes, may not use up what is left for another try, or for reading the
            # launch back, nor the time that a signal leaves; an upload may take long.
            deadline = deadline.keeping(1 - _ONE_TRY, 0.0)
            longest = max(remaining * _ONE_TRY, min(remaining, _SHORT))
            remaining = min(longest, self._connect_timeout + self._read_timeout)
        if remaining <= 0:
            return NoReply("there was no time left to ask", sent=False, timed_out=True)
        job = _Job(
            {
                "method": method,
                "url": url,
                "auth": Bearer(token),
                "verify": self._verify,
                "timeout": (min(self._connect_timeout, remaining), min(self._read_timeout, remaining)),
                "allow_redirects": False,
                "stream": True,
                **content,
            }
        )
        lane = self._take()
        try:
            lane.put(job)
            in_time = wait_within(deadline.at_most(remaining, begun), job.done, _OVERTIME)
        except BaseException:
            # A signal's exception struck: nobody waits for this request any more.
            lane.cut()
            raise
        if not in_time:
            lane.cut()
            return NoReply(f"no complete answer within {monotonic() - begun:.1f} s", sent=True, timed_out=True)
        self._give_back(lane)
        if job.error is not None:
            raise job.error
        assert job.reply is not None  # noqa: S101  a lane sets one of the two before it is done
        return job.reply

    def close(self) -> None:
        """Close idle connections; the next request opens new ones."""
        with self._lock:
            lanes, self._idle = self._idle, []
        for lane in lanes:
            lane.leave()

    def _take(self) -> _Lane:
        with self._lock:
            return self._idle.pop() if self._idle else _Lane(self._agent)

    def _give_back(self, lane: _Lane) -> None:
        with self._lock:
            self._idle.append(lane)


def _exchange(session: requests.Session, request: dict[str, Any]) -> Reply | NoReply:
    started = monotonic()
    sent = False
    try:
        with session.request(**request) as response:
            sent = True
            headers = {name.lower(): value for name, value in response.headers.items()}
            body = b""
            for chunk in response.iter_content(_CHUNK):
                body += chunk
                if len(body) > LARGEST_BODY:
                    return NoReply(f"{response.status_code} with more than {LARGEST_BODY} bytes", sent=True)
            return Reply(response.status_code, body, headers)
    except requests.RequestException as error:
        return _no_reply(error, sent=sent, seconds=monotonic() - started)
    except HTTPError as error:
        # requests lets some of urllib3's own errors through.
        return NoReply(f"the answer broke off: {type(error).__name__}", sent=True)


def _no_reply(error: requests.RequestException, *, sent: bool, seconds: float) -> NoReply:
    root = _root(error)
    at = _host(error)
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return NoReply(f"no connection{at} within {seconds:.1f} s", sent=False, timed_out=True)
    if isinstance(error, requests.exceptions.Timeout):
        return NoReply(f"no answer{at} within {seconds:.1f} s", sent=True, timed_out=True)
    if sent and isinstance(root, TimeoutError | ReadTimeoutError):
        # While the body is read, requests calls that a broken connection.
        return NoReply(f"no complete answer{at} within {seconds:.1f} s", sent=True, timed_out=True)
    text = f"{type(root).__name__}: {root}" if str(root) else type(root).__name__
    if isinstance(error, requests.exceptions.SSLError):
        return NoReply(f"TLS failed{at} ({text})", sent=False, hint=_TLS)
    if isinstance(error, requests.exceptions.ProxyError):
        return NoReply(f"the proxy failed ({text})", sent=False, hint=_PROXY)
    # A refused connection and an unknown host come before the request; a reset may come behind it.
    nameless = isinstance(root, gaierror)
    before = nameless or isinstance(root, ConnectionRefusedError)
    return NoReply(f"the connection{at} failed ({text})", sent=sent or not before, hint=_NAME if nameless else None)


def _host(error: requests.RequestException) -> str:
    """Name the server, and nothing else of the URL."""
    netloc = urlsplit(error.request.url).netloc if error.request is not None and error.request.url else ""
    return f" with {netloc}" if isinstance(netloc, str) and netloc else ""


def _root(error: BaseException) -> BaseException:
    """Find the system's own error beneath the wrappers of requests and urllib3, which say it in worse words."""
    while True:
        reason = getattr(error, "reason", None)
        beneath = error.__cause__ or (reason if isinstance(reason, BaseException) else None)
        if beneath is None and error.args and isinstance(error.args[-1], BaseException):
            beneath = error.args[-1]
        if beneath is None and error.args and isinstance(error.args[0], BaseException):
            beneath = error.args[0]
        if beneath is None or beneath is error:
            return error
        error = beneath
