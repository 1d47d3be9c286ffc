"""What a request is allowed by: an API key, or a token that a user's password gets."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from rp_finalizer.answer import Answer, Meaning
from rp_finalizer.masking import mask
from rp_finalizer.reportportal.answers import NoReply, read_refusal

if TYPE_CHECKING:
    from rp_finalizer.deadline import Deadline
    from rp_finalizer.reportportal.transport import Transport
    from rp_finalizer.settings import OAuth

_HINT = "check RP_OAUTH_USERNAME, RP_OAUTH_PASSWORD, RP_OAUTH_CLIENT_ID and RP_OAUTH_CLIENT_SECRET"
_REFUSALS = frozenset({400, 401, 403})
"""Statuses that say no to these credentials (RFC 6749, 5.2; ReportPortal's own server answers 400)."""


class Credentials(Protocol):
    """Gives the bearer token of a request."""

    def token(self, deadline: Deadline) -> str | Answer:
        """Give the token, or the answer that says why there is none."""
        ...

    def renew(self, refused: str) -> bool:
        """Throw away a token that the server refused; tell whether another one can be had."""
        ...

    def masked(self, text: str) -> str:
        """Show every secret in a text as `****`."""
        ...


class ApiKey:
    """A key from a user's profile; it is the token itself."""

    def __init__(self, key: str) -> None:
        self._key = key

    def token(self, deadline: Deadline) -> str | Answer:  # noqa: ARG002  there at once
        """Give the key."""
        return self._key

    def renew(self, refused: str) -> bool:  # noqa: ARG002  there is no other
        """Say no: there is one key."""
        return False

    def masked(self, text: str) -> str:
        """Show the key as `****`."""
        return mask(text, self._key)


class PasswordGrant:
    """A token got by user and password (RFC 6749, 4.3), kept in memory only, and got anew when it is refused.

    Client id and secret go into the form, as reportportal-client sends them; a server that wants them as HTTP Basic, as
    ReportPortal's own does, gets them so at the second try.
    """

    def __init__(self, oauth: OAuth, transport: Transport) -> None:
        self._oauth = oauth
        self._transport = transport
        self._lock = threading.Lock()
        self._token: str | None = None

    def token(self, deadline: Deadline) -> str | Answer:
        """Give the token, asking for it first where there is none."""
        with self._lock:
            if self._token is not None:
                return self._token
            got = self._ask(deadline)
            if isinstance(got, str):
                self._token = got
            return got

    def renew(self, refused: str) -> bool:
        """Throw the refused token away, unless another thread has renewed it already."""
        with self._lock:
            if self._token == refused:
                self._token = None
        return True

    def masked(self, text: str) -> str:
        """Show the token, the password and the client's secret as `****`."""
        basic = self._basic().removeprefix("Basic ")
        return mask(text, self._token, self._oauth.password, self._oauth.client_secret, basic)

    def _ask(self, deadline: Deadline) -> str | Answer:
        form = {
            "grant_type": "password",
            "username": self._oauth.username,
            "password": self._oauth.password,
            "client_id": self._oauth.client_id,
        }
        if self._oauth.scope:
            form["scope"] = self._oauth.scope
        by_form = form | ({"client_secret": self._oauth.client_secret} if self._oauth.client_secret else {})
        got = self._send(deadline, data=by_form)
        if isinstance(got, Answer) and got.status in _REFUSALS:
            del form["client_id"]
            got = self._send(deadline, data=form, headers={"Authorization": self._basic()})
        return got

    def _basic(self) -> str:
        # RFC 6749, 2.3.1: both are form-encoded before they are joined.
        pair = f"{quote(self._oauth.client_id, safe='')}:{quote(self._oauth.client_secret or '', safe='')}"
        return f"Basic {b64encode(pair.encode()).decode()}"

    def _send(self, deadline: Deadline, **content: Any) -> str | Answer:
        reply = self._transport.send("POST", self._oauth.uri, deadline, **content)
        if not isinstance(reply, NoReply) and reply.status == 200:  # noqa: PLR2004  an HTTP status is its own name
            token = _access_token(reply.body)
            if token is not None:
                return token
        answer = read_refusal(reply, time.time(), self.masked)
        refused = answer.status in _REFUSALS
        return Answer(
            Meaning.UNAUTHORIZED if refused else Meaning.UNAVAILABLE,
            status=answer.status,
            message=f"no token from {self._oauth.uri.partition('?')[0]}: {answer.message}",
            retry_after=answer.retry_after,
            sent=False,
            timed_out=answer.timed_out,
            hint=_HINT if refused else answer.hint or "check RP_OAUTH_URI",
        )


def _access_token(body: bytes) -> str | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    token = document.get("access_token") if isinstance(document, dict) else None
    return token if isinstance(token, str) and token.isascii() and token.isprintable() and token else None
