"""What every request passes before any call sees it: who asks, how much is sent, and of what kind.

So that nothing is open by mistake: a path that nobody has declared asks for a token like all others.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders

from rp_finalizer.server.access import Asked, Refusal, Role
from rp_finalizer.server.answers import refusal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from rp_finalizer.server.access import Access

LARGEST_BODY = 64 * 1024
BODY_PATIENCE = 10.0
"""Seconds in which a body has arrived."""
OPEN = frozenset({"/healthz", "/readyz"})
"""Paths that ask for nothing."""
_OF_BROWSERS = frozenset({"/", "/docs", "/openapi.json"})
_SAFETY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""Headers of every answer that has none of its own."""


class Gate:
    """Lets through what may pass (ASGI)."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _SAFETY.items():
                    headers.setdefault(name, value)
            await send(message)

        role = Role.READER if scope["path"] in OPEN else self._access.decide(asked(scope))
        if isinstance(role, Refusal):
            await refusal(role)(scope, receive, safely)
            return
        scope.setdefault("state", {})["role"] = role
        body = await _read(scope, receive)
        if isinstance(body, Refusal):
            await refusal(body, {"Connection": "close"})(scope, receive, safely)
            return
        await self._app(scope, _again(body, receive), safely)


def asked(scope: Scope) -> Asked:
    """Give what a request tells of who sends it."""
    headers = Headers(scope=scope)
    path = scope["path"]
    return Asked(
        scope["method"],
        headers.get("authorization"),
        headers.get("host"),
        headers.get("origin"),
        headers.get("sec-fetch-site"),
        by_page=path in _OF_BROWSERS or path.startswith("/page/"),
    )


async def _read(scope: Scope, receive: Receive) -> bytes | Refusal:
    """Read a body that is neither too long nor too slow, nor of another kind than the calls take."""
    headers = Headers(scope=scope)
    length = headers.get("content-length", "0")
    if "transfer-encoding" not in headers and not length.strip("0"):
        return b""
    if length.isdecimal() and int(length[:20]) > LARGEST_BODY:
        return _TOO_LARGE
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if scope["path"].startswith("/api/") and kind != "application/json":
        return Refusal(415, "unsupported-media-type", "a body is sent as Content-Type: application/json")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_PATIENCE):
            while True:
                message = await receive()
                body += message.get("body", b"")
                if len(body) > LARGEST_BODY:
                    return _TOO_LARGE
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        return Refusal(408, "timeout", f"the body did not arrive within {BODY_PATIENCE:g} s")


_TOO_LARGE = Refusal(413, "too-large", f"a body has {LARGEST_BODY} bytes at most")


def _again(body: bytes, receive: Receive) -> Receive:
    """Give what was read once more; then what comes after it."""
    given = False

    async def read_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return read_again
