"""A Redis server's address without what is secret in it."""

from __future__ import annotations

from urllib.parse import urlsplit

from rp_finalizer.masking import MASK

_PORT = 6379


def name_of(url: str) -> str:
    """Give an address as people may see it: a user's name stays, a password does not, nor does anything behind."""
    address = urlsplit(url)
    who = ""
    if address.username or address.password:
        who = f"{address.username or ''}{f':{MASK}' if address.password else ''}@"
    host = address.hostname or "localhost"
    host = f"[{host}]" if ":" in host else host
    return f"{address.scheme}://{who}{host}:{address.port or _PORT}{address.path or '/0'}"
