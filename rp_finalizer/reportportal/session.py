"""A session of requests that does what it is told and nothing besides, and can be stopped from another thread."""

from __future__ import annotations

import logging
from socket import SHUT_RDWR, socket
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakSet

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

logger = logging.getLogger(__name__)


class Bearer(AuthBase):
    """Sets the token, and keeps requests from taking a password out of a .netrc file."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Set it."""
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class PlainSession(requests.Session):
    """A session to which no answer is a redirect, and which looks once at what surrounds it.

    Told not to follow redirects, requests still reads such an answer to its end, however long it is, and takes its
    Location apart, whatever stands there. And it goes through the whole environment for every request, which takes as
    long as all else: here an origin's proxy and CA file are those that its first request found.
    """

    def __init__(self) -> None:
        super().__init__()
        self._surroundings: dict[tuple[str, str], Any] = {}

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Give none."""

    def merge_environment_settings(self, url: Any, *given: Any) -> Any:
        """Add proxies and CA file to what is given, which is the same for all requests."""
        address = urlsplit(url)
        origin = (address.scheme, address.netloc)
        if origin not in self._surroundings:
            self._surroundings[origin] = super().merge_environment_settings(url, *given)
        return dict(self._surroundings[origin])


class CuttableAdapter(HTTPAdapter):
    """An adapter that never retries, and whose open sockets can be shut down from another thread."""

    def __init__(self) -> None:
        self._open: WeakSet[Any] = WeakSet()
        super().__init__(max_retries=0)

    def cut(self) -> None:
        """Shut down all sockets: whoever waits for one gets an error."""
        for connection in list(self._open):
            sock = connection.sock
            if sock is not None:
                try:
                    # The plain socket's shutdown, for TLS too: the reading thread still uses the TLS object.
                    socket.shutdown(sock, SHUT_RDWR)
                except OSError as error:
                    logger.debug("a connection was gone before it was cut: %s", error)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make what connects directly."""
        super().init_poolmanager(*args, **kwargs)
        self._watch(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Make what connects through a proxy."""
        manager = super().proxy_manager_for(*args, **kwargs)
        self._watch(manager)
        return manager

    def _watch(self, manager: Any) -> None:
        connections = self._open

        class Plain(HTTPConnection):
            def connect(self) -> None:
                super().connect()
                connections.add(self)

        class Secure(HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                connections.add(self)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        manager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
