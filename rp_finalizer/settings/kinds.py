"""What a setting is, and the kinds of values: how one is read out of a text, and what is allowed."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from rp_finalizer.endpoint import Endpoint, validate_project
from rp_finalizer.masking import MASK

if TYPE_CHECKING:
    from collections.abc import Callable

    from rp_finalizer.setting_sources import Raw

DAY = 86400.0
"""In seconds."""

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": DAY}

_TRUE, _FALSE = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off"})
_REDIS = frozenset({"redis", "rediss"})
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


class Kind(NamedTuple):
    """A kind of value."""

    read: Callable[[Raw], Any]
    """Give the value; one that was read before is read again as itself. Raises `ValueError`, with a reason or without.

    No reason quotes the value: it may be a secret.
    """
    allowed: str
    """For people, behind the words `allowed is`."""


@dataclass(frozen=True, slots=True)
class Setting:
    """All there is to know about one setting; what help, documentation and flags are made of."""

    name: str
    default: Any
    kind: Kind
    meaning: str
    """In a few words, without a full stop; durations are in seconds."""
    variable: str
    """The environment variable that sets it."""
    secret: bool
    """Shown as `****` wherever it is shown, and refused in a file."""

    def show(self, value: object) -> str:
        """Give a value as people may see it: no secret, and not at any length."""
        if self.secret and value is not None:
            return MASK
        if isinstance(value, Endpoint | Path):
            value = str(value)
        if isinstance(value, int) and value.bit_length() > 128:  # noqa: PLR2004  Python itself refuses to print some
            return "of very many digits"
        if isinstance(value, str):
            # Whatever the setting: a text with something before an @ may be an address with a password in it.
            value = re.sub(r"(?s)(?<=://).+@|[^/@\s]+@", f"{MASK}@", value)
            value = re.sub(r"(?i)(?<=password=)[^&\s]+", MASK, value)
        return repr(value)[:80] if isinstance(value, str | int | float | None) else f"of type {type(value).__name__}"


def setting(default: Any, kind: Kind, meaning: str, *, variable: str = "", secret: bool = False) -> Any:
    """Declare a setting. Without a variable of its own it is `RP_FINALIZER_<NAME>` in the environment."""
    return field(default=default, metadata={"kind": kind, "meaning": meaning, "variable": variable, "secret": secret})


def in_redis(outbox: str | None) -> bool:
    """Tell whether an outbox that was read is in Redis, and not a file's."""
    return outbox is not None and outbox.partition("://")[0] in _REDIS


