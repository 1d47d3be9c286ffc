"""What an answer to the probe, or the lack of one, says about an address. Pure: nothing here opens a connection."""

from __future__ import annotations

import json
import re
import socket
import ssl
from dataclasses import dataclass
from enum import StrEnum
from http.client import BadStatusLine, HTTPException
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urljoin

from requests import codes, exceptions

from rp_finalizer.endpoint import Endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

INFO = "info"
"""The call that every ReportPortal answers without a key: build information (service-api, `SecurityConfiguration`)."""

_SPEAKS_PLAIN_HTTP = {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG"}
"""OpenSSL's reasons when what comes back is text; which one depends on its version and on the text."""
_TLS_ALERT = "\x15\x03"
"""How a TLS record of that kind begins."""
_WANTS_TLS = re.compile(rb"plain HTTP request|HTTP request to an HTTPS|speaking plain HTTP", re.IGNORECASE)
"""How nginx, Go (Traefik) and Apache answer a plain request on a TLS port."""
_TOO_MANY = 429
_SERVERS_FAULT = 500

_Error = TypeVar("_Error", bound=BaseException)


class ProbeKind(StrEnum):
    """What is at an address."""

    REPORTPORTAL = "reportportal"
    HTML_PAGE = "html-page"
    """A web page: another service, a proxy's own page, a wrong path."""
    REDIRECT = "redirect"
    """An answer that points elsewhere; it was not followed."""
    NOT_REPORTPORTAL = "not-reportportal"
    """It speaks HTTP, and not as a ReportPortal does."""
    SERVER_ERROR = "server-error"
    """5xx or 429: perhaps a ReportPortal, which is starting, down or overloaded."""
    NO_ANSWER = "no-answer"
    """The connection was taken and ended without a complete HTTP answer."""
    DEAD_PORT = "dead-port"
    """Nothing listens there."""
    UNREACHABLE = "unreachable"
    """There is no way to that host."""
    UNKNOWN_HOST = "unknown-host"
    PROXY_FAILURE = "proxy-failure"
    """The proxy that the environment names did not do its part."""
    TLS_FAILURE = "tls-failure"
    """A certificate that is not trusted, or one side speaks TLS and the other does not."""
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a probe found."""

    kind: ProbeKind
    detail: str
    """What happened, for people; no full stop, no control characters."""
    mend: str = ""
    """What to do about it; empty for a ReportPortal."""
    version: str | None = None
    """The version of service-api, where a ReportPortal told it."""
    answers_at: str | None = None
    """The address over the other scheme, where that one was found to be meant."""
    certificate_refused: bool = False
    """Whether a TLS failure is about trust alone: the server does speak TLS."""

    @property
    def ok(self) -> bool:
        """Tell whether a ReportPortal answers at the address that was asked."""
        return self.kind is ProbeKind.REPORTPORTAL


_FAULTS: tuple[tuple[tuple[type[BaseException], ...], ProbeKind, str, str], ...] = (
    (
        (exceptions.ProxyError,),
        ProbeKind.PROXY_FAILURE,
        "the proxy does not let us through",
        "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY",
    ),
    ((socket.gaierror,), ProbeKind.UNKNOWN_HOST, "nobody knows the host {endpoint.host}", "check its spelling"),
    (
        (ConnectionRefusedError,),
        ProbeKind.DEAD_PORT,
        "nothing listens at {endpoint.origin}",
        "check host and port, and whether it runs",
    ),
    (
        (exceptions.Timeout, TimeoutError),
        ProbeKind.TIMEOUT,
        "no answer came in time",
        "check host and port, or allow more time",
    ),
    (
        (HTTPException, ConnectionError, exceptions.ContentDecodingError),
        ProbeKind.NO_ANSWER,
        "it gives no complete HTTP answer",
        "check that the port is a web server's",
    ),
)
"""Which of the system's errors means what; the first that is found wins, for one often comes with another."""


@dataclass(frozen=True, slots=True)
class InfoAnswer:
    """The parts of an HTTP answer that matter here."""

    status: int
    content_type: str
    location: str | None
    body: bytes | None
    """None when there was more of it than is read."""


def read_answer(endpoint: Endpoint, answer: InfoAnswer) -> ProbeResult:
    """Tell what kind of server gave this answer to `GET {endpoint}/api/info`."""
    status, body = answer.status, answer.body or b""
    if 300 <= status < 400:  # noqa: PLR2004  HTTP's own number
        return _read_redirect(endpoint, answer)
    if status == _TOO_MANY or status >= _SERVERS_FAULT:
        detail = f"it answers with status {status}"
        return ProbeResult(ProbeKind.SERVER_ERROR, detail, "wait for it to come up, or look at its log")
    if status == codes.ok and (build := _build(body)) is not None:
        version = build.get("version")
        known = version if isinstance(version, str) and re.fullmatch(r"[\w.+-]{1,64}", version) else None
        return ProbeResult(
            ProbeKind.REPORTPORTAL, f"ReportPortal, service-api {known or 'of unknown version'}", "", known
        )
    if status == codes.bad_request and endpoint.scheme == "http" and _WANTS_TLS.search(body):
        return speaks_tls(endpoint)
    if "html" in answer.content_type.lower() or re.match(rb"\s*<(!doctype html|html)", body, re.IGNORECASE):
        return ProbeResult(
            ProbeKind.HTML_PAGE,
            f"a web page answers, with status {status}",
            "write the address that stands before /ui in the browser, with its path if it has one",
        )
    if status in {codes.unauthorized, codes.forbidden}:
        return ProbeResult(
            ProbeKind.NOT_REPORTPORTAL,
            f"something asks for a login before ReportPortal is reached (status {status})",
            "reach it from inside that login's network, or have /api let through",
        )
    said = "more than is read" if answer.body is None else f"{len(body)} bytes of {answer.content_type[:60]!a}"
    return ProbeResult(
        ProbeKind.NOT_REPORTPORTAL,
        f"it answers with status {status} and {said}, which is not a ReportPortal's build information",
        "check host, port and path: the address is what stands before /api",
    )


def read_error(endpoint: Endpoint, error: Exception) -> ProbeResult:
    """Tell why there was no answer to `GET {endpoint}/api/info`."""
    if in_tls := _find(error, ssl.SSLError):
        return _read_tls_error(endpoint, in_tls)
    if "CA certificate" in str(error):  # what requests says of a file that is not there; it has no type of its own
        return ProbeResult(ProbeKind.TLS_FAILURE, "the CA file is not there", "mend the path in RP_VERIFY_SSL")
    if (line := _find(error, BadStatusLine)) and str(line).startswith(_TLS_ALERT):
        return speaks_tls(endpoint)
    for kinds, kind, detail, mend in _FAULTS:
        if any(_find(error, of) for of in kinds):
            return ProbeResult(kind, detail.format(endpoint=endpoint), mend)
    # The errors of requests are OSErrors themselves, without the system's words.
    words = (found.strerror for found in _wrapped(error) if isinstance(found, OSError))
    reason = next(filter(None, words), type(error).__name__)
    return ProbeResult(ProbeKind.UNREACHABLE, f"the connection fails: {reason}", "check the network and the address")


def speaks_tls(endpoint: Endpoint) -> ProbeResult:
    """Tell that a server was asked in plain HTTP and speaks TLS."""
    other = endpoint.other_scheme()
    return ProbeResult(
        ProbeKind.TLS_FAILURE, "it speaks TLS there and was asked in plain HTTP", f"write {other}", None, str(other)
    )


def _read_redirect(endpoint: Endpoint, answer: InfoAnswer) -> ProbeResult:
    location = answer.location or ""
    plain = re.sub(r"//[^/]*@", "//****@", re.split(r"\?", location, maxsplit=1)[0])
    detail = f"it points to {plain[:200]!a} (status {answer.status}), which is not followed"
    if "#notfound" in location:
        # The gateway's answer to all that no service of its takes: also while service-api starts.
        mend = "the API is not there: wait until it has started, or check the address's path"
    elif (meant := _endpoint_meant(endpoint, location)) not in {None, endpoint}:
        mend = f"write {meant}, if that is your ReportPortal"
    else:
        mend = "write the address of the ReportPortal itself, not of what stands before it"
    return ProbeResult(ProbeKind.REDIRECT, detail, mend)


def _endpoint_meant(asked: Endpoint, location: str) -> Endpoint | None:
    """Give the endpoint whose info call a redirect leads to."""
    try:
        base = urljoin(asked.api(INFO), location).partition("?")[0].removesuffix("/")
        return Endpoint.parse(base.removesuffix(f"/{INFO}")) if base.endswith(f"/api/{INFO}") else None
    except ValueError:  # an `EndpointError` is one, too
        return None


def _build(body: bytes) -> dict[str, object] | None:
    try:
        info = json.loads(body)
    except (ValueError, RecursionError):
        return None
    build = info.get("build") if isinstance(info, dict) else None
    return build if isinstance(build, dict) else None


def _read_tls_error(endpoint: Endpoint, error: ssl.SSLError) -> ProbeResult:
    if isinstance(error, ssl.SSLCertVerificationError):
        mends = {
            9: "check this machine's clock",
            10: "have the certificate renewed",
            62: "write the host name that the certificate is for",
            64: "write the host name that the certificate is for, not a number",
        }
        mend = mends.get(error.verify_code, "set RP_VERIFY_SSL to the file of the CA that signed it")
        detail = f"its certificate is refused: {error.verify_message}"
        return ProbeResult(ProbeKind.TLS_FAILURE, detail, mend, certificate_refused=True)
    if error.reason in _SPEAKS_PLAIN_HTTP:
        return ProbeResult(
            ProbeKind.TLS_FAILURE, "it speaks no TLS there, perhaps plain HTTP", f"try {endpoint.other_scheme()}"
        )
    what = error.reason or type(error).__name__
    return ProbeResult(ProbeKind.TLS_FAILURE, f"TLS fails: {what}", "check RP_VERIFY_SSL and the server's TLS settings")


def _find(error: BaseException, kind: type[_Error]) -> _Error | None:
    """Look for the system's own error: requests and urllib3 wrap it as cause, reason or argument."""
    return next((found for found in _wrapped(error) if isinstance(found, kind)), None)


def _wrapped(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        found = waiting.pop(0)
        if isinstance(found, BaseException) and found not in seen:
            seen.append(found)
            waiting += [found.__cause__, getattr(found, "reason", None), *found.args]
            yield found
