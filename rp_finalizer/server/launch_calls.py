"""The calls about one launch."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from rp_finalizer.endpoint import Endpoint, validate_project
from rp_finalizer.entries import OwedLaunch, Priority
from rp_finalizer.entry_json import entry_to_dict
from rp_finalizer.errors import EndpointError, SettingsError, UnknownEntryError
from rp_finalizer.server.access import Refusal, RefusedError
from rp_finalizer.server.answers import answer
from rp_finalizer.server.bodies import EnqueuedBody, KnownBody, LaunchBody, Order
from rp_finalizer.server.routes import UUID_PATTERN, Here, refusals
from rp_finalizer.setting_sources import CREDENTIALS
from rp_finalizer.settings.credentials_table import name_of

if TYPE_CHECKING:
    from rp_finalizer.entries import Entry
    from rp_finalizer.outbox_port import Outbox
    from rp_finalizer.settings import Settings

LaunchUuid = Annotated[
    str,
    Path(pattern=UUID_PATTERN, description="The launch's uuid.", examples=["4cdc5f7c-3b90-4f80-b8d6-1c8070018d50"]),
]

_LAUNCHES = "/api/v1/launches"
_FINALIZE = "/{uuid}/finalize"
FINALIZE = _LAUNCHES + _FINALIZE

launch_router = APIRouter(prefix=_LAUNCHES, tags=["launches"])


@launch_router.post(
    _FINALIZE,
    status_code=202,
    response_model=EnqueuedBody,
    responses={200: {"model": KnownBody, "description": "It was there already."}, **refusals(422, 503)},
)
def finalize_launch(service: Here, uuid: LaunchUuid, order: Order | None = None) -> Response:
    """Enqueue a launch that is to be finished: its end is now.

    A launch that is there already stays as it is, and is answered with 200: its entry, and its report when it was
    finished. A dead letter among these says why in `reason`; it is made ready again by
    `POST /api/v1/dead-letters/{entry_id}/retry`, which is the administrator's.
    """
    wanted = order or Order()
    endpoint, project = place_of(wanted.endpoint, wanted.project, service.settings)
    launch = OwedLaunch.ended(endpoint, project, str(UUID(uuid)), time.time(), wanted.status)
    priority = wanted.priority or Priority(service.settings.priority)
    with service.turns[hash(launch.key) % len(service.turns)]:
        known = any(entry.launch.key == launch.key for entry in service.outbox.find(launch.uuid))
        entry = service.outbox.add(launch, priority=priority)
    body = {"entry_id": entry.entry_id, "queue_position": position(service.outbox, entry.entry_id)}
    return answer({**body, **_kept(entry)}) if known else answer(body, 202)


@launch_router.get("/{uuid}", response_model=LaunchBody, responses=refusals(404, 422, 503))
def launch(
    service: Here,
    uuid: LaunchUuid,
    endpoint: Annotated[str | None, Query(description="Of which ReportPortal.")] = None,
    project: Annotated[str | None, Query(description="Of which project.")] = None,
) -> Response:
    """Give a launch's entry, and its report when it was finished.

    Where several projects have launches of this uuid: the one that is named, else the one of the service's own endpoint
    and project, else the one that changed last.
    """
    name = str(UUID(uuid))
    found = [entry for entry in service.outbox.find(name) if entry.launch.uuid == name]
    if endpoint is not None:
        found = [entry for entry in found if entry.launch.endpoint == _normal(endpoint)]
    if project is not None:
        found = [entry for entry in found if entry.launch.project == project]
    if not found:
        raise UnknownEntryError(name)
    own = (str(service.settings.endpoint), service.settings.project)
    return answer(
        _kept(max(found, key=lambda each: ((each.launch.endpoint, each.launch.project) == own, each.updated_at)))
    )


def place_of(endpoint: str | None, project: str | None, settings: Settings) -> tuple[str, str]:
    """Give where a launch is, the settings' own place unless another is named. Raises `RefusedError`.

    Others must be in the table of credentials, for nobody could finish what is elsewhere.
    """
    try:
        place = str(settings.endpoint if endpoint is None else Endpoint.parse(endpoint))
        name = settings.project if project is None else validate_project(project)
    except (EndpointError, SettingsError) as error:
        raise _invalid(str(error)) from error
    if (endpoint is None and settings.endpoint is None) or name is None:
        raise _invalid(
            "the service has no endpoint or project of its own: name both, or set RP_ENDPOINT and RP_PROJECT for it"
        )
    own = settings.project == name and str(settings.endpoint) == place
    if not own and name_of(place, name) not in settings.credentials:
        raise _invalid(
            f"project {name} on {place} is not the service's own, and its settings' table of {CREDENTIALS} has no row "
            f'"{name_of(place, name)}"'
        )
    return place, name


def position(outbox: Outbox, entry_id: str) -> int | None:
    """Say when an entry's turn is; None where it does not wait, or is gone."""
    try:
        return outbox.position(entry_id)
    except UnknownEntryError:
        return None


def _kept(entry: Entry) -> dict[str, Any]:
    plain = entry_to_dict(entry)
    return {"entry": plain, "report": plain["report"]}


def _normal(endpoint: str) -> str | None:
    """Give the normal form of what is asked for; None where it is no address, so that nothing is there."""
    try:
        return str(Endpoint.parse(endpoint))
    except EndpointError:
        return None


def _invalid(message: str) -> RefusedError:
    return RefusedError(Refusal(422, "invalid", message))
