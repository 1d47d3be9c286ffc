"""Ask an address what it is, without the key and without following it anywhere."""

from __future__ import annotations

import warnings
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Any

import requests
from urllib3.exceptions import InsecureRequestWarning

from rp_finalizer.reportportal.probe_reading import (
    INFO,
    InfoAnswer,
    ProbeKind,
    ProbeResult,
    read_answer,
    read_error,
    speaks_tls,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rp_finalizer.endpoint import Endpoint

__all__ = ["LARGEST_BODY", "ProbeKind", "ProbeResult", "probe"]

LARGEST_BODY = 1 << 20
"""Bytes of an answer that are read; build information has a few thousand."""

_CHUNK = 1 << 14
_SILENT = {ProbeKind.NO_ANSWER, ProbeKind.TIMEOUT, ProbeKind.DEAD_PORT}
"""What the wrong scheme may look like, even where the user wrote it."""
_IN_HTTP = {
    ProbeKind.REPORTPORTAL,
    ProbeKind.HTML_PAGE,
    ProbeKind.REDIRECT,
    ProbeKind.NOT_REPORTPORTAL,
    ProbeKind.SERVER_ERROR,
}
"""What only an HTTP answer tells."""


def probe(
    endpoint: Endpoint,
    *,
    verify_ssl: bool | str = True,
    timeout_seconds: float,
    session: requests.Session | None = None,
) -> ProbeResult:
    """Ask `GET {endpoint}/api/info` and tell what is there; never raises for what the network or the server does.

    No key, no cookie and no password of a `.netrc` file is sent, no redirect followed, and at most 1 MiB read. Returns
    within `timeout_seconds` (above 0, else `ValueError`) whatever the server does: the asking is done in a thread that
    is left behind when its time is up. Where the scheme was assumed, or nothing sensible comes back, the other scheme
    is asked too, and the result says when that one answers. A `session` brings proxies and adapters of its own.
    """
    if not timeout_seconds > 0:
        raise ValueError(f"timeout_seconds is {timeout_seconds}: allowed is a number above 0")
    deadline = monotonic() + timeout_seconds
    with _unverified() if verify_ssl is False else nullcontext():
        asked = _Asking(endpoint, timeout_seconds, verify_ssl=verify_ssl, session=session)
        # A port that swallows everything leaves half of the time to the other scheme; a slow server has all of it.
        first = asked.wait(until=deadline - timeout_seconds / 2)
        if first is not None and not _other_may_be_meant(endpoint, first):
            return first
        other = _Asking(endpoint.other_scheme(), deadline - monotonic(), verify_ssl=verify_ssl, session=session)
        first = first or asked.wait(until=deadline) or _timed_out(timeout_seconds)
        if not _other_may_be_meant(endpoint, first):
            return first
        return _compare(endpoint, first, other.wait(until=deadline))


class _Asking:
    """One request, under way in a thread of its own."""

    def __init__(
        self, endpoint: Endpoint, timeout_seconds: float, *, verify_ssl: bool | str, session: requests.Session | None
    ) -> None:
        self._result: SimpleQueue[ProbeResult] = SimpleQueue()

        def ask() -> None:
            try:
                answer = _exchange(endpoint, timeout_seconds, verify_ssl=verify_ssl, session=session)
                self._result.put(read_answer(endpoint, answer))
            except Exception as error:  # noqa: BLE001  whatever it was, the one who waits is told
                self._result.put(read_error(endpoint, error))

        Thread(target=ask, name="rp-finalizer-probe", daemon=True).start()

    def wait(self, until: float) -> ProbeResult | None:
        try:
            return self._result.get(timeout=max(0.0, until - monotonic()))
        except Empty:
            return None


def _exchange(
    endpoint: Endpoint, timeout_seconds: float, *, verify_ssl: bool | str, session: requests.Session | None
) -> InfoAnswer:
    url = endpoint.api(INFO)
    # Prepared apart from the session, which would add its key, its cookies, or a password out of .netrc.
    request = requests.Request("GET", url, headers={"Accept": "application/json", "User-Agent": "rp-finalizer"})
    with nullcontext(session) if session is not None else requests.Session() as used:
        routes: Any = used.merge_environment_settings(url, {}, True, verify_ssl, None)  # noqa: FBT003  its own signature
        # Not the session's own sending: even told to follow no redirect, it reads a redirect's body to its end.
        adapter = used.get_adapter(url)
        with adapter.send(request.prepare(), timeout=(timeout_seconds, timeout_seconds), **routes) as response:
            body: bytes | None = b""
            for chunk in response.iter_content(_CHUNK):
                body = (body or b"") + chunk
                if len(body) > LARGEST_BODY:
                    body = None
                    break
            headers = response.headers
            return InfoAnswer(response.status_code, headers.get("Content-Type", ""), headers.get("Location"), body)


def _other_may_be_meant(endpoint: Endpoint, result: ProbeResult) -> bool:
    if endpoint.scheme_assumed:
        return result.kind is not ProbeKind.REPORTPORTAL and result.answers_at is None
    return result.kind in _SILENT


def _compare(endpoint: Endpoint, first: ProbeResult, second: ProbeResult | None) -> ProbeResult:
    """Weigh what the other scheme gave, None being nothing yet, against the first result."""
    if second is None:
        return first
    other = endpoint.other_scheme()
    silent = first.kind in {ProbeKind.NO_ANSWER, ProbeKind.TIMEOUT}
    if silent and other.scheme == "https" and other.port and (second.kind in _IN_HTTP or second.certificate_refused):
        first = speaks_tls(endpoint)
    if second.kind is ProbeKind.REPORTPORTAL:
        how = "was assumed" if endpoint.scheme_assumed else "is written"
        mend = f"{other} answers as a ReportPortal, while {endpoint.scheme} {how}: write {other}"
        return replace(first, mend=mend, version=second.version, answers_at=str(other))
    return first


def _timed_out(seconds: float) -> ProbeResult:
    return ProbeResult(
        ProbeKind.TIMEOUT, f"no complete answer came within {seconds:g} s", "check host and port, or allow more time"
    )


@contextmanager
def _unverified() -> Iterator[None]:
    """Keep urllib3 from warning about what the user chose: a run that makes errors of warnings would fail by it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureRequestWarning)
        yield
