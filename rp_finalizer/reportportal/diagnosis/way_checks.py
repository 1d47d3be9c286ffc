"""The way to the server: proxy, name, port, TLS, and what answers at its end. Pure: it judges what was found."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rp_finalizer.reportportal.diagnosis.check import Check, without_user_info
from rp_finalizer.reportportal.probe_reading import ProbeKind, read_error

if TYPE_CHECKING:
    from rp_finalizer.endpoint import Endpoint
    from rp_finalizer.reportportal.probe_reading import ProbeResult

_LEFT_TO_PROXY = "left to the proxy"
_SOON = 30
"""Days before its end from which on a certificate's is told as near."""
_MOST_ADDRESSES = 4
"""Addresses of one name that are shown."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """What the environment says about a proxy on the way to the endpoint."""

    variable: str
    """The one that names it; `the system's settings` where none does."""
    address: str
    """As written there; may hold a password."""
    exempt: bool = False
    """Whether NO_PROXY, or its like, leaves the endpoint's host out of it."""

    @property
    def shown(self) -> str:
        """Give the address without user info."""
        return without_user_info(self.address)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a TLS handshake showed."""

    expires: float | None
    """In seconds since the epoch; None where the certificate was not checked."""
    version: str
    """Of the protocol, like `TLSv1.3`."""


def judge_proxy(proxy: Proxy | None, endpoint: Endpoint, error: Exception | None) -> Check:
    """Tell which proxy is in the way; `error` is what came when it was connected to."""
    if proxy is None:
        return Check("proxy", ok=True, detail="none")
    if proxy.exempt:
        return Check("proxy", ok=True, detail=f"none: NO_PROXY leaves {endpoint.host} out of {proxy.variable}")
    detail = f"{proxy.shown}, from {proxy.variable}"
    if error is None:
        return Check("proxy", ok=True, detail=detail)
    fault = read_error(endpoint, error)
    why = {
        ProbeKind.UNKNOWN_HOST: "nobody knows its host",
        ProbeKind.DEAD_PORT: "nothing listens there",
        ProbeKind.TIMEOUT: "it takes no connection in time",
    }.get(fault.kind, str(error))
    mend = f"correct {proxy.variable}, or name {endpoint.host} in NO_PROXY"
    return Check("proxy", ok=False, detail=f"{detail}: {without_user_info(why)}", mend=mend)


def judge_name(endpoint: Endpoint, found: tuple[str, ...] | Exception) -> Check:
    """Tell whether the host's name has an address."""
    if isinstance(found, Exception):
        fault = read_error(endpoint, found)
        timed_out = fault.kind is ProbeKind.TIMEOUT
        detail = f"the name service does not answer about {endpoint.host} in time" if timed_out else fault.detail
        mend = "check this machine's name service, or whether it needs a VPN" if timed_out else _name_mend(endpoint)
        return Check("dns", ok=False, detail=detail, mend=mend)
    shown = ", ".join(found[:_MOST_ADDRESSES])
    more = f" and {len(found) - _MOST_ADDRESSES} more" if len(found) > _MOST_ADDRESSES else ""
    if found == (endpoint.host.strip("[]"),):
        return Check("dns", ok=True, detail=f"{endpoint.host} is an address, no name")
    return Check("dns", ok=True, detail=f"{endpoint.host} is {shown}{more}")


def _name_mend(endpoint: Endpoint) -> str:
    return f"check how {endpoint.host} is spelled in RP_ENDPOINT, and whether it is known inside a VPN only"


def judge_port(endpoint: Endpoint, found: float | Exception) -> Check:
    """Tell whether the port takes connections; `found` is after how many seconds it did."""
    at = f"{endpoint.host} port {port_of(endpoint)}"
    if not isinstance(found, Exception):
        return Check("port", ok=True, detail=f"{at} takes connections ({found * 1000:.0f} ms)")
    fault = read_error(endpoint, found)
    if fault.kind is ProbeKind.TIMEOUT:
        mend = "check host and port, and whether a firewall or a missing VPN is in between"
        return Check("port", ok=False, detail=f"{at} takes no connection in time", mend=mend)
    return Check("port", ok=False, detail=fault.detail, mend=fault.mend)


def judge_tls(endpoint: Endpoint, ca: bool | str, found: Certificate | Exception, now: float) -> Check:  # noqa: FBT001  as requests has it
    """Tell whether the certificate is trusted; `ca` is what it was checked with, `now` in seconds since the epoch."""
    if isinstance(found, FileNotFoundError):
        # A path in our own settings was looked for when these were read.
        mend = "correct REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE"
        return Check("tls", ok=False, detail=f"the CA file {ca} is not there", mend=mend)
    if isinstance(found, Exception):
        fault = read_error(endpoint, found)
        by = f" (checked with {ca})" if isinstance(ca, str) and "certificate" in fault.detail else ""
        return Check("tls", ok=False, detail=f"{fault.detail}{by}", mend=fault.mend)
    if found.expires is None:
        return Check("tls", ok=True, detail=f"{found.version}; the certificate is not checked: RP_VERIFY_SSL is false")
    days = int((found.expires - now) // 86400)
    date = datetime.fromtimestamp(found.expires, UTC).date()
    near = f", in {days} days: have it renewed soon" if days < _SOON else ""
    return Check("tls", ok=True, detail=f"{found.version}; trusted, for this host name, until {date}{near}")


def judge_tls_unused(endpoint: Endpoint) -> Check:
    """Tell what plain HTTP means."""
    own = endpoint.host in {"localhost", "127.0.0.1", "[::1]"}
    means = "which does not leave this machine" if own else "where all on the way can read the key"
    return Check("tls", ok=True, detail=f"none: plain http, {means}")


def left_to_proxy(name: str) -> Check:
    """Make the check of something that the proxy does in our place."""
    return Check.not_tried(name, _LEFT_TO_PROXY)


def judge_service(probe: ProbeResult | None, *, failed: str | None) -> Check:
    """Tell whether a ReportPortal answers; `failed` names an earlier check, which then has told why not."""
    if probe is not None and probe.ok:
        return Check("reportportal", ok=True, detail="a ReportPortal answers there")
    if probe is None or failed is not None:
        return Check.not_tried("reportportal", f"{failed} failed")
    return Check("reportportal", ok=False, detail=probe.detail, mend=probe.mend)


def with_other_scheme(check: Check, probe: ProbeResult | None) -> Check:
    """Give a failed check of port or TLS the mend of the probe, where that found the scheme to be wrong."""
    meant = probe is not None and probe.answers_at is not None and check.ok is False
    return replace(check, mend=probe.mend) if probe is not None and meant else check


def port_of(endpoint: Endpoint) -> int:
    """Give the port, the scheme's own where none is written."""
    return endpoint.port or (443 if endpoint.scheme == "https" else 80)
