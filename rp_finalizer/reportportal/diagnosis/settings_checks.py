"""The settings: all that is wrong with them, where each came from, and what can be worked with all the same."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rp_finalizer.errors import SettingsError
from rp_finalizer.reportportal.diagnosis.check import Check
from rp_finalizer.setting_sources import Layer
from rp_finalizer.settings import SETTINGS, OAuth, Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from rp_finalizer.setting_sources import Raw

_NEEDED = (
    "endpoint",
    "project",
    "api_key",
    *(spec.name for spec in SETTINGS if spec.name.startswith("oauth_")),
    "verify_ssl",
    "connect_timeout",
    "read_timeout",
    "timeout",
    "outbox",
    "outbox_size",
)
"""What the checks themselves use. None of these contradicts another one."""
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_ORIGIN_BEHIND = re.compile(r" \(from [^()]*\)\Z")


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of the settings, wrong ones left out."""

    settings: Settings
    """The connection and `timeout`, as far as they are set and right; the defaults for the rest."""
    held: Mapping[str, Raw]
    """By name: every setting that is set, and wins over other places."""
    wrong: tuple[str, ...]
    """What is wrong, each a sentence with its mend in it."""
    missing: tuple[str, ...]
    """What a connection needs and nobody sets, as such sentences."""
    secrets: tuple[str, ...]
    """Every key and password that any place holds, so that none is ever shown."""

    @property
    def credentials(self) -> str | OAuth | None:
        """Give what allows requests, whatever else of the connection is missing."""
        held = self.settings
        try:
            # Stand-ins for what is missing: nothing is ever asked with them.
            whole = held.replace(endpoint=held.endpoint or "localhost", project=held.project or "none")
            return whole.require_connection().credentials
        except SettingsError:
            return None

    @property
    def credentials_origin(self) -> str:
        """Say where they were set."""
        if isinstance(self.credentials, OAuth):
            user, origin = self.settings.oauth_username, self.settings.origin("oauth_password")
            return f"token for {user}, by the password from {origin}"
        return self.settings.origin("api_key")

    def shown(self, name: str) -> str:
        """Give a setting's value as it was written, fit to be shown."""
        spec = next(spec for spec in SETTINGS if spec.name == name)
        return spec.show(self.held[name].value)


def read_settings(layers: Iterable[Layer], problems: Iterable[str] = ()) -> Reading:
    """Read the settings without stopping at a wrong one; `problems` are those that were found before.

    Looks only whether a CA file exists.
    """
    layers = tuple(layers)
    held: dict[str, Raw] = {}
    for spec in SETTINGS:
        raw = next((layer.values[spec.name] for layer in layers if spec.name in layer.values), None)
        if raw is not None:
            held[spec.name] = raw
    usable = {name: raw for name, raw in held.items() if name in _NEEDED and not _problems(Layer({name: raw}))}
    settings = Settings.parse([Layer(usable)])
    wrong = (*problems, *_problems(*layers))
    former = {name for layer in layers for name in layer.unless_set}
    told = {*held, *former, *({"api_key"} if problems else ())}
    return Reading(
        settings=settings,
        held=held,
        wrong=wrong,
        missing=tuple(sentence for sentence in _missing(settings) if sentence.partition(" ")[0] not in told),
        secrets=tuple(
            raw.value
            for layer in layers
            for spec in SETTINGS
            if spec.secret and (raw := layer.values.get(spec.name)) is not None and isinstance(raw.value, str)
        ),
    )


def _problems(*layers: Layer) -> tuple[str, ...]:
    try:
        Settings.parse(layers)
    except SettingsError as error:
        return error.problems
    return ()


def _missing(settings: Settings) -> tuple[str, ...]:
    try:
        settings.require_connection()
    except SettingsError as error:
        return error.problems
    return ()


def judge_settings(reading: Reading) -> Iterator[Check]:
    """Tell each problem, then where all that is set came from."""
    for sentence in reading.missing:
        what, _, mend = sentence.partition(": ")
        yield Check("settings", ok=False, detail=what, mend=mend)
    for sentence in reading.wrong:
        what, mend = split_problem(sentence)
        yield Check("settings", ok=False, detail=what, mend=mend)
    lines = [f"{name} = {reading.shown(name)}  ({raw.origin})" for name, raw in reading.held.items()]
    if not reading.missing and not reading.wrong:
        yield Check("settings", ok=True, detail="nothing is missing, nothing is wrong")
    yield Check("sources", ok=True, detail="\n".join(lines) or "nothing is set")


def split_problem(sentence: str) -> tuple[str, str]:
    """Divide what is wrong from what to do about it: behind the first semicolon, or else behind the last colon.

    Neither counts within quotes: there it is part of somebody's value.
    """
    blank = _QUOTED.sub(lambda quoted: "x" * len(quoted[0]), sentence)
    cut = blank.find("; ")
    if cut < 0:
        cut = blank.rfind(": ")
    if cut < 0:
        return sentence, "correct it where it is set"
    what, mend = sentence[:cut], sentence[cut + 2 :]
    if origin := _ORIGIN_BEHIND.search(mend):
        what, mend = what + origin[0], mend[: origin.start()]
    return what, mend


def judge_endpoint(reading: Reading) -> Check:
    """Tell what the endpoint's spelling means."""
    endpoint = reading.settings.endpoint
    if endpoint is None:
        return Check.not_tried("endpoint", "it is wrong" if "endpoint" in reading.held else "none is set")
    written = reading.shown("endpoint").strip("'")
    said = [str(endpoint)]
    if endpoint.scheme_assumed:
        said.append(f"{endpoint.scheme} was assumed, for {written!r} names no scheme")
    elif written != str(endpoint):
        said.append(f"read from {written!r}")
    return Check("endpoint", ok=True, detail="; ".join(said))
