"""The table that says which key is for which endpoint and project: names of variables, and never a key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rp_finalizer.endpoint import Endpoint, validate_project
from rp_finalizer.errors import EndpointError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rp_finalizer.setting_sources import Raw

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_EXAMPLE = '"https://rp.example.com#project" = "NAME_OF_A_VARIABLE"'


def name_of(endpoint: object, project: str) -> str:
    """Give the name that a row of the table has in its normal form."""
    return f"{endpoint}#{project}"


def read_credentials(tables: Iterable[Mapping[str, Raw]]) -> tuple[dict[str, str], list[str]]:
    """Give the variables by `ENDPOINT#PROJECT`, the first table that names one winning, and what is wrong.

    No problem quotes what stands for a variable: somebody may have put a key there.
    """
    variables: dict[str, str] = {}
    problems = []
    for table in tables:
        rows: dict[str, str] = {}
        for written, raw in table.items():
            try:
                name = _read_name(written)
                variable = _read_variable(name, raw.value)
            except ValueError as error:
                problems.append(f"{error} (from {raw.origin}); write it like {_EXAMPLE}")
                continue
            if rows.setdefault(name, variable) != variable:
                problems.append(f"{name} stands twice (from {raw.origin}), with two variables: leave one of them out")
        variables = rows | variables
    return variables, problems


def _read_name(text: str) -> str:
    """Read the left side of a row; it is quoted where it cannot hold a password only."""
    endpoint, hash_sign, project = text.strip().rpartition("#")
    if not hash_sign:
        raise ValueError("a row's name lacks the # and the project behind it")
    try:
        return name_of(Endpoint.parse(endpoint), validate_project(project))
    except EndpointError as error:
        raise ValueError(f"endpoint {error.value!r}: {error.reason}; {error.mend}") from error
    except SettingsError as error:
        raise ValueError(str(error)) from error


def _read_variable(name: str, value: object) -> str:
    if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
        raise ValueError(f"{name} is not given the name of a variable; a key itself is never put into a file")
    return value
