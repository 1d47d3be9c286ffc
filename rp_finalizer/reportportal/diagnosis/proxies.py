"""Which proxy a request to the endpoint would take, by the rules of `requests`."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies, select_proxy

from rp_finalizer.reportportal.diagnosis.way_checks import Proxy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rp_finalizer.endpoint import Endpoint

_PORTS = {"https": 443, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080}


def proxy_for(endpoint: Endpoint, environ: Mapping[str, str]) -> Proxy | None:
    """Give the proxy that the environment names for the endpoint, or would without NO_PROXY; None for none at all."""
    url = endpoint.api("info")
    address = select_proxy(url, get_environ_proxies(url, None))
    named = _named(endpoint, environ)
    if address is not None:
        return Proxy(named[0] if named and named[1] == address else "the system's settings", address)
    return None if named is None else Proxy(*named, exempt=True)


def _named(endpoint: Endpoint, environ: Mapping[str, str]) -> tuple[str, str] | None:
    for kind in (endpoint.scheme, "all"):
        for variable in (f"{kind}_proxy", f"{kind}_proxy".upper()):
            if environ.get(variable):
                return variable, environ[variable]
    return None


def address_of(proxy: Proxy) -> tuple[str, int]:
    """Give the proxy's host and port. Raises ValueError where its address has none."""
    parts = urlsplit(proxy.address if "://" in proxy.address else f"http://{proxy.address}")
    if not parts.hostname:
        raise ValueError("this is no address")
    return parts.hostname, parts.port or _PORTS.get(parts.scheme, 80)
