"""The page that shows the queue live, and its forms. All of it comes from here, and works without JavaScript.

It answers 200 also when the outbox is away, for that is what it then tells; programs ask `/readyz`.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from functools import cache
from gzip import compress
from hashlib import sha256
from importlib.resources import files
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from jinja2 import Environment, FunctionLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from rp_finalizer.draining import all_entries
from rp_finalizer.entries import EntryState
from rp_finalizer.entry_wording import short
from rp_finalizer.errors import EntryStateError, OutboxError, UnknownEntryError
from rp_finalizer.server.access import ADMIN_TOKEN, Asked, Refusal, RefusedError, Role, admin, reader
from rp_finalizer.server.page_picture import read_picture
from rp_finalizer.server.page_view import view_of
from rp_finalizer.server.state import Drawn, Service

_FILES = {"style.css": "text/css", "script.js": "text/javascript", "icon.svg": "image/svg+xml"}
"""What the page loads besides itself."""
_YEAR = 365 * 86_400
_SHOWN_FOR = 1.0
"""Seconds for which a page is shown to all who ask: what others do to the outbox is seen so much later."""
_SAFETY = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    # With none at all browsers send the forms with `Origin: null`, which is nobody's.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

page_router = APIRouter(include_in_schema=False)


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Asker = Annotated[Role, Depends(reader)]
Serving = Annotated[Service, Depends(_service)]


@page_router.api_route("/", methods=["GET", "HEAD"])
def show(request: Request, service: Serving, role: Asker) -> Response:
    """Show the queue, active work, dead letters and rates."""
    drawn = service.page.get(role.name, lambda: _draw(service, role))
    headers = _SAFETY | {"Cache-Control": "no-store", "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return HTMLResponse(drawn.short, headers=headers | {"Content-Encoding": "gzip"})
    return HTMLResponse(drawn.plain, headers=headers)


@page_router.api_route("/page/{name}", methods=["GET", "HEAD"])
def file(name: str, request: Request, service: Serving, role: Asker) -> Response:
    """Give what the page loads, for ever: its address changes with what is in it."""
    if name == "sign-in":
        return _sign_in(request, service, role)
    kind = _FILES.get(name)
    if kind is None:
        return _note(request, "There is no such page", f"Nothing is called {short(name)} here.", status=404)
    headers = _SAFETY | {"Cache-Control": f"private, max-age={_YEAR}, immutable"}
    return Response(_content(name), media_type=kind, headers=headers)


@page_router.post("/page/dead-letters/retry", dependencies=[Depends(admin)])
def retry_all(request: Request, service: Serving) -> Response:
    """Make all dead letters ready again; what others do to one of them meanwhile is theirs."""
    try:
        for entry in all_entries(service.outbox, EntryState.DEAD):
            with suppress(EntryStateError, UnknownEntryError):
                service.retry(entry.entry_id)
    except OutboxError as error:
        return _away(request, error)
    return _back(request)


@page_router.post("/page/dead-letters/{entry_id}/retry", dependencies=[Depends(admin)])
def retry(entry_id: str, request: Request, service: Serving) -> Response:
    """Make one dead letter ready again."""
    try:
        service.retry(entry_id)
    except UnknownEntryError:
        return _note(request, "There is no such entry", "It may have been finished and forgotten since.", status=404)
    except EntryStateError as error:
        text = f"It is {error.state} now: somebody was faster."
        return _note(request, "This is no dead letter any more", text, status=409)
    except OutboxError as error:
        return _away(request, error)
    return _back(request)


@page_router.get("/page/queue/clear", dependencies=[Depends(admin)])
def ask_to_clear(request: Request, service: Serving) -> Response:
    """Ask whether the queue is meant to be cleared."""
    try:
        number = service.outbox.statistics().by_state.get(EntryState.READY, 0) if service.outbox.used else 0
    except OutboxError as error:
        return _away(request, error)
    if not number:
        return _note(request, "Nothing waits", "There is nothing to clear.", mood="good")
    launches = "1 launch" if number == 1 else f"{number:,} launches"
    return _note(
        request,
        f"Clear the queue of {launches}?",
        "Nobody will finish what waits now, due or not. Each becomes a dead letter with the reason “cleared”, "
        "and can be retried. What is worked on, and what runs hold, stays.",
        mood="warning",
        action="/page/queue/clear",
        label=f"Clear {launches}",
        back="Keep them",
    )


@page_router.post("/page/queue/clear", dependencies=[Depends(admin)])
def clear(request: Request, service: Serving) -> Response:
    """Make dead letters of all that waits."""
    try:
        service.clear()
    except OutboxError as error:
        return _away(request, error)
    return _back(request)


def _draw(service: Service, role: Role) -> tuple[Drawn, float]:
    """Draw the page; say for how many seconds it may be shown."""
    now = time.time()
    picture = read_picture(service.outbox, service.rates.per_minute(now), now)
    stalled = service.watch.readiness(time.monotonic(), service.settings.lease).error == "stalled"
    view = view_of(replace(picture, stalled=stalled), service.working)
    may_sign_in = service.access.admin_token is not None
    body = _drawn("page.html", view=view, admin=role >= Role.ADMIN, may_sign_in=may_sign_in, admin_token=ADMIN_TOKEN)
    # An outbox that is back is seen at once. What goes out every two seconds is ten times shorter when compressed.
    return Drawn(body, compress(body, 3)), 0.0 if picture.away else _SHOWN_FOR


def _sign_in(request: Request, service: Service, role: Role) -> Response:
    """Have the browser ask for the password again, until it is an administrator's."""
    if role < Role.ADMIN and service.access.admin_token is not None:
        nobody = service.access.decide(Asked(by_page=True))
        if isinstance(nobody, Refusal):
            raise RefusedError(nobody)
    return _back(request)


def _back(request: Request) -> Response:
    return RedirectResponse(f"{_root(request)}/", status_code=303, headers={"Cache-Control": "no-store"})


def _away(request: Request, error: OutboxError) -> Response:
    headers = {"Retry-After": "5"}
    return _note(request, "The outbox cannot be used", f"{short(str(error))}.", status=503, headers=headers)


def _note(
    request: Request,
    title: str,
    text: str,
    *,
    status: int = 200,
    mood: str = "bad",
    headers: dict[str, str] | None = None,
    back: str = "Back to the queue",
    **more: Any,
) -> Response:
    words = {"title": title, "text": text, "mood": mood, "back": back, "action": "", "label": ""} | more
    body = _drawn("note.html", root=_root(request), **words)
    return HTMLResponse(body, status, headers=_SAFETY | {"Cache-Control": "no-store"} | (headers or {}))


def _drawn(template: str, **values: Any) -> bytes:
    text = _templates().get_template(template).render(values, version=_version())
    # What somebody has written may hold half a character.
    return text.encode("utf-8", "replace")


def _root(request: Request) -> str:
    """Give the path that a proxy has taken off."""
    root: str = request.scope.get("root_path", "")
    return root.rstrip("/")


@cache
def _templates() -> Environment:
    return Environment(
        loader=FunctionLoader(_content),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _content(name: str) -> str:
    return files(__package__).joinpath("page_files", name).read_text(encoding="utf-8")


@cache
def _version() -> str:
    """Name what the page loads by its content, so that browsers keep neither too little nor too long."""
    return sha256("".join(map(_content, _FILES)).encode()).hexdigest()[:12]