def seconds(*, above: float | None = None, least: float = 0.0, most: float = DAY) -> Kind:
    """Make the kind of durations: whole and broken numbers, also as texts. `above` is a bound itself not allowed."""

    def read(raw: Raw) -> float:
        value = raw.value
        if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
            value = float(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError  # noqa: TRY004  a wrong value, of whatever type, is told in one way
        # Compared before it becomes a float: a whole number may be too large for one, and nan is in no range.
        if not least <= value <= most or value == above or not math.isfinite(value):
            raise ValueError
        return float(value)

    lower = f"from {least:g} to" if above is None else f"above {above:g}, at most"
    return Kind(read, f"a number of seconds {lower} {most:g}")


def duration(*, most: float) -> Kind:
    """Make the kind of long durations: seconds, or a number with its unit."""
    plain = seconds(most=most)

    def read(raw: Raw) -> float:
        value = raw.value
        if isinstance(value, str):
            value = seconds_of(value)
        return float(plain.read(replace(raw, value=value)))

    return Kind(read, f"a duration like 900, 15m, 2h or 7d, at most {most / DAY:g}d")


def seconds_of(text: str) -> float:
    """Read a duration as people write it: a number of seconds, or with s, m, h or d behind it. Raises `ValueError`."""
    number, unit = text.strip(), 1.0
    if number[-1:].lower() in _UNITS:
        number, unit = number[:-1], _UNITS[number[-1].lower()]
    if not _NUMBER.fullmatch(number):
        raise ValueError
    return float(number) * unit


def whole(*, least: int, most: int) -> Kind:
    """Make the kind of counts: whole numbers, also as texts."""

    def read(raw: Raw) -> int:
        value = raw.value
        if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError
        return value

    return Kind(read, f"a whole number from {least} to {most}")


def one_of(*words: str) -> Kind:
    """Make the kind of words out of a list, in any case."""

    def read(raw: Raw) -> str:
        word = raw.value.strip().lower() if isinstance(raw.value, str) else ""
        if word not in words:
            raise ValueError
        return word

    return Kind(read, f"one of {', '.join(words)}")


def choice(*words: str) -> Kind:
    """Make the kind of words out of a list, in any case, or `none`."""

    def read(raw: Raw) -> str | None:
        word = raw.value.strip().lower() if isinstance(raw.value, str) else ""
        if word not in {*words, "none"}:
            raise ValueError
        return None if word == "none" else word

    return Kind(read, f"one of {', '.join(words)}, none")


def _read_switch(raw: Raw) -> bool:
    word = str(raw.value).strip().lower()
    if not isinstance(raw.value, bool | int | str) or word not in _TRUE | _FALSE:
        raise ValueError
    return word in _TRUE


def _read_path(raw: Raw) -> Path | None:
    if raw.value == "none":
        return None
    if not isinstance(raw.value, str | Path) or not str(raw.value).strip() or "\0" in str(raw.value):
        raise ValueError
    try:
        return (raw.directory or Path()) / Path(raw.value).expanduser()
    except RuntimeError as error:
        raise ValueError("nobody knows that home directory") from error


def _read_verify_ssl(raw: Raw) -> bool | str:
    if isinstance(raw.value, bool) or str(raw.value).strip().lower() in _TRUE | _FALSE:
        return _read_switch(raw)
    path = _read_path(raw)
    try:
        there = path is not None and path.exists()
    except OSError as error:
        raise ValueError(error.strerror) from error
    if not there:
        raise ValueError("there is no such file")
    return str(path)


def _read_outbox(raw: Raw) -> str:
    if not isinstance(raw.value, str | Path) or not str(raw.value).strip() or "\0" in str(raw.value):
        raise ValueError
    text = str(raw.value).strip()
    if text.lower() in {OFF, "none"}:
        return OFF
    if text == MEMORY:
        return MEMORY
    scheme, colon, rest = text.partition("://")
    if colon and scheme.lower() in _REDIS:
        return _redis_address(text)
    if colon and scheme.lower() != "sqlite":
        raise ValueError(f"there is no outbox of the kind {scheme[:20]}")
    # As elsewhere in the world: three slashes and a relative path, four and an absolute one.
    if colon and not rest.startswith("/"):
        raise ValueError("sqlite:// is followed by a third slash and a path")
    path = _read_path(replace(raw, value=rest[1:] if colon else text))
    assert path is not None  # noqa: S101  only `none` would be no path
    return f"{SQLITE}{path.absolute()}"


def _redis_address(text: str) -> str:
    address = urlsplit(text)
    try:
        host, port = address.hostname, address.port
    except ValueError:
        host, port = None, None
    if not host or port == 0 or re.search(r"[\x00-\x20]", text):
        raise ValueError("its host or port is wrong; what is special in a password is written as %2F and the like")
    if not re.fullmatch(r"(/[0-9]*)?", address.path) or address.fragment:
        raise ValueError("behind the port comes the number of a database only, such as /0")
    # Whatever else the library takes would be a second way to say what stands elsewhere, or to show a secret.
    if any(not name.startswith("ssl_") for name, _ in parse_qsl(address.query, keep_blank_values=True)):
        raise ValueError("behind the question mark stand options of TLS only, such as ssl_ca_certs")
    return address._replace(scheme=address.scheme.lower()).geturl()


def _read_endpoint(raw: Raw) -> Endpoint:
    return raw.value if isinstance(raw.value, Endpoint) else Endpoint.parse(_text(raw))


def _read_project(raw: Raw) -> str:
    return validate_project(_text(raw))


def _read_key(raw: Raw) -> str | None:
    # Anything else in a key would break the header that carries it.
    if not re.fullmatch(r"[!-~]*", _text(raw)):
        raise ValueError("it holds a blank, a line break or a letter beyond ASCII")
    return _text(raw) or None


def _read_word(raw: Raw) -> str | None:
    if any(ord(letter) < ord(" ") for letter in _text(raw)):
        raise ValueError("it holds a control character")
    return _text(raw) or None


def _read_token_address(raw: Raw) -> str:
    address = urlsplit(_text(raw))
    if address.scheme not in {"http", "https"} or not address.hostname or "@" in address.netloc:
        raise ValueError
    if re.search(r"[\x00-\x20]", _text(raw)):
        raise ValueError("it holds a blank or a control character")
    return _text(raw)


def _text(raw: Raw) -> str:
    if not isinstance(raw.value, str):
        raise ValueError  # noqa: TRY004  as above
    return raw.value


SWITCH = Kind(_read_switch, "true or false (also yes, no, on, off, 1, 0)")
OFF, MEMORY, SQLITE = "off", "memory:", "sqlite:///"
OUTBOX = Kind(
    _read_outbox,
    f"a file's path, {SQLITE}relative.db, {SQLITE}/absolute.db, redis://host:6379/0, rediss://host:6379/0, {MEMORY} "
    f"or {OFF}",
)
"""Read, it is one of the last, with an absolute path."""
PATH = Kind(_read_path, "a file's path, or none")
"""A relative one in a file of settings is relative to that file's folder."""
VERIFY_SSL = Kind(_read_verify_ssl, "true, false, or the path of a CA file that exists")
ENDPOINT = Kind(_read_endpoint, "an address like https://rp.example.com")
PROJECT = Kind(_read_project, "a project's name")
KEY = Kind(_read_key, "visible ASCII characters")
"""Empty means missing."""
WORD = Kind(_read_word, "a text")
"""Empty means missing."""
TOKEN_ADDRESS = Kind(_read_token_address, "an http or https address without user and password")
