"""Where a request comes from: whether under a name of this machine, and whether from a page of the service itself."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

_HOST_HEADER = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]@/]+))(?::[0-9]{0,5})?")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def is_loopback(host: str) -> bool:
    """Tell whether a name or address (an IPv6 one without brackets) leads to this machine only."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower().removesuffix(".") == "localhost"


def names_this_machine(host_header: str | None) -> bool:
    """Tell whether a `Host` header holds a name that no page of the web can have."""
    match = _HOST_HEADER.fullmatch((host_header or "").strip())
    return match is not None and is_loopback(match[1] or match[2])


def is_same(origin: str | None, site: str | None, host_header: str | None) -> bool:
    """Tell whether a page of this very service sends it: `Origin`, `Sec-Fetch-Site` and `Host` agree.

    The origin's scheme may be that of a proxy before the service, which hands `Host` on.
    """
    if origin is None or not host_header or site not in {None, "same-origin", "none"}:
        return False
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    default = _DEFAULT_PORTS.get(parts.scheme)
    return default is not None and _plain(parts.netloc, default) == _plain(host_header, default)


def _plain(host: str, default_port: str) -> str:
    return host.strip().lower().removesuffix(default_port)
