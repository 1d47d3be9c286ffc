"""Where settings come from: arguments, environment variables, a TOML file. Raw values, each with its origin.

A place is read as a `Layer`. What is wrong with it is kept there as sentences, so that whoever puts the layers
together can tell everything at once. No sentence shows the value of a key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TABLE = "[tool.rp_finalizer]"
PREFIX = "RP_FINALIZER_"
MAX_FILE_BYTES = 1 << 20
"""More than any file of settings has; a device or a log given by mistake is not read to its end."""

_NOT_SETTINGS = frozenset({"RP_FINALIZER_API_TOKEN", "RP_FINALIZER_ADMIN_TOKEN"})
"""Variables with our prefix that others than the settings read."""
CREDENTIALS = "credentials"
"""The table beside the settings that says in which variable the key for another endpoint and project is."""
_OURS = re.compile(rb"rp[-_. ]?finalize", re.IGNORECASE)
_FORMER_KEYS = ("RP_TOKEN", "RP_UUID")
"""What the agents called the key before `RP_API_KEY`."""
_SECRET_NAME = re.compile(r"key|token|passw|secret|credential|\A(rp_)?uuid\Z")
_KEY_HINT = "a key or password belongs in the environment (RP_API_KEY), where it is not committed"


@dataclass(frozen=True, slots=True)
class Slot:
    """What a setting is called in each place."""

    name: str
    """As an argument and in a file."""
    variable: str
    """In the environment."""
    secret: bool = False
    """A file may not hold it, and an empty text means that it is not there."""


@dataclass(frozen=True, slots=True)
class Raw:
    """A value as it was found."""

    value: object
    origin: str
    """Where exactly, for people: `environment variable RP_FINALIZER_TIMEOUT`."""
    directory: Path | None = None
    """What a relative path in it is relative to; None for the current directory."""


@dataclass(frozen=True, slots=True)
class Layer:
    """All that one place says."""

    values: Mapping[str, Raw] = field(default_factory=dict)
    """By the settings' names; what the place does not set is not there."""
    problems: tuple[str, ...] = ()
    """What is wrong with the place itself: unknown names, a damaged file."""
    unless_set: Mapping[str, str] = field(default_factory=dict)
    """By a setting's name: a problem that counts only when no layer sets that one."""
    credentials: Mapping[str, Raw] = field(default_factory=dict)
    """By endpoint and project, as they are written: the name of the variable that holds the key for these."""


def from_arguments(arguments: Mapping[str, Any], slots: Iterable[Slot], origin: str = "argument {name}") -> Layer:
    """Take values given by name; None stands for one that was not given, and so does an empty key.

    `origin` tells other places of that kind apart, such as a test runner's own options.
    """
    known = {slot.name: slot for slot in slots}
    unknown = [name for name in arguments if name not in known]
    return Layer(
        {
            name: Raw(arguments[name], origin.format(name=name))
            for name, slot in known.items()
            if arguments.get(name) is not None and not (slot.secret and arguments[name] == "")
        },
        tuple(f"{origin.format(name=name)} is unknown{_nearest(name, known)}" for name in unknown),
    )


def from_environment(environ: Mapping[str, str], slots: Iterable[Slot]) -> Layer:
    """Take the variables that hold settings; an empty one counts as not set.

    Unknown variables with our prefix are problems, except those that are not settings. So is a key under one of its
    former names, unless the key is set.
    """
    names = {slot.variable: slot.name for slot in slots}
    held = {variable: text for variable, text in environ.items() if text}
    unknown = sorted(v for v in held if v.startswith(PREFIX) and v not in names and v not in _NOT_SETTINGS)
    former = [variable for variable in _FORMER_KEYS if variable in held]
    return Layer(
        {names[v]: Raw(text, f"environment variable {v}") for v, text in held.items() if v in names},
        tuple(f"environment variable {v} is unknown{_nearest(v, names)}" for v in unknown),
        {"api_key": f"{' and '.join(former)}: no longer read; put the API key into RP_API_KEY"} if former else {},
    )


