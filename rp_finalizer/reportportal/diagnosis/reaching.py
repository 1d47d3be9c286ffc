"""The way to the server, tried step by step: proxy, name, port, TLS, and whether a ReportPortal answers."""

from __future__ import annotations

import socket
import ssl
import time
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.util import create_urllib3_context

from rp_finalizer.deadline import Deadline
from rp_finalizer.reportportal.bounded import call_within
from rp_finalizer.reportportal.diagnosis.check import Check
from rp_finalizer.reportportal.diagnosis.proxies import address_of, proxy_for
from rp_finalizer.reportportal.diagnosis.way_checks import (
    Certificate,
    judge_name,
    judge_port,
    judge_proxy,
    judge_service,
    judge_tls,
    judge_tls_unused,
    left_to_proxy,
    port_of,
    with_other_scheme,
)
from rp_finalizer.reportportal.probe import probe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rp_finalizer.endpoint import Endpoint
    from rp_finalizer.reportportal.diagnosis.way_checks import Proxy
    from rp_finalizer.reportportal.probe import ProbeResult
    from rp_finalizer.settings import Settings

_LEAST = 0.05
"""Seconds that a step gets when no time is left, so that it can say so itself."""

_Value = TypeVar("_Value")


class Way:
    """The way from here to an endpoint; nothing that is sent on it holds a key."""

    def __init__(
        self,
        endpoint: Endpoint,
        settings: Settings,
        environ: Mapping[str, str],
        deadline: Deadline,
        telling: Callable[[str], None],
    ) -> None:
        self._endpoint = endpoint
        self._settings = settings
        self._environ = environ
        self._deadline = deadline
        self._telling = telling
        self.probed: ProbeResult | None = None
        """What was found at the end; None while nobody got there."""

    def checks(self) -> Iterator[Check]:
        """Try each step that the ones before it leave sense in."""
        proxy = proxy_for(self._endpoint, self._environ)
        if proxy is not None and not proxy.exempt:
            yield from self._by_proxy(proxy)
            return
        yield judge_proxy(proxy, self._endpoint, None)
        steps = self._directly()
        failed = next((step.name for step in steps if step.ok is False), None)
        if failed != "dns":
            self._ask(reached=failed != "port")
        yield from (with_other_scheme(step, self.probed) for step in steps)
        yield judge_service(self.probed, failed=failed)

    def _by_proxy(self, proxy: Proxy) -> Iterator[Check]:
        self._telling(f"connecting to the proxy {proxy.shown}")
        found = self._within(self._settings.connect_timeout, lambda: self._connect(*address_of(proxy)))
        error = found if isinstance(found, Exception) else None
        if not isinstance(found, Exception):
            found.close()
        yield judge_proxy(proxy, self._endpoint, error)
        yield left_to_proxy("dns")
        yield left_to_proxy("port")
        yield judge_tls_unused(self._endpoint) if self._endpoint.scheme == "http" else left_to_proxy("tls")
        if error is None:
            self._ask(reached=True)
        yield judge_service(self.probed, failed="proxy" if error else None)

    def _directly(self) -> list[Check]:
        """Look the name up, connect, shake hands; what makes no sense any more is not tried."""
        endpoint, seconds = self._endpoint, self._settings.connect_timeout
        host, port = endpoint.host.strip("[]"), port_of(endpoint)
        self._telling(f"looking up {host}")
        found = self._within(seconds, lambda: _look_up(host, port))
        name = judge_name(endpoint, found)
        if isinstance(found, Exception):
            return [name, Check.not_tried("port", "dns failed"), Check.not_tried("tls", "dns failed")]
        self._telling(f"connecting to {host} port {port}")
        started = monotonic()
        connected = self._within(seconds, lambda: self._connect(host, port))
        if isinstance(connected, Exception):
            return [name, judge_port(endpoint, connected), Check.not_tried("tls", "port failed")]
        with connected:
            reached = judge_port(endpoint, monotonic() - started)
            return [name, reached, self._shake_hands(connected, host)]

    def _shake_hands(self, connected: socket.socket, host: str) -> Check:
        if self._endpoint.scheme == "http":
            return judge_tls_unused(self._endpoint)
        self._telling(f"looking at the certificate of {host}")
        ca = _trusted(self._endpoint, self._settings.verify_ssl)
        found = self._within(self._settings.connect_timeout, lambda: _look_at_certificate(connected, host, ca))
        return judge_tls(self._endpoint, ca, found, time.time())

    def _ask(self, *, reached: bool) -> None:
        """Ask what is there; where the port does not answer, only to learn whether the other scheme was meant."""
        settings = self._settings
        seconds = settings.connect_timeout + (settings.read_timeout if reached else 0.0)
        self._telling(f"asking {self._endpoint} what it is, for {seconds:g} s at most")
        self.probed = probe(self._endpoint, verify_ssl=settings.verify_ssl, timeout_seconds=self._at_most(seconds))

    def _connect(self, host: str, port: int) -> socket.socket:
        return socket.create_connection((host, port), timeout=self._at_most(self._settings.connect_timeout))

    def _within(self, seconds: float, call: Callable[[], _Value]) -> _Value | Exception:
        """Give what a call gives, or raises; a `TimeoutError` where it does neither in time."""
        result = call_within(Deadline.after(self._at_most(seconds), monotonic()), call)
        if not result.done.is_set():
            return TimeoutError()
        if isinstance(result.error, Exception):
            return result.error
        value: _Value = result.value
        return value

    def _at_most(self, seconds: float) -> float:
        return max(_LEAST, min(seconds, self._deadline.remaining(monotonic())))


def _look_up(host: str, port: int) -> tuple[str, ...]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


def _trusted(endpoint: Endpoint, verify_ssl: bool | str) -> bool | str:  # noqa: FBT001  as requests has it
    """Give what requests checks a certificate with: False, or a file or folder of CAs."""
    with requests.Session() as session:
        verify: object = session.merge_environment_settings(endpoint.origin, {}, None, verify_ssl, None)["verify"]
    if verify is False:
        return False
    return verify if isinstance(verify, str) else str(DEFAULT_CA_BUNDLE_PATH)


def _look_at_certificate(connected: socket.socket, host: str, ca: bool | str) -> Certificate:  # noqa: FBT001  as above
    context = create_urllib3_context()
    if isinstance(ca, str):
        if not Path(ca).exists():
            raise FileNotFoundError(ca)
        context.load_verify_locations(**{"capath" if Path(ca).is_dir() else "cafile": ca})
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    with context.wrap_socket(connected, server_hostname=host) as secure:
        shown = secure.getpeercert() or {}
        date = shown.get("notAfter")
        expires = ssl.cert_time_to_seconds(date) if isinstance(date, str) else None
        return Certificate(expires, secure.version() or "TLS")
