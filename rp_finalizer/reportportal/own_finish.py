"""The client's own `finish_launch`, where there is no other way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rp_finalizer.finish import Finish


def finish_arguments(finish: Finish) -> dict[str, Any]:
    """Give a finish in the form of the clients' `finish_launch`; what was not asked for is left out."""
    arguments: dict[str, Any] = {"end_time": str(finish.end_ms)}
    if finish.status is not None:
        arguments["status"] = finish.status
    if finish.attributes:
        arguments["attributes"] = [{"key": each.key, "value": each.value} for each in finish.attributes]
    if finish.description is not None:
        arguments["description"] = finish.description
    return arguments