def from_file(slots: Iterable[Slot], *, config: Path | None = None, directory: Path | None = None) -> Layer:
    """Take the table `[tool.rp_finalizer]` of one TOML file; a layer with nothing in it when there is no file.

    The file is `config`, which may also hold the settings as bare keys when it has no such table, or else the
    `pyproject.toml` nearest to `directory` (None: the current one), looked for upward.
    """
    path = config or _nearest_pyproject(directory or Path())
    if path is None:
        return Layer()
    document = _read_toml(path, asked_for=config is not None)
    if isinstance(document, str):
        return Layer(problems=(document,))
    found = _find_table(document, path, asked_for=config is not None)
    if isinstance(found, str):
        return Layer(problems=(found,))
    table, where = found
    names = [slot.name for slot in slots if not slot.secret]
    values = {name: Raw(value, f"{where}{name}", path.parent) for name, value in table.items() if name in names}
    problems = [_unknown_name(name, value, where, names) for name, value in table.items() if name not in names]
    listed = table.get(CREDENTIALS)
    rows = listed.items() if isinstance(listed, dict) else ()
    credentials = {name: Raw(value, f"{where}{CREDENTIALS}", path.parent) for name, value in rows}
    return Layer(values, tuple(problem for problem in problems if problem), credentials=credentials)


def _nearest_pyproject(directory: Path) -> Path | None:
    try:
        start = directory.absolute()
        return next((p for d in (start, *start.parents) if (p := d / "pyproject.toml").is_file()), None)
    except OSError:  # the current directory is gone, or a folder above may not be looked into
        return None


def _read_toml(path: Path, *, asked_for: bool) -> dict[str, Any] | str:
    """Give the file's content, or what is wrong with it."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason = getattr(error, "strerror", None) or str(error)
        mend = "name a TOML file with --config" if asked_for else "make it readable, or name another with --config"
        return f"{path} cannot be read: {reason}; {mend}"
    if len(content) > MAX_FILE_BYTES:
        return f"{path} is larger than {MAX_FILE_BYTES} bytes; name a TOML file with --config"
    if not asked_for and not _OURS.search(content):
        # Most files of that name say nothing of us, and reading TOML takes longer than all else here.
        return {}
    import tomllib  # noqa: PLC0415  as above

    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return f"{path} is not UTF-8 (at line {line}); TOML files are UTF-8, save it as that"
    except (ValueError, RecursionError) as error:
        return f"{path} is not TOML: {error}; mend that line"


def _find_table(document: dict[str, Any], path: Path, *, asked_for: bool) -> tuple[dict[str, Any], str] | str:
    """Give the settings' table with the words that lead to it, or what is wrong."""
    tools = document.get("tool")
    tables = tools if isinstance(tools, dict) else {}
    table = tables.get("rp_finalizer")
    if isinstance(table, dict):
        return table, f"{path} {TABLE} "
    if table is not None:
        return f"{path}: tool.rp_finalizer is not a table; write {TABLE} on a line of its own"
    for name in tables:
        if re.sub(r"[-_. ]", "", name.lower()) in {"rpfinalizer", "rpfinalize"}:
            return f"{path} [tool.{name}] is not read; its name is {TABLE}"
    if not asked_for:
        return {}, ""
    if tables or path.name == "pyproject.toml":
        # The other keys of such a file are other tools', not misspelled settings.
        return f"{path} has no table {TABLE}; add it, or leave out --config"
    return document, f"{path} "


def _unknown_name(name: str, value: object, where: str, names: list[str]) -> str | None:
    """Say what is wrong with a key in a file that is no setting; None when it is none of our business."""
    if name == CREDENTIALS and isinstance(value, dict):
        return None
    if _SECRET_NAME.search(name.lower().replace("-", "_")):
        return f"{where}{name} is refused in a file: {_KEY_HINT}"
    return f"{where}{name} is unknown{_nearest(name, names)}"


def _nearest(name: str, names: Iterable[str]) -> str:
    """Offer the known name that looks most like the unknown one, or all of them."""
    known = sorted(names)
    plain = name.lower().replace("-", "_")
    stripped = plain.removeprefix("rp_finalizer_").removeprefix("rp_")
    for attempt in (name, name.upper(), plain, stripped):
        if near := get_close_matches(attempt, known, n=1, cutoff=0.7):
            return f"; did you mean {near[0]}?"
    return f"; known are {', '.join(known)}"
