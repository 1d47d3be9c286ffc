"""The schema of one service: which places launches may be at is a matter of its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rp_finalizer.server.bodies import Order
from rp_finalizer.server.launch_calls import FINALIZE

if TYPE_CHECKING:
    from fastapi import FastAPI

    from rp_finalizer.settings import Settings


def tell_places(app: FastAPI, settings: Settings) -> None:
    """Have an application's schema name the endpoints and projects that an order may name.

    Other spellings of an endpoint are taken all the same. Where the service has no place of its own, both are required.
    """
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _name_places(generate(), settings)
        return generate()

    app.openapi = openapi  # type: ignore[method-assign]


def _name_places(schema: dict[str, Any], settings: Settings) -> None:
    places = [name.rpartition("#") for name in settings.credentials]
    endpoints, projects = {place[0] for place in places}, {place[2] for place in places}
    own = settings.endpoint is not None and settings.project is not None
    if settings.endpoint is not None:
        endpoints.add(str(settings.endpoint))
    if settings.project is not None:
        projects.add(settings.project)
    order = schema["components"]["schemas"][Order.__name__]
    for name, known in (("endpoint", endpoints), ("project", projects)):
        member = order["properties"][name]
        del member["anyOf"]
        member["enum"] = [*sorted(known), *([None] if own else [])]
    if not own:
        order["required"] = ["endpoint", "project"]
        body = schema["paths"][FINALIZE]["post"]["requestBody"]
        body["required"] = True
        body["content"]["application/json"]["schema"] = {"$ref": f"#/components/schemas/{Order.__name__}"}
